# SPDX-License-Identifier: Apache-2.0
"""`overlap roster`: who is in the alliance, and a newer roster from a file or a peer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psi.app.auditing import note_roster
from psi.app.clock import Clock
from psi.app.events import Events
from psi.app.member import Member
from psi.crypto.signing import verification_code
from psi.errors import PeerProtocolError, RefusedError, TransportError, UnreachableError
from psi.protocol.messages import Principal
from psi.transport.client import PeerChannel
from psi.trust.certificates import validity
from psi.trust.files import read_plain
from psi.trust.home import Home
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, read_roster_file, trusted_roster
from psi.trust.unlock import UnlockSource

__all__ = [
    "EntryView",
    "RosterView",
    "UpdateReport",
    "fetch_roster",
    "show",
    "update",
    "update_from_peers",
]

# Of one peer; the next is asked when it says nothing.
_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry for a person; `certificates_not_after` in Unix seconds, the newest first."""

    entry: Principal
    code: str
    certificates_not_after: tuple[int, ...]
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterView:
    """The roster in force, or one entry of it."""

    alliance: str
    serial: int
    hash: bytes
    code: str
    epoch_seconds: int
    board: str
    entries: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What a newer roster changed; `listed` is False when we are no longer in it."""

    old_serial: int
    serial: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    listed: bool


def show(home: Home, name: str | None = None) -> RosterView:
    """
    The roster in force.

    Args:
        home: Of a principal.
        name: Only this entry.

    Raises:
        KeyFileError: The home has not joined, or its roster is damaged.
        UsageError: There is no such entry (`unknown-peer`).
    """
    trusted = RosterStore(home).current()
    roster = trusted.roster
    entries = roster.principals if name is None else (trusted.principal(name),)
    return RosterView(
        alliance=roster.alliance,
        serial=roster.serial,
        hash=trusted.hash,
        code=trusted.code,
        epoch_seconds=roster.epoch_seconds,
        board=roster.board,
        entries=tuple(_view(trusted, entry, home.name) for entry in entries),
    )


def update(home: Home, file: Path) -> UpdateReport:
    """
    Adopt a newer roster from a file; the same one again changes nothing.

    Raises:
        KeyFileError: It is no roster file, does not hold, is older, or differs from the one with
            its serial (`bad-roster`); the old roster stays in force.
        RefusedError: It is another alliance's.
    """
    store = RosterStore(home)
    old = store.current()
    new = store.adopt(read_roster_file(read_plain(file), str(file), "overlap-roster-file/1"))
    return _report(home, old, new)


def update_from_peers(
    home_path: Path, unlock: UnlockSource, events: Events, clock: Clock | None = None
) -> UpdateReport:
    """
    Ask the members of the roster, one after the other, until one has a newer roster.

    Raises:
        UnreachableError: None of them answers.
        KeyFileError: What one sent does not hold, or contradicts ours (`bad-roster`).
    """
    member = Member.open(home_path, unlock)
    old = member.roster
    answered = 0
    for peer in old.roster.principals:
        address = member.config.address_of(peer.name, peer.address)
        if peer.name == member.name or not address:
            continue
        events.note("asking", peer.name)
        try:
            channel = PeerChannel(
                peer=peer,
                identity=member.identity,
                trusted=old,
                now_ms=(clock or Clock()).now_ms,
                address=address,
                patience_s=_PATIENCE_S,
                busy_patience_s=_PATIENCE_S,
                deadline_s=_PATIENCE_S,
            )
            with channel:
                new = fetch_roster(channel, old)
        except (UnreachableError, TransportError, PeerProtocolError, RefusedError) as error:
            events.note("", error.message)
            continue
        answered += 1
        if new.roster.serial > old.roster.serial:
            return _report(member.home, old, member.rosters.adopt(new))
    if not answered:
        raise UnreachableError(
            f"no member of roster {old.roster.serial} answers; its roster stays in force",
            hint="`overlap roster update FILE`, with the file that the operator sent",
        )
    return _report(member.home, old, old)


def fetch_roster(channel: PeerChannel, ours: TrustedRoster, serial: int = 0) -> TrustedRoster:
    """
    The peer's roster, of at least this serial, verified under the key that we remember.

    Raises:
        KeyFileError: It does not hold (`bad-roster`).
    """
    received = channel.get_roster(serial)
    return trusted_roster(
        ours.alliance_key,
        received.roster.encode(),
        received.signature,
        received.certificates,
    )


def _report(home: Home, old: TrustedRoster, new: TrustedRoster) -> UpdateReport:
    if new.hash != old.hash:
        note_roster(home, Clock().now_ms, new)
    before = {entry.name: entry for entry in old.roster.principals}
    after = {entry.name: entry for entry in new.roster.principals}
    return UpdateReport(
        old_serial=old.roster.serial,
        serial=new.roster.serial,
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(
            sorted(name for name in after.keys() & before.keys() if after[name] != before[name])
        ),
        listed=home.name in after,
    )


def _view(trusted: TrustedRoster, entry: Principal, own_name: str) -> EntryView:
    ders = trusted.certificates_of(entry.name)
    return EntryView(
        entry=entry,
        code=verification_code(entry.identity_key),
        certificates_not_after=tuple(validity(der)[1] for der in ders),
        own=entry.name == own_name,
    )

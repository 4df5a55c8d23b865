# SPDX-License-Identifier: Apache-2.0
"""`overlap roster`: who is in the alliance, and a newer roster from a file."""

from dataclasses import dataclass
from pathlib import Path

from psi.crypto.signing import verification_code
from psi.protocol.messages import Principal
from psi.trust.certificates import validity
from psi.trust.files import read_plain
from psi.trust.home import Home
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, read_roster_file

__all__ = ["EntryView", "RosterView", "UpdateReport", "show", "update"]


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

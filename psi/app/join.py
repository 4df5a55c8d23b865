# SPDX-License-Identifier: Apache-2.0
"""`overlap join`: take the first roster of an alliance, once its code has been compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psi.app.auditing import Auditor
from psi.errors import KeyFileError, RefusedError
from psi.protocol.sizes import epoch_of
from psi.store.ledger import SqliteLedger
from psi.trust.files import read_plain
from psi.trust.home import Home
from psi.trust.identity import load_identity, own_request
from psi.trust.master import create_master
from psi.trust.requests import Request
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, read_roster_file
from psi.trust.rotation import is_listed, pending_request, settle
from psi.trust.unlock import UnlockSource

__all__ = ["LEDGER_FILE", "JoinReport", "PendingJoin", "accept_join", "read_join"]

# In the state folder of a home.
LEDGER_FILE: Final = "ledger.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingJoin:
    """An alliance that lists us; not joined until its code has been compared."""

    trusted: TrustedRoster
    alliance: str
    code: str
    peers: tuple[str, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """What the home may do now; `certificate_not_after` in Unix seconds."""

    alliance: str
    serial: int
    certificate_not_after: int
    bucket_limit: int
    budget: int
    sessions: int


def read_join(home: Home, file: Path) -> PendingJoin:
    """
    Check a join file as far as it goes without a person; changes nothing.

    Raises:
        KeyFileError: It is no join file, or does not hold under its own key (`bad-roster`).
        RefusedError: It does not list this identity with its certificate (`not-a-member`,
            `bad-roster`), or this home has joined another alliance.
    """
    trusted = read_roster_file(read_plain(file), str(file), "overlap-join/1")
    RosterStore(home).check_alliance(trusted)
    _check_own_entry(home, trusted)
    return PendingJoin(
        trusted=trusted,
        alliance=trusted.roster.alliance,
        code=trusted.code,
        peers=tuple(name for name in trusted.named("member") if name != home.name),
        operators=trusted.named("operator"),
    )


def accept_join(home: Home, pending: PendingJoin, unlock: UnlockSource, now_ms: int) -> JoinReport:
    """
    Join, after a person has compared the alliance's code.

    The epoch master comes first and the roster last, so that a home that has joined can answer;
    repeated it changes nothing.

    Args:
        home: Of a principal.
        pending: From `read_join`.
        unlock: Opens the home.
        now_ms: Unix milliseconds.

    Raises:
        KeyFileError: The home does not open, our certificate has expired (`own-cert-expired`), or
            the roster is older than the one that is here.
        RefusedError: As `read_join`.
    """
    trusted = pending.trusted
    load_identity(home, unlock)
    not_after = _check_own_entry(home, trusted).certificate.not_after
    now_s = now_ms // 1000
    if now_s > not_after:
        raise KeyFileError(
            f"your certificate expired {(now_s - not_after) // 86_400} days ago; "
            "no peer will accept it",
            slug="own-cert-expired",
            hint="`overlap keys rotate`, then send the new request to the operator",
        )
    store = RosterStore(home)
    store.check_alliance(trusted)
    # The request that was enrolled may be one of new keys, made after `init`.
    settle(home, unlock, trusted)
    identity = load_identity(home, unlock)
    roster = trusted.roster
    create_master(home, unlock, roster.alliance, epoch_of(now_s, roster.epoch_seconds))
    # Made here, so that `serve` can tell a ledger that was lost from one that never was. Not when
    # the join is repeated: the ledger may be lost, and a new one would have every budget whole.
    first = not store.joined
    if first:
        SqliteLedger.create(home.state / LEDGER_FILE, identity.ledger_id).close()
    store.found(trusted)
    if first:
        auditor = Auditor.open(home, identity, lambda: now_ms)
        auditor.joined(trusted)
        auditor.close()
    entry = trusted.principal(home.name)
    return JoinReport(
        alliance=roster.alliance,
        serial=roster.serial,
        certificate_not_after=not_after,
        bucket_limit=entry.bucket_limit,
        budget=entry.budget,
        sessions=entry.sessions,
    )


def _check_own_entry(home: Home, trusted: TrustedRoster) -> Request:
    """The request of ours that the roster lists: the one in use, or one of new keys that waits."""
    waiting = pending_request(home)
    if waiting is not None and is_listed(trusted, waiting):
        return waiting
    request = own_request(home)
    roster = trusted.roster
    where = f"roster {roster.serial} of {roster.alliance}"
    if not trusted.lists(home.name):
        raise RefusedError(
            f"{where} does not list {home.name}",
            slug="not-a-member",
            hint="send your request file to the operator, or use the join file made for you",
        )
    entry = trusted.principal(home.name)
    if (entry.identity_key, entry.log_key) != (request.enrol.identity_key, request.enrol.log_key):
        raise RefusedError(
            f"{where} lists {home.name} with another identity key",
            slug="bad-roster",
            hint="compare your code with the operator: another request may have taken your name",
        )
    if request.certificate.spki not in entry.certificates:
        raise RefusedError(
            f"{where} lists {home.name} with another certificate",
            slug="bad-roster",
            hint="send your newest request file to the operator",
        )
    return request

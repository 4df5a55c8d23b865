# SPDX-License-Identifier: Apache-2.0
"""
`overlap alliance`: the offline side, where the alliance key is (docs/operator.md).

The home of an alliance is of its own kind. Every change is a new roster, stored in that home
before any file is handed out, so that a run that was cut short is simply repeated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from psi.app.init import prepare_unlock
from psi.errors import RefusedError, UsageError
from psi.protocol.messages import Principal, Roster
from psi.protocol.sizes import MAX_BUCKET, MIN_BUCKET
from psi.trust.alliance_key import create_alliance_key, load_alliance_key
from psi.trust.enrolment import check_request, granted_roles, listed_entry, next_roster
from psi.trust.files import read_plain, write_plain
from psi.trust.home import Home, new_home, refuse_used
from psi.trust.names import check_name, check_text, split_address
from psi.trust.requests import Request, check_request_time, parse_request
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, sign_roster
from psi.trust.unlock import KeyFileUnlock, UnlockSource, new_lock

__all__ = [
    "WEEK_S",
    "AllianceReport",
    "EnrollReport",
    "PendingRequest",
    "RosterReport",
    "create_alliance",
    "enroll",
    "read_requests",
    "remove",
    "set_limits",
    "show",
]

WEEK_S: Final = 604_800
_SLUG: Final = "bad-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllianceReport:
    """A new alliance; `unlock_file` is None for a passphrase."""

    home: Path
    unlock_file: Path | None
    unlock_made: bool
    name: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRequest:
    """
    A request that could be enrolled, once its code has been compared.

    `roles` are those that it gets if none are given; `update` is True for a principal that is
    listed already, `new_identity` where it is listed with another identity key.
    """

    request: Request
    file: Path
    name: str
    roles: tuple[str, ...]
    address: str
    contact: str
    code: str
    update: bool
    new_identity: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterReport:
    """The roster in force and the file in which it was written for the members."""

    roster_file: Path
    serial: int
    n_members: int
    n_key_holders: int
    n_operators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollReport(RosterReport):
    """The same with one join file for each request, in their order."""

    join_files: tuple[Path, ...]


def create_alliance(
    home_path: Path,
    name: str,
    *,
    unlock: UnlockSource,
    board: str = "",
    period_s: int = WEEK_S,
) -> AllianceReport:
    """
    Make an alliance: its key, and roster 0 without entries.

    Args:
        home_path: Must not exist, or be an empty folder; to be kept offline.
        name: Of the alliance.
        unlock: An unlock file, made if there is none, or a passphrase.
        board: HOST:PORT of the operator's board; may be empty.
        period_s: Seconds of one period, fixed for the life of the alliance.

    Raises:
        UsageError: A name, address or period is not as it must be.
        KeyFileError: `home-exists`, or an unlock file that can't be used.
    """
    check_name("name", name)
    if board:
        split_address("board", board)
    check_text("board", board)
    if not 1 <= period_s <= 2**32:
        raise UsageError(f"period: expected 1 to 2^32 seconds, got {period_s}")
    refuse_used(home_path)
    unlock_made = prepare_unlock(unlock, home_path)
    lock, sealer = new_lock(unlock, name)
    with new_home(home_path, "alliance", name, lock) as home:
        signer = create_alliance_key(home, sealer)
        first = Roster(
            alliance=name,
            serial=0,
            previous=None,
            epoch_seconds=period_s,
            board=board,
            principals=(),
        )
        trusted = sign_roster(first, signer, ())
        RosterStore(home).found(trusted)
    return AllianceReport(
        home=home_path,
        unlock_file=unlock.path if isinstance(unlock, KeyFileUnlock) else None,
        unlock_made=unlock_made,
        name=name,
        code=trusted.code,
    )


def read_requests(
    home: Home, files: Sequence[Path], now_ms: int, *, new_identity: bool = False
) -> list[PendingRequest]:
    """
    Check request files against the clock, the roster and each other; changes nothing.

    Args:
        home: Of the alliance.
        files: At least one request file.
        now_ms: Unix milliseconds.
        new_identity: Names that are listed may come with another identity key.

    Raises:
        KeyFileError: A file is missing, or no request whose signature holds (`bad-request`).
        RefusedError: It may not be listed (`bad-request`).
    """
    roster = RosterStore(home).current()
    pending: list[PendingRequest] = []
    for file in files:
        request = parse_request(read_plain(file), str(file))
        _check(home, roster, request, now_ms, new_identity=new_identity)
        enrol = request.enrol
        for other in pending:
            if other.name == enrol.name or _keys(other.request) & _keys(request):
                raise RefusedError(
                    f"{file} and {other.file} ask for the same name or with the same key",
                    slug=_SLUG,
                    hint="enrol one of them",
                )
        pending.append(
            PendingRequest(
                request=request,
                file=file,
                name=enrol.name,
                roles=granted_roles(roster, request, None),
                address=enrol.address,
                contact=enrol.contact,
                code=request.code,
                update=roster.lists(enrol.name),
                new_identity=_is_new_identity(roster, request),
            )
        )
    return pending


def enroll(
    home: Home,
    unlock: UnlockSource,
    pending: Sequence[PendingRequest],
    *,
    now_ms: int,
    roles: Iterable[str] | None = None,
    out_directory: Path = Path(),
) -> EnrollReport:
    """
    List the requests in the next roster and write the files for the members.

    Repeated with the same requests it writes the same files and makes no new roster.

    Args:
        home: Of the alliance.
        unlock: Opens it.
        pending: From `read_requests`, their codes compared.
        now_ms: Unix milliseconds.
        roles: For all of them; None: what each asks for, or has already.
        out_directory: Where NAME.join.json and ALLIANCE.roster.json go.

    Raises:
        UsageError: The roles are not as they must be.
        RefusedError: A request may not be listed (any more).
        KeyFileError: The home does not open.
        StorageError: A file can't be written.
    """
    signer = load_alliance_key(home, unlock)
    store = RosterStore(home)
    roster = store.current()
    wanted = None if roles is None else tuple(roles)
    entries = {entry.name: entry for entry in roster.roster.principals}
    certificates = []
    for item in pending:
        request = item.request
        _check(home, roster, request, now_ms, new_identity=item.new_identity)
        granted = granted_roles(roster, request, wanted)
        entries[item.name] = listed_entry(roster, request, granted, now_ms // 1000)
        certificates.append((request.certificate.spki, request.enrol.certificate))
    trusted = next_roster(roster, entries.values(), certificates, signer)
    for item in pending:
        home.write(_request_path(item.name), item.request.to_file())
    store.adopt(trusted)
    join_files = []
    for item in pending:
        join_files.append(out_directory / f"{item.name}.join.json")
        write_plain(join_files[-1], trusted.to_file("overlap-join/1"))
    report = _publish(trusted, out_directory)
    return EnrollReport(
        join_files=tuple(join_files),
        roster_file=report.roster_file,
        serial=report.serial,
        n_members=report.n_members,
        n_key_holders=report.n_key_holders,
        n_operators=report.n_operators,
    )


def set_limits(
    home: Home,
    unlock: UnlockSource,
    name: str,
    *,
    bucket_limit: int | None = None,
    budget: int | None = None,
    sessions: int | None = None,
    out_directory: Path = Path(),
) -> RosterReport:
    """
    Change what a principal may ask of each peer in one period; None keeps a limit.

    Args:
        bucket_limit: Indicators in one check, rounded up, 1,024 to 2^26.
        budget: Indicators in one period.
        sessions: Checks in one period.

    Raises:
        UsageError: There is no such principal (`unknown-peer`), or a limit is out of range.
        KeyFileError: The home does not open.
    """
    roster = RosterStore(home).current()
    entry = roster.principal(name)
    changed = replace(
        entry,
        bucket_limit=_within("set size", bucket_limit, entry.bucket_limit, MIN_BUCKET, MAX_BUCKET),
        budget=_within("indicators", budget, entry.budget, 0, 2**32),
        sessions=_within("checks", sessions, entry.sessions, 0, 10_000),
    )
    others = [other for other in roster.roster.principals if other.name != name]
    return _change(home, unlock, [*others, changed], out_directory)


def remove(
    home: Home, unlock: UnlockSource, name: str, *, out_directory: Path = Path()
) -> RosterReport:
    """
    Take a principal off the roster; its peers refuse it as soon as they have the new one.

    Raises:
        UsageError: There is no such principal (`unknown-peer`).
        KeyFileError: The home does not open.
    """
    roster = RosterStore(home).current()
    roster.principal(name)
    others = [other for other in roster.roster.principals if other.name != name]
    return _change(home, unlock, others, out_directory)


def show(home: Home) -> TrustedRoster:
    """The roster in force, which names alliance, serial, code and entries."""
    return RosterStore(home).current()


def _change(
    home: Home, unlock: UnlockSource, entries: Iterable[Principal], out_directory: Path
) -> RosterReport:
    store = RosterStore(home)
    trusted = next_roster(store.current(), entries, (), load_alliance_key(home, unlock))
    return _publish(store.adopt(trusted), out_directory)


def _publish(trusted: TrustedRoster, out_directory: Path) -> RosterReport:
    roster_file = out_directory / f"{trusted.roster.alliance}.roster.json"
    write_plain(roster_file, trusted.to_file())
    return RosterReport(
        roster_file=roster_file,
        serial=trusted.roster.serial,
        n_members=len(trusted.named("member")),
        n_key_holders=len(trusted.named("keyholder")),
        n_operators=len(trusted.named("operator")),
    )


def _is_new_identity(roster: TrustedRoster, request: Request) -> bool:
    name = request.enrol.name
    if not roster.lists(name):
        return False
    return roster.principal(name).identity_key != request.enrol.identity_key


def _check(
    home: Home, roster: TrustedRoster, request: Request, now_ms: int, *, new_identity: bool
) -> None:
    check_request_time(request, now_ms // 1000)
    check_request(roster, request, new_identity=new_identity)
    path = _request_path(request.enrol.name)
    # Also of a principal that was removed: an older request is no way back.
    if not home.has(path):
        return
    known = parse_request(home.read(path), path).enrol
    if request.enrol.time_ms < known.time_ms and known.identity_key == request.enrol.identity_key:
        raise RefusedError(
            f"the request of {known.name} is older than the one that was enrolled last",
            slug=_SLUG,
            hint=f"ask {known.name} for the newest request file",
        )


def _request_path(name: str) -> str:
    return f"requests/{name}.json"


def _keys(request: Request) -> set[bytes]:
    enrol = request.enrol
    return {enrol.identity_key, enrol.log_key, request.certificate.spki}


def _within(what: str, value: int | None, current: int, low: int, high: int) -> int:
    if value is None:
        return current
    if not low <= value <= high:
        raise UsageError(f"{what}: expected {low} to {high}, got {value}")
    return value

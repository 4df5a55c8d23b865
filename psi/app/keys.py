# SPDX-License-Identifier: Apache-2.0
"""`overlap keys`: which keys this home has, and new ones through the roster."""

import os
from dataclasses import dataclass
from pathlib import Path

from psi.app.auditing import Auditor
from psi.errors import KeyFileError
from psi.trust.certificates import Certificate
from psi.trust.files import read_plain, write_plain
from psi.trust.home import Home
from psi.trust.identity import load_identity, own_request
from psi.trust.requests import parse_request
from psi.trust.roster_store import RosterStore
from psi.trust.rotation import RotationKind, kind_of, pending_request, rotate
from psi.trust.unlock import UnlockSource

__all__ = ["KeysView", "PendingView", "RotateReport", "rotate_keys", "show_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingView:
    """New keys that wait until a roster lists them."""

    kind: RotationKind
    code: str
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """
    The public side of a home's keys.

    `roster` is None before the home has joined; `listed` says if that roster has the certificate
    in use, `n_listed` how many certificates of ours it has.
    """

    name: str
    code: str
    identity_key: bytes
    log_key: bytes
    certificate: Certificate
    alliance: str
    roster: int | None
    listed: bool
    n_listed: int
    pending: PendingView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateReport:
    """New keys were made, or are still waiting."""

    kind: RotationKind
    request_file: Path
    code: str


def show_keys(home: Home) -> KeysView:
    """
    Which keys a home has; needs no unlocking.

    Raises:
        KeyFileError: A file of the home is missing, open to others or changed.
    """
    request = own_request(home)
    enrol = request.enrol
    store = RosterStore(home)
    trusted = store.current() if store.joined else None
    listed: tuple[bytes, ...] = ()
    if trusted is not None and trusted.lists(home.name):
        listed = trusted.principal(home.name).certificates
    pending = pending_request(home)
    return KeysView(
        name=home.name,
        code=request.code,
        identity_key=enrol.identity_key,
        log_key=enrol.log_key,
        certificate=request.certificate,
        alliance="" if trusted is None else trusted.roster.alliance,
        roster=None if trusted is None else trusted.roster.serial,
        listed=request.certificate.spki in listed,
        n_listed=len(listed),
        pending=None
        if pending is None
        else PendingView(
            kind=kind_of(home, pending), code=pending.code, certificate=pending.certificate
        ),
    )


def rotate_keys(
    home: Home,
    unlock: UnlockSource,
    kind: RotationKind,
    now_ms: int,
    request_directory: Path = Path(),
) -> RotateReport:
    """
    Make new keys, or take those that wait already, and write the request for the operator.

    The home uses its old keys until a roster that lists the new ones is adopted.

    Args:
        home: Of a principal.
        unlock: Opens it.
        kind: A new TLS key; or new identity and TLS keys, which is another code.
        now_ms: Unix milliseconds.
        request_directory: Where NAME.request.json goes; an older request of ours is replaced.

    Raises:
        KeyFileError: Something else is there (`output-exists`), or the home does not open.
        RefusedError: A rotation of the other kind waits.
    """
    file = request_directory / f"{home.name}.request.json"
    if os.path.lexists(file) and not _is_ours(home, file):
        raise KeyFileError(
            f"{file} is there already, and is no request of this home",
            slug="output-exists",
            hint="move it away, or run this in another folder",
        )
    waiting = pending_request(home)
    request = rotate(home, unlock, kind, now_ms)
    if waiting is None or waiting.enrol != request.enrol:
        auditor = Auditor.open(home, load_identity(home, unlock), lambda: now_ms)
        auditor.keys_rotated("made", request.certificate.spki)
        auditor.close()
    write_plain(file, request.to_file())
    return RotateReport(kind=kind, request_file=file, code=request.code)


def _is_ours(home: Home, file: Path) -> bool:
    try:
        found = parse_request(read_plain(file), str(file)).enrol
    except KeyFileError:
        return False
    requests = [own_request(home), pending_request(home)]
    return found.identity_key in {each.enrol.identity_key for each in requests if each}

# SPDX-License-Identifier: Apache-2.0
"""`overlap init`: make an identity, a home for it, and the request to be enrolled."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psi.errors import KeyFileError, UsageError
from psi.trust.config import default_config
from psi.trust.files import write_plain
from psi.trust.home import new_home, refuse_used
from psi.trust.identity import create_identity
from psi.trust.names import check_name, check_roles, check_text, split_address
from psi.trust.policy import DEFAULT_POLICY
from psi.trust.unlock import KeyFileUnlock, UnlockSource, new_lock

__all__ = ["InitReport", "initialise", "prepare_unlock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """What was made; `unlock_file` is None for a passphrase, `unlock_made` tells if it is new."""

    home: Path
    unlock_file: Path | None
    unlock_made: bool
    request_file: Path
    code: str


def initialise(
    home_path: Path,
    name: str,
    *,
    unlock: UnlockSource,
    now_ms: int,
    roles: Iterable[str] = ("member",),
    address: str = "",
    contact: str = "",
    request_directory: Path = Path(),
) -> InitReport:
    """
    Make a home with a new identity that belongs to no alliance yet.

    Args:
        home_path: Must not exist, or be an empty folder.
        name: Of the principal, 1 to 63 lower-case letters, digits and inner `-`.
        unlock: An unlock file, made if there is none, or a passphrase.
        now_ms: Unix milliseconds.
        roles: What it asks to be; the operator decides.
        address: HOST:PORT for peers; then `serve` will listen on all interfaces at that port.
        contact: For people.
        request_directory: Where NAME.request.json goes.

    Raises:
        UsageError: A name, role, address or contact is not as it must be.
        KeyFileError: `home-exists`, `output-exists`, or an unlock file that can't be used.
        StorageError: Something can't be written.
    """
    check_name("name", name)
    wanted = check_roles(roles)
    if address:
        split_address("address", address)
    check_text("address", address)
    check_text("contact", contact)
    request_file = request_directory / f"{name}.request.json"
    if os.path.lexists(request_file):
        raise KeyFileError(
            f"{request_file} is there already",
            slug="output-exists",
            hint="move it away, or run this in another folder",
        )
    refuse_used(home_path)
    unlock_made = prepare_unlock(unlock, home_path)
    lock, sealer = new_lock(unlock, name)
    with new_home(home_path, "principal", name, lock) as home:
        request = create_identity(
            home, sealer, roles=wanted, address=address, contact=contact, now_ms=now_ms
        )
        home.write("policy.toml", DEFAULT_POLICY.encode())
        home.write("overlap.toml", default_config(address).encode())
    write_plain(request_file, request.to_file())
    return InitReport(
        home=home_path,
        unlock_file=unlock.path if isinstance(unlock, KeyFileUnlock) else None,
        unlock_made=unlock_made,
        request_file=request_file,
        code=request.code,
    )


def prepare_unlock(unlock: UnlockSource, home_path: Path) -> bool:
    """
    Make the unlock file unless it is there; whether it was made.

    Raises:
        UsageError: It would lie inside the home, whose backup would then open itself.
        KeyFileError: What is there can't be used.
    """
    if not isinstance(unlock, KeyFileUnlock):
        return False
    if unlock.path.resolve().is_relative_to(home_path.resolve()):
        raise UsageError(
            "the unlock file can't be inside the home that it opens",
            hint="`--unlock-file FILE` outside it, or none for ~/.config/overlap/unlock.key",
        )
    return unlock.ensure()

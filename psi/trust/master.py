# SPDX-License-Identifier: Apache-2.0
"""
The epoch master: from it come all keys that this principal answers with (docs/protocol.md, 4).

    state/master.sealed     u64(epoch) || master(32)

It moves forward only. The new master is durable before the old one is overwritten, and until
`load_master` has returned it, nothing has been computed from it.
"""

import secrets
from typing import Final

from psi.crypto.keys import next_master
from psi.crypto.sealing import Sealer
from psi.encoding import u64
from psi.errors import KeyFileError, RefusedError, VerifyError
from psi.trust.home import Home
from psi.trust.unlock import UnlockSource, open_sealer

__all__ = ["create_master", "load_master"]

_FILE: Final = "state/master.sealed"
_LENGTH: Final = 8 + 32
# A new master does not fit the keys that were signed for with the lost one.
_HINT: Final = (
    "restore the home from its backup; or delete the file and `overlap join FILE` again, "
    "which answers peers anew from the next period on"
)


def create_master(home: Home, unlock: UnlockSource, alliance: str, epoch: int) -> None:
    """
    Make the master of a home that joins in this epoch; one that is there already stays.

    Raises:
        KeyFileError: The home does not open, or the master that is there is not this alliance's.
        StorageError: It can't be written.
    """
    sealer = open_sealer(home, unlock)
    with home.locked():
        if home.has(_FILE):
            _read(home, sealer, alliance)
        else:
            _write(home, sealer, alliance, epoch, secrets.token_bytes(32))


def load_master(home: Home, unlock: UnlockSource, alliance: str, epoch: int) -> bytes:
    """
    The 32-byte master of an epoch; that of every earlier epoch is gone when this returns.

    Raises:
        RefusedError: The epoch is over already by what this home has seen (`clock-skew`).
        KeyFileError: The home does not open, or the master is missing or damaged.
        StorageError: The new master can't be recorded; the old one stays.
    """
    sealer = open_sealer(home, unlock)
    # Readers too: a reader that has the old file open must not see it being overwritten.
    with home.locked():
        stored, master = _read(home, sealer, alliance)
        if epoch < stored:
            raise RefusedError(
                f"the clock is behind: it says period {epoch}, "
                f"and this home has already begun period {stored}",
                slug="clock-skew",
                hint="`timedatectl`; if the clock was ahead before, move state/master.sealed away "
                "and join again: nothing is answered until the next period",
            )
        if epoch > stored:
            for _ in range(epoch - stored):
                master = next_master(master)
            _write(home, sealer, alliance, epoch, master)
        return master


def _role(alliance: str) -> str:
    return f"epoch master in {alliance}"


def _read(home: Home, sealer: Sealer, alliance: str) -> tuple[int, bytes]:
    if not home.has(_FILE):
        raise KeyFileError(f"{_FILE} is missing", hint=_HINT)
    try:
        plaintext = sealer.unseal(_role(alliance), home.read(_FILE))
    except VerifyError:
        plaintext = b""
    if len(plaintext) != _LENGTH:
        raise KeyFileError(f"{_FILE} was changed or is damaged; not used", hint=_HINT)
    return int.from_bytes(plaintext[:8], "big"), plaintext[8:]


def _write(home: Home, sealer: Sealer, alliance: str, epoch: int, master: bytes) -> None:
    sealed = sealer.seal(_role(alliance), u64(epoch) + master)
    home.write(_FILE, sealed, wipe_old=True)

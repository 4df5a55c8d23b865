# SPDX-License-Identifier: Apache-2.0
"""
Opening a home: an unlock file or a passphrase, and the home key that it opens.

All secrets of a home are sealed under its home key, 32 random bytes, and that key under the unlock
key. So one guess of a passphrase costs Argon2id once, a wrong key is told apart from a damaged
file, and destroying the one record in home.json destroys all.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psi.crypto.sealing import (
    ARGON2ID_MODERATE,
    KEY_LENGTH,
    SALT_LENGTH,
    Argon2idCost,
    Sealer,
    passphrase_key,
)
from psi.errors import KeyFileError, UsageError, VerifyError
from psi.trust.files import make_folders, read_private, write_new_private
from psi.trust.formats import LockRecord
from psi.trust.home import Home, HomeKind

__all__ = [
    "KeyFileUnlock",
    "PassphraseUnlock",
    "UnlockSource",
    "find_unlock_file",
    "new_lock",
    "open_sealer",
]

_ROLE: Final = "home key"
# A damaged or planted home.json must not make us take all memory: libsodium's SENSITIVE is the top.
_MAX_COST: Final = Argon2idCost(16, 2**30)


@dataclass(frozen=True, slots=True)
class KeyFileUnlock:
    """A file with 32 random bytes in hex, 0600, ours or root's; never inside the home."""

    path: Path

    def ensure(self) -> bool:
        """
        Make the file unless it is there; whether it was made.

        Raises:
            KeyFileError: What is there is no unlock file, or is open to others.
            StorageError: It can't be made.
        """
        if not os.path.lexists(self.path):
            make_folders(self.path.parent)
            if write_new_private(self.path, secrets.token_hex(KEY_LENGTH).encode() + b"\n"):
                return True
        self.key()
        return False

    def key(self) -> bytes:
        """The 32 bytes of the file."""
        if not os.path.lexists(self.path):
            raise KeyFileError(
                f"there is no unlock file at {self.path}",
                slug="unlock-failed",
                hint=f"`--unlock-file FILE` names another place; {_HINTS['principal']}",
            )
        text = read_private(self.path, root_may_own=True).strip()
        try:
            key = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_LENGTH or len(text) != 2 * KEY_LENGTH:
            raise KeyFileError(
                f"{self.path} is no unlock file: expected {2 * KEY_LENGTH} hexadecimal digits",
                slug="unlock-failed",
                hint=_HINTS["principal"],
            )
        return key


@dataclass(frozen=True, slots=True)
class PassphraseUnlock:
    """A passphrase as bytes, from a file or a prompt; `cost` counts when a home is made."""

    passphrase: bytes = field(repr=False)
    cost: Argon2idCost = ARGON2ID_MODERATE
    _derived: dict[LockRecord, bytes] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.passphrase:
            raise UsageError("the passphrase is empty")

    def key(self, lock: LockRecord) -> bytes:
        """The 32-byte key under a lock's salt and cost, derived once."""
        if lock not in self._derived:
            cost = Argon2idCost(lock.passes, lock.memory_bytes)
            self._derived[lock] = passphrase_key(self.passphrase, lock.salt, cost)
        return self._derived[lock]


UnlockSource = KeyFileUnlock | PassphraseUnlock

_HINTS: Final[Mapping[HomeKind, str]] = {
    "principal": (
        "restore unlock.key from its backup; without it, ask the operator to enrol you anew"
    ),
    "alliance": (
        "restore unlock.key from its backup; without it the alliance key is lost, "
        "and all members join a new alliance"
    ),
}


def find_unlock_file(option: Path | None, environment: Mapping[str, str]) -> Path:
    """Where the unlock file is: the option, else OVERLAP_UNLOCK_FILE, else in XDG_CONFIG_HOME."""
    if option is not None:
        return option
    named = environment.get("OVERLAP_UNLOCK_FILE", "")
    if named:
        return Path(named)
    config = environment.get("XDG_CONFIG_HOME", "")
    base = Path(config) if config.startswith("/") else Path.home() / ".config"
    return base / "overlap" / "unlock.key"


def new_lock(unlock: UnlockSource, name: str) -> tuple[LockRecord, Sealer]:
    """
    A fresh home key for a new home, and the record that lets `unlock` open it.

    Args:
        unlock: An unlock file that exists, or a passphrase.
        name: Of the principal or alliance; the home opens under this name only.
    """
    home_key = secrets.token_bytes(KEY_LENGTH)
    if isinstance(unlock, KeyFileUnlock):
        lock = LockRecord(
            kind="key-file", home_key=Sealer(unlock.key(), name).seal(_ROLE, home_key)
        )
    else:
        salt = secrets.token_bytes(SALT_LENGTH)
        key = passphrase_key(unlock.passphrase, salt, unlock.cost)
        lock = LockRecord(
            kind="argon2id",
            salt=salt,
            passes=unlock.cost.passes,
            memory_bytes=unlock.cost.memory_bytes,
            home_key=Sealer(key, name).seal(_ROLE, home_key),
        )
    return lock, Sealer(home_key, name)


def open_sealer(home: Home, unlock: UnlockSource) -> Sealer:
    """
    The sealer of a home's secrets.

    Raises:
        KeyFileError: The unlock file or the passphrase is not the home's (`unlock-failed`).
    """
    wrapper = Sealer(_unlock_key(home.lock, unlock), home.name)
    try:
        return Sealer(wrapper.unseal(_ROLE, home.lock.home_key), home.name)
    except VerifyError:
        raise _does_not_open(_HINTS[home.kind]) from None


def _unlock_key(lock: LockRecord, unlock: UnlockSource) -> bytes:
    if isinstance(unlock, KeyFileUnlock):
        if lock.kind != "key-file":
            raise _does_not_open("this home was made with a passphrase: use `--passphrase`")
        return unlock.key()
    if lock.kind != "argon2id":
        raise _does_not_open("this home was made with an unlock file: use `--unlock-file FILE`")
    if (
        len(lock.salt) != SALT_LENGTH
        or not 1 <= lock.passes <= _MAX_COST.passes
        or not 8192 <= lock.memory_bytes <= _MAX_COST.memory_bytes
    ):
        raise KeyFileError(
            "home.json is damaged: the cost of the passphrase is outside its limits",
            hint="restore the home from its backup",
        )
    return unlock.key(lock)


def _does_not_open(hint: str) -> KeyFileError:
    return KeyFileError(
        "this home does not open with that passphrase or unlock file",
        slug="unlock-failed",
        hint=hint,
    )

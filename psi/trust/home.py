# SPDX-License-Identifier: Apache-2.0
"""
The home folder: one identity in one alliance, or the key of an alliance (docs/formats.md).

    home.json       kind, name, and how it is unlocked; written last, so a home is whole or none
    identity/       keys.sealed, and request.json: who we are, signed by our identity key
    alliance/       the alliance's key and every roster that was adopted
    overlap.toml, policy.toml, state/, audit/, results/, evidence/, cache/
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from psi.errors import KeyFileError
from psi.trust.files import (
    check_private_directory,
    explained,
    make_folders,
    make_private_directory,
    read_private,
    sync_directory,
    write_private,
)
from psi.trust.formats import HomeFile, LockRecord, read_json, write_json

__all__ = ["Home", "HomeKind", "default_home", "find_home", "new_home", "refuse_used"]

HomeKind = Literal["principal", "alliance"]

_MARKER: Final = "home.json"
_FOLDERS: Final[Mapping[HomeKind, tuple[str, ...]]] = {
    "principal": ("identity", "alliance", "state", "audit", "results", "evidence", "cache"),
    "alliance": ("identity", "alliance", "requests"),
}


@dataclass(frozen=True, slots=True)
class Home:
    """An existing home whose folders are closed to others; `lock` says how it is unlocked."""

    path: Path
    kind: HomeKind
    name: str
    lock: LockRecord

    @classmethod
    def open(cls, path: Path, kind: HomeKind = "principal") -> "Home":
        """
        The home at a path.

        Raises:
            KeyFileError: There is none (`no-home`), it is of the other kind, a folder of it is
                open to others (`open-permissions`), or home.json is damaged.
        """
        marker = path / _MARKER
        if not os.path.lexists(marker):
            raise KeyFileError(
                f"no overlap home at {path}",
                slug="no-home",
                hint="`overlap init NAME`, or `--home DIR`",
            )
        check_private_directory(path)
        file = read_json(read_private(marker, shown=_MARKER), HomeFile, _MARKER)
        if file.kind != kind:
            owners = {"principal": "a member", "alliance": "an alliance"}
            raise KeyFileError(
                f"{path} is the home of {owners[file.kind]}, not of {owners[kind]}",
                slug="no-home",
                hint="name the other folder with `--home DIR`",
            )
        for folder in _FOLDERS[kind]:
            check_private_directory(path / folder, shown=folder)
        return cls(path, kind, file.name, file.lock)

    @property
    def identity(self) -> Path:
        """Sealed keys, certificate, request."""
        return self.path / "identity"

    @property
    def alliance(self) -> Path:
        """The alliance's key and its rosters."""
        return self.path / "alliance"

    @property
    def requests(self) -> Path:
        """Of an alliance: the last accepted request of every principal."""
        return self.path / "requests"

    @property
    def state(self) -> Path:
        """The ledger, lists, unfinished runs, the epoch master."""
        return self.path / "state"

    @property
    def audit(self) -> Path:
        """The signed log."""
        return self.path / "audit"

    @property
    def results(self) -> Path:
        """Saved results and their receipts."""
        return self.path / "results"

    @property
    def evidence(self) -> Path:
        """Proofs that a peer misbehaved; never deleted."""
        return self.path / "evidence"

    @property
    def cache(self) -> Path:
        """May be deleted at any time."""
        return self.path / "cache"

    @property
    def policy_path(self) -> Path:
        """policy.toml: what leaves this house."""
        return self.path / "policy.toml"

    @property
    def config_path(self) -> Path:
        """overlap.toml: how this installation works."""
        return self.path / "overlap.toml"

    def read(self, relative: str) -> bytes:
        """The bytes of a private file of this home, by its path inside it."""
        return read_private(self.path / relative, shown=relative)

    def has(self, relative: str) -> bool:
        """Whether anything is at that path inside the home."""
        return os.path.lexists(self.path / relative)

    def write(self, relative: str, data: bytes, *, wipe_old: bool = False) -> None:
        """Replace a private file of this home, durably."""
        write_private(self.path / relative, data, wipe_old=wipe_old)

    def remove(self, relative: str) -> None:
        """Delete a file of this home, durably; one that is not there is no error."""
        path = self.path / relative
        with explained("delete", path, relative):
            path.unlink(missing_ok=True)
            sync_directory(path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """
        Keep other processes that share this home out; short, and not to be nested.

        Raises:
            KeyFileError: The home is gone.
            StorageError: It can't be locked.
        """
        with explained("read", self.path, str(self.path)):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with explained("lock", self.path, str(self.path)):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def new_home(path: Path, kind: HomeKind, name: str, lock: LockRecord) -> Iterator[Home]:
    """
    Make the folders of a home; it becomes one when the body has written its files.

    Raises:
        KeyFileError: The path exists and is not an empty folder of ours (`home-exists`).
        StorageError: A folder can't be made.
    """
    refuse_used(path)
    make_folders(path.parent)
    if path.is_dir() and not path.is_symlink():
        with explained("change", path, str(path)):
            path.chmod(0o700)
    make_private_directory(path)
    for folder in _FOLDERS[kind]:
        make_private_directory(path / folder)
    home = Home(path, kind, name, lock)
    yield home
    marker = HomeFile(format="overlap-home/1", kind=kind, name=name, lock=lock)
    home.write(_MARKER, write_json(marker))


def refuse_used(path: Path) -> None:
    """
    Refuse a path at which something is already, an empty folder aside.

    Raises:
        KeyFileError: There is something.
        StorageError: The folder can't be read.
    """
    with explained("read", path, str(path)):
        if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
            return
    if os.path.lexists(path / _MARKER):
        raise KeyFileError(
            f"there is an overlap home at {path} already",
            slug="home-exists",
            hint="one home is one identity in one alliance: `--home DIR` makes a second one; "
            "a lost request file is identity/request.json in this one",
        )
    raise KeyFileError(
        f"{path} is not an empty folder",
        slug="home-exists",
        hint="name another with `--home DIR`; if an `overlap init` was cut short here, delete it",
    )


def default_home(environment: Mapping[str, str]) -> Path:
    """`overlap` in XDG_DATA_HOME, which is ~/.local/share unless set (XDG base directories)."""
    data = environment.get("XDG_DATA_HOME", "")
    # The specification has relative paths ignored.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "overlap"


def find_home(option: Path | None, environment: Mapping[str, str]) -> Path:
    """Where the home is: the option, else OVERLAP_HOME, else the default."""
    if option is not None:
        return option
    named = environment.get("OVERLAP_HOME", "")
    return Path(named) if named else default_home(environment)

# SPDX-License-Identifier: Apache-2.0
"""
Private files of the state folder: 0600 in a 0700 folder, ours, no links, whole or not at all.

`psi.trust` has its own for keys and rosters; the two layers do not know each other.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psi.errors import KeyFileError, StorageError

__all__ = [
    "check_private",
    "create_private",
    "disk_full",
    "erase",
    "explained",
    "private_directory",
    "read_private",
    "set_aside",
    "sync_directory",
    "write_new",
    "write_private",
]

_TEMPORARY: Final = ".tmp"


def private_directory(path: Path) -> Path:
    """
    The folder itself, made if it is missing.

    Raises:
        KeyFileError: It is a link, another user's, or open to others (`open-permissions`).
        StorageError: It can't be made.
    """
    with explained(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(path, path.lstat(), stat.S_ISDIR)
    return path


def check_private(path: Path) -> None:
    """
    Refuse a file that is a link, another user's, or open to others.

    Raises:
        KeyFileError: It is one of these (`open-permissions`).
    """
    with explained(path):
        _check(path, path.lstat(), stat.S_ISREG)


def create_private(path: Path) -> None:
    """An empty private file if there is none yet; an existing one is checked."""
    with explained(path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
        sync_directory(path.parent)
    check_private(path)


def read_private(path: Path) -> bytes | None:
    """
    The bytes of a private file, None if there is none.

    Raises:
        KeyFileError: It is a link, another user's, or open to others.
        StorageError: It can't be read.
    """
    with explained(path):
        try:
            # O_NONBLOCK: a pipe put in the file's place must not make us wait.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            _check(path, os.fstat(descriptor), stat.S_ISREG)
            return file.read()


def write_private(path: Path, *parts: bytes) -> None:
    """
    Replace a private file, durably: after a crash it is the old one or the new one.

    Raises:
        StorageError: It could not be written; the old file is untouched.
    """
    with explained(path):
        temporary = _write_temporary(path, parts)
        temporary.replace(path)
        sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> bool:
    """
    Make a private file durably, unless one is there already.

    Returns:
        Whether it was made; what was there is untouched.

    Raises:
        StorageError: It could not be written.
    """
    with explained(path):
        temporary = _write_temporary(path, (data,))
        try:
            # A hard link, unlike a rename, does not replace what is there.
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        sync_directory(path.parent)
    return True


def erase(path: Path) -> None:
    """
    Overwrite a file in place and delete it; nothing happens if there is none.

    Best effort: a file system that copies on write, or flash, may keep the old blocks. What is
    erased here is therefore a key that is sealed under another one.
    """
    with explained(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
        sync_directory(path.parent)


def set_aside(database: Path) -> None:
    """Rename a closed database and its log, so that a new one can take its name."""
    with explained(database):
        number = 1
        while (aside := database.with_name(f"{database.name}.set-aside-{number}")).exists():
            number += 1
        for suffix in ("-shm", "-wal", ""):
            part = database.with_name(database.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        sync_directory(database.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable: a rename is so only once its folder is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_full(folder: Path) -> StorageError:
    """What is raised when there is no room for a record."""
    return StorageError(
        f"cannot record this run: no space in {folder}; nothing was answered or sent",
        slug="disk-full",
        hint="free space, run it again",
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into one that says what could not be done."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(path.parent) from None
        if error.errno == errno.ELOOP:
            raise _not_private(path, "is a symbolic link") from None
        raise StorageError(f"cannot use {path}: {error.strerror}") from None


def _write_temporary(path: Path, parts: tuple[bytes, ...]) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_TEMPORARY}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _check(path: Path, status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(status.st_mode):
        link = stat.S_ISLNK(status.st_mode)
        raise _not_private(path, "is a symbolic link" if link else "is not what belongs there")
    if status.st_uid != os.geteuid():
        raise _not_private(path, f"belongs to another user (uid {status.st_uid})")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise _not_private(path, f"is open to other users (mode {mode:04o})")


def _not_private(path: Path, what: str) -> KeyFileError:
    return KeyFileError(
        f"{path} {what}; not used",
        slug="open-permissions",
        hint=f"`chmod go-rwx {path}` if it is yours and no one else had access",
    )

# SPDX-License-Identifier: Apache-2.0
"""
Files that only their owner may read, and files for others, replaced whole or not at all.

A private file is 0600 in a 0700 directory, ours, and no symbolic link (docs/reliability.md,
section 3). What a file holds is no concern of this module.
"""

import errno
import glob
import os
import secrets
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from psi.errors import KeyFileError, StorageError

__all__ = [
    "MAX_FILE_BYTES",
    "check_private_directory",
    "explained",
    "make_folders",
    "make_private_directory",
    "open_private",
    "read_guarded",
    "read_plain",
    "read_private",
    "sync_directory",
    "write_new_private",
    "write_plain",
    "write_private",
]

# No file of a home or of an enrolment comes near this; it bounds what a wrong path makes us read.
MAX_FILE_BYTES: Final = 4 * 2**20
# Writing one takes a moment; what is this old was left by a crash.
_STALE_S: Final = 3_600


def read_private(path: Path, *, shown: str | None = None, root_may_own: bool = False) -> bytes:
    """
    The bytes of a private file, after its owner, mode and kind were checked on the open file.

    Args:
        path: Where it is.
        shown: Its name in messages; the path if None.
        root_may_own: Accept a file of root's, as credentials of the system manager are.

    Raises:
        KeyFileError: It is missing, a link, another user's, or open to others.
        StorageError: It can't be read.
    """
    name = str(path) if shown is None else shown
    return _read_checked(path, name, 0o077, root_may_own)


def read_guarded(path: Path) -> bytes:
    """
    The bytes of a file that others may read but not change: a policy, a configuration.

    Raises:
        KeyFileError: It is missing, a link, another user's but root's, or others can change it.
        StorageError: It can't be read.
    """
    return _read_checked(path, str(path), 0o022, True)


def _read_checked(path: Path, name: str, closed: int, root_may_own: bool) -> bytes:
    # O_NONBLOCK: a pipe put in the file's place must not make us wait.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with explained("read", path, name):
        descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        _check_private(status, path, name, root_may_own=root_may_own, closed=closed)
        with explained("read", path, name), os.fdopen(descriptor, "rb", closefd=False) as file:
            return _bounded(file.read(MAX_FILE_BYTES + 1), name)
    finally:
        os.close(descriptor)


def open_private(path: Path, *, shown: str) -> int:
    """
    A descriptor of a private file to read and to append to, 0600, made if it is not there.

    Raises:
        KeyFileError: It is a link, another user's, or open to others.
        StorageError: It can't be opened.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with explained("open", path, shown):
        descriptor = os.open(path, flags, 0o600)
    try:
        _check_private(os.fstat(descriptor), path, shown, root_may_own=False)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_plain(path: Path) -> bytes:
    """
    The bytes of a file that others may know: a request, a roster, a policy.

    Raises:
        KeyFileError: It is missing or too large.
        StorageError: It can't be read.
    """
    with explained("read", path, str(path)), path.open("rb") as file:
        return _bounded(file.read(MAX_FILE_BYTES + 1), str(path))


def write_private(path: Path, data: bytes, *, wipe_old: bool = False) -> None:
    """
    Replace a private file, durably: after a crash it is the old one or the new one.

    Args:
        path: In an existing directory.
        data: The whole new content.
        wipe_old: Overwrite the old content with zeros once the new one is durable. Best effort: a
            journal or a flash controller may keep a copy.

    Raises:
        StorageError: It could not be written; the old file is untouched.
    """
    old = _open_to_wipe(path) if wipe_old else None
    try:
        _replace(path, data, 0o600)
        if old is not None:
            with explained("write", path, str(path)):
                os.pwrite(old, bytes(os.fstat(old).st_size), 0)
                os.fsync(old)
    finally:
        if old is not None:
            os.close(old)


def write_new_private(path: Path, data: bytes) -> bool:
    """
    Make a private file, durably, unless anything is there; whether it was made.

    Of two processes that make one at the same time, one makes it and the other finds it whole.

    Raises:
        StorageError: It could not be written.
    """
    with explained("write", path, str(path)):
        temporary = _write_temporary(path, data, 0o600)
        try:
            # A hard link, unlike a rename, does not replace what is there.
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
    return True


def write_plain(path: Path, data: bytes) -> None:
    """
    Replace a file that others may read, durably; the mode is 0644 within the umask.

    Raises:
        StorageError: It could not be written; the old file is untouched.
    """
    _replace(path, data, 0o644)


def make_folders(path: Path) -> None:
    """
    Make a folder and those above it where they are missing, for us alone as far as made here.

    Raises:
        StorageError: One can't be made.
    """
    with explained("make", path, str(path)):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private_directory(path: Path) -> None:
    """
    Make a directory that only we may enter, or take an existing one that already is so.

    Raises:
        KeyFileError: What is there is not a directory of ours that is closed to others.
        StorageError: It can't be made.
    """
    with explained("make", path, str(path)):
        path.mkdir(mode=0o700, exist_ok=True)
    check_private_directory(path)


def check_private_directory(path: Path, *, shown: str | None = None) -> None:
    """
    Refuse a directory that is a link, another user's, or open to others.

    Raises:
        KeyFileError: It is one of these, or missing.
    """
    name = str(path) if shown is None else shown
    with explained("read", path, name):
        status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise _link(name)
    if not stat.S_ISDIR(status.st_mode):
        raise KeyFileError(f"{name} is not a directory")
    _check_owner_and_mode(status, path, name, root_may_own=False)


def _check_private(
    status: os.stat_result, path: Path, name: str, *, root_may_own: bool, closed: int = 0o077
) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"{name} is not a regular file; not used", slug="open-permissions")
    _check_owner_and_mode(status, path, name, root_may_own=root_may_own, closed=closed)


def _check_owner_and_mode(
    status: os.stat_result, path: Path, name: str, *, root_may_own: bool, closed: int = 0o077
) -> None:
    ours = os.geteuid()
    if status.st_uid != ours and not (root_may_own and status.st_uid == 0):
        raise KeyFileError(
            f"{name} belongs to another user (uid {status.st_uid}, we are {ours}); not used",
            slug="open-permissions",
            hint=f"`chown {ours} {shlex.quote(str(path))}` if it is yours",
        )
    if root_may_own and status.st_uid == 0 and status.st_gid == 0:
        # systemd grants a service its credential by an access list, which shows as the group's
        # bits; the group itself is root's own.
        closed &= 0o037
    mode = stat.S_IMODE(status.st_mode)
    if mode & closed:
        right = "go-w" if closed == 0o022 else "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise KeyFileError(
            f"{name} can be {_access(mode & closed)} by other users (mode {mode:04o}); not used",
            slug="open-permissions",
            hint=f"`chmod {right} {shlex.quote(str(path))}`; if others had access, "
            + ("look at what it says" if closed == 0o022 else "`overlap keys rotate`"),
        )


def _access(mode: int) -> str:
    return "read" if mode & 0o044 else "changed" if mode & 0o022 else "entered"


def _link(name: str) -> KeyFileError:
    return KeyFileError(
        f"{name} is a symbolic link; not used",
        slug="open-permissions",
        hint="put the file or folder itself there, or name the place it points to",
    )


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileError(f"{name}: expected at most {MAX_FILE_BYTES} bytes")
    return data


def _replace(path: Path, data: bytes, mode: int) -> None:
    with explained("write", path, str(path)):
        temporary = _write_temporary(path, data, mode)
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    """A synced file beside `path`, under a name of its own."""
    prefix = f".{path.name}."
    # What an earlier crash left may hold a sealed key that must not outlive its epoch. A young one
    # is another process's, about to be renamed.
    for stale in path.parent.glob(f"{glob.escape(prefix)}*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - stale.lstat().st_mtime > _STALE_S:
                stale.unlink()
    temporary = path.with_name(f"{prefix}{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def sync_directory(path: Path) -> None:
    """Make new and renamed entries of a directory durable; `fsync` of a file does not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_to_wipe(path: Path) -> int | None:
    try:
        with explained("write", path, str(path)):
            return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except KeyFileError as missing:
        if missing.slug == "open-permissions":
            raise
        return None


@contextmanager
def explained(verb: str, path: Path, name: str) -> Iterator[None]:
    """
    Turn an error of the operating system into one that says what could not be done.

    Args:
        verb: What is done: read, write, make, lock.
        path: With what.
        name: Its name in messages.
    """
    try:
        yield
    except FileNotFoundError:
        gone = name if verb == "read" else f"the folder {path.parent}"
        raise KeyFileError(f"{gone} is missing") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(name) from None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"cannot {verb} {name}: no space in {path.parent}",
                slug="disk-full",
                hint="free space, run it again",
            ) from None
        raise StorageError(f"cannot {verb} {name}: {error.strerror}") from None

# SPDX-License-Identifier: Apache-2.0
"""
Output files: whole or not at all, readable by their owner alone, over nothing by accident.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from psi.errors import StorageError, UsageError

__all__ = ["OutputFile", "check_output", "write_output"]


def check_output(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """
    Refuse an output file that would replace something; called before any work is done.

    Args:
        path: Where the output shall go.
        force: An existing regular file may be replaced.
        inputs: Files and directories that were read; these are never replaced.

    Raises:
        StorageError: There is something at `path` already.
        UsageError: It is an input, or its directory does not exist.
    """
    if not path.parent.is_dir():
        raise UsageError(
            f"cannot write {path}: there is no directory {path.parent}",
            hint="make the directory, or name another file",
        )
    if not path.is_symlink() and not path.exists():
        return
    if path.exists() and _is_input(path, inputs):
        raise UsageError(
            f"{path} is one of the files that are read; it was not written",
            hint="name another output file",
        )
    if not path.is_file() or path.is_symlink():
        raise StorageError(
            f"{path} exists and is no regular file; it was not written",
            slug="output-exists",
            hint="name another output file",
        )
    if not force:
        raise _exists(path)


class OutputFile:
    """
    A file of mode 0600 that appears in one step when the `with` block ends without an error.

    Before that, and after an error, its name is as it was.
    """

    def __init__(self, path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
        """
        Args:
            path: Where the output shall go.
            force: An existing regular file may be replaced.
            inputs: Files and directories that are read.

        Raises:
            StorageError, UsageError: As `check_output`.
        """
        check_output(path, force=force, inputs=inputs)
        self._path = path
        self._force = force
        # Begins with a dot: readers of indicators leave such names out.
        self._temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")

    def write(self, data: bytes) -> None:
        """
        Add to the file.

        Raises:
            StorageError: The disk does not take it.
        """
        try:
            self._stream.write(data)
        except OSError as error:
            raise _failed(self._path, error) from None

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._stream = os.fdopen(os.open(self._temporary, flags, 0o600), "wb")
        except OSError as error:
            raise _failed(self._path, error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._publish()
        except OSError as failure:
            raise _failed(self._path, failure) from None
        finally:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._temporary.unlink(missing_ok=True)

    def _publish(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        if self._force:
            self._temporary.replace(self._path)
        else:
            _move_to_new(self._temporary, self._path)
        _sync_directory(self._path.parent)


def write_output(
    path: Path, data: bytes, *, force: bool = False, inputs: Iterable[Path] = ()
) -> None:
    """
    Write a whole file of mode 0600: afterwards it is complete, or as it was before.

    Raises:
        StorageError: There is something at `path` already, or the disk does not take the file.
        UsageError: It is an input, or its directory does not exist.
    """
    with OutputFile(path, force=force, inputs=inputs) as file:
        file.write(data)


def _is_input(path: Path, inputs: Iterable[Path]) -> bool:
    target = path.resolve()
    for source in inputs:
        origin = source.resolve()
        if origin == target or (origin.exists() and origin.samefile(target)):
            return True
        if origin.is_dir() and target.is_relative_to(origin):
            return True
    return False


def _move_to_new(temporary: Path, path: Path) -> None:
    """Give the file its name unless another file took it meanwhile."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        # Some file systems know no hard links; there a race of two writers remains.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if path.exists():
            raise _exists(path) from None
        temporary.replace(path)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> StorageError:
    return StorageError(
        f"{path} exists; it was not written",
        slug="output-exists",
        hint="name another file, or `--force` to replace it",
    )


def _failed(path: Path, error: OSError) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        return StorageError(
            f"cannot write {path}: no space in {path.parent}",
            slug="disk-full",
            hint="free space, or name a file on another disk",
        )
    return StorageError(
        f"cannot write {path}: {(error.strerror or 'unknown reason').lower()}",
        hint="check the permissions of its directory, or name another file",
    )

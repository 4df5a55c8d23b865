# SPDX-License-Identifier: Apache-2.0
"""Which files a path stands for: itself, or every file below a directory in a fixed order."""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psi.errors import IndicatorError
from psi.indicators._escape import printable
from psi.indicators.report import Skipped

__all__ = ["Found", "find_files"]

_LEFT_OUT: Final = re.compile(r"[._].*|LICENSE.*|README.*|SOURCE", re.DOTALL)


@dataclass(slots=True)
class Found:
    """The files of one path, and what was passed over."""

    files: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    left_out: int = 0


def find_files(path: str) -> Found:
    """
    The files that a path stands for, in byte order of their paths.

    Below a directory, symbolic links are not followed, and files that describe a feed rather than
    belong to it are left out: names that begin with `.` or `_`, LICENSE*, README*, SOURCE. A file
    that is named itself is always read.

    Raises:
        IndicatorError: The path is not there, or a directory can't be listed.
    """
    found = Found()
    try:
        if not stat.S_ISDIR(Path(path).stat().st_mode):
            found.files.append(path)
            return found
        _walk(path, found)
    except OSError as error:
        shown = printable(str(error.filename or path))
        raise IndicatorError(
            f"{shown} can't be read: {error.strerror or 'system error'}; nothing was sent",
            hint="check the path and its permissions",
        ) from error
    found.files.sort(key=os.fsencode)
    return found


def _walk(folder: str, found: Found) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _LEFT_OUT.fullmatch(entry.name):
                found.left_out += 1
            elif entry.is_symlink():
                found.skipped.append(Skipped(entry.path, "symbolic link"))
            elif entry.is_dir(follow_symlinks=False):
                _walk(entry.path, found)
            elif entry.is_file(follow_symlinks=False):
                found.files.append(entry.path)
            else:
                found.skipped.append(Skipped(entry.path, "not a regular file"))

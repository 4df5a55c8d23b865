# SPDX-License-Identifier: Apache-2.0
"""Which files a path stands for: itself, or every file below a directory in a fixed order."""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from psi.indicators.report import Damage, Skipped

__all__ = ["Found", "find_files", "unreadable"]

_LEFT_OUT: Final = re.compile(r"[._].*|LICENSE.*|README.*|SOURCE", re.DOTALL)
# A MISP feed keeps the MD5 of every value in hashes.csv, for look-ups. They are no indicators, and
# nothing in the file says so.
_MISP_MANIFEST: Final = "manifest.json"
_MISP_HASHES: Final = "hashes.csv"
_MAX_MANIFEST: Final = 1 << 26
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(slots=True)
class Found:
    """
    The files of one path, and what was passed over.

    Attributes:
        files: In byte order of their paths.
        unreadable: What is not there or can't be listed, and why.
        skipped, left_out: See `ReadReport`.
    """

    files: list[str] = field(default_factory=list)
    unreadable: list[Damage] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    left_out: int = 0


def find_files(path: str) -> Found:
    """
    The files that a path stands for.

    Below a directory, symbolic links are not followed, and files that describe a feed rather than
    belong to it are left out: names that begin with `.` or `_`, LICENSE*, README*, SOURCE. A file
    that is named itself is always read.
    """
    found = Found()
    try:
        is_directory = stat.S_ISDIR(Path(path).stat().st_mode)
    except (OSError, ValueError) as error:
        found.unreadable.append(Damage(path, unreadable(error)))
        return found
    if not is_directory:
        found.files.append(path)
        return found
    _walk(path, found)
    found.files.sort(key=os.fsencode)
    return found


def unreadable(error: OSError | ValueError) -> str:
    """Words for an error of the file system; a ValueError is a NUL byte in the path."""
    reason = error.strerror if isinstance(error, OSError) else None
    return f"can't be read: {(reason or 'no such path').lower()}"


def _walk(folder: str, found: Found) -> None:
    try:
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError as error:
        found.unreadable.append(Damage(folder, unreadable(error)))
        return
    apart = _apart_of_feed(Path(folder), {entry.name for entry in entries})
    for entry in entries:
        if entry.name in apart:
            found.skipped.append(Skipped(entry.path, apart[entry.name]))
        elif _LEFT_OUT.fullmatch(entry.name):
            found.left_out += 1
        elif entry.is_symlink():
            found.skipped.append(Skipped(entry.path, "symbolic link"))
        elif entry.is_dir(follow_symlinks=False):
            _walk(entry.path, found)
        elif entry.is_file(follow_symlinks=False):
            found.files.append(entry.path)
        else:
            found.skipped.append(Skipped(entry.path, "not a regular file"))


def _apart_of_feed(folder: Path, names: set[str]) -> dict[str, str]:
    """The files of a MISP feed that hold no event, and what they are; empty elsewhere."""
    if _MISP_MANIFEST not in names:
        return {}
    try:
        with (folder / _MISP_MANIFEST).open("rb") as stream:
            listed = msgspec.json.decode(stream.read(_MAX_MANIFEST), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    if not all(map(_UUID.fullmatch, listed)):
        return {}
    contents = "table of contents of a MISP feed"
    missing = sum(f"{event}.json" not in names for event in listed)
    return {
        _MISP_MANIFEST: f"{contents}, {missing:,} of its events missing" if missing else contents,
        _MISP_HASHES: "look-up table of a MISP feed",
    }

# SPDX-License-Identifier: Apache-2.0
"""
The report of an unexpected failure: versions and where it happened, and no value of anything.

The message of a foreign exception may hold an indicator (`int("evil.example")` quotes it), so
only its class is written; neither are source lines or locals.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from psi_cli._format import rfc3339
from psi_cli._version import versions

__all__ = ["trace", "write_report"]


def trace(error: BaseException) -> str:
    """File, line and function of every frame of an exception and of what it came from."""
    return "".join(f"{line}\n" for line in _lines(error, seen=set()))


def write_report(error: BaseException, directories: list[Path]) -> Path | None:
    """
    Write the report into the first directory that takes it.

    Args:
        error: The failure.
        directories: Where a report may go, best first.

    Returns:
        The file, 0600; None when no directory could be written.
    """
    text = _report(error)
    for directory in directories:
        name = f"overlap-bug-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-"
        try:
            descriptor, path = tempfile.mkstemp(prefix=name, suffix=".txt", dir=directory)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return Path(path)
    return None


def _report(error: BaseException) -> str:
    facts = {"time": rfc3339(time.time()), "platform": sys.platform, **versions()}
    head = "".join(f"{label}: {text}\n" for label, text in facts.items())
    return f"overlap bug report, without values\n{head}\n{trace(error)}"


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:  # a chain can be a ring
        return
    seen.add(id(error))
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None:
        yield from _lines(origin, seen)
        yield "which led to"
    yield from _frames(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield "of which one is"
            yield from _lines(part, seen)


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"  {_short(code.co_filename)}:{traceback.tb_lineno} in {code.co_qualname}"
        traceback = traceback.tb_next


def _short(filename: str) -> str:
    """The path of a module below the folder it was imported from: no user's folders."""
    roots = [root.rstrip("/") + "/" for root in sys.path if root and filename.startswith(root)]
    return filename[len(max(roots, key=len)) :] if roots else Path(filename).name

# SPDX-License-Identifier: Apache-2.0
"""
Everything that reaches the terminal: stdout has the result alone, stderr all that is said of it.

Colour repeats a word and never replaces it; it is one of the terminal's 16.
"""

import errno
import json
import os
import sys
from collections.abc import Mapping
from typing import Final, Literal, TextIO

from psi.errors import StorageError
from psi.results.text import escape

__all__ = [
    "LABEL_WIDTH",
    "ColorMode",
    "OutputClosedError",
    "Screen",
    "is_terminal",
    "stdout_width",
    "terminal_width",
    "wants_color",
]

LABEL_WIDTH: Final = 11
ColorMode = Literal["auto", "always", "never"]
Paint = Literal["dim", "red", "green", "yellow"]
_SGR: Final[Mapping[Paint, str]] = {"dim": "2", "red": "31", "green": "32", "yellow": "33"}
_WORDS: Final[Mapping[str, Paint]] = {"ok": "green", "FAIL": "red", "warning": "yellow"}


class OutputClosedError(Exception):
    """Whoever read our stdout has gone; not an error of ours, and nothing is said."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at this stream on something that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Columns to write for: the terminal's, `COLUMNS` before it; 80 when nothing is known."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    for stream in (sys.stdout, sys.stderr):
        try:
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            continue
    return 80


def stdout_width() -> int | None:
    """The columns of the terminal behind stdout, None for a pipe or a file."""
    return terminal_width() if sys.stdout.isatty() else None


def wants_color(stream: TextIO, mode: ColorMode) -> bool:
    """`--color` beats `NO_COLOR`, that beats `FORCE_COLOR`, that beats what the stream is."""
    if mode != "auto":
        return mode == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream)


class Screen:
    """Writes lines with a label in the left column, for one command."""

    def __init__(self, *, color: ColorMode = "auto", quiet: bool = False) -> None:
        """`quiet` drops what is said on stderr, errors excepted."""
        self._color: ColorMode = color
        self._quiet = quiet

    def out(self, text: str) -> None:
        """
        Write to stdout as it is, line feeds included.

        Raises:
            OutputClosedError: The reader has gone.
            StorageError: The file behind stdout takes no more.
        """
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputClosedError from None
        except OSError as error:
            raise StorageError(
                f"cannot write the output: {(error.strerror or 'it is closed').lower()}",
                slug="disk-full" if error.errno == errno.ENOSPC else "storage-fault",
                hint="the output is not complete; free space, or write to another file",
            ) from None

    def object(self, what: str, fields: Mapping[str, object]) -> None:
        """One JSON object on stdout, `"format": "overlap-<what>/1"` first."""
        self.out(json.dumps({"format": f"overlap-{what}/1", **fields}) + "\n")

    def row(self, label: str, text: str) -> None:
        """One line of a result on stdout: label, text."""
        self.out(f"{self._labelled(sys.stdout, label, text)}\n")

    def note(self, label: str, text: str) -> None:
        """One line on stderr: label, text; without a label the text alone."""
        if not self._quiet:
            self.say(self._labelled(sys.stderr, label, text) if label else escape(text))

    def next_step(self, text: str) -> None:
        """The one line at the end that says how to go on."""
        if not self._quiet:
            self.say(f"{self._paint(sys.stderr, 'next:', 'dim')} {escape(text)}")

    def failure(self, label: Literal["error", "hint", "warning", "detail"], text: str) -> None:
        """A line of the form `overlap: error: TEXT`; never dropped."""
        paint: Paint | None = {"error": "red", "warning": "yellow"}.get(label)  # type: ignore[assignment]  # values are literals
        word = f"{label}:"
        shown = self._paint(sys.stderr, word, paint) if paint else word
        self.say(f"overlap: {shown} {escape(text)}")

    def say(self, line: str) -> None:
        """A line on stderr as it is; a stderr that is gone is nobody's loss."""
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except OSError:
            pass

    def dim(self, text: str) -> str:
        """Text for stdout, dim where there is colour."""
        return self._paint(sys.stdout, text, "dim")

    def _labelled(self, stream: TextIO, label: str, text: str) -> str:
        left = self._paint(stream, f"{escape(label):{LABEL_WIDTH - 1}} ", _WORDS.get(label, "dim"))
        return left + escape(text)

    def _paint(self, stream: TextIO, text: str, paint: Paint) -> str:
        if not wants_color(stream, self._color):
            return text
        return f"\x1b[{_SGR[paint]}m{text}\x1b[0m"

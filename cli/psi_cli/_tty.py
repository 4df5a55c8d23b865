# SPDX-License-Identifier: Apache-2.0
"""
Questions to a person, on the controlling terminal only: stdin and stdout may be pipes.

With `--json`, or where there is no terminal, nothing is asked: the error names the flag.
"""

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from psi.errors import UsageError
from psi.results.text import escape
from psi_cli._settings import Settings

__all__ = ["ask_secret", "confirm"]

_TERMINAL: Final = Path("/dev/tty")


def confirm(settings: Settings, question: str, *, flag: str, about: str | None = None) -> bool:
    """
    Ask a question whose answer is no unless it is yes; what was typed before it does not count.

    Args:
        settings: With `--json` nobody is asked.
        question: Ends in a question mark.
        flag: What answers it for scripts, for instance "--yes".
        about: A line that stdout shows above the question; where stdout leads elsewhere, it goes
            to the terminal too.

    Raises:
        UsageError: Nobody can be asked.
    """
    with _terminal(settings, question, flag) as descriptor:
        with suppress(termios.error):
            termios.tcflush(descriptor, termios.TCIFLUSH)
        if about is not None and not sys.stdout.isatty():
            _write(descriptor, f"{escape(about)}\n")
        _write(descriptor, f"{escape(question)} [y/N] ")
        return _read_line(descriptor).strip().lower() in ("y", "yes")


def ask_secret(settings: Settings, prompt: str, *, flag: str) -> bytes:
    """
    Read a passphrase without showing it.

    Raises:
        UsageError: Nobody can be asked.
    """
    with _terminal(settings, prompt, flag) as descriptor:
        # Echo goes first: what is typed after the prompt is neither shown nor flushed.
        with _without_echo(descriptor):
            _write(descriptor, f"{escape(prompt)}: ")
            secret = _read_line(descriptor)
        _write(descriptor, "\n")
        return secret.encode("utf-8", "surrogateescape")


@contextmanager
def _terminal(settings: Settings, question: str, flag: str) -> Iterator[int]:
    descriptor = None
    if not settings.json:
        try:
            descriptor = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            descriptor = None
    if descriptor is None:
        reason = "with --json nobody is asked" if settings.json else "there is no terminal"
        raise UsageError(
            f"a person has to answer, and {reason}: {question}",
            hint=f"`{flag}` answers it in a script",
        )
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:
        yield
        return
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _write(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode("utf-8", "backslashreplace"))


def _read_line(descriptor: int) -> str:
    """One line without its end; an empty one when the terminal hangs up."""
    line = bytearray()
    while piece := os.read(descriptor, 1024):
        line += piece
        if piece.endswith(b"\n"):
            break
    return line.decode("utf-8", "surrogateescape").rstrip("\r\n")

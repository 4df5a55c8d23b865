# SPDX-License-Identifier: Apache-2.0
"""The terminal's side of `psi.app.events`: notes and the progress line on stderr."""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from psi_cli._progress import ProgressLine
from psi_cli._settings import Settings

__all__ = ["TerminalEvents"]


class TerminalEvents:
    """
    Shows what a use case tells; a context manager, so that the line goes whatever happens.

    While it is open, SIGUSR1 prints one line of progress.
    """

    def __init__(self, settings: Settings) -> None:
        self._screen = settings.screen
        self._progress = ProgressLine(
            sys.stderr, verbose=settings.verbose > 0, quiet=settings.quiet
        )
        self._previous: Any = None
        self.said: list[str] = []

    def note(self, label: str, text: str) -> None:
        """One fact, above the progress line; kept in `said` for a program that asks for it."""
        self.said.append(text)
        self._progress.above(lambda: self._screen.note(label, text))

    def progress(self, verb: str, done: int, total: int, nbytes: int) -> None:
        """New numbers for the line."""
        self._progress.update(verb, done, total, nbytes)

    def wait(self, peer: str, seconds: float) -> None:
        """The peer is silent."""
        self._progress.wait(peer, seconds)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGUSR1, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGUSR1, self._previous)
        self._progress.close()

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._progress.print_plain()

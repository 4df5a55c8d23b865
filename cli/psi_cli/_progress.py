# SPDX-License-Identifier: Apache-2.0
"""
One line on stderr that says how far a run is: four times a second, gone at the end.

In a pipe there is nothing; with `-v` a plain line every 30 s. SIGUSR1 prints one at any time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

from psi.results.text import count, si_bytes
from psi_cli._format import duration
from psi_cli._print import is_terminal, terminal_width

__all__ = ["Meter", "ProgressLine"]

_BAR: Final = 20
_RATE_WINDOW_S: Final = 5.0
_NO_ESTIMATE_S: Final = 2.0
_REDRAW_S: Final = 0.25
_PLAIN_S: Final = 30.0
_CLEAR: Final = "\r\x1b[K"


@dataclass(slots=True)
class _Wait:
    peer: str
    since: float


class Meter:
    """Turns the numbers of a step into the text of the line; its clock is injected."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._verb = ""
        self._done = self._total = self._bytes = 0
        self._began = 0.0
        self._samples: deque[tuple[float, int]] = deque()
        self._waiting: _Wait | None = None

    def update(self, verb: str, done: int, total: int, nbytes: int) -> None:
        """New numbers; another verb starts the rate and the estimate anew."""
        now = self._now()
        if verb != self._verb:
            self._verb, self._began = verb, now
            self._samples.clear()
        self._done, self._total, self._bytes = done, total, nbytes
        self._waiting = None
        self._samples.append((now, done))
        # One sample older than the window stays: the rate is then over at least the window.
        while len(self._samples) > 2 and self._samples[1][0] <= now - _RATE_WINDOW_S:
            self._samples.popleft()

    def wait(self, peer: str, seconds: float) -> None:
        """The peer is silent since so many seconds; the line counts on from there."""
        self._waiting = _Wait(peer, self._now() - seconds)

    def line(self, width: int) -> str:
        """The line for a terminal of `width` columns; empty before the first number."""
        now = self._now()
        if self._waiting is not None:
            waited = int(now - self._waiting.since)
            return f"waiting for {self._waiting.peer}, {waited} s"[: width - 1]
        if not self._verb:
            return ""
        # The last column stays free: some terminals wrap when it is written.
        return _join(self._fields(now), width - 1)

    def _fields(self, now: float) -> list[str]:
        fields = [self._verb]
        if self._total > 0:
            part = min(1.0, self._done / self._total)
            full = int(_BAR * part)
            fields.append(f"[{'#' * full}{'-' * (_BAR - full)}] {int(100 * part):3d}%")
            fields.append(f"{count(self._done)} of {count(self._total)}")
        else:
            fields.append(count(self._done))
        rate = self._rate(now)
        if rate >= 1:
            fields.append(f"{count(int(rate))}/s")
        if self._bytes:
            fields.append(si_bytes(self._bytes))
        if now - self._began >= _NO_ESTIMATE_S and rate > 0 and self._total > self._done:
            left = max(1, round((self._total - self._done) / rate))
            fields.append(f"{left} s left" if left < 10 else f"{duration(left)} left")
        return fields

    def _rate(self, now: float) -> float:
        if not self._samples:
            return 0.0
        began, done = self._samples[0]
        return (self._done - done) / (now - began) if now > began else 0.0


def _join(fields: list[str], width: int) -> str:
    """The fields that fit, two spaces apart; the later ones go first."""
    line = fields[0]
    for field in fields[1:]:
        if len(line) + 2 + len(field) > width:
            break
        line = f"{line}  {field}"
    return line[:width]


class ProgressLine:
    """Shows a meter on a stream until it is closed."""

    def __init__(self, stream: TextIO, *, verbose: bool, quiet: bool) -> None:
        """
        Args:
            stream: stderr.
            verbose: In a pipe, a plain line every 30 s.
            quiet: Nothing, wherever it goes; SIGUSR1 is still answered.
        """
        self._stream = stream
        self._live = is_terminal(stream) and not quiet
        self._plain = not self._live and verbose and not quiet
        self._meter = Meter()
        self._lock = threading.RLock()
        self._shown = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def update(self, verb: str, done: int, total: int, nbytes: int) -> None:
        """As `psi.app.events.Events.progress`."""
        with self._lock:
            self._meter.update(verb, done, total, nbytes)
        self._start()

    def wait(self, peer: str, seconds: float) -> None:
        """As `psi.app.events.Events.wait`."""
        with self._lock:
            self._meter.wait(peer, seconds)
        self._start()

    def above(self, say: Callable[[], None]) -> None:
        """Let something be printed where the line is; the next redraw brings the line back."""
        with self._lock:
            self._clear()
            say()

    def print_plain(self) -> None:
        """One line of its own, now; what SIGUSR1 asks for."""
        # A signal handler runs in the thread that may hold the lock: the lock is reentrant, and
        # at worst the printed line is a quarter of a second old.
        line = self._meter.line(terminal_width())
        if line:
            self.above(lambda: self._write(f"{line}\n"))

    def close(self) -> None:
        """Take the line away; nothing is drawn afterwards."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            self._clear()

    def _start(self) -> None:
        if self._thread is None and (self._live or self._plain) and not self._ended.is_set():
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = _REDRAW_S if self._live else _PLAIN_S
        while not self._ended.wait(pause):
            if self._live:
                self._draw()
            else:
                self.print_plain()

    def _draw(self) -> None:
        with self._lock:
            line = self._meter.line(terminal_width())
            if line:
                self._write(f"\r{line}\x1b[K")
                self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(_CLEAR)
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a terminal that is gone must not end a run

# SPDX-License-Identifier: Apache-2.0
"""Waiting for a peer, told to whoever watches."""

from psi.app.events import Events
from psi.transport.waiting import ThreadWaiter

__all__ = ["ToldWaiter"]


class ToldWaiter(ThreadWaiter):
    """The real clock; every second of waiting for the peer is shown."""

    def __init__(self, events: Events, peer: str) -> None:
        super().__init__()
        self._ended = False
        self._events = events
        self._peer = peer

    def wait(self, seconds: float) -> None:
        """Sleep in short pieces, so that the line on the terminal counts."""
        started = self.monotonic()
        while not self._ended and (waited := self.monotonic() - started) < seconds:
            self._events.wait(self._peer, waited)
            super().wait(min(1.0, seconds - waited))

    def wake(self) -> None:
        """End all waiting, now and later."""
        self._ended = True
        super().wake()

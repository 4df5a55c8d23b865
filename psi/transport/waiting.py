# SPDX-License-Identifier: Apache-2.0
"""Waiting that another thread can end, and the clock that goes with it."""

import random
import threading
import time
from typing import Final, Protocol

__all__ = ["ThreadWaiter", "Waiter", "backoff_s"]

_FIRST_S: Final = 0.25
_LONGEST_S: Final = 8.0


class Waiter(Protocol):
    """A clock that only moves forward, and sleep on it."""

    def monotonic(self) -> float:
        """Seconds from some start."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleep; return early once `wake` was called."""
        ...

    def wake(self) -> None:
        """End all waiting, now and later; from any thread."""
        ...


class ThreadWaiter:
    """The real clock."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def monotonic(self) -> float:
        """Seconds from some start."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep; return early once `wake` was called."""
        self._woken.wait(seconds)

    def wake(self) -> None:
        """End all waiting, now and later."""
        self._woken.set()


def backoff_s(failures: int) -> float:
    """The pause after so many failures in a row, from 1: doubling, at most 8 s, and jittered."""
    longest = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures - 1, 10))
    # Between half and all of it, so that clients that failed together do not return together.
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret depends on it

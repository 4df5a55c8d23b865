# SPDX-License-Identifier: Apache-2.0
"""Time as use cases get it, so that tests can set it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = ["Clock", "rfc3339"]


# Of the year 9999; peers send any number.
_LAST_SECOND: Final = 253_402_300_799


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix milliseconds for what is signed, a monotonic clock in seconds for durations."""

    now_ms: Callable[[], int] = _unix_ms
    monotonic: Callable[[], float] = time.monotonic

    @property
    def now_s(self) -> int:
        """Unix seconds."""
        return self.now_ms() // 1000


def rfc3339(unix_ms: int) -> str:
    """`2026-11-24T09:14:05Z`."""
    moment = datetime.fromtimestamp(min(unix_ms // 1000, _LAST_SECOND), UTC)
    return moment.isoformat().replace("+00:00", "Z")

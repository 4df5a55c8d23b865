# SPDX-License-Identifier: Apache-2.0
"""How many evaluations run at once: a bounded number, and of one caller no more than four."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psi.errors import RefusedError

__all__ = ["MAX_IN_FLIGHT", "Slots"]

# A client has at most four chunks in flight (docs/protocol.md, section 4).
MAX_IN_FLIGHT: Final = 4
_RETRY_AFTER_MS: Final = 250


class Slots:
    """Admits work up to a total and a share of each caller; what is over is told to come back."""

    def __init__(self, total: int, each: int = MAX_IN_FLIGHT) -> None:
        self._total = total
        self._each = each
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def slot(self, caller: str) -> Iterator[None]:
        """
        Hold one slot for the time of the block.

        Raises:
            RefusedError: All are taken (`busy`, with `retry_after_ms`).
        """
        with self._lock:
            if self._taken.total() >= self._total or self._taken[caller] >= self._each:
                raise RefusedError(
                    f"{self._taken.total()} of {self._total} evaluations are running",
                    slug="busy",
                    detail={"retry_after_ms": _RETRY_AFTER_MS},
                )
            self._taken[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[caller] -= 1
                if not self._taken[caller]:
                    del self._taken[caller]

# SPDX-License-Identifier: Apache-2.0
"""The padded lists of the last few sessions: large, dear to make, and asked for page by page."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

__all__ = ["PaddedLists"]

# A list has up to 16 bytes a tag; two sessions of two clients fit, and one more of each.
_KEPT: Final = 4


class PaddedLists:
    """Makes each list once, also when several calls want it at the same time."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, at: Hashable, make: Callable[[], bytes]) -> bytes:
        """The list of `at`; the others wait, since two at once would take twice the memory."""
        with self._lock:
            padded = self._lists.pop(at, None)
            if padded is None:
                padded = make()
            self._lists[at] = padded
            while len(self._lists) > _KEPT:
                self._lists.popitem(last=False)
            return padded

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._lists.clear()

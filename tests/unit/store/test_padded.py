# SPDX-License-Identifier: Apache-2.0
"""Padded lists are made once, and few are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

from psi.store.padded import PaddedLists


def test_list_that_many_want_at_once_is_made_once() -> None:
    """All of them get the one that the first has made."""
    lists, together = PaddedLists(), threading.Barrier(8)
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"list"

    def want(_: int) -> bytes:
        together.wait()
        return lists.get("here", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(want, range(8))) == {b"list"}
    assert made == [1]


def test_list_used_least_recently_is_dropped_first() -> None:
    """Four are kept; what was dropped, or cleared, is made again."""
    lists = PaddedLists()
    made: list[int] = []

    def want(at: int) -> None:
        def make() -> bytes:
            made.append(at)
            return b""

        lists.get(at, make)

    for at in (1, 2, 3, 4, 1, 5, 1, 2):
        want(at)
    assert made == [1, 2, 3, 4, 5, 2]
    lists.clear()
    want(1)
    assert made[-1] == 1

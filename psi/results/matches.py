# SPDX-License-Identifier: Apache-2.0
"""The matches of a large result without an object for each: made when asked for, and not kept."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from psi.results.result import Match

__all__ = ["LazyMatches"]


class LazyMatches(Sequence[Match]):
    """
    A sequence of matches that holds none of them.

    Args:
        size: How many there are.
        make: Gives match i, 0 <= i < size, an equal one each time.
        each: Gives all of them in order, where that is faster than one by one.
    """

    __slots__ = ("_each", "_make", "_size")

    def __init__(
        self,
        size: int,
        make: Callable[[int], Match],
        each: Callable[[], Iterator[Match]] | None = None,
    ) -> None:
        self._size = size
        self._make = make
        self._each = each

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Match: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyMatches": ...
    def __getitem__(self, index: int | slice) -> "Match | LazyMatches":
        chosen = range(self._size)[index]
        if isinstance(chosen, int):
            return self._make(chosen)
        return LazyMatches(len(chosen), lambda i: self._make(chosen[i]))

    def __iter__(self) -> Iterator[Match]:
        return map(self._make, range(self._size)) if self._each is None else self._each()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to any sequence of the same matches

    def __repr__(self) -> str:
        return f"LazyMatches({self._size})"

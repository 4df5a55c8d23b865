# SPDX-License-Identifier: Apache-2.0
"""Indicators at speed; `_intern` and `_plain` say what stands in when this is not built."""

class Interner:
    """Distinct elements, numbered in order of first appearance."""

    def __new__(cls, kinds: tuple[bytes, ...], wanted: bytes, key: bytes) -> Interner: ...
    def add(self, element: bytes, /) -> int:
        """The row of an element, -1 if its kind is not wanted."""

    def add_all(self, data: bytes, ends: bytes, /) -> bytes:
        """The rows of many elements, u32, 2**32 - 1 for unwanted; `ends` as in `take`."""

    def take(self) -> tuple[bytes, bytes, bytes]:
        """Concatenation, ends as u64, kinds as u8; the interner is of no use afterwards."""

    def __len__(self) -> int: ...

class Rules:
    """What is certain about values that are plain."""

    def __new__(
        cls,
        known: bytes,
        special: bytes,
        suspect: bytes,
        fold_https: bool,
        urls: bool,
        networks: bool,
    ) -> Rules: ...
    def element(self, text: str, typed: bool, /) -> bytes | None:
        """The element of a plain value, None for others."""

    def lines(
        self, interner: Interner, data: bytes, start: int, number: int, /
    ) -> tuple[int, int, bytes, bytes, bytes, bytes]:
        """
        Intern plain lines from `start` on, up to the first that is not plain.

        Returns:
            Position and number of that line (len(data) + 1 at the end); row and line of each value,
            u32; what was written, where that is not the canonical value; its lengths, u32.
        """

# SPDX-License-Identifier: Apache-2.0
"""
Many byte strings in one buffer: what the kernel reads, without a Python object for each.

    >>> packed = PackedValues.pack([b"ip:8.8.8.8", b"domain:evil.com"])
    >>> len(packed), packed.value(1)
    (2, b'domain:evil.com')
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["PackedValues"]


class PackedValues:
    """
    `n` byte strings: `data` concatenated, `offsets` with n + 1 entries, the first of them 0.

    Args:
        data: The concatenation.
        offsets: Native uint64, ascending; value i is `data[offsets[i]:offsets[i + 1]]`.
    """

    __slots__ = ("data", "offsets")

    def __init__(self, data: bytes, offsets: npt.NDArray[np.uint64]) -> None:
        assert offsets.dtype == np.uint64 and offsets.ndim == 1, "the kernel reads u64"
        assert len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(data)
        assert bool(np.all(offsets[1:] >= offsets[:-1])), "offsets ascend"
        self.data = data
        self.offsets = offsets

    @classmethod
    def pack(cls, values: Iterable[bytes]) -> Self:
        """Pack values in the order given."""
        data = bytearray()
        ends = array("Q", [0])
        for value in values:
            data += value
            ends.append(len(data))
        return cls(bytes(data), np.array(ends, dtype=np.uint64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def value(self, row: int) -> bytes:
        """Value `row`, 0 <= row < n."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.data[int(self.offsets[row]) : int(self.offsets[row + 1])]

    def __iter__(self) -> Iterator[bytes]:
        return (self.value(row) for row in range(len(self)))

    def slice(self, start: int, stop: int) -> "PackedValues":
        """Values `start` to `stop` (not included), as a copy whose offsets begin at 0."""
        start, stop, _ = slice(start, stop).indices(len(self))
        stop = max(start, stop)
        offsets = self.offsets[start : stop + 1]
        data = self.data[int(offsets[0]) : int(offsets[-1])]
        return PackedValues(data, offsets - offsets[0])

    def only(self, keep: npt.NDArray[np.bool_]) -> "PackedValues":
        """The values for which `keep` is true, as a copy."""
        lengths = np.diff(self.offsets).astype(np.int64)
        data = np.frombuffer(self.data, dtype=np.uint8)[np.repeat(keep, lengths)]
        offsets = np.zeros(int(np.count_nonzero(keep)) + 1, dtype=np.uint64)
        np.cumsum(lengths[keep], out=offsets[1:])
        return PackedValues(data.tobytes(), offsets)

    @property
    def nbytes(self) -> int:
        """Bytes held by both buffers."""
        return len(self.data) + self.offsets.nbytes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedValues):
            return NotImplemented
        return self.data == other.data and np.array_equal(self.offsets, other.offsets)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"PackedValues({len(self)} values, {len(self.data)} bytes)"

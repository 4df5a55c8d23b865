# SPDX-License-Identifier: Apache-2.0
"""
Distinct elements, numbered in order of first appearance.

`_fast` has the same in C, with a tenth of the memory; tests hold them equal.
"""

import secrets
from array import array
from typing import Final, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from psi.indicators._plain import fast
from psi.indicators.kinds import KINDS, Kind
from psi.indicators.values import PackedValues

__all__ = ["UNWANTED", "DictInterner", "Interner", "as_numpy", "make_interner", "taken"]

UNWANTED: Final = -1

_NAMES: Final = tuple(kind.encode() for kind in KINDS)
_CODES: Final = {name: code for code, name in enumerate(_NAMES)}

assert array("I").itemsize == 4 and array("Q").itemsize == 8, "numpy reads their memory"

_Number = TypeVar("_Number", np.uint8, np.uint32, np.uint64)


class Interner(Protocol):
    """What the two have in common."""

    def add(self, element: bytes, /) -> int:
        """The row of an element `kind:value`, a new one where it was not there; or `UNWANTED`."""
        ...

    def add_all(self, data: bytes, ends: bytes, /) -> bytes:
        """The rows of many elements, as u32; `data` and `ends` as `take` gives them."""
        ...

    def take(self) -> tuple[bytes, bytes, bytes]:
        """Concatenation, ends as u64, kinds as u8; the interner is of no use afterwards."""
        ...

    def __len__(self) -> int: ...


class DictInterner:
    """
    A dict while reading; what is left at the end are two buffers and an array.

    Args:
        wanted: Kinds to number; of the others only `UNWANTED` is said.
    """

    def __init__(self, wanted: frozenset[bytes]) -> None:
        self._wanted = wanted
        self._rows: dict[bytes, int] = {}
        self._data = bytearray()
        self._ends = array("Q", [0])
        self._kinds = array("B")

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, element: bytes) -> int:
        """The row of an element `kind:value`, a new one where it was not there; or `UNWANTED`."""
        n = len(self._kinds)
        row = self._rows.setdefault(element, n)
        if row == n:
            kind = element[: element.index(b":")]
            if kind not in self._wanted:
                del self._rows[element]
                return UNWANTED
            self._kinds.append(_CODES[kind])
            self._data += element
            self._ends.append(len(self._data))
        return row

    def add_all(self, data: bytes, ends: bytes, /) -> bytes:
        """The rows of many elements, as u32; `data` and `ends` as `take` gives them."""
        values = PackedValues(data, np.frombuffer(ends, dtype=np.uint64))
        return np.array([self.add(value) for value in values]).astype(np.uint32).tobytes()

    def take(self) -> tuple[bytes, bytes, bytes]:
        """Concatenation, ends as u64, kinds as u8; the interner is of no use afterwards."""
        # The largest thing here, and nobody needs it any more: it goes before the copies come.
        self._rows = {}
        return bytes(self._data), self._ends.tobytes(), self._kinds.tobytes()


def make_interner(wanted: frozenset[Kind]) -> Interner:
    """The faster one that there is, for the kinds that are wanted."""
    if fast is not None:
        flags = bytes(kind in wanted for kind in KINDS)
        return fast.Interner(_NAMES, flags, secrets.token_bytes(16))
    return DictInterner(frozenset(kind.encode() for kind in wanted))


def taken(interner: Interner) -> tuple[PackedValues, npt.NDArray[np.uint8]]:
    """The elements of an interner and their kinds."""
    data, ends, kinds = interner.take()
    values = PackedValues(data, np.frombuffer(ends, dtype=np.uint64))
    return values, np.frombuffer(kinds, dtype=np.uint8)


def as_numpy(values: "array[int]", dtype: type[_Number]) -> npt.NDArray[_Number]:
    """The numbers of an array, as a view of its memory."""
    return np.frombuffer(values, dtype=dtype) if values else np.zeros(0, dtype=dtype)

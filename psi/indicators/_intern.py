# SPDX-License-Identifier: Apache-2.0
"""Distinct elements, numbered in order of first appearance."""

from array import array
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from psi.indicators.kinds import KINDS
from psi.indicators.values import PackedValues

__all__ = ["UNWANTED", "Interner", "as_numpy"]

UNWANTED: Final = -1

_CODES: Final = {kind.encode(): code for code, kind in enumerate(KINDS)}

assert array("I").itemsize == 4 and array("Q").itemsize == 8, "numpy reads their memory"

_Number = TypeVar("_Number", np.uint8, np.uint32, np.uint64)


class Interner:
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

    def take(self) -> tuple[PackedValues, npt.NDArray[np.uint8]]:
        """The elements and their kinds; the interner is of no use afterwards."""
        # The largest thing here, and nobody needs it any more: it goes before the copies come.
        self._rows = {}
        values = PackedValues(bytes(self._data), as_numpy(self._ends, np.uint64))
        return values, as_numpy(self._kinds, np.uint8)


def as_numpy(values: "array[int]", dtype: type[_Number]) -> npt.NDArray[_Number]:
    """The numbers of an array, as a view of its memory."""
    return np.frombuffer(values, dtype=dtype) if values else np.zeros(0, dtype=dtype)

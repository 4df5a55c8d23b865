# SPDX-License-Identifier: Apache-2.0
"""
Collect canonical elements: deduplicate, count, remember where each was written.

While reading, one dict holds the distinct elements; it is dropped when the set is frozen.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from psi.indicators.canonical import Canonicaliser
from psi.indicators.kinds import KINDS, Kind
from psi.indicators.profile import Profile
from psi.indicators.readers import Record
from psi.indicators.reasons import DAMAGE, Reason
from psi.indicators.report import (
    MAX_POSITIONS,
    Damage,
    Position,
    ReadReport,
    Rejected,
    Skipped,
)
from psi.indicators.set import IndicatorSet, Occurrences
from psi.indicators.values import PackedValues

__all__ = ["EVERY", "Collector"]

EVERY: Final = 8192  # records between two signs of progress

_CODES: Final = {kind.encode(): code for code, kind in enumerate(KINDS)}
_MAX_LINE: Final = 2**32 - 1

assert array("I").itemsize == 4 and array("Q").itemsize == 8, "numpy reads their memory"

_Number = TypeVar("_Number", np.uint8, np.uint32, np.uint64)


class Collector:
    """
    Args:
        canonicaliser: Makes the elements.
        kinds: Kinds to keep; the others are counted as filtered.
        on_reject: Called for each rejected value, so that none is held.
    """

    def __init__(
        self,
        canonicaliser: Canonicaliser,
        kinds: frozenset[Kind],
        on_reject: Callable[[Rejected], None] | None,
    ) -> None:
        self._elements = canonicaliser.elements
        self._wanted = frozenset(kind.encode() for kind in kinds)
        self._on_reject = on_reject
        self._rows: dict[bytes, int] = {}
        self._data = bytearray()
        self._ends = array("Q", [0])
        self._kinds = array("B")
        self._row = array("I")
        self._file = array("I")
        self._line = array("I")
        self._text = bytearray()
        self._text_ends = array("Q", [0])
        self._files: list[str] = []
        self._file_index = 0
        self._rejected: Counter[Reason] = Counter()
        self._filtered: Counter[str] = Counter()
        self._positions: dict[Reason, list[Position]] = {}
        self.damaged: list[Damage] = []
        self.skipped: list[Skipped] = []
        self.left_out = 0

    def begin_file(self, name: str) -> None:
        """What follows is of this file."""
        self._file_index = len(self._files)
        self._files.append(name)

    @property
    def values_read(self) -> int:
        """Values so far, used or not."""
        return len(self._row) + self._rejected.total() + self._filtered.total()

    @property
    def file(self) -> str:
        """The current file."""
        return self._files[-1]

    def take(self, records: Iterable[Record], each: Callable[[], None] | None) -> None:
        """
        Take values as written, of the current file.

        Args:
            records: Value, type name or None, line.
            each: Called after every `EVERY` records.
        """
        # One loop with local names: this is where a million values spend their time.
        to_elements, rows, file = self._elements, self._rows, self._file_index
        add_row, add_file, add_line = self._row.append, self._file.append, self._line.append
        written, add_end = self._text, self._text_ends.append
        n = len(rows)
        for count, (text, type_hint, line) in enumerate(records, 1):
            found = to_elements(text, type_hint)
            if isinstance(found, Reason):
                self.reject(text, line, found)
                found = ()
            for element in (found,) if isinstance(found, bytes) else found:
                colon = element.index(b":")
                row = rows.setdefault(element, n)
                if row == n:
                    if not self._is_new(element, element[:colon]):
                        continue
                    n += 1
                add_row(row)
                add_file(file)
                add_line(line if line < _MAX_LINE else _MAX_LINE)
                # What was written canonically is not stored twice.
                raw = text.encode("utf-8", "surrogateescape")
                if len(raw) != len(element) - colon - 1 or not element.endswith(raw):
                    written += raw
                add_end(len(written))
            if each is not None and count % EVERY == 0:
                each()

    def _is_new(self, element: bytes, kind: bytes) -> bool:
        """Store an element that was not there, or take it out again for its kind."""
        if kind not in self._wanted:
            del self._rows[element]
            self._filtered[kind.decode()] += 1
            return False
        self._kinds.append(_CODES[kind])
        self._data += element
        self._ends.append(len(self._data))
        return True

    def reject(self, text: str, line: int, reason: Reason) -> None:
        """Count a value that is not used."""
        self._rejected[reason] += 1
        positions = self._positions.setdefault(reason, [])
        if len(positions) < MAX_POSITIONS or self._on_reject is not None:
            position = Position(self._files[-1], line)
            if len(positions) < MAX_POSITIONS:
                positions.append(position)
            if self._on_reject is not None:
                self._on_reject(Rejected(text, position, reason))

    def freeze(self, profile: Profile) -> IndicatorSet:
        """The set of everything taken; the collector is of no use afterwards."""
        n = len(self._rows)
        # The largest thing here, and nobody needs it any more: it goes before the copies come.
        self._rows = {}
        rows = _numpy(self._row, np.uint32)
        starts = np.zeros(n + 1, dtype=np.uint32)
        np.cumsum(np.bincount(rows, minlength=n), out=starts[1:], dtype=np.uint32)
        occurrences = Occurrences(
            files=tuple(self._files),
            file=_numpy(self._file, np.uint32),
            line=_numpy(self._line, np.uint32),
            text=bytes(self._text),
            text_offsets=_numpy(self._text_ends, np.uint64),
            order=np.argsort(rows, kind="stable").astype(np.uint32),
            row_starts=starts,
        )
        return IndicatorSet(
            values=PackedValues(bytes(self._data), _numpy(self._ends, np.uint64)),
            kinds=_numpy(self._kinds, np.uint8),
            occurrences=occurrences,
            profile=profile,
            report=self._report(n),
        )

    def _report(self, to_use: int) -> ReadReport:
        return ReadReport(
            files=tuple(self._files),
            values_read=self.values_read,
            to_use=to_use,
            duplicates=len(self._row) - to_use,
            rejected=dict(self._rejected),
            filtered=dict(self._filtered),
            first_positions={reason: tuple(found) for reason, found in self._positions.items()},
            damaged_records=sum(self._rejected[reason] for reason in DAMAGE),
            damaged=tuple(self.damaged),
            skipped=tuple(self.skipped),
            left_out=self.left_out,
        )


def _numpy(values: "array[int]", dtype: type[_Number]) -> npt.NDArray[_Number]:
    """The numbers of an array, as a view of its memory."""
    return np.frombuffer(values, dtype=dtype) if values else np.zeros(0, dtype=dtype)

# SPDX-License-Identifier: Apache-2.0
"""
Collect canonical elements: deduplicate, count, remember where each was written.

While reading, one dict holds the distinct elements; it is dropped when the set is frozen.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

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
        elements, keep = self._elements, self._keep
        for count, (text, type_hint, line) in enumerate(records, 1):
            found = elements(text, type_hint)
            if isinstance(found, bytes):
                keep(found, text, line)
            elif isinstance(found, tuple):
                for element in found:
                    keep(element, text, line)
            else:
                self.reject(text, line, found)
            if each is not None and count % EVERY == 0:
                each()

    def _keep(self, element: bytes, text: str, line: int) -> None:
        rows = self._rows
        n = len(rows)
        row = rows.setdefault(element, n)
        if row == n:
            kind = element[: element.index(b":")]
            if kind not in self._wanted:
                del rows[element]
                self._filtered[kind.decode()] += 1
                return
            self._kinds.append(_CODES[kind])
        self._row.append(row)
        self._file.append(self._file_index)
        self._line.append(line if line < _MAX_LINE else _MAX_LINE)
        written = text.encode("utf-8", "surrogateescape")
        # What was written canonically is not stored twice. The colon in front makes sure that it
        # is the whole value: `//evil.com/` is only the end of `url:http://evil.com/`.
        if not (
            element.endswith(written) and element.index(b":") == len(element) - len(written) - 1
        ):
            self._text += written
        self._text_ends.append(len(self._text))

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
        """The set of everything taken; the collector is empty afterwards."""
        n = len(self._rows)
        values = PackedValues.pack(self._rows)
        self._rows = {}
        rows = np.frombuffer(self._row, dtype=np.uint32) if self._row else _NONE
        starts = np.zeros(n + 1, dtype=np.uint32)
        np.cumsum(np.bincount(rows, minlength=n), out=starts[1:], dtype=np.uint32)
        occurrences = Occurrences(
            files=tuple(self._files),
            file=np.array(self._file, dtype=np.uint32),
            line=np.array(self._line, dtype=np.uint32),
            text=bytes(self._text),
            text_offsets=np.array(self._text_ends, dtype=np.uint64),
            order=np.argsort(rows, kind="stable").astype(np.uint32),
            row_starts=starts,
        )
        return IndicatorSet(
            values=values,
            kinds=np.array(self._kinds, dtype=np.uint8),
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


_NONE: Final = np.zeros(0, dtype=np.uint32)

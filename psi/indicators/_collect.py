# SPDX-License-Identifier: Apache-2.0
"""Collect the canonical elements of a file: deduplicate, count, remember where each was written."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from psi.indicators._intern import UNWANTED, as_numpy, make_interner, taken
from psi.indicators._plain import fast
from psi.indicators.canonical import Canonicaliser
from psi.indicators.filters import Filter
from psi.indicators.kinds import Kind
from psi.indicators.profile import Profile
from psi.indicators.readers import Record
from psi.indicators.reasons import DAMAGE, Reason
from psi.indicators.report import (
    MAX_POSITIONS,
    Position,
    ReadReport,
    Rejected,
)
from psi.indicators.set import IndicatorSet, Occurrences, Place
from psi.indicators.tlp import Tlp

__all__ = ["EVERY", "Collector"]

EVERY: Final = 8192  # records between two signs of progress

_MAX_LINE: Final = 2**32 - 1
_MAX_ID: Final = 255  # bytes; a longer id is none


class Collector:
    """
    Args:
        canonicaliser: Makes the elements.
        kinds: Kinds to keep; the others are counted as filtered.
        on_reject: Called for each rejected value, so that none is held.
        file: Name of the file; None for no file, which holds nothing.
    """

    def __init__(
        self,
        canonicaliser: Canonicaliser,
        kinds: frozenset[Kind],
        on_reject: Callable[[Rejected], None] | None,
        file: str | None,
    ) -> None:
        self._elements = canonicaliser.elements
        self._plain = canonicaliser.plain
        self._interner = make_interner(kinds)
        self._on_reject = on_reject
        self._row = array("I")
        self._place_of = array("I")
        self._line = array("I")
        self._text = bytearray()
        self._text_lengths = array("I")
        self._id = bytearray()
        self._id_lengths = array("B")
        self._files: tuple[str, ...] = () if file is None else (file,)
        self._places: dict[Place, int] = {}
        self._place = 0
        self._each: Callable[[], None] | None = None
        self._untold = 0
        self._rejected: Counter[Reason] = Counter()
        self._filtered: Counter[str] = Counter()
        self._positions: dict[Reason, list[Position]] = {}
        if self._files:
            self.begin_place("", Tlp.NONE)

    def begin_place(self, event: str, tlp: Tlp) -> None:
        """What follows is of this event, with this marking."""
        place = Place(self._files[0], event, tlp)
        self._place = self._places.setdefault(place, len(self._places))

    @property
    def values_read(self) -> int:
        """Values so far, used or not."""
        return len(self._row) + self._rejected.total() + self._filtered.total()

    def take(self, records: Iterable[Record], each: Callable[[], None] | None) -> None:
        """
        Take values as written.

        Args:
            records: Value, type name or None, line, id at its source.
            each: Called after every `EVERY` records.
        """
        self._each = each
        # One loop with local names: this is where a million values spend their time.
        to_elements, add = self._elements, self._interner.add
        add_row, add_place, add_line = self._row.append, self._place_of.append, self._line.append
        written, add_length = self._text, self._text_lengths.append
        ids, add_id_length = self._id, self._id_lengths.append
        for count, (text, type_hint, line, own_id) in enumerate(records, 1):
            found = to_elements(text, type_hint)
            if isinstance(found, Reason):
                self.reject(text, line, found, own_id)
                found = ()
            for element in (found,) if isinstance(found, bytes) else found:
                row = add(element)
                colon = element.index(b":")
                if row == UNWANTED:
                    self._filtered[element[:colon].decode()] += 1
                    continue
                add_row(row)
                add_place(self._place)
                add_line(line if line < _MAX_LINE else _MAX_LINE)
                # What was written canonically is not stored twice.
                raw = text.encode("utf-8", "surrogateescape")
                length = len(raw)
                if length != len(element) - colon - 1 or not element.endswith(raw):
                    written += raw
                    add_length(length)
                else:
                    add_length(0)
                length = 0
                if own_id:
                    raw = own_id.encode("utf-8", "replace")
                    length = len(raw)
                    if length > _MAX_ID:
                        raw, length = b"", 0
                    ids += raw
                add_id_length(length)
            if each is not None and count % EVERY == 0:
                each()

    def take_plain(self, data: bytes, at: int, number: int) -> tuple[int, int]:
        """
        Take the lines from a position on that are plain values.

        Args:
            data: Whole lines.
            at, number: Where to begin, and the number of that line.

        Returns:
            The same of the first line that is not plain; beyond the data if there is none.
        """
        if self._plain is None or not isinstance(self._interner, fast.Interner):
            return at, number
        at, number, rows, lines, written, lengths = self._plain.lines(
            self._interner, data, at, number
        )
        if rows:
            n = len(lengths) // self._text_lengths.itemsize
            self._row.frombytes(rows)
            self._line.frombytes(lines)
            self._text += written
            self._text_lengths.frombytes(lengths)
            self._place_of.extend([self._place] * n)
            self._id_lengths.frombytes(bytes(n))
            self._untold += n
            if self._untold >= EVERY and self._each is not None:
                self._untold = 0
                self._each()
        return at, number

    def reject(self, text: str, line: int, reason: Reason, own_id: str = "") -> None:
        """Count a value that is not used."""
        self._rejected[reason] += 1
        positions = self._positions.setdefault(reason, [])
        if len(positions) < MAX_POSITIONS or self._on_reject is not None:
            position = Position(self._files[0], line, own_id)
            if len(positions) < MAX_POSITIONS:
                positions.append(position)
            if self._on_reject is not None:
                self._on_reject(Rejected(text, position, reason))

    def leave_out(self, by: Filter, count: int = 1) -> None:
        """Count values that a filter takes out."""
        if count:
            self._filtered[by] += count

    def freeze(self, profile: Profile) -> IndicatorSet:
        """The set of everything taken; the collector is of no use afterwards."""
        values, kinds = taken(self._interner)
        occurrences = Occurrences.of(
            n=len(values),
            row=as_numpy(self._row, np.uint32),
            places=tuple(self._places),
            place=as_numpy(self._place_of, np.uint32),
            line=as_numpy(self._line, np.uint32),
            text=bytes(self._text),
            text_lengths=as_numpy(self._text_lengths, np.uint32),
            ids=bytes(self._id),
            id_lengths=as_numpy(self._id_lengths, np.uint8),
        )
        return IndicatorSet(
            values=values,
            kinds=kinds,
            occurrences=occurrences,
            profile=profile,
            report=self._report(len(values)),
        )

    def _report(self, to_use: int) -> ReadReport:
        return ReadReport(
            files=self._files,
            values_read=self.values_read,
            to_use=to_use,
            duplicates=len(self._row) - to_use,
            rejected=dict(self._rejected),
            filtered={str(name): count for name, count in self._filtered.items()},
            first_positions={reason: tuple(found) for reason, found in self._positions.items()},
            damaged_records=sum(self._rejected[reason] for reason in DAMAGE),
            damaged=(),
            skipped=(),
            left_out=0,
        )

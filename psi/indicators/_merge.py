# SPDX-License-Identifier: Apache-2.0
"""The sets of several files as one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from psi.indicators._intern import make_interner, taken
from psi.indicators.kinds import Kind
from psi.indicators.reasons import Reason
from psi.indicators.report import MAX_POSITIONS, Position, ReadReport
from psi.indicators.set import IndicatorSet, Occurrences, Place

__all__ = ["Merger"]


class Merger:
    """
    Sets, one after another; only what they have in common is looked for again.

    Args:
        kinds: Kinds that the sets may hold.
        empty: What there is when no set comes.
    """

    def __init__(self, kinds: frozenset[Kind], empty: IndicatorSet) -> None:
        self._interner = make_interner(kinds)
        self._empty = empty
        self._first: IndicatorSet | None = None
        self._reports: list[ReadReport] = []
        self._places: dict[Place, int] = {}
        self._row: list[npt.NDArray[np.uint32]] = []
        self._place: list[npt.NDArray[np.uint32]] = []
        self._line: list[npt.NDArray[np.uint32]] = []
        self._text = bytearray()
        self._text_lengths: list[npt.NDArray[np.uint32]] = []
        self._ids = bytearray()
        self._id_lengths: list[npt.NDArray[np.uint8]] = []

    def add(self, part: IndicatorSet) -> None:
        """The next set."""
        self._reports.append(part.report)
        if len(self._reports) == 1:
            self._first = part
            return
        if self._first is not None:
            self._absorb(self._first)
            self._first = None
        self._absorb(part)

    def _absorb(self, part: IndicatorSet) -> None:
        found = part.occurrences
        rows = self._interner.add_all(part.values.data, part.values.offsets.tobytes())
        places = [self._places.setdefault(place, len(self._places)) for place in found.places]
        texts = found.texts(None)
        self._row.append(np.frombuffer(rows, dtype=np.uint32)[found.rows])
        self._place.append(np.array(places, dtype=np.uint32)[found.place])
        self._line.append(found.line)
        self._text += texts["text"]
        self._text_lengths.append(texts["text_lengths"])
        self._ids += texts["ids"]
        self._id_lengths.append(texts["id_lengths"])

    def merged(self) -> IndicatorSet:
        """All of them; the merger is of no use afterwards."""
        if not self._reports:
            return self._empty
        if self._first is not None:
            return self._first
        values, kinds = taken(self._interner)
        row = np.concatenate(self._row)
        return IndicatorSet(
            values=values,
            kinds=kinds,
            occurrences=Occurrences.of(
                n=len(values),
                row=row,
                places=tuple(self._places),
                place=np.concatenate(self._place),
                line=np.concatenate(self._line),
                text=bytes(self._text),
                text_lengths=np.concatenate(self._text_lengths),
                ids=bytes(self._ids),
                id_lengths=np.concatenate(self._id_lengths),
            ),
            profile=self._empty.profile,
            report=_merged_report(self._reports, len(values), len(row) - len(values)),
        )


def _merged_report(reports: Sequence[ReadReport], to_use: int, duplicates: int) -> ReadReport:
    rejected: Counter[Reason] = Counter()
    filtered: Counter[str] = Counter()
    positions: dict[Reason, tuple[Position, ...]] = {}
    for report in reports:
        rejected.update(report.rejected)
        filtered.update(report.filtered)
        for reason, found in report.first_positions.items():
            positions[reason] = (*positions.get(reason, ()), *found)[:MAX_POSITIONS]
    return replace(
        reports[0],
        files=tuple(name for report in reports for name in report.files),
        values_read=sum(report.values_read for report in reports),
        to_use=to_use,
        duplicates=duplicates,
        rejected=dict(rejected),
        filtered=dict(filtered),
        first_positions=positions,
        damaged_records=sum(report.damaged_records for report in reports),
    )

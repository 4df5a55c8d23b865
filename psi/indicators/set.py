# SPDX-License-Identifier: Apache-2.0
"""
The indicators of a run: distinct canonical values, and where each of them was written how.

At rest a set is a few arrays and two byte buffers; an object exists only for what is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, TypedDict

import numpy as np
import numpy.typing as npt

from psi.indicators.filters import Filter
from psi.indicators.kinds import KINDS
from psi.indicators.profile import Profile
from psi.indicators.report import ReadReport
from psi.indicators.tlp import Tlp
from psi.indicators.values import PackedValues
from psi.indicators.warninglists import Warninglists

__all__ = ["IndicatorSet", "Occurrences", "Place", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """
    One place where an element was read, and how it was written there; not shown by `repr`.

    Attributes:
        line: From 1; 0 where a format has no lines.
        id: UUID of the MISP attribute, STIX id, or id of the OpenIOC item; empty for others.
        event: UUID of the MISP event; empty for others.
        tlp: Label of the marking it came with; empty when unmarked.
    """

    as_written: str
    file: str
    line: int
    id: str = ""
    event: str = ""
    tlp: str = ""

    def __repr__(self) -> str:
        return f"Source({self.file!r}, {self.line})"


class _Texts(TypedDict):
    text: bytes
    text_lengths: npt.NDArray[np.uint32]
    ids: bytes
    id_lengths: npt.NDArray[np.uint8]


class Place(NamedTuple):
    """What many occurrences share: a file, an event of it, and a marking."""

    file: str
    event: str
    tlp: Tlp


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """
    Every place of every element, in reading order; `order` sorts them by row.

    Attributes:
        places: What `place` points into.
        place, line: Of each occurrence.
        text, text_offsets: What was written, empty where it was the canonical value itself.
        ids, id_offsets: Ids at their source; no offsets where no occurrence has one.
        order: Occurrences by row, reading order within a row.
        row_starts: n + 1 entries into `order`.
    """

    places: tuple[Place, ...]
    place: npt.NDArray[np.uint32]
    line: npt.NDArray[np.uint32]
    text: bytes
    text_offsets: npt.NDArray[np.uint64]
    ids: bytes
    id_offsets: npt.NDArray[np.uint64]
    order: npt.NDArray[np.uint32]
    row_starts: npt.NDArray[np.uint32]

    @classmethod
    def of(
        cls,
        *,
        n: int,
        row: npt.NDArray[np.uint32],
        places: tuple[Place, ...],
        place: npt.NDArray[np.uint32],
        line: npt.NDArray[np.uint32],
        text: bytes,
        text_lengths: npt.NDArray[np.uint32],
        ids: bytes,
        id_lengths: npt.NDArray[np.uint8],
    ) -> Self:
        """Sort occurrences that are written down as they were read, of `n` elements."""
        starts = np.zeros(n + 1, dtype=np.uint32)
        np.cumsum(np.bincount(row, minlength=n), out=starts[1:], dtype=np.uint32)
        return cls(
            places=places,
            place=place,
            line=line,
            text=text,
            text_offsets=_offsets(text_lengths),
            ids=ids,
            id_offsets=_offsets(id_lengths) if ids else np.zeros(0, dtype=np.uint64),
            order=np.argsort(row, kind="stable").astype(np.uint32),
            row_starts=starts,
        )

    @property
    def rows(self) -> npt.NDArray[np.uint32]:
        """The element of each occurrence, in reading order."""
        n = len(self.row_starts) - 1
        rows = np.empty(len(self.order), dtype=np.uint32)
        rows[self.order] = np.repeat(np.arange(n, dtype=np.uint32), np.diff(self.row_starts))
        return rows

    def texts(self, stay: npt.NDArray[np.bool_] | None) -> "_Texts":
        """What was written and the ids, of all or some occurrences, as `of` takes them."""
        text = PackedValues(self.text, self.text_offsets)
        offsets = self.id_offsets
        ids = PackedValues(self.ids, offsets if len(offsets) else np.zeros_like(self.text_offsets))
        if stay is not None:
            text, ids = text.only(stay), ids.only(stay)
        return {
            "text": text.data,
            "text_lengths": np.diff(text.offsets).astype(np.uint32),
            "ids": ids.data,
            "id_lengths": np.diff(ids.offsets).astype(np.uint8),
        }

    def source(self, index: int, value: bytes) -> Source:
        """Occurrence `index` of an element whose canonical value is `value`."""
        low, high = int(self.text_offsets[index]), int(self.text_offsets[index + 1])
        own_id = b""
        if len(self.id_offsets):
            own_id = self.ids[int(self.id_offsets[index]) : int(self.id_offsets[index + 1])]
        place = self.places[self.place[index]]
        return Source(
            as_written=(self.text[low:high] or value).decode("utf-8", "surrogateescape"),
            file=place.file,
            line=int(self.line[index]),
            id=own_id.decode("utf-8", "replace"),
            event=place.event,
            tlp=place.tlp.label,
        )

    def __repr__(self) -> str:
        return f"Occurrences({len(self.line)})"


def _offsets(
    lengths: npt.NDArray[np.uint32] | npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.uint64)
    np.cumsum(lengths, out=offsets[1:], dtype=np.uint64)
    return offsets


class IndicatorSet:
    """
    Distinct elements in order of first appearance.

    Attributes:
        values: Canonical `kind:value`, UTF-8.
        kinds: For each element its position in `KINDS`, uint8.
        occurrences: Where they were read.
        profile: The matching rules under which they were made.
        report: What became of everything that was read.
        flags: Rows that stand on a warninglist, by its name; they take part all the same.
    """

    __slots__ = ("flags", "kinds", "occurrences", "profile", "report", "values")

    def __init__(
        self,
        *,
        values: PackedValues,
        kinds: npt.NDArray[np.uint8],
        occurrences: Occurrences,
        profile: Profile,
        report: ReadReport,
        flags: Mapping[str, npt.NDArray[np.uint32]] | None = None,
    ) -> None:
        assert len(kinds) == len(values) == report.to_use
        self.values = values
        self.kinds = kinds
        self.profile = profile
        self.report = report
        self.flags = flags or {}
        self.occurrences = occurrences

    def __len__(self) -> int:
        return len(self.values)

    def kind_counts(self) -> dict[str, int]:
        """How many elements of each kind, in the order of `KINDS`; kinds without one left out."""
        counts = np.bincount(self.kinds, minlength=len(KINDS))
        return {str(kind): int(count) for kind, count in zip(KINDS, counts, strict=True) if count}

    def warned(self, lists: Warninglists) -> Self:
        """The set with `flags`, without the elements of the lists that are to be dropped."""
        hits = lists.hits(self.values)
        dropped = [rows for name, rows in hits.items() if name in lists.drop]
        found = self
        if dropped:
            keep = np.ones(len(self), dtype=np.bool_)
            keep[np.concatenate(dropped)] = False
            found = self._only(keep)
            rank = np.cumsum(keep, dtype=np.uint32) - 1
            hits = {name: rank[rows[keep[rows]]] for name, rows in hits.items()}
        found.flags = {name: rows for name, rows in hits.items() if len(rows)}
        return found

    def _only(self, keep: npt.NDArray[np.bool_]) -> Self:
        """The elements for which `keep` is true; the others are counted as filtered."""
        occurrences, rows = self.occurrences, self.occurrences.rows
        stay = keep[rows]
        gone = int(np.count_nonzero(~stay))
        report = self.report
        n = int(np.count_nonzero(keep))
        return type(self)(
            values=self.values.only(keep),
            kinds=self.kinds[keep],
            occurrences=Occurrences.of(
                n=n,
                row=(np.cumsum(keep, dtype=np.uint32) - 1)[rows[stay]],
                places=occurrences.places,
                place=occurrences.place[stay],
                line=occurrences.line[stay],
                **occurrences.texts(stay),
            ),
            profile=self.profile,
            report=replace(
                report,
                to_use=n,
                duplicates=int(np.count_nonzero(stay)) - n,
                filtered={**report.filtered, str(Filter.WARNINGLIST): gone},
            ),
        )

    def tlp_counts(self) -> dict[str, int]:
        """How many occurrences carry which marking, the laxest first; unmarked left out."""
        found = self.occurrences
        levels = np.array([place.tlp for place in found.places], dtype=np.uint8)
        counts = np.bincount(levels[found.place], minlength=len(Tlp))
        return {level.label: int(counts[level]) for level in Tlp if level and counts[level]}

    def sources(self, row: int, limit: int | None = None) -> list[Source]:
        """Where element `row` was read, in reading order: the first `limit`, or all."""
        value = self.values.value(row).partition(b":")[2]
        found = self.occurrences
        start, stop = int(found.row_starts[row]), int(found.row_starts[row + 1])
        if limit is not None:
            stop = min(stop, start + limit)
        return [found.source(int(index), value) for index in found.order[start:stop]]

    def __repr__(self) -> str:
        return f"IndicatorSet({len(self)} elements)"

# SPDX-License-Identifier: Apache-2.0
"""
The indicators of a run: distinct canonical values, and where each of them was written how.

At rest a set is a few arrays and two byte buffers; an object exists only for what is asked for.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psi.indicators.kinds import KINDS
from psi.indicators.profile import Profile
from psi.indicators.report import ReadReport
from psi.indicators.values import PackedValues

__all__ = ["IndicatorSet", "Occurrences", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One place where an element was read, and how it was written there; not shown by `repr`."""

    as_written: str
    file: str
    line: int

    def __repr__(self) -> str:
        return f"Source({self.file!r}, {self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """
    Every place of every element, in reading order; `order` sorts them by row.

    Attributes:
        files: The names that `file` points into.
        file, line: Of each occurrence.
        text, text_offsets: What was written, empty where it was the canonical value itself.
        order: Occurrences by row, reading order within a row.
        row_starts: n + 1 entries into `order`.
    """

    files: tuple[str, ...]
    file: npt.NDArray[np.uint32]
    line: npt.NDArray[np.uint32]
    text: bytes
    text_offsets: npt.NDArray[np.uint64]
    order: npt.NDArray[np.uint32]
    row_starts: npt.NDArray[np.uint32]

    def __repr__(self) -> str:
        return f"Occurrences({len(self.file)})"


class IndicatorSet:
    """
    Distinct elements in order of first appearance.

    Attributes:
        values: Canonical `kind:value`, UTF-8.
        kinds: For each element its position in `KINDS`, uint8.
        profile: The matching rules under which they were made.
        report: What became of everything that was read.
    """

    __slots__ = ("_occurrences", "kinds", "profile", "report", "values")

    def __init__(
        self,
        *,
        values: PackedValues,
        kinds: npt.NDArray[np.uint8],
        occurrences: Occurrences,
        profile: Profile,
        report: ReadReport,
    ) -> None:
        assert len(kinds) == len(values) == report.to_use
        self.values = values
        self.kinds = kinds
        self.profile = profile
        self.report = report
        self._occurrences = occurrences

    def __len__(self) -> int:
        return len(self.values)

    def kind_counts(self) -> dict[str, int]:
        """How many elements of each kind, in the order of `KINDS`; kinds without one left out."""
        counts = np.bincount(self.kinds, minlength=len(KINDS))
        return {str(kind): int(count) for kind, count in zip(KINDS, counts, strict=True) if count}

    def sources(self, row: int, limit: int | None = None) -> list[Source]:
        """Where element `row` was read, in reading order: the first `limit`, or all."""
        value = self.values.value(row)
        found = self._occurrences
        start, stop = int(found.row_starts[row]), int(found.row_starts[row + 1])
        if limit is not None:
            stop = min(stop, start + limit)
        sources = []
        for index in found.order[start:stop]:
            low, high = int(found.text_offsets[index]), int(found.text_offsets[index + 1])
            written = found.text[low:high] or value.partition(b":")[2]
            sources.append(
                Source(
                    written.decode("utf-8", "surrogateescape"),
                    found.files[found.file[index]],
                    int(found.line[index]),
                )
            )
        return sources

    def __repr__(self) -> str:
        return f"IndicatorSet({len(self)} elements)"

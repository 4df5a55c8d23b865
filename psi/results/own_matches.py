# SPDX-License-Identifier: Apache-2.0
"""
Matches out of the client's own set, which holds arrays and no objects.

Made one by one they cost eight microseconds each, most of it for single numbers out of arrays; a
block of rows at a time, three.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from psi.indicators.set import IndicatorSet, Source
from psi.results.matches import LazyMatches
from psi.results.result import Match

__all__ = ["matches_of"]

_BLOCK: Final = 1024

_Rows = npt.NDArray[np.int64]
# Written as, file, line, id, event, marking.
_Place = tuple[bytes, str, int, bytes, str, str]


def matches_of(found: IndicatorSet, rows: _Rows) -> LazyMatches:
    """The elements in some rows of a set, with every source, made when asked for."""

    def match_at(index: int) -> Match:
        row = int(rows[index])
        kind, _, value = found.values.value(row).decode().partition(":")
        return Match(kind=kind, value=value, sources=tuple(found.sources(row)))

    def each() -> Iterator[Match]:
        for first in range(0, len(rows), _BLOCK):
            yield from _block(found, rows[first : first + _BLOCK])

    return LazyMatches(len(rows), match_at, each)


def _block(found: IndicatorSet, rows: _Rows) -> Iterator[Match]:
    """The matches of a few rows, at least one."""
    offsets, data = found.values.offsets, found.values.data
    occurrences = found.occurrences
    starts = occurrences.row_starts[rows].astype(np.int64)
    counts = occurrences.row_starts[rows + 1] - starts
    ends = np.cumsum(counts)
    # The positions of these rows in `order`, one run of successive numbers a row.
    positions = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    places = _places(found, occurrences.order[positions])
    bounds = zip(offsets[rows].tolist(), offsets[rows + 1].tolist(), counts.tolist(), strict=True)
    for low, high, n in bounds:
        kind, _, value = data[low:high].decode().partition(":")
        sources = []
        for _ in range(n):
            written, file, line, own_id, event, tlp = next(places)
            sources.append(
                Source(
                    written.decode("utf-8", "surrogateescape") if written else value,
                    file,
                    line,
                    own_id.decode("utf-8", "replace"),
                    event,
                    tlp,
                )
            )
        yield Match(kind=kind, value=value, sources=tuple(sources))


def _places(found: IndicatorSet, indices: npt.NDArray[np.uint32]) -> Iterator[_Place]:
    """Each of these occurrences; `written` is empty where it was the canonical value."""
    occurrences = found.occurrences
    shared = [(place.file, place.event, place.tlp.label) for place in occurrences.places]
    lows, highs = (occurrences.text_offsets[indices + shift].tolist() for shift in (0, 1))
    if len(occurrences.id_offsets):
        id_lows, id_highs = (occurrences.id_offsets[indices + shift].tolist() for shift in (0, 1))
    else:
        id_lows = id_highs = [0] * len(indices)
    rows = zip(
        *(lows, highs, id_lows, id_highs),
        *(occurrences.place[indices].tolist(), occurrences.line[indices].tolist()),
        strict=True,
    )
    for low, high, id_low, id_high, place, line in rows:
        file, event, tlp = shared[place]
        yield occurrences.text[low:high], file, line, occurrences.ids[id_low:id_high], event, tlp

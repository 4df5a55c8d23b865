# SPDX-License-Identifier: Apache-2.0
"""A set as one block of bytes, whose arrays are used where they lie."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from psi.indicators.kinds import KINDS
from psi.indicators.profile import Profile
from psi.indicators.reasons import Reason
from psi.indicators.report import Position, ReadReport
from psi.indicators.set import IndicatorSet, Occurrences, Place
from psi.indicators.tlp import Tlp
from psi.indicators.values import PackedValues

__all__ = ["Unpacked", "pack_set", "unpack_set"]

_ALIGN: Final = 8


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    """Everything but the arrays; `sizes` are theirs in bytes, in the order of `_arrays`."""

    made_at: float
    changes_at: float | None  # JSON has no infinity
    values_read: int
    duplicates: int
    rejected: dict[Reason, int]
    filtered: dict[str, int]
    positions: dict[Reason, list[tuple[int, str]]]
    damaged_records: int
    places: list[tuple[str, int]]
    sizes: list[int]


class Unpacked(NamedTuple):
    """A set, and between which moments it is what reading the file would give."""

    found: IndicatorSet
    made_at: float
    changes_at: float


def pack_set(found: IndicatorSet, made_at: float, changes_at: float) -> bytes:
    """The set of one file; its name is left out, as the same content may have another."""
    report, occurrences = found.report, found.occurrences
    arrays: list[bytes] = [
        found.values.data,
        found.values.offsets.tobytes(),
        found.kinds.tobytes(),
        occurrences.place.tobytes(),
        occurrences.line.tobytes(),
        occurrences.text,
        occurrences.text_offsets.tobytes(),
        occurrences.ids,
        occurrences.id_offsets.tobytes(),
        occurrences.order.tobytes(),
        occurrences.row_starts.tobytes(),
    ]
    head = msgspec.json.encode(
        _Head(
            made_at=made_at,
            changes_at=None if changes_at == float("inf") else changes_at,
            values_read=report.values_read,
            duplicates=report.duplicates,
            rejected=dict(report.rejected),
            filtered=dict(report.filtered),
            positions={
                reason: [(position.line, position.id) for position in positions]
                for reason, positions in report.first_positions.items()
            },
            damaged_records=report.damaged_records,
            places=[(place.event, place.tlp) for place in occurrences.places],
            sizes=[len(array) for array in arrays],
        )
    )
    pieces = [len(head).to_bytes(8, "little")]
    for piece in (head, *arrays):
        pieces += (piece, bytes(-len(piece) % _ALIGN))
    return b"".join(pieces)


def unpack_set(body: memoryview, name: str, profile: Profile) -> Unpacked | None:
    """The set that `pack_set` packed, as of the file `name`; None if that can't be."""
    size = int.from_bytes(body[:8], "little")
    try:
        head = msgspec.json.decode(body[8 : 8 + size], type=_Head)
        places = tuple(Place(name, event, Tlp(tlp)) for event, tlp in head.places)
        arrays = list(_arrays(body, 8 + size + -size % _ALIGN, head.sizes))
        data, ends, kinds, place, line, text, text_ends, ids, id_ends, order, starts = arrays
        occurrences = Occurrences(
            places=places,
            place=np.frombuffer(place, dtype=np.uint32),
            line=np.frombuffer(line, dtype=np.uint32),
            text=bytes(text),
            text_offsets=np.frombuffer(text_ends, dtype=np.uint64),
            ids=bytes(ids),
            id_offsets=np.frombuffer(id_ends, dtype=np.uint64),
            order=np.frombuffer(order, dtype=np.uint32),
            row_starts=np.frombuffer(starts, dtype=np.uint32),
        )
        offsets = np.frombuffer(ends, dtype=np.uint64)
        codes = np.frombuffer(kinds, dtype=np.uint8)
    except (ValueError, msgspec.MsgspecError):
        return None
    n = len(codes)
    whole = (
        len(offsets) == n + 1
        and _ascends(offsets, len(data))
        and _below(codes, len(KINDS))
        and _fits(occurrences, n)
    )
    if not whole:
        return None
    report = ReadReport(
        files=(name,),
        values_read=head.values_read,
        to_use=n,
        duplicates=head.duplicates,
        rejected=head.rejected,
        filtered=head.filtered,
        first_positions={
            reason: tuple(Position(name, number, own_id) for number, own_id in positions)
            for reason, positions in head.positions.items()
        },
        damaged_records=head.damaged_records,
        damaged=(),
        skipped=(),
        left_out=0,
    )
    found = IndicatorSet(
        values=PackedValues(bytes(data), offsets),
        kinds=codes,
        occurrences=occurrences,
        profile=profile,
        report=report,
    )
    changes_at = float("inf") if head.changes_at is None else head.changes_at
    return Unpacked(found, head.made_at, changes_at)


def _arrays(body: memoryview, at: int, sizes: list[int]) -> Iterator[memoryview]:
    """
    The pieces of these sizes.

    Raises:
        ValueError: They are not all there.
    """
    for size in sizes:
        if size < 0 or at + size > len(body):
            raise ValueError
        yield body[at : at + size]
        at += size + -size % _ALIGN


def _fits(found: Occurrences, n: int) -> bool:
    """Whether every index points to something."""
    count = len(found.line)
    return (
        len(found.place) == len(found.order) == count
        and len(found.row_starts) == n + 1
        and _ascends(found.row_starts, count)
        and _below(found.order, count)
        and _below(found.place, len(found.places))
        and len(found.text_offsets) == count + 1
        and _ascends(found.text_offsets, len(found.text))
        and len(found.id_offsets) in (0, count + 1)
        and (not len(found.id_offsets) or _ascends(found.id_offsets, len(found.ids)))
    )


def _ascends(offsets: npt.NDArray[np.uint64] | npt.NDArray[np.uint32], end: int) -> bool:
    return (
        len(offsets) > 0
        and offsets[0] == 0
        and offsets[-1] == end
        and bool(np.all(offsets[1:] >= offsets[:-1]))
    )


def _below(numbers: npt.NDArray[np.uint32] | npt.NDArray[np.uint8], limit: int) -> bool:
    return not len(numbers) or int(numbers.max()) < limit

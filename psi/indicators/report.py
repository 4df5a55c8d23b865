# SPDX-License-Identifier: Apache-2.0
"""
What became of everything that was read; the sums hold.

    values_read == to_use + duplicates + sum(rejected) + sum(filtered)

A value that stands for several elements (`domain|ip`, an expanded network) counts once for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psi.indicators._escape import printable
from psi.indicators.reasons import Reason

__all__ = ["MAX_POSITIONS", "Damage", "Position", "ReadReport", "Rejected", "Skipped"]

MAX_POSITIONS: Final = 10  # positions kept of each reason


@dataclass(frozen=True, slots=True)
class Position:
    """A file as it was named, a line in it, from 1 (0 where it has none), and an id in it."""

    file: str
    line: int
    id: str = ""

    def __str__(self) -> str:
        if self.line:
            return f"{printable(self.file)}:{self.line}"
        return printable(f"{self.file}#{self.id}" if self.id else self.file)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A value that is not used, for whoever writes them out; `repr` leaves the value out."""

    as_written: str
    position: Position
    reason: Reason

    def __repr__(self) -> str:
        return f"Rejected({self.position}, {self.reason})"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, and why."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Damage:
    """A container that could be read in part only, and how it ended."""

    file: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """
    The account of one reading.

    Attributes:
        files: Files that were read, in their order.
        rejected: Counts by reason, never of a reason that did not occur.
        filtered: Counts by kind that was not asked for, and by `Filter`.
        first_positions: The first `MAX_POSITIONS` of each reason.
        damaged_records: How many of the rejected were damaged.
        damaged: Containers of which only a part was readable (with `keep_going`).
        skipped: Files of a format that is not read, symbolic links, and the like.
        left_out: Files that are left out by their name (LICENSE, README, hidden ones).
    """

    files: tuple[str, ...]
    values_read: int
    to_use: int
    duplicates: int
    rejected: Mapping[Reason, int]
    filtered: Mapping[str, int]
    first_positions: Mapping[Reason, tuple[Position, ...]]
    damaged_records: int
    damaged: tuple[Damage, ...]
    skipped: tuple[Skipped, ...]
    left_out: int

    @property
    def n_rejected(self) -> int:
        """Values rejected for any reason."""
        return sum(self.rejected.values())

    @property
    def n_filtered(self) -> int:
        """Values of a kind that was not asked for, or taken out by a filter."""
        return sum(self.filtered.values())

    def summary(self) -> dict[str, object]:
        """The same in plain data, file names made safe to show; no value in it."""
        return {
            "files": len(self.files),
            "values": self.values_read,
            "to_use": self.to_use,
            "duplicates": self.duplicates,
            "rejected": {str(reason): count for reason, count in self.rejected.items()},
            "filtered": dict(self.filtered),
            "first_positions": {
                str(reason): [str(position) for position in positions]
                for reason, positions in self.first_positions.items()
            },
            "damaged_records": self.damaged_records,
            "damaged": [{"file": printable(d.file), "what": d.what} for d in self.damaged],
            "skipped": [{"file": printable(s.file), "why": s.why} for s in self.skipped],
            "left_out": self.left_out,
        }

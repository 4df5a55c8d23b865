# SPDX-License-Identifier: Apache-2.0
"""What a reader is given and what it gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from psi.indicators.canonical import Elements
from psi.indicators.filters import Filter, Judge
from psi.indicators.readers._open import Opened
from psi.indicators.reasons import Reason
from psi.indicators.tlp import Tlp

__all__ = ["Reader", "Record", "Scan"]

#: A value as written, the type name that stands beside it or None, its line from 1 or 0, its id.
Record = tuple[str, str | None, int, str]

# These are indicators by their shape, only not useful ones.
_CLEAR: Final = frozenset(
    {
        Reason.RESERVED_IP,
        Reason.SPECIAL_TLD,
        Reason.TRIVIAL_HASH,
        Reason.CIDR_TOO_WIDE,
        Reason.CANARY,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """
    What a reader may ask and tell while it reads one file.

    Attributes:
        elements: What a value would become (`Canonicaliser.elements`).
        reject: Count a record that holds no value: text, line, reason, id.
        leave_out: Count values that a filter takes out.
        begin_place: What follows is of this event (or none), with this marking.
        take_plain: Take the plain lines from a position on, see `Collector.take_plain`.
        filters: What is left out.
        file: Name of the file, for messages.
        value_column, type_column: Names or numbers (from 1) of columns, if the user gave any.
    """

    elements: Callable[[str, str | None], Elements]
    reject: Callable[[str, int, Reason, str], None]
    leave_out: Callable[[Filter, int], None]
    begin_place: Callable[[str, Tlp], None]
    take_plain: Callable[[bytes, int, int], tuple[int, int]]
    filters: Judge
    file: str
    value_column: str | None = None
    type_column: str | None = None

    def is_value(self, text: str, type_hint: str | None = None) -> bool:
        """Whether the text has the shape of an indicator, useful or not."""
        found = self.elements(text, type_hint)
        return not isinstance(found, Reason) or found in _CLEAR


class Reader(Protocol):
    """One input format."""

    def __call__(self, opened: Opened, scan: Scan) -> Iterator[Record]:
        """
        The records of a file, in its order.

        Raises:
            DamagedError: The container ends early; what came before it is good.
            UsageError: A column that was asked for is not there.
        """
        ...

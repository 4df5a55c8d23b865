# SPDX-License-Identifier: Apache-2.0
"""What to keep of an input, and how to read it."""

from dataclasses import dataclass, field

from psi.errors import UsageError
from psi.indicators.filters import Filters
from psi.indicators.kinds import DEFAULT_KINDS, Kind
from psi.indicators.readers import READERS
from psi.indicators.warninglists import Warninglists

__all__ = ["ReadOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """
    What to keep and how to read; none of it changes an element's bytes.

    Attributes:
        kinds: Kinds to keep.
        filters: What is left out by marking, age, or its source's own word.
        warninglists: What is flagged, and what of that is left out.
        allow_reserved: Let private addresses and local names in.
        input_format: A key of `READERS` for every file; None tells by content.
        value_column, type_column: Header or number (from 1) of CSV columns; None finds them.
        strict: Stop at the first damaged record.
        keep_going: Use what is readable of damaged containers, and skip what can't be read.
    """

    kinds: frozenset[Kind] = DEFAULT_KINDS
    filters: Filters = field(default_factory=Filters)
    warninglists: Warninglists = field(default_factory=Warninglists)
    allow_reserved: bool = False
    input_format: str | None = None
    value_column: str | None = None
    type_column: str | None = None
    strict: bool = False
    keep_going: bool = False

    def __post_init__(self) -> None:
        if self.input_format is not None and self.input_format not in READERS:
            raise UsageError(
                f"expected an input format, got {self.input_format!r}",
                hint=f"one of: {', '.join(READERS)}",
            )

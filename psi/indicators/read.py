# SPDX-License-Identifier: Apache-2.0
"""
Read files, directories and standard input into a set.

A damaged container stops the reading before anything could be sent; a damaged record is counted
and named.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from psi.errors import IndicatorError, UsageError
from psi.indicators._collect import Collector
from psi.indicators._escape import printable
from psi.indicators._files import find_files, unreadable
from psi.indicators.canonical import Canonicaliser
from psi.indicators.filters import Filters
from psi.indicators.kinds import DEFAULT_KINDS, Kind
from psi.indicators.profile import Profile
from psi.indicators.readers import (
    FORMAT_NAMES,
    READERS,
    DamagedError,
    Record,
    Scan,
    detect,
    open_stream,
)
from psi.indicators.reasons import DAMAGE, REASON_TEXT, Reason
from psi.indicators.report import Damage, Rejected, Skipped
from psi.indicators.set import IndicatorSet
from psi.indicators.warninglists import Warninglists

__all__ = ["STDIN", "ReadOptions", "read_set"]

STDIN: Final = "-"
_HINT_DAMAGED: Final = "fetch it again, or `--keep-going` to use what is readable"


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


class _Run:
    """One call of `read_set`."""

    def __init__(
        self,
        profile: Profile,
        options: ReadOptions,
        progress: Callable[[int], None] | None,
        on_reject: Callable[[Rejected], None] | None,
    ) -> None:
        self._options = options
        self.warninglists = options.warninglists
        self._filters = options.filters.at(time.time())
        self._progress = progress
        self._canonicaliser = Canonicaliser(profile, allow_reserved=options.allow_reserved)
        self.collector = Collector(self._canonicaliser, options.kinds, on_reject)

    def path(self, path: str) -> None:
        """Read a file, or every file below a directory."""
        found = find_files(path)
        self.collector.skipped += found.skipped
        self.collector.left_out += found.left_out
        for damage in found.unreadable:
            self._damaged(damage.file, damage.what)
        for name in found.files:
            try:
                stream = Path(name).open("rb")  # noqa: SIM115  # closed below
            except OSError as error:
                self._damaged(name, unreadable(error))
                continue
            with contextlib.closing(stream):
                self.stream(stream, name, named=name == path)

    def stream(self, stream: BinaryIO, name: str, *, named: bool) -> None:
        """Read one stream; `named` when the user named it rather than a directory above it."""
        try:
            opened = open_stream(
                stream, lambda line: self._reject("", line, Reason.LINE_TOO_LONG, "")
            )
            scan = Scan(
                elements=self._canonicaliser.elements,
                reject=self._reject,
                leave_out=self.collector.leave_out,
                begin_place=self.collector.begin_place,
                take_plain=self.collector.take_plain,
                filters=self._filters,
                file=name,
                value_column=self._options.value_column,
                type_column=self._options.type_column,
            )
            kind = self._options.input_format or detect(opened, scan)
            if kind in FORMAT_NAMES:
                self._unsupported(name, kind, named=named)
                return
            self.collector.begin_file(name)
            records = READERS[kind](opened, scan)
            if self._options.strict:
                records = self._strictly(records)
            self.collector.take(records, self._tell if self._progress is not None else None)
        except DamagedError as error:
            self._damaged(name, error.what)
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.collector.values_read)

    def _reject(self, text: str, line: int, reason: Reason, own_id: str) -> None:
        self.collector.reject(text, line, reason, own_id)
        if self._options.strict and reason in DAMAGE:
            self._stop(line, reason, own_id)

    def _strictly(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records, up to the first damaged one."""
        for text, type_hint, line, own_id in records:
            found = self._canonicaliser.elements(text, type_hint)
            if isinstance(found, Reason) and found in DAMAGE:
                self._stop(line, found, own_id)
            yield text, type_hint, line, own_id

    def _stop(self, line: int, reason: Reason, own_id: str) -> None:
        where = f"line {line}" if line else f"record {printable(own_id) or 'without an id'}"
        raise IndicatorError(
            f"{printable(self.collector.file)} {where}: {REASON_TEXT[reason]}; nothing was sent",
            hint="mend the line, or leave `--strict` out to count it and go on",
            detail={"line": line, "reason": str(reason)},
        )

    def _damaged(self, name: str, what: str) -> None:
        if not self._options.keep_going:
            raise IndicatorError(f"{printable(name)} {what}; nothing was sent", hint=_HINT_DAMAGED)
        self.collector.damaged.append(Damage(name, what))

    def _unsupported(self, name: str, kind: str, *, named: bool) -> None:
        if named and not self._options.keep_going:
            raise IndicatorError(
                f"{printable(name)} is {FORMAT_NAMES[kind]}, which can't be read; nothing was sent",
                hint="convert it to text or CSV, or force a reader with `--input-format`",
            )
        self.collector.skipped.append(Skipped(name, f"unsupported format: {FORMAT_NAMES[kind]}"))


def read_set(
    paths: Sequence[str | Path],
    *,
    profile: Profile,
    options: ReadOptions | None = None,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> IndicatorSet:
    """
    The indicators of all paths together.

    Args:
        paths: Files, directories, or `-` for `stdin`; read in this order.
        profile: The matching rules.
        options: What to keep and how to read.
        stdin: A binary stream, for `-`.
        progress: Called now and then with the number of values read so far.
        on_reject: Called for each rejected value; values are not kept otherwise.

    Returns:
        The set, empty when nothing was usable: whether that is an error, the caller knows.

    Raises:
        IndicatorError: A container is damaged, not there or of no known format, unless
            `keep_going`; a record is damaged, with `strict`.
        UsageError: A column that the options name is not there; `-` without `stdin`.
    """
    run = _Run(profile, options or ReadOptions(), progress, on_reject)
    for path in paths:
        if path == STDIN:
            if stdin is None:
                raise UsageError("`-` stands for standard input, which is not open")
            run.stream(stdin, STDIN, named=True)
        else:
            run.path(str(path))
    found = run.collector.freeze(profile)
    return found.warned(run.warninglists) if run.warninglists.lists else found

# SPDX-License-Identifier: Apache-2.0
"""Read one stream into a set of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from psi.errors import IndicatorError
from psi.indicators._collect import Collector
from psi.indicators._escape import printable
from psi.indicators.canonical import Canonicaliser
from psi.indicators.filters import Judge
from psi.indicators.options import ReadOptions
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
from psi.indicators.report import Rejected
from psi.indicators.set import IndicatorSet

__all__ = ["FileReader", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of a file.

    Attributes:
        found: What it holds, or None when nothing was read.
        damage: How it ended early, or None.
        unknown: What it is instead of a format that can be read, or None.
        changes_at: When time alone would change `found`.
    """

    found: IndicatorSet | None = None
    damage: str | None = None
    unknown: str | None = None
    changes_at: float = 0.0


class FileReader:
    """
    Reads one file after another under the same rules.

    Args:
        profile: The matching rules.
        options: What to keep and how to read.
        on_reject: Called for each rejected value.
    """

    def __init__(
        self,
        profile: Profile,
        options: ReadOptions,
        on_reject: Callable[[Rejected], None] | None,
    ) -> None:
        self._profile = profile
        self._options = options
        self._on_reject = on_reject
        self._canonicaliser = Canonicaliser(profile, allow_reserved=options.allow_reserved)

    def empty(self) -> IndicatorSet:
        """The set of no file."""
        collector = Collector(self._canonicaliser, self._options.kinds, None, None)
        return collector.freeze(self._profile)

    def read(self, stream: BinaryIO, name: str, tell: Callable[[int], None] | None) -> Outcome:
        """
        Read a stream to its end, or to its damage.

        Args:
            stream: Binary, not necessarily seekable.
            name: What it is called in sources and messages.
            tell: Called now and then with the number of its values read so far.

        Raises:
            IndicatorError: A record is damaged, with `strict`.
            UsageError: A column that the options name is not there.
        """
        options = self._options
        collector = Collector(self._canonicaliser, options.kinds, self._on_reject, name)

        def reject(text: str, line: int, reason: Reason, own_id: str) -> None:
            collector.reject(text, line, reason, own_id)
            if options.strict and reason in DAMAGE:
                raise _stopped(name, line, reason, own_id)

        judge = Judge(options.filters)
        try:
            opened = open_stream(stream, lambda line: reject("", line, Reason.LINE_TOO_LONG, ""))
            scan = Scan(
                elements=self._canonicaliser.elements,
                reject=reject,
                leave_out=collector.leave_out,
                begin_place=collector.begin_place,
                take_plain=collector.take_plain,
                filters=judge,
                file=name,
                value_column=options.value_column,
                type_column=options.type_column,
            )
            kind = options.input_format or detect(opened, scan)
        except DamagedError as error:
            return Outcome(damage=error.what)
        if kind in FORMAT_NAMES:
            return Outcome(unknown=FORMAT_NAMES[kind])
        records = READERS[kind](opened, scan)
        if options.strict:
            records = self._strictly(records, name)
        damage = None
        try:
            collector.take(records, tell and (lambda: tell(collector.values_read)))
        except DamagedError as error:
            damage = error.what
        return Outcome(
            found=collector.freeze(self._profile), damage=damage, changes_at=judge.changes_at
        )

    def _strictly(self, records: Iterator[Record], name: str) -> Iterator[Record]:
        """The records, up to the first damaged one."""
        for record in records:
            found = self._canonicaliser.elements(record[0], record[1])
            if isinstance(found, Reason) and found in DAMAGE:
                raise _stopped(name, record[2], found, record[3])
            yield record


def _stopped(name: str, line: int, reason: Reason, own_id: str) -> IndicatorError:
    where = f"line {line}" if line else f"record {printable(own_id) or 'without an id'}"
    return IndicatorError(
        f"{printable(name)} {where}: {REASON_TEXT[reason]}; nothing was sent",
        hint="mend the line, or leave `--strict` out to count it and go on",
        detail={"line": line, "reason": str(reason)},
    )

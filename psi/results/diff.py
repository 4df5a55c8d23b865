# SPDX-License-Identifier: Apache-2.0
"""
Two results compared: what is new in the later one, what is gone, and both in every format.

What STIX and MISP take is an addition, so these two get the later result with its new matches.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from psi.results.csv_table import COLUMNS, csv_row, csv_rows
from psi.results.formats import Format, stream
from psi.results.json_file import match_fields, stream_object
from psi.results.result import CheckResult, Match
from psi.results.table import KIND_LABELS, stream_matches
from psi.results.text import count, escape

__all__ = ["DIFF_FORMAT", "ResultDiff", "compare", "stream_diff", "summary_of"]

DIFF_FORMAT: Final = "overlap-diff/1"
CHANGE_FORMAT: Final = "overlap-change/1"

Change = Literal["new", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDiff:
    """
    Two results and what differs between them.

    Attributes:
        before, after: The two results.
        new: Matches of `after` alone, in its order.
        gone: Matches of `before` alone, in its order.
        both: How many are in both.
    """

    before: CheckResult
    after: CheckResult
    new: tuple[Match, ...] = field(repr=False)
    gone: tuple[Match, ...] = field(repr=False)
    both: int

    def changes(self) -> Iterator[tuple[Change, CheckResult, Match]]:
        """Each change with the result that has it, the new ones first."""
        for match in self.new:
            yield "new", self.after, match
        for match in self.gone:
            yield "gone", self.before, match


def compare(before: CheckResult, after: CheckResult) -> ResultDiff:
    """What is only in one of two results; matches are the same when kind and value are."""
    old, now = _keys(before), _keys(after)
    return ResultDiff(
        before=before,
        after=after,
        new=tuple(match for match in after.matches if (match.kind, match.value) not in old),
        gone=tuple(match for match in before.matches if (match.kind, match.value) not in now),
        both=len(old & now),
    )


def stream_diff(
    diff: ResultDiff,
    form: Format,
    *,
    width: int | None = None,
    rows: int | None = None,
    dim: Callable[[str], str] = str,
    sightings: bool = False,
) -> Iterator[str]:
    """
    The comparison in one of the formats.

    Args:
        diff: Of two results.
        form: Which writer.
        width, rows, dim: Of a table, as for `psi.results.table.stream_table`.
        sightings: Of MISP: add a sighting to each attribute.
    """
    match form:
        case "table":
            return (f"{line}\n" for line in _table(diff, width, rows, dim))
        case "csv":
            return _csv(diff)
        case "json":
            return _json(diff)
        case "jsonl":
            return _jsonl(diff)
        case "stix" | "misp":
            by_kind = Counter(match.kind for match in diff.new)
            added = replace(diff.after, matches=diff.new, by_kind=dict(by_kind))
            return stream(added, form, sightings=sightings)


def summary_of(diff: ResultDiff) -> str:
    """The main figures as a sentence: 18 new, 3 gone, 394 in both."""
    return f"{count(len(diff.new))} new, {count(len(diff.gone))} gone, {count(diff.both)} in both"


def _keys(result: CheckResult) -> set[tuple[str, str]]:
    return {(match.kind, match.value) for match in result.matches}


def _table(
    diff: ResultDiff, width: int | None, rows: int | None, dim: Callable[[str], str]
) -> Iterator[str]:
    yield summary_of(diff)
    for label, result in (("before", diff.before), ("after", diff.after)):
        when = f"{result.started_at[:10]} {result.started_at[11:16]} UTC"
        held = f"{count(result.count)} of your {count(result.sizes.client)}"
        yield f"{dim(f'{label:10} ')}{result.run}, {when}, {escape(result.server)}: {held}"
    yield from _kinds(diff, dim)
    for heading, matches in (("new", diff.new), ("gone", diff.gone)):
        if matches:
            yield ""
            yield f"{heading}: {count(len(matches))}"
            yield from stream_matches(matches, width, rows, dim)


def _kinds(diff: ResultDiff, dim: Callable[[str], str]) -> Iterator[str]:
    new = Counter(match.kind for match in diff.new)
    gone = Counter(match.kind for match in diff.gone)
    kinds = sorted(
        diff.before.by_kind.keys() | diff.after.by_kind.keys(),
        key=lambda kind: (-diff.after.by_kind.get(kind, 0), kind),
    )
    yield f"{'kind':16}  {'before':>8}  {'after':>8}  {'new':>8}  {'gone':>8}"
    for kind in kinds:
        figures = (
            diff.before.by_kind.get(kind, 0),
            diff.after.by_kind.get(kind, 0),
            new[kind],
            gone[kind],
        )
        cells = "".join(f"  {count(figure):>8}" for figure in figures)
        yield f"{dim(f'{KIND_LABELS.get(kind, kind):16}')}{cells}"


def _csv(diff: ResultDiff) -> Iterator[str]:
    yield csv_row("change", *COLUMNS)
    for change, result, match in diff.changes():
        for cells in csv_rows(result, match):
            yield csv_row(change, *cells)


def _json(diff: ResultDiff) -> Iterator[str]:
    return stream_object(
        {
            "format": DIFF_FORMAT,
            "before": _about(diff.before),
            "after": _about(diff.after),
            "new": len(diff.new),
            "gone": len(diff.gone),
            "both": diff.both,
            "changes": (
                f'{{"change": "{change}", {match_fields(match)}}}'
                for change, _, match in diff.changes()
            ),
        }
    )


def _jsonl(diff: ResultDiff) -> Iterator[str]:
    for change, result, match in diff.changes():
        about = {"format": CHANGE_FORMAT, "change": change, **_about(result)}
        yield f"{json.dumps(about)[:-1]}, {match_fields(match)}}}\n"


def _about(result: CheckResult) -> dict[str, object]:
    return {
        "run": result.run,
        "client": result.client,
        "server": result.server,
        "profile": result.profile,
        "started_at": result.started_at,
        "count": result.count,
    }

# SPDX-License-Identifier: Apache-2.0
"""
A result as a person reads it: the count, a table by kind, MISP's two sentences, the matches.

The sentences are MISP's ("N% of the data of A is contained in B (K matching values)"), so that
the numbers mean what its overlap matrix means. A peer's size is known only rounded up: a range.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from psi.protocol.sizes import MIN_BUCKET, bucket_range
from psi.results.result import CheckResult, Match
from psi.results.text import (
    cell_width,
    count,
    escape,
    share,
    share_at_least,
    share_bounds,
    shorten,
)

__all__ = ["KIND_LABELS", "MORE", "TERMINAL_ROWS", "headline", "stream_matches", "stream_table"]

TERMINAL_ROWS: Final = 20
# How to see all of so many matches.
MORE: Final = "`--list {}`, or `-o FILE`"
KIND_LABELS: Final = {
    "hex32": "hex32 (MD5)",
    "hex40": "hex40 (SHA-1)",
    "hex56": "hex56 (SHA-224)",
    "hex64": "hex64 (SHA-256)",
    "hex96": "hex96 (SHA-384)",
    "hex128": "hex128 (SHA-512)",
}
_KIND_WIDTH: Final = 16
_GAP: Final = "  "

Style = Callable[[str], str]


def stream_table(
    result: CheckResult,
    *,
    width: int | None = None,
    rows: int | None = None,
    dim: Style = str,
    more: str = MORE,
) -> Iterator[str]:
    """
    The lines that a check writes to stdout, each with its line feed.

    Args:
        result: A finished check.
        width: Columns of the terminal; None for a pipe or a file, where nothing is shortened and
            the matches are separated by tabs.
        rows: At most so many matches; None for all.
        dim: Styles the left column.
        more: How to see the matches that `rows` leaves out.
    """
    return (f"{line}\n" for line in _lines(result, width, rows, dim, more))


def _lines(
    result: CheckResult, width: int | None, rows: int | None, dim: Style, more: str
) -> Iterator[str]:
    yield headline(result)
    yield from _kinds(result, dim)
    yield from _sentences(result)
    if result.count and rows != 0:
        yield ""
    yield from stream_matches(result.matches, width, rows, dim, more)


def headline(result: CheckResult) -> str:
    """The main figure as a sentence: 412 of your 12,804 indicators are also held by beta-bank."""
    verb = "is" if result.count == 1 else "are"
    return (
        f"{count(result.count)} of your {count(result.sizes.client)} indicators"
        f" {verb} also held by {result.server}"
    )


def _kinds(result: CheckResult, dim: Style) -> Iterator[str]:
    """A row for each kind of the client's set, the most frequent first."""
    yours = result.sizes.client_by_kind
    rows = [
        (KIND_LABELS.get(kind, kind), count(n), result.by_kind.get(kind, 0), n)
        for kind, n in sorted(yours.items(), key=lambda item: (-item[1], item[0]))
        if n
    ]
    first = max((len("yours"), *(len(row[1]) for row in rows)))
    yield f"{'kind':{_KIND_WIDTH}}{_GAP}{'yours':>{first}}{_GAP}matching{_GAP}share"
    for label, held, found, n in rows:
        left = dim(f"{escape(label):{_KIND_WIDTH}}")
        yield f"{left}{_GAP}{held:>{first}}{_GAP}{count(found):>8}{_GAP}{share(found, n):>5}"


def _sentences(result: CheckResult) -> Iterator[str]:
    found, sizes = result.count, result.sizes
    values = "matching value" if found == 1 else "matching values"
    yield (
        f"{share(found, sizes.client)} of the data of {result.client} is contained in"
        f" {result.server} ({count(found)} {values})"
    )
    smallest, largest = bucket_range(sizes.server_bucket)
    if largest == MIN_BUCKET:
        # The smallest step says nothing about how few there are, so there is no upper bound.
        part, size = f"at least {share_at_least(found, largest)}", f"at most {count(largest)}"
    else:
        part, size = (
            share_bounds(found, smallest, largest),
            f"{count(smallest)} to {count(largest)}",
        )
    yield f"{part} of the data of {result.server} is contained in {result.client} (it holds {size})"


def stream_matches(
    matches: Sequence[Match],
    width: int | None,
    rows: int | None,
    dim: Style,
    more: str = MORE,
) -> Iterator[str]:
    """The lines of a list of matches, at most `rows` of them; nothing for none."""
    shown = matches if rows is None else matches[:rows]
    if shown:
        yield from _matches(shown, width, dim)
    hidden = len(matches) - len(shown)
    if hidden:
        yield f"{count(hidden)} more: {more.format(len(matches))}"


def _matches(matches: Sequence[Match], width: int | None, dim: Style) -> Iterator[str]:
    if width is None:
        yield "\t".join(("kind", "value", "as written", "source"))
        yield from ("\t".join(_cells(match)) for match in matches)
        return
    cells = [_cells(match) for match in matches]
    heading = ["kind", "value", "as written", "source"]
    if all(row[1] == row[2] for row in cells):
        # Nothing was defanged or spelled otherwise: one column says it.
        heading.pop(2)
        for row in cells:
            row.pop(2)
    widths = _fit([heading, *cells], width)
    yield _row(heading, widths, str)
    for row in cells:
        yield _row(row, widths, dim)


def _cells(match: Match) -> list[str]:
    first = match.sources[0] if match.sources else None
    if first is None:
        return [match.kind, escape(match.value), "", ""]
    more = f" (+{count(len(match.sources) - 1)})" if len(match.sources) > 1 else ""
    place = f"{escape(first.file)}:{first.line}{more}"
    return [match.kind, escape(match.value), escape(first.as_written), place]


def _fit(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Column widths that fit a terminal: what is over is taken from the widest column."""
    widths = [max(cell_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while over > 0:
        widest = max(range(1, len(widths)), key=widths.__getitem__)
        second = max(widths[i] for i in range(1, len(widths)) if i != widest)
        if widths[widest] <= 8:
            break
        cut = min(over, max(1, widths[widest] - second), widths[widest] - 8)
        widths[widest] -= cut
        over -= cut
    return widths


def _row(cells: Sequence[str], widths: Sequence[int], dim: Style) -> str:
    fitted = [shorten(cell, width) for cell, width in zip(cells, widths, strict=True)]
    padded = [
        cell + " " * (width - cell_width(cell))
        for cell, width in zip(fitted[:-1], widths[:-1], strict=True)
    ]
    return _GAP.join((dim(padded[0]), *padded[1:], fitted[-1])).rstrip()

# SPDX-License-Identifier: Apache-2.0
"""
A result as CSV: one row for each place where the client's own set has a matching value.

Cells come from files that strangers wrote. A spreadsheet runs a cell that begins like a formula,
so such a cell gets an apostrophe in front (OWASP, "CSV Injection").
"""

import csv
from collections.abc import Iterator
from typing import Final

from psi.results.result import CheckResult, Match

__all__ = ["COLUMNS", "csv_cell", "csv_row", "csv_rows", "stream_csv"]

COLUMNS: Final = ("kind", "value", "as_written", "file", "line", "peer", "session", "id")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def csv_cell(text: str) -> str:
    """The text of a cell that no spreadsheet runs."""
    # A lone surrogate stands for a byte that was no UTF-8; it can't be written as it is.
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{safe}" if safe.startswith(_FORMULA) else safe


class _Line:
    """A file that gives back what is written: `writerow` returns the line."""

    def write(self, text: str) -> str:
        return text


_WRITER: Final = csv.writer(_Line())  # CRLF; with LF alone it leaves a CR in a cell unquoted


def csv_row(*cells: object) -> str:
    """One line as RFC 4180 has it; foreign text goes through `csv_cell` first."""
    line: str = _WRITER.writerow(cells)
    return line


def csv_rows(result: CheckResult, match: Match) -> Iterator[tuple[object, ...]]:
    """The cells of one match, for each of its places, in the order of `COLUMNS`."""
    value, peer = csv_cell(match.value), csv_cell(result.server)
    for source in match.sources:
        yield (
            match.kind,
            value,
            csv_cell(source.as_written),
            csv_cell(source.file),
            source.line,
            peer,
            result.session,
            csv_cell(source.id),
        )


def stream_csv(result: CheckResult) -> Iterator[str]:
    """The matches with a header line, a line at a time."""
    yield csv_row(*COLUMNS)
    for match in result.matches:
        for cells in csv_rows(result, match):
            yield csv_row(*cells)

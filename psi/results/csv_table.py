# SPDX-License-Identifier: Apache-2.0
"""
A result as CSV: one row for each place where the client's own set has a matching value.

Cells come from files that strangers wrote. A spreadsheet runs a cell that begins like a formula,
so such a cell gets an apostrophe in front (OWASP, "CSV Injection").
"""

import csv
import io
from typing import Final

from psi.results.result import CheckResult

__all__ = ["COLUMNS", "csv_cell", "render_csv"]

COLUMNS: Final = ("kind", "value", "as_written", "file", "line", "peer", "session")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def csv_cell(text: str) -> str:
    """The text of a cell that no spreadsheet runs."""
    # A lone surrogate stands for a byte that was no UTF-8; it can't be written as it is.
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{safe}" if safe.startswith(_FORMULA) else safe


def render_csv(result: CheckResult) -> str:
    """The matches with a header line, as RFC 4180 has it."""
    out = io.StringIO()
    writer = csv.writer(out)  # CRLF at line ends; with LF alone it leaves a CR in a cell unquoted
    writer.writerow(COLUMNS)
    for match in result.matches:
        for source in match.sources:
            writer.writerow(
                (
                    csv_cell(match.kind),
                    csv_cell(match.value),
                    csv_cell(source.as_written),
                    csv_cell(source.file),
                    source.line,
                    csv_cell(result.server),
                    result.session,
                )
            )
    return out.getvalue()

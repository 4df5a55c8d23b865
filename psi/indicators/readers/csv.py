# SPDX-License-Identifier: Apache-2.0
"""
CSV: delimiter and columns found by content, quotes and line breaks in cells, defanged cells.

Which columns are read is decided in `_columns`; this module makes rows out of lines.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._columns import Columns, choose_columns
from psi.indicators.readers._open import MAX_LINE, Opened
from psi.indicators.readers._split import pattern_atoms, split_values, the_one_in_sentence
from psi.indicators.readers.stix_pattern import type_of_path
from psi.indicators.reasons import Reason

__all__ = [
    "DELIMITERS",
    "Row",
    "read_csv",
    "rows",
    "sample_lines",
    "sniff_delimiter",
    "table_columns",
]

DELIMITERS: Final = ("\t", ";", ",", "|")
_MAX_RECORD_LINES: Final = 50  # a cell with more lines is a quote that was never closed
_SAMPLE_ROWS: Final = 200
_COMMENT: Final = re.compile(r"\s*(?:#|//\s)")
_MANY: Final = re.compile(r"[\s,;|]")
_EMPTY_CELLS: Final = frozenset(
    {"", "-", "--", "?", "n/a", "na", "nan", "nil", "none", "null", "tbd", "unknown"}
)

#: The cells of a record and its first line; None where the record is damaged.
Row = tuple[list[str] | None, int]


def _open_quote(text: str, delimiter: str) -> bool:
    """Whether a quoted cell is still open at the end of the text."""
    if text.count('"') % 2 == 0:
        return False
    # A quote within an unquoted cell (5" disk) opens nothing.
    return re.search(rf'(?:^|{re.escape(delimiter)})\s*"(?:[^"]+|"")*+\Z', text) is not None


def _cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of a record with quotes in it; None where the quoting makes no sense."""
    csv.field_size_limit(3 * MAX_LINE)
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return None


def sample_lines(head: str) -> list[str]:
    """The first lines of a file, none of them cut in the middle."""
    lines = head.split("\n", 2 * _SAMPLE_ROWS)
    return lines[:-1] or lines


def rows(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """
    The records of a CSV; comment lines and blank lines are left out.

    A quote without an end does not swallow what follows: its line is damaged, the next is read
    as if nothing had been.
    """
    source = enumerate(lines, 1)
    again: list[tuple[int, str]] = []
    while True:
        number, line = again.pop() if again else next(source, (0, ""))
        if number == 0:
            return
        if not line.strip() or _COMMENT.match(line):
            continue
        if '"' not in line:
            yield line.split(delimiter), number
            continue
        record, taken = line, list[tuple[int, str]]()
        while _open_quote(record, delimiter):
            more = again.pop() if again else next(source, (0, ""))
            if more[0] == 0 or len(taken) >= _MAX_RECORD_LINES or len(record) > MAX_LINE:
                if more[0]:
                    taken.append(more)
                again.extend(reversed(taken))
                yield None, number
                break
            taken.append(more)
            record += "\n" + more[1]
        else:
            yield _cells(record, delimiter), number


def sniff_delimiter(lines: list[str]) -> str | None:
    """
    The delimiter of a table, or None when the lines are no table.

    Nearly every record has it, and most have it equally often.
    """
    best: tuple[float, str] | None = None
    for delimiter in DELIMITERS:
        if 2 * sum(delimiter in line for line in lines) < len(lines):
            continue  # saves parsing; a record may have several lines, so half of them will do
        widths = [len(cells) for cells, _ in rows(lines, delimiter) if cells is not None]
        wide = [width for width in widths if width > 1]
        if not wide or len(wide) < 0.8 * len(widths):
            continue
        usual = max(wide.count(width) for width in set(wide))
        share = usual / len(widths)
        if share >= 0.6 and (best is None or share > best[0]):
            best = (share, delimiter)
    return best[1] if best else None


def table_columns(head: str, delimiter: str, scan: Scan) -> Columns:
    """
    The columns of a table, decided on its first records.

    Raises:
        UsageError: A column that the user named is not there.
    """
    sample = islice(rows(sample_lines(head), delimiter), _SAMPLE_ROWS)
    return choose_columns([cells for cells, _ in sample if cells is not None], scan)


def read_csv(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The values of the chosen columns, row by row."""
    delimiter = sniff_delimiter(sample_lines(opened.head)) or ","
    columns = table_columns(opened.head, delimiter, scan)
    header = columns.has_header
    for cells, number in rows(opened.lines(), delimiter):
        if cells is None:
            scan.reject("", number, Reason.BROKEN_QUOTE, "")
        elif header:
            header = False
        elif not columns.values:
            scan.reject(delimiter.join(cells), number, Reason.PROSE, "")
        elif columns.is_benign(cells):
            scan.reject(delimiter.join(cells), number, Reason.BENIGN, "")
        else:
            yield from _row(cells, number, columns, scan)


def _row(cells: list[str], number: int, columns: Columns, scan: Scan) -> Iterator[Record]:
    row_type = columns.type_of(cells)
    for index, column_type in columns.values:
        cell = cells[index].strip() if index < len(cells) else ""
        if cell.lower() in _EMPTY_CELLS:
            continue
        hint = column_type or row_type
        if cell.startswith("[") and (compared := pattern_atoms(cell)):
            for atom in compared:
                if atom.exact:
                    yield atom.value, type_of_path(atom.path), number, ""
                else:
                    scan.reject(atom.value, number, Reason.OPERATOR, "")
        elif _MANY.search(cell):
            for value in _values(cell, partial(scan.is_value, type_hint=hint)):
                yield value, hint, number, ""
        else:
            yield cell, hint, number, ""


def _values(cell: str, is_value: Callable[[str], bool]) -> list[str]:
    """The values of a cell that has more than one word."""
    values = split_values(cell, is_value)
    if len(values) == 1 and not is_value(values[0]):
        one = the_one_in_sentence(cell, is_value)
        return values if one is None else [one]
    return values

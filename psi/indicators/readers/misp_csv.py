# SPDX-License-Identifier: Apache-2.0
"""The CSV that MISP exports: uuid,event_id,category,type,value,comment,to_ids,timestamp,..."""

import re
from collections.abc import Iterator
from typing import Final

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._open import Opened
from psi.indicators.readers.csv import rows
from psi.indicators.reasons import Reason
from psi.indicators.tlp import tlp_of_tags

__all__ = ["is_misp_csv", "read_misp_csv"]

_NEEDED: Final = frozenset({"uuid", "category", "type", "value", "to_ids"})
_TAGS: Final = re.compile(r"\s*[,;]\s*")


def is_misp_csv(line: str) -> bool:
    """Whether the first line of a file has the columns of such an export."""
    return set(_names(line.split(","))) >= _NEEDED


def _names(cells: list[str]) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in cells]


def read_misp_csv(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The attributes, in the order of the file."""
    columns: dict[str, int] = {}
    for cells, number in rows(opened.lines(), ","):
        if cells is None:
            scan.reject("", number, Reason.BROKEN_QUOTE, "")
        elif not columns:
            columns = {name: index for index, name in enumerate(_names(cells))}
        else:
            yield from _row(cells, number, columns, scan)


def _row(cells: list[str], number: int, columns: dict[str, int], scan: Scan) -> Iterator[Record]:
    def cell(name: str) -> str:
        index = columns.get(name, len(cells))
        return cells[index].strip() if index < len(cells) else ""

    filters, uuid = scan.filters, cell("uuid")
    tlp = tlp_of_tags(_TAGS.split(f"{cell('event_tag')},{cell('attribute_tag')}"))
    if "value" not in columns or columns["value"] >= len(cells):
        scan.reject(",".join(cells), number, Reason.BAD_RECORD, uuid)
    elif cell("deleted") in ("1", "true"):
        scan.leave_out(Filter.DELETED, 1)
    elif tlp > filters.tlp_limit:
        scan.leave_out(Filter.TLP, 1)
    elif filters.to_ids and cell("to_ids").lower() not in ("1", "true"):
        scan.leave_out(Filter.NOT_TO_IDS, 1)
    elif filters.too_old(cell("timestamp") or cell("date")):
        scan.leave_out(Filter.TOO_OLD, 1)
    else:
        scan.begin_place(cell("event_uuid"), tlp)
        yield cell("value"), cell("type"), number, uuid

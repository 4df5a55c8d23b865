# SPDX-License-Identifier: Apache-2.0
"""What a file is, told by its content; the name is not asked."""

import re
from typing import Final

from psi.indicators.readers._base import Scan
from psi.indicators.readers._open import Opened
from psi.indicators.readers.csv import sample_lines, sniff_delimiter, table_columns
from psi.indicators.readers.misp import MISP_KEYS
from psi.indicators.readers.misp_csv import is_misp_csv
from psi.indicators.readers.openioc import OPENIOC_TAG
from psi.indicators.readers.stix import STIX_KEYS

__all__ = ["FORMAT_NAMES", "detect"]

# What can't be read, in words.
FORMAT_NAMES: Final = {
    "binary": "a binary file",
    "json": "JSON of an unknown kind",
    "xml": "XML of an unknown kind",
}

_JSON: Final = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]\s*$))")
_XML: Final = re.compile(r"\s*<(?:\?xml|![A-Za-z\[-]|[A-Za-z][\w:.-]*(?:\s|/?>))")
_MISP: Final = re.compile(MISP_KEYS)
_STIX: Final = re.compile(STIX_KEYS)
_OPENIOC: Final = re.compile(OPENIOC_TAG)
_COMMENT: Final = re.compile(r"\s*(?:[#;]|//\s)")


def detect(opened: Opened, scan: Scan) -> str:
    """The format: a key of `READERS`, or one of `FORMAT_NAMES`."""
    if opened.is_binary:
        return "binary"
    if _JSON.match(opened.head):
        return _kind_of_json(opened.head)
    if _XML.match(opened.head):
        return "openioc" if _OPENIOC.search(opened.head) else "xml"
    return _kind_of_table(opened, scan)


def _kind_of_table(opened: Opened, scan: Scan) -> str:
    """`misp-csv`, `csv`, or `text` where the lines are no table."""
    if is_misp_csv(opened.head.lstrip().partition("\n")[0]):
        return "misp-csv"
    delimiter = sniff_delimiter(
        [line for line in sample_lines(opened.head) if not _COMMENT.match(line)]
    )
    if delimiter is None:
        return "text"
    # Prose has commas in every line too, but no column of indicators. Who names a column means
    # a table.
    if scan.value_column is not None or table_columns(opened.head, delimiter, scan).values:
        return "csv"
    return "text"


def _kind_of_json(head: str) -> str:
    """`misp` or `stix` by whichever key comes first, as each may hold the other's words later."""
    found = [
        (match.start(), kind)
        for pattern, kind in ((_MISP, "misp"), (_STIX, "stix"))
        if (match := pattern.search(head))
    ]
    return min(found)[1] if found else "json"

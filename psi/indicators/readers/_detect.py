# SPDX-License-Identifier: Apache-2.0
"""What a file is, told by its content; the name is not asked."""

import re
from typing import Final

from psi.indicators.readers._base import Scan
from psi.indicators.readers._open import Opened
from psi.indicators.readers.csv import sample_lines, sniff_delimiter, table_columns

__all__ = ["FORMAT_NAMES", "detect"]

# What can't be read (yet), in words.
FORMAT_NAMES: Final = {
    "binary": "a binary file",
    "json": "JSON",
    "xml": "XML",
}

_JSON: Final = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]\s*$))")
_XML: Final = re.compile(r"\s*<(?:\?xml|![A-Za-z\[-]|[A-Za-z][\w:.-]*(?:\s|/?>))")
_COMMENT: Final = re.compile(r"\s*(?:[#;]|//\s)")


def detect(opened: Opened, scan: Scan) -> str:
    """The format: `text`, `csv`, or a key of `FORMAT_NAMES`."""
    if opened.is_binary:
        return "binary"
    if _JSON.match(opened.head):
        return "json"
    if _XML.match(opened.head):
        return "xml"
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

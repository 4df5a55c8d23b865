# SPDX-License-Identifier: Apache-2.0
"""
Readers: from a file to values as written.

A reader knows a format and nothing about canonical forms or counts. A new format is a function of
the shape of `Reader`, a row in `READERS`, and a rule in `_detect`.
"""

from collections.abc import Mapping
from typing import Final

from psi.indicators.readers._base import Reader, Record, Scan
from psi.indicators.readers._detect import FORMAT_NAMES, detect
from psi.indicators.readers._open import DamagedError, Opened, open_stream
from psi.indicators.readers.csv import read_csv
from psi.indicators.readers.misp import read_misp
from psi.indicators.readers.misp_csv import read_misp_csv
from psi.indicators.readers.openioc import read_openioc
from psi.indicators.readers.stix import read_stix
from psi.indicators.readers.text import read_text

__all__ = [
    "FORMAT_NAMES",
    "READERS",
    "DamagedError",
    "Opened",
    "Reader",
    "Record",
    "Scan",
    "detect",
    "open_stream",
]

READERS: Final[Mapping[str, Reader]] = {
    "text": read_text,
    "csv": read_csv,
    "misp": read_misp,
    "misp-csv": read_misp_csv,
    "stix": read_stix,
    "openioc": read_openioc,
}

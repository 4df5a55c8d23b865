# SPDX-License-Identifier: Apache-2.0
"""
Which columns of a table hold indicators, and which one says of what type.

In this order: what the user named; a header such as `value`, `indicator`, `ioc`; headers that name
a kind (`sha256`, `C2 Server`, `Download URL`) over cells that mostly are indicators; and without a
header that helps, the cells alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psi.errors import UsageError
from psi.indicators._escape import printable
from psi.indicators.readers._base import Scan
from psi.indicators.readers._split import pattern_atoms, split_values
from psi.indicators.reasons import Reason
from psi.indicators.type_names import Form, form_of, is_type_name

__all__ = ["Columns", "choose_columns"]

_LISTS: Final = {
    "value": "value values indicator indicators ioc iocs observable observables artifact artefact",
    "kind": """
        ip ips ipv4 ipv6 ipaddress cidr domain domains hostname hostnames host hosts fqdn url urls
        uri email emails c2 cnc md5 sha1 sha224 sha256 sha384 sha512 md5sum sha1sum sha256sum
        sha512sum hash hashes imphash jarm ja3 ja3s ja4
    """,
    # Words that turn `domain` into something about a domain, and links into references.
    "about": """
        creation created registered registration registrar first last seen date time timestamp size
        count score name names id ids category status key port link reference references source
        sources report tags tag comment comments description note notes type types kind
    """,
}
_VALUE_WORDS: Final = frozenset(_LISTS["value"].split())
_KIND_WORDS: Final = frozenset(_LISTS["kind"].split())
_ABOUT_WORDS: Final = frozenset(_LISTS["about"].split())
_VERDICT_WORDS: Final = frozenset({"classification", "verdict", "disposition"})
_BENIGN: Final = frozenset(
    {"legitimate", "benign", "clean", "goodware", "whitelist", "whitelisted", "allowlisted"}
)
_TYPE_WORDS: Final = frozenset({"type", "types", "kind"})
_MOSTLY: Final = 0.5
_CLEARLY: Final = 0.8
_KINDS_OF: Final = {
    Form.IP: ("ip", "cidr"),
    Form.DOMAIN: ("domain",),
    Form.URL: ("url",),
    Form.EMAIL: ("email",),
    Form.HASH: ("hex",),
    Form.CVE: ("cve",),
}

Table = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Attributes:
        values: Index of each column that is read, and the type its header names.
        types: Index of the column that names a type for the row, or None.
        verdicts: Index of the column in which the feed says what it thinks of the value, or None.
        has_header: Whether the first record names the columns.
    """

    values: tuple[tuple[int, str | None], ...]
    types: int | None
    verdicts: int | None
    has_header: bool

    def type_of(self, cells: Sequence[str]) -> str | None:
        """The type name that a row gives."""
        if self.types is None or self.types >= len(cells):
            return None
        return cells[self.types].strip()

    def is_benign(self, cells: Sequence[str]) -> bool:
        """Whether the feed itself says that the value of a row is legitimate."""
        if self.verdicts is None or self.verdicts >= len(cells):
            return False
        return cells[self.verdicts].strip().lower() in _BENIGN


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())


class _Sample:
    """The first records of a table, column by column."""

    def __init__(self, table: Table, scan: Scan) -> None:
        self._scan = scan
        self.has_header = bool(table) and not any(self._is_value(cell) for cell in table[0])
        self.header = [cell.strip() for cell in table[0]] if self.has_header else []
        self.body = table[1:] if self.has_header else table
        self.width = max(map(len, table), default=0)

    def _is_value(self, cell: str) -> bool:
        cell = cell.strip()
        if cell.startswith("[") and (compared := pattern_atoms(cell)):
            return any(self._scan.is_value(atom.value) for atom in compared)
        return self._scan.is_value(split_values(cell, self._scan.is_value)[0])

    def cells(self, index: int) -> list[str]:
        """The cells of a column that hold something."""
        return [row[index].strip() for row in self.body if index < len(row) and row[index].strip()]

    def value_share(self, index: int) -> float:
        """How many of the filled cells hold an indicator, 0 to 1."""
        cells = self.cells(index)
        return sum(map(self._is_value, cells)) / len(cells) if cells else 0.0

    def type_share(self, index: int) -> float:
        """How many of the filled cells name a type, 0 to 1."""
        cells = self.cells(index)
        return sum(map(is_type_name, cells)) / len(cells) if cells else 0.0

    def kind(self, cell: str) -> str:
        """The kind of a cell's first value, or an empty string."""
        found = self._scan.elements(split_values(cell, self._scan.is_value)[0], None)
        if isinstance(found, Reason):
            return ""
        element = found if isinstance(found, bytes) else found[0]
        return element.partition(b":")[0].decode()

    def agreement(self, index: int, types: int) -> int:
        """In how many rows the cell is of the kind that the type column names."""
        agreed = 0
        for row in self.body:
            if max(index, types) < len(row):
                expected = _KINDS_OF.get(form_of(row[types].strip()), ())
                kind = self.kind(row[index].strip())
                agreed += any(kind.startswith(start) for start in expected)
        return agreed

    def by_name(self, name: str, option: str) -> int:
        """The column that the user named, by header or by number from 1."""
        lowered = [cell.lower() for cell in self.header]
        if name.lower() in lowered:
            return lowered.index(name.lower())
        if name.isdecimal() and 1 <= int(name) <= self.width:
            return int(name) - 1
        known = ", ".join(printable(cell) for cell in self.header)
        raise UsageError(
            f"{printable(self._scan.file)} has no column {name!r}",
            hint=f"{option}: its columns are {known}"
            if known
            else f"{option}: it has no header; a number from 1 to {self.width} names a column",
        )


def _type_column(sample: _Sample, option: str | None) -> int | None:
    if option is not None:
        return sample.by_name(option, "--type-column")
    named = [i for i, name in enumerate(sample.header) if _TYPE_WORDS & set(_words(name)[-1:])]
    best = max(named or range(sample.width), key=sample.type_share, default=None)
    if best is None:
        return None
    return best if sample.type_share(best) >= (_MOSTLY if named else _CLEARLY) else None


def _named_columns(sample: _Sample) -> list[tuple[int, str | None]]:
    """Columns whose header says that indicators are in it."""
    words = [_words(name) for name in sample.header]
    general = [
        index
        for index, found in enumerate(words)
        if (_VALUE_WORDS & set(found) and not _ABOUT_WORDS & set(found[-1:]))
        or (found == ["pattern"] and sample.value_share(index) >= _MOSTLY)
    ]
    if general:
        return [(max(general, key=sample.value_share), None)]
    return [
        (index, next((word for word in found if is_type_name(word)), None))
        for index, found in enumerate(words)
        if _KIND_WORDS & set(found)
        and not _ABOUT_WORDS & set(found)
        and sample.value_share(index) >= _MOSTLY
    ]


def _columns_by_content(sample: _Sample, types: int | None) -> list[tuple[int, str | None]]:
    """Columns whose cells are indicators."""
    good = [index for index in range(sample.width) if sample.value_share(index) >= _MOSTLY]
    if not good:
        return []
    if types is not None:
        return [(max(good, key=lambda index: sample.agreement(index, types)), None)]
    # A column of URLs behind one of indicators is where they were reported.
    return [
        (index, None)
        for index in good
        if index == good[0] or any(sample.kind(cell) != "url" for cell in sample.cells(index))
    ]


def choose_columns(table: Table, scan: Scan) -> Columns:
    """
    Decide from the first records of a table.

    Raises:
        UsageError: A column that the user named is not there.
    """
    sample = _Sample(table, scan)
    types = _type_column(sample, scan.type_column)
    if scan.value_column is not None:
        values: list[tuple[int, str | None]] = [
            (sample.by_name(scan.value_column, "--value-column"), None)
        ]
    else:
        values = _named_columns(sample) or _columns_by_content(sample, types)
    verdicts = next(
        (i for i, name in enumerate(sample.header) if _VERDICT_WORDS & set(_words(name)[-1:])), None
    )
    return Columns(tuple(values), types, verdicts, sample.has_header)

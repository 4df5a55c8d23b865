# SPDX-License-Identifier: Apache-2.0
"""
OpenIOC 1.0: the content of each IndicatorItem, typed by the term that it is searched under.

The parser is expat. A document that declares an entity is refused before any is expanded, and
nothing outside it is ever fetched.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._open import MAX_LINE, DamagedError, Opened, utf8
from psi.indicators.reasons import Reason

__all__ = ["OPENIOC_TAG", "read_openioc"]

OPENIOC_TAG: Final = r"<(?:ioc|OpenIOC)[\s>]"
_EXACT: Final = frozenset({"is", "contains", ""})

# By the last word of the term, in the spelling of the schema's many authors.
_TYPES: Final = (
    (re.compile(r"(?:md5|sha1|sha256|sha512|sha384)(?:sum)?$", re.IGNORECASE), "hash"),
    (
        re.compile(r"(?:DnsEntryItem/(?:RecordName|Host)|Network/DNS|/domain)$", re.IGNORECASE),
        "domain",
    ),
    (
        re.compile(
            r"(?:/(?:remote|local)IP|IPv4Address|IPv6Address|RecordData/IPv[46]Address|/ip)$",
            re.IGNORECASE,
        ),
        "ip",
    ),
    (re.compile(r"(?:Network/URI|/URL|/SourceURL)$", re.IGNORECASE), "url"),
    (re.compile(r"Email/(?:From|To|CC|BCC|ReplyTo|Sender)$", re.IGNORECASE), "email"),
)
_NOT_EXACT: Final = "pattern-in-file"  # a type name that says so


class _EntityError(Exception):
    """The document declares one."""


class _Items:
    """What the handlers of the parser have seen."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self.found: list[Record] = []
        self.modified = ""
        self._condition = self._id = self._term = ""
        self._content: list[str] | None = None
        self._length = 0
        self._line = 0
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.ExternalEntityRefHandler = self._entity

    def _entity(self, *_: object) -> int:
        raise _EntityError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name in ("ioc", "OpenIOC"):
            self.modified = attributes.get("last-modified", "")
        elif name == "IndicatorItem":
            self._condition = attributes.get("condition", "").lower()
            if attributes.get("negate", "").lower() == "true":
                self._condition = "not"
            self._id = attributes.get("id", "")
            self._term = ""
        elif name == "Context":
            self._term = attributes.get("search", "")
        elif name == "Content":
            self._content, self._length = [], 0
            self._line = self.parser.CurrentLineNumber

    def _text(self, text: str) -> None:
        if self._content is not None:
            self._length += len(text)
            if self._length <= MAX_LINE:
                self._content.append(text)

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] != "Content" or self._content is None:
            return
        value = "".join(self._content).strip()
        self._content = None
        scan = self._scan
        if self._length > MAX_LINE:
            scan.reject("", self._line, Reason.LINE_TOO_LONG, self._id)
        elif not self._term:
            scan.reject(value, self._line, Reason.BAD_RECORD, self._id)
        elif self._condition not in _EXACT:
            scan.reject(value, self._line, Reason.OPERATOR, self._id)
        elif scan.filters.too_old(self.modified):
            scan.leave_out(Filter.TOO_OLD, 1)
        else:
            self.found.append((value, _type_of(self._term), self._line, self._id))


def read_openioc(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The items, in the order of the file."""
    items = _Items(scan)
    try:
        # What the parser gets is text, so the encoding that the document names no longer matters.
        for piece in opened.pieces():
            items.parser.Parse(utf8(piece), False)
            yield from items.found
            items.found.clear()
        items.parser.Parse(b"", True)
    except expat.ExpatError as error:
        yield from items.found
        raise DamagedError(f"is broken XML at line {error.lineno:,}") from error
    except _EntityError as error:
        raise DamagedError("declares an XML entity, which is not allowed") from error
    yield from items.found


def _type_of(term: str) -> str:
    return next((name for pattern, name in _TYPES if pattern.search(term)), _NOT_EXACT)

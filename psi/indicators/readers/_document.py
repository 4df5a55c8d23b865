# SPDX-License-Identifier: Apache-2.0
"""
JSON documents as typed structs, and what is left of a broken one.

Markings may stand behind the values that they are about, so a document is decoded as a whole. Of a
broken one the elements of its lists that end before the damage are used, nothing else.
"""

import io
import re
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from psi.indicators.readers._open import DamagedError, Opened, utf8

__all__ = ["MAX_DOCUMENT", "Document", "decoded", "read_document"]

MAX_DOCUMENT: Final = 1 << 30  # bytes; such a document takes about as much again when decoded

_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_KEY: Final = re.compile(rb"\s*:")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """
    Attributes:
        content: The document, or None where nothing of it is readable.
        data: Its bytes.
        damage: What is wrong with it, to be raised when `content` has been used.
    """

    content: T | None
    data: bytes
    damage: DamagedError | None


def read_document(opened: Opened, decoder: Decoder[T], lists: frozenset[str]) -> Document[T]:
    """
    Decode the whole of a file.

    Args:
        opened: The file, as text.
        decoder: Of a struct that leaves the records in its lists as they are (`msgspec.Raw`), so
            that an odd record loses only itself, and objects exist for one record at a time.
        lists: Keys of the lists whose elements are records.
    """
    data, damage = _bytes_of(opened)
    try:
        try:
            return Document(decoder.decode(data), data, damage)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            found = _BYTE.search(str(error))
            at = int(found[1]) if found else len(data)
            if damage is None:
                damage = DamagedError(
                    f"is broken JSON at byte {at:,}" if found else f"ends early after {at:,} bytes"
                )
            data = _mended(data[:at], {name.encode() for name in lists})
        return Document(decoder.decode(data), data, damage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Document(None, b"", damage or DamagedError("is JSON of another shape"))
    except RecursionError:
        return Document(None, b"", DamagedError("is nested too deeply"))


def decoded(record: Raw, decoder: Decoder[T]) -> T | None:
    """A record, or None where it has another shape."""
    try:
        return decoder.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _bytes_of(opened: Opened) -> tuple[bytes, DamagedError | None]:
    """The file as UTF-8."""
    whole = io.BytesIO()
    try:
        for piece in opened.pieces():
            whole.write(utf8(piece))
            if whole.tell() > MAX_DOCUMENT:
                return whole.getvalue(), DamagedError("is longer than 1 GiB; split it")
    except DamagedError as error:
        return whole.getvalue(), error
    return whole.getvalue(), None


def _mended(data: bytes, lists: set[bytes]) -> bytes:
    """The longest prefix that ends with a whole record, with the brackets that it lacks."""
    open_brackets: list[tuple[bytes, bytes | None]] = []
    key: bytes | None = None
    good, closing = 0, b""
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token[:1] == b'"':
            key = token[1:-1] if _KEY.match(data, match.end()) else None
        elif token in b"{[":
            open_brackets.append((token, key))
            key = None
        else:
            if not open_brackets or open_brackets.pop()[0] != (b"{" if token == b"}" else b"["):
                break
            if token == b"}" and open_brackets and _is_list(open_brackets, lists):
                good = match.end()
                closing = b"".join(
                    b"}" if bracket == b"{" else b"]" for bracket, _ in reversed(open_brackets)
                )
    return data[:good] + closing


def _is_list(open_brackets: list[tuple[bytes, bytes | None]], lists: set[bytes]) -> bool:
    bracket, key = open_brackets[-1]
    return bracket == b"[" and (len(open_brackets) == 1 or key in lists)

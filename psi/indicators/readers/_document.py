# SPDX-License-Identifier: Apache-2.0
"""
JSON documents as typed structs, and what is left of a broken one.

Markings may stand behind the values that they are about, so a document is decoded as a whole. Of a
broken one the elements of its lists that end before the damage are used, nothing else.
"""

import io
import re
from typing import Any, Final, Generic, TypeVar

import msgspec

from psi.indicators.readers._open import DamagedError, Opened, utf8

__all__ = ["MAX_DOCUMENT", "Document", "read_document"]

MAX_DOCUMENT: Final = 1 << 30  # bytes; such a document takes about as much again when decoded

_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_KEY: Final = re.compile(rb"\s*:")

T = TypeVar("T")


class Document(Generic[T]):
    """
    Attributes:
        content: The document, or None where nothing of it is readable.
        damage: What is wrong with it, to be raised when `content` has been used.
        bad_records: How many elements of lists had another shape than the format gives them.
    """

    def __init__(self, content: T | None, damage: DamagedError | None, bad_records: int) -> None:
        self.content = content
        self.damage = damage
        self.bad_records = bad_records


def read_document(opened: Opened, kind: type[T], lists: frozenset[str]) -> Document[T]:
    """
    Decode the whole of a file.

    Args:
        opened: The file, as text.
        kind: A struct whose fields are lists of structs, or lists of those.
        lists: Keys of the lists whose elements are records.
    """
    data, damage = _bytes_of(opened)
    bad = 0
    try:
        try:
            return Document(msgspec.json.decode(data, type=kind, strict=False), damage, 0)
        except msgspec.ValidationError:
            pass  # one odd record; looked for one by one
        except msgspec.DecodeError as error:
            found = _BYTE.search(str(error))
            at = int(found[1]) if found else len(data)
            if damage is None:
                damage = DamagedError(
                    f"is broken JSON at byte {at:,}" if found else f"ends early after {at:,} bytes"
                )
            data = _mended(data[:at], {name.encode() for name in lists})
        tree, bad = _pruned(msgspec.json.decode(data), kind, lists)
        return Document(msgspec.convert(tree, kind, strict=False), damage, bad)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Document(None, damage or DamagedError("is JSON of another shape"), bad)
    except RecursionError:
        return Document(None, DamagedError("is nested too deeply"), bad)


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


def _pruned(tree: Any, kind: type[Any], lists: frozenset[str]) -> tuple[Any, int]:
    """The tree without the elements of lists that are no objects or have fields of other types."""
    bad = 0

    def prune(node: Any) -> Any:
        nonlocal bad
        if isinstance(node, list):
            kept = [prune(item) for item in node if isinstance(item, dict)]
            bad += len(node) - len(kept)
            return kept
        if not isinstance(node, dict):
            return node
        for name in lists & node.keys():
            value = node[name]
            if not isinstance(value, list):
                node[name] = prune(value) if isinstance(value, dict) else None
                continue
            kept = []
            for item in value:
                if isinstance(item, dict) and _fits(name, prune(item), kind):
                    kept.append(item)
                else:
                    bad += 1
            node[name] = kept
        return node

    return prune(tree), bad


def _fits(name: str, item: Any, kind: type[Any]) -> bool:
    """Whether a document that holds nothing but this element would be accepted."""
    try:
        msgspec.convert({name: [item]}, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True

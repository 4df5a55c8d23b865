# SPDX-License-Identifier: Apache-2.0
"""
Structures that are signed or hashed: one encoding, one strict decoder (docs/protocol.md, 1).

    encoding = LP("OVL1-<Name>") || LP(field_1) || LP(field_2) ...

Protobuf bytes are never signed, since their serialisation is not canonical. A structure is a frozen
dataclass; the annotation of a field fixes its type on the wire, and building one with a value
of another type or length is refused, so a structure that exists is well formed.
"""

import dataclasses
import functools
import hashlib
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Self,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from psi.encoding import MAX_U64, lp, u32, u64
from psi.errors import PeerProtocolError

__all__ = ["B32", "B64", "Name", "Structure", "Text"]

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Longer text than this is no address, contact or reason; it bounds what a peer can make us keep.
MAX_TEXT_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class _Length:
    n_bytes: int


@dataclass(frozen=True, slots=True)
class _PrincipalName:
    pass


B32 = Annotated[bytes, _Length(32)]
B64 = Annotated[bytes, _Length(64)]
Text = str
Name = Annotated[str, _PrincipalName()]

S = TypeVar("S", bound="Structure")


class Structure:
    """Base of every structure of docs/protocol.md section 9."""

    __slots__ = ()
    NAME: ClassVar[str]

    def __post_init__(self) -> None:
        for name, kind in _fields_of(type(self)):
            _check(f"{self.NAME}.{name}", kind, getattr(self, name))

    def encode(self) -> bytes:
        """The bytes that are signed or hashed."""
        fields = (getattr(self, name) for name, _ in _fields_of(type(self)))
        return b"".join((lp(_label(type(self))), *(lp(_encode_value(value)) for value in fields)))

    def digest(self) -> bytes:
        """SHA-256 of the encoding, 32 bytes."""
        return hashlib.sha256(self.encode()).digest()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """
        Read one structure back from its encoding.

        Raises:
            PeerProtocolError: The bytes are not exactly one encoding of this structure.
        """
        parts = _split(cls.NAME, data)
        fields = _fields_of(cls)
        if len(parts) != len(fields) + 1 or parts[0] != _label(cls):
            raise PeerProtocolError(
                f"{cls.NAME}: expected a label and {len(fields)} fields, got {len(parts)} parts"
            )
        values = {
            name: _decode_value(f"{cls.NAME}.{name}", kind, part)
            for (name, kind), part in zip(fields, parts[1:], strict=True)
        }
        return cls(**values)


def _label(cls: type[Structure]) -> bytes:
    return f"OVL1-{cls.NAME}".encode()


_FIELDS: Final[dict[type, tuple[tuple[str, Any], ...]]] = {}


def _fields_of(cls: type[Structure]) -> tuple[tuple[str, Any], ...]:
    cached = _FIELDS.get(cls)
    if cached is not None:
        return cached
    hints = get_type_hints(cls, include_extras=True)
    # Every structure is a dataclass; the base class alone is not.
    _FIELDS[cls] = tuple((f.name, hints[f.name]) for f in dataclasses.fields(cls))  # type: ignore[arg-type]
    return _FIELDS[cls]


def _encode_value(value: object) -> bytes:
    match value:
        case None:
            return b""
        case int():  # a boolean is the integer 0 or 1
            return u64(value)
        case str():
            return value.encode()
        case bytes():
            return value
        case tuple():
            return u32(len(value)) + b"".join(lp(_encode_value(item)) for item in value)
        case Structure():
            return value.encode()
    raise TypeError(f"a structure can't hold {type(value).__name__}")


def _check(where: str, kind: Any, value: object) -> None:
    """Refuse a value that the annotation does not allow; sizes only in the message."""
    base, constraint, optional = _unwrap(kind)
    if value is None:
        if not optional:
            raise PeerProtocolError(f"{where}: expected a value, got none")
        return
    item_kind = _item_kind(base)
    if item_kind is not None:
        if not isinstance(value, tuple):
            raise PeerProtocolError(f"{where}: expected a list, got {type(value).__name__}")
        for position, item in enumerate(value):
            _check(f"{where}[{position}]", item_kind, item)
        return
    if not isinstance(value, base) or (base is int and isinstance(value, bool)):
        raise PeerProtocolError(f"{where}: expected {base.__name__}, got {type(value).__name__}")
    if isinstance(value, int) and not 0 <= value <= MAX_U64:
        raise PeerProtocolError(f"{where}: expected 0 to 2^64-1")
    if isinstance(constraint, _Length) and len(value) != constraint.n_bytes:
        raise PeerProtocolError(f"{where}: expected {constraint.n_bytes} bytes, got {len(value)}")
    if isinstance(value, str):
        _check_text(where, constraint, value)


def _check_text(where: str, constraint: object, value: str) -> None:
    try:
        n_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise PeerProtocolError(f"{where}: expected UTF-8 text, got a lone surrogate") from None
    if n_bytes > MAX_TEXT_BYTES:
        raise PeerProtocolError(f"{where}: expected at most {MAX_TEXT_BYTES} bytes, got {n_bytes}")
    if isinstance(constraint, _PrincipalName) and not _NAME.fullmatch(value):
        raise PeerProtocolError(
            f"{where}: expected 1 to 63 lower-case letters, digits and inner '-'"
        )


def _decode_value(where: str, kind: Any, part: bytes) -> object:
    base, _, optional = _unwrap(kind)
    if optional and not part:
        return None
    item_kind = _item_kind(base)
    if item_kind is not None:
        if len(part) < 4:
            raise PeerProtocolError(f"{where}: expected a list, got {len(part)} bytes")
        items = _split(where, part[4:])
        if int.from_bytes(part[:4], "big") != len(items):
            raise PeerProtocolError(f"{where}: the count does not fit the {len(items)} items")
        return tuple(_decode_value(where, item_kind, item) for item in items)
    if base is int:
        if len(part) != 8:
            raise PeerProtocolError(f"{where}: expected 8 bytes, got {len(part)}")
        return int.from_bytes(part, "big")
    if base is str:
        try:
            return part.decode()
        except UnicodeDecodeError:
            raise PeerProtocolError(f"{where}: expected UTF-8 text") from None
    if base is bytes:
        return part
    return base.decode(part)


def _split(where: str, data: bytes) -> list[bytes]:
    return list(_pieces(where, data))


def _pieces(where: str, data: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        end = position + 4
        length = int.from_bytes(data[position:end], "big")
        if end > len(data) or end + length > len(data):
            raise PeerProtocolError(f"{where}: the encoding ends early at byte {len(data)}")
        yield data[end : end + length]
        position = end + length


@functools.cache
def _unwrap(kind: Any) -> tuple[Any, object, bool]:
    """(base type, constraint, may be absent) of an annotation."""
    optional = False
    if get_origin(kind) is types.UnionType or str(get_origin(kind)) == "typing.Union":
        kind = next(arg for arg in get_args(kind) if arg is not types.NoneType)
        optional = True
    if get_origin(kind) is Annotated:
        base, constraint = get_args(kind)
        return base, constraint, optional
    return kind, None, optional


@functools.cache
def _item_kind(base: Any) -> Any:
    """The annotation of the items when `base` is `tuple[item, ...]`, else None."""
    return get_args(base)[0] if get_origin(base) is tuple else None

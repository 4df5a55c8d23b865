# SPDX-License-Identifier: Apache-2.0
"""
The JSON files of a home and of enrolment: their fields, and one strict way to read them.

Binary fields are base64, keys and signatures hex. Every file names its format first. Nothing is
verified here: a value of these types is only well formed.
"""

from typing import Final, Literal, TypeVar

import msgspec

from psi.errors import KeyFileError

__all__ = [
    "AllianceFile",
    "HomeFile",
    "LockRecord",
    "RequestFile",
    "RosterFile",
    "read_json",
    "unhex",
    "write_json",
]

T = TypeVar("T")


class LockRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a home is unlocked: the kind of its unlock key, and the home key sealed under that."""

    kind: Literal["key-file", "argon2id"]
    home_key: bytes
    salt: bytes = b""
    passes: int = 0
    memory_bytes: int = 0


class HomeFile(msgspec.Struct, frozen=True, kw_only=True):
    """home.json, the last file that is written when a home is made."""

    format: Literal["overlap-home/1"]
    kind: Literal["principal", "alliance"]
    name: str
    lock: LockRecord


class RequestFile(msgspec.Struct, frozen=True, kw_only=True):
    """NAME.request.json: an Enrol and the signature of its identity key."""

    format: Literal["overlap-request/1"]
    enrol: bytes
    signature: str


class RosterFile(msgspec.Struct, frozen=True, kw_only=True):
    """NAME.join.json and ALLIANCE.roster.json: a signed roster, its certificates, its key."""

    format: Literal["overlap-roster-file/1", "overlap-join/1"]
    alliance_key: str
    roster: bytes
    signature: str
    certificates: list[bytes]


class AllianceFile(msgspec.Struct, frozen=True, kw_only=True):
    """alliance/alliance.json: the one alliance of a home, whose code a person has compared."""

    format: Literal["overlap-alliance/1"]
    alliance: str
    alliance_key: str


_HINTS: Final = {
    "state-damaged": "restore the home from its backup",
    "bad-request": "ask for the request file again",
    "bad-roster": "ask the operator for the file again",
}


def read_json(data: bytes, kind: type[T], shown: str, *, slug: str = "state-damaged") -> T:
    """
    One JSON file as the given type.

    Args:
        data: The bytes of the file.
        kind: A class of this module.
        shown: The file's name, for the message.
        slug: What kind of failure a file that is not of this type is.

    Raises:
        KeyFileError: It is not JSON, or a field is missing or of another type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeyFileError(
            f"{shown} can't be read: {_reason(error)}", slug=slug, hint=_HINTS.get(slug)
        ) from None


def write_json(value: msgspec.Struct) -> bytes:
    """The file of a value: JSON, two spaces, one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def unhex(text: str, n_bytes: int, shown: str, *, slug: str = "state-damaged") -> bytes:
    """
    `n_bytes` bytes from their hexadecimal digits, without white space.

    Raises:
        KeyFileError: There are more or fewer, or other characters.
    """
    if len(text) == 2 * n_bytes and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise KeyFileError(f"{shown}: expected {2 * n_bytes} hexadecimal digits", slug=slug)


def _reason(error: Exception) -> str:
    """Why the file is not of its type, without quoting anything from it."""
    text = str(error)
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if "$.format" in text or "`format`" in text:
        return "it is a file of another format"
    if "Invalid enum" in text:
        return "a field has none of its values"
    return text[:1].lower() + text[1:] if not text.startswith("JSON") else text

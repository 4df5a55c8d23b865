# SPDX-License-Identifier: Apache-2.0
"""Integers mod the group order l, and their bytes: 32, little-endian (RFC 9496 section 4.4)."""

import hashlib
from typing import Final

ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def scalar_bytes(scalar: int) -> bytes:
    return (scalar % ORDER).to_bytes(32, "little")


def scalar(encoded: bytes) -> int:
    value = int.from_bytes(encoded, "little")
    if len(encoded) != 32 or value >= ORDER:
        raise ValueError("not a canonical scalar")
    return value


def inverse(value: int) -> int:
    return pow(value, -1, ORDER)


def reduce(wide: bytes) -> int:
    return int.from_bytes(wide, "little") % ORDER


def wide(data: bytes) -> int:
    """`wide(b)` of docs/protocol.md section 1."""
    return reduce(hashlib.sha512(data).digest())

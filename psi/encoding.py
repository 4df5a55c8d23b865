# SPDX-License-Identifier: Apache-2.0
"""
The byte encodings that every hash and signature is made over (docs/protocol.md, section 1).

`u32`, `u64` are big-endian; `lp(b)` is `u32(len b) || b`. Nothing here knows a structure.
"""

from typing import Final

__all__ = ["MAX_U64", "i2osp", "lp", "u8", "u32", "u64"]

MAX_U64: Final = 2**64 - 1


def i2osp(value: int, length: int) -> bytes:
    """A non-negative integer as `length` big-endian bytes (RFC 8017 section 4.1)."""
    return value.to_bytes(length, "big")


def u8(value: int) -> bytes:
    """One byte."""
    return i2osp(value, 1)


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return i2osp(value, 4)


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return i2osp(value, 8)


def lp(data: bytes) -> bytes:
    """A byte string behind its length: `u32(len) || data`."""
    return u32(len(data)) + data

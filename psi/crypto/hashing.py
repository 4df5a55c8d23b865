# SPDX-License-Identifier: Apache-2.0
"""
Hashing to scalars of ristretto255 for single values (RFC 9380, RFC 9497 section 4.1).

Batches of indicators are hashed in the kernel; this module serves key derivation and proofs, a
handful of values a chunk.
"""

import hashlib
from typing import Final

from psi._native import kernel
from psi.encoding import i2osp
from psi.errors import InputValidationError

__all__ = ["expand_message_xmd", "hash_to_scalar", "wide"]

# SHA-512: output and input block, in bytes (RFC 9380 section 5.3.1: b_in_bytes, s_in_bytes).
_B_IN_BYTES: Final = 64
_S_IN_BYTES: Final = 128


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """
    Expand a message to `length` uniform bytes with SHA-512.

    Raises:
        InputValidationError: `length` is above 65,535 or 255 blocks, or `dst` above 255 bytes.

    Source: RFC 9380 section 5.3.1; vectors: tests/vectors/rfc9380_expand_message_xmd_sha512.json.
    """
    blocks = -(-length // _B_IN_BYTES)
    if blocks > 255 or length > 65_535 or len(dst) > 255:
        raise InputValidationError(
            f"expand_message_xmd: expected at most 16,320 bytes and a tag of 255, "
            f"got {length} and {len(dst)}"
        )
    dst_prime = dst + i2osp(len(dst), 1)
    z_pad = bytes(_S_IN_BYTES)
    b_0 = hashlib.sha512(z_pad + message + i2osp(length, 2) + b"\0" + dst_prime).digest()
    b_i = hashlib.sha512(b_0 + b"\1" + dst_prime).digest()
    uniform = [b_i]
    for i in range(2, blocks + 1):
        mixed = bytes(x ^ y for x, y in zip(b_0, b_i, strict=True))
        b_i = hashlib.sha512(mixed + i2osp(i, 1) + dst_prime).digest()
        uniform.append(b_i)
    return b"".join(uniform)[:length]


def hash_to_scalar(message: bytes, dst: bytes) -> bytes:
    """A scalar (32 bytes little-endian, below l) from a message (RFC 9497 section 4.1)."""
    return kernel.scalar_reduce(expand_message_xmd(message, dst, 64))


def wide(data: bytes) -> bytes:
    """`LE_int(SHA512(data)) mod l` as 32 bytes little-endian (docs/protocol.md, section 1)."""
    return kernel.scalar_reduce(hashlib.sha512(data).digest())

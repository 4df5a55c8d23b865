# SPDX-License-Identifier: Apache-2.0
"""RFC 9497 for ristretto255-SHA512, modes OPRF (0) and VOPRF (1), one input at a time."""

import hashlib
from itertools import count

from reference.group import GENERATOR, Element, decode, encode, from_uniform
from reference.scalars import inverse, reduce


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """RFC 9380 section 5.3.1 with SHA-512."""
    blocks = -(-length // 64)
    dst_prime = dst + bytes([len(dst)])
    z_pad = bytes(128)
    b_0 = hashlib.sha512(z_pad + message + length.to_bytes(2, "big") + b"\0" + dst_prime).digest()
    b = hashlib.sha512(b_0 + b"\1" + dst_prime).digest()
    uniform = b
    for i in range(2, blocks + 1):
        mixed = bytes(x ^ y for x, y in zip(b_0, b, strict=True))
        b = hashlib.sha512(mixed + bytes([i]) + dst_prime).digest()
        uniform += b
    return uniform[:length]


def context_string(mode: int) -> bytes:
    """Section 3.1."""
    return b"OPRFV1-" + bytes([mode]) + b"-ristretto255-SHA512"


def uniform_bytes(message: bytes, mode: int) -> bytes:
    """What HashToGroup, section 4.1, gives to the map."""
    return expand_message_xmd(message, b"HashToGroup-" + context_string(mode), 64)


def hash_to_group(message: bytes, mode: int) -> Element:
    return from_uniform(uniform_bytes(message, mode))


def hash_to_scalar(message: bytes, dst: bytes) -> int:
    return reduce(expand_message_xmd(message, dst, 64))


def derive_key_pair(seed: bytes, info: bytes, mode: int) -> tuple[int, bytes]:
    """Section 3.2.1: (skS, serialized pkS)."""
    for counter in count():
        message = seed + len(info).to_bytes(2, "big") + info + bytes([counter])
        private_key = hash_to_scalar(message, b"DeriveKeyPair" + context_string(mode))
        if private_key:
            return private_key, encode(private_key * GENERATOR)
    raise AssertionError("unreachable")


def blind(message: bytes, mode: int, scalar: int) -> bytes:
    """Section 3.3.1, with a given blind."""
    return encode(scalar * hash_to_group(message, mode))


def blind_evaluate(private_key: int, blinded: bytes) -> bytes:
    return encode(private_key * decode(blinded))


def output(message: bytes, element: bytes) -> bytes:
    """The hash that ends Finalize and Evaluate."""
    framed = len(message).to_bytes(2, "big") + message + len(element).to_bytes(2, "big") + element
    return hashlib.sha512(framed + b"Finalize").digest()


def finalize(message: bytes, scalar: int, evaluated: bytes) -> bytes:
    return output(message, encode(inverse(scalar) * decode(evaluated)))


def evaluate(private_key: int, message: bytes, mode: int) -> bytes:
    """F(x), section 3.3.1."""
    return output(message, encode(private_key * hash_to_group(message, mode)))

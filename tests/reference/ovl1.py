# SPDX-License-Identifier: Apache-2.0
"""What docs/protocol.md sections 2 and 2.1 add to RFC 9497: blinds, dummies, weights, the proof."""

import hashlib
import hmac
from collections.abc import Sequence

from reference.group import GENERATOR, IDENTITY, Element, decode, encode
from reference.oprf import uniform_bytes
from reference.scalars import ORDER, scalar, scalar_bytes, wide


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    return u32(len(data)) + data


def session_blind(session_seed: bytes, j: int, message: bytes) -> int:
    """r_j; binds the position and the input."""
    uniform = uniform_bytes(message, 1)
    return wide(b"OVL1-BLIND" + session_seed + u64(j) + uniform[:32])


def additive_blind(session_seed: bytes, j: int, message: bytes) -> int:
    """r_j of fixed-base blinding, section 2.2."""
    uniform = uniform_bytes(message, 1)
    return wide(b"OVL1-BLIND-A" + session_seed + u64(j) + uniform[:32])


def dummy_input(session_seed: bytes, j: int) -> bytes:
    """The input of dummy j, without its label."""
    return hmac.digest(session_seed, b"OVL1-DUMMY" + u64(j), "sha256")


def counter_tag(prefix: bytes, j: int, length: int) -> bytes:
    """Padding tags and dummy tags, which differ in the prefix."""
    return hashlib.sha512(prefix + u64(j)).digest()[:length]


def packed_digest(texts: Sequence[bytes]) -> bytes:
    return hashlib.sha256(u32(len(texts)) + b"".join(map(lp, texts))).digest()


def weight(seed: bytes, i: int) -> int:
    """rho_i: 128 bits, never 0."""
    return int.from_bytes(hashlib.sha512(seed + u32(i)).digest()[:16], "little") or 1


def weighted_sum(elements: Sequence[Element], weights: Sequence[int]) -> Element:
    total = IDENTITY
    for element, factor in zip(elements, weights, strict=True):
        total += factor * element
    return total


def batch_sum(elements: Sequence[bytes], seed: bytes) -> bytes:
    """M or Z of the batched proof."""
    weights = [weight(seed, i) for i in range(len(elements))]
    return encode(weighted_sum([decode(element) for element in elements], weights))


def batch_seed(context: bytes, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes]) -> bytes:
    digests = (hashlib.sha512(b"".join(elements)).digest() for elements in (c, d))
    return hashlib.sha512(
        lp(b"OVL1-BDLEQ") + lp(context) + public_key + u32(len(c)) + b"".join(digests)
    ).digest()


def prove(
    private_key: int, context: bytes, c: Sequence[bytes], d: Sequence[bytes], nonce: int
) -> bytes:
    """The proof c || s, with a given nonce r."""
    public_key = encode(private_key * GENERATOR)
    seed = batch_seed(context, public_key, c, d)
    m = decode(batch_sum(c, seed))
    parts = [encode(m), encode(private_key * m), encode(nonce * GENERATOR), encode(nonce * m)]
    challenge = wide(b"OVL1-BDLEQ-c" + seed + public_key + b"".join(parts))
    return scalar_bytes(challenge) + scalar_bytes(nonce - challenge * private_key)


def verify(
    public_key: bytes, context: bytes, c: Sequence[bytes], d: Sequence[bytes], proof: bytes
) -> bool:
    seed = batch_seed(context, public_key, c, d)
    m, z = batch_sum(c, seed), batch_sum(d, seed)
    challenge, s = scalar(proof[:32]), scalar(proof[32:])
    t2 = s * GENERATOR + challenge * decode(public_key)
    t3 = s * decode(m) + challenge * decode(z)
    again = wide(b"OVL1-BDLEQ-c" + seed + public_key + m + z + encode(t2) + encode(t3))
    return challenge % ORDER == again

# SPDX-License-Identifier: Apache-2.0
"""
The batched DLEQ proof of RFC 9497 section 2.2, kept for the RFC's own vectors.

The protocol does not use it: `psi.crypto.bdleq` says why.
"""

import hashlib
from typing import Final

from psi._native import kernel
from psi.crypto.hashing import hash_to_scalar
from psi.crypto.voprf import ELEMENT_LENGTH, Mode, context_string
from psi.encoding import i2osp
from psi.errors import DeserializeError, VerifyError

__all__ = ["generate_proof", "verify_proof"]

_ZERO: Final = bytes(32)


def _lp2(data: bytes) -> bytes:
    return i2osp(len(data), 2) + data


def _composites(public_key: bytes, c: bytes, d: bytes, mode: Mode) -> tuple[bytes, bytes]:
    """M and Z as in ComputeComposites (RFC 9497 section 2.2.1)."""
    context = context_string(mode)
    seed_dst = b"Seed-" + context
    seed = hashlib.sha512(_lp2(public_key) + _lp2(seed_dst)).digest()
    weights: list[bytes] = []
    for i in range(len(c) // ELEMENT_LENGTH):
        at = slice(i * ELEMENT_LENGTH, (i + 1) * ELEMENT_LENGTH)
        transcript = _lp2(seed) + i2osp(i, 2) + _lp2(c[at]) + _lp2(d[at]) + b"Composite"
        weights.append(hash_to_scalar(transcript, b"HashToScalar-" + context))
    packed = b"".join(weights)
    return _sum(kernel.weighted_sum(c, packed)), _sum(kernel.weighted_sum(d, packed))


def _challenge(public_key: bytes, m: bytes, z: bytes, t2: bytes, t3: bytes, mode: Mode) -> bytes:
    transcript = b"".join(_lp2(part) for part in (public_key, m, z, t2, t3)) + b"Challenge"
    return hash_to_scalar(transcript, b"HashToScalar-" + context_string(mode))


def generate_proof(
    private_key: bytes, public_key: bytes, c: bytes, d: bytes, r: bytes, mode: Mode = Mode.VOPRF
) -> bytes:
    """c || s, 64 bytes, with the random scalar `r` given (RFC 9497 section 2.2.1)."""
    m, _ = _composites(public_key, c, d, mode)
    z = _sum(kernel.mul(m, private_key))
    challenge = _challenge(public_key, m, z, kernel.mul_base(r), _sum(kernel.mul(m, r)), mode)
    return challenge + kernel.scalar_sub(r, kernel.scalar_muladd(challenge, private_key, _ZERO))


def verify_proof(
    public_key: bytes, c: bytes, d: bytes, proof: bytes, mode: Mode = Mode.VOPRF
) -> None:
    """
    Check a proof (RFC 9497 section 2.2.2).

    Raises:
        VerifyError: It does not hold.
    """
    challenge, s = proof[:32], proof[32:]
    m, z = _composites(public_key, c, d, mode)
    t2 = _sum(kernel.add(kernel.mul_base(s), _sum(kernel.mul(public_key, challenge))))
    t3 = _sum(kernel.add(_sum(kernel.mul(m, s)), _sum(kernel.mul(z, challenge))))
    if _challenge(public_key, m, z, t2, t3, mode) != challenge:
        raise VerifyError("the proof does not hold for this batch and key")


def _sum(result: tuple[bytes, int]) -> bytes:
    element, bad = result
    if bad >= 0:
        raise DeserializeError(f"element {bad} is not a canonical, non-zero encoding", index=bad)
    return element

# SPDX-License-Identifier: Apache-2.0
"""
OVL1-BDLEQ: one proof that all `D_i = k * C_i` for `K = k * G` (docs/protocol.md, section 2.1).

    seed  = SHA512( LP("OVL1-BDLEQ") || LP(context) || K || u32(m) || SHA512(C) || SHA512(D) )
    rho_i = LE128( SHA512(seed || u32(i))[0:16] ), 1 if it is 0
    M = sum rho_i*C_i     Z = sum rho_i*D_i = k*M

Every weight depends on the whole batch: in the proof of RFC 9497 section 2.2 a weight depends on
its own element only, and a birthday search finds a batch that is wrong everywhere and still holds.
"""

import hashlib
from typing import Final

from psi._native import kernel
from psi.crypto.hashing import wide
from psi.crypto.voprf import ELEMENT_LENGTH, require_usable_scalar
from psi.encoding import lp, u32
from psi.errors import DeserializeError, InputValidationError, InternalError, VerifyError

__all__ = ["MAX_BATCH", "PROOF_LENGTH", "prove", "verify"]

PROOF_LENGTH: Final = 64
MAX_BATCH: Final = 4096
_IDENTITY: Final = bytes(ELEMENT_LENGTH)
_DOES_NOT_HOLD: Final = "the proof does not hold for this batch and key"


def _seed(context: bytes, public_key: bytes, c: bytes, d: bytes) -> bytes:
    m = len(c) // ELEMENT_LENGTH
    if len(public_key) != ELEMENT_LENGTH:
        raise InputValidationError(
            f"proof: expected a public key of {ELEMENT_LENGTH} bytes, got {len(public_key)}"
        )
    if len(c) != len(d) or len(c) % ELEMENT_LENGTH or not 1 <= m <= MAX_BATCH:
        raise InputValidationError(
            f"proof: expected two batches of 1 to {MAX_BATCH} elements, "
            f"got {len(c)} and {len(d)} bytes"
        )
    transcript = (
        lp(b"OVL1-BDLEQ"),
        lp(context),
        public_key,
        u32(m),
        hashlib.sha512(c).digest(),
        hashlib.sha512(d).digest(),
    )
    return hashlib.sha512(b"".join(transcript)).digest()


def _challenge(seed: bytes, public_key: bytes, m: bytes, z: bytes, t2: bytes, t3: bytes) -> bytes:
    return wide(b"OVL1-BDLEQ-c" + seed + public_key + m + z + t2 + t3)


def prove(
    context: bytes, private_key: bytes, public_key: bytes, c: bytes, d: bytes, randomness: bytes
) -> bytes:
    """
    Prove that one key made every evaluated element.

    Args:
        context: Where the proof is valid: session or run, member, key holder, chunk.
        private_key, public_key: k and K.
        c, d: The batch and its evaluation, m * 32 bytes each, 1 <= m <= 4096.
        randomness: 32 fresh random bytes; with a deterministic nonce a fault would leak k.

    Returns:
        c || s, 64 bytes.

    Raises:
        InputValidationError: A length is wrong, that of the randomness above all.
        InternalError: M is the identity, or key or nonce are not usable; the session ends.

    Security: constant time in k and the nonce; the batch is public.
    """
    if len(randomness) != 32:
        raise InputValidationError(f"proof: expected 32 random bytes, got {len(randomness)}")
    require_usable_scalar("proof", private_key)
    seed = _seed(context, public_key, c, d)
    m, bad = kernel.prove_sums(c, seed)
    if bad >= 0:
        raise DeserializeError(f"element {bad} is not a canonical, non-zero encoding", index=bad)
    if m == _IDENTITY:
        raise InternalError("the weighted sum of a batch is the identity; the session ends")
    z = _only(kernel.mul(m, private_key))
    r = wide(b"OVL1-BDLEQ-nonce" + private_key + seed + randomness)
    require_usable_scalar("proof", r)
    t2 = kernel.mul_base(r)
    t3 = _only(kernel.mul(m, r))
    challenge = _challenge(seed, public_key, m, z, t2, t3)
    # s = r - c*k
    s = kernel.scalar_sub(r, kernel.scalar_muladd(challenge, private_key, bytes(32)))
    return challenge + s


def verify(context: bytes, public_key: bytes, c: bytes, d: bytes, proof: bytes) -> None:
    """
    Check the proof before any element of `d` meets a blind or an input.

    Raises:
        DeserializeError: An element is not canonical, or is the identity.
        VerifyError: The proof has a wrong length, or does not hold.
        InternalError: M is the identity; the session ends on both sides.

    Security: all inputs are public; variable time.
    """
    if len(proof) != PROOF_LENGTH:
        raise VerifyError(f"proof: expected {PROOF_LENGTH} bytes, got {len(proof)}")
    challenge, s = proof[:32], proof[32:]
    if kernel.check_scalars(proof) >= 0:
        raise VerifyError("proof: a scalar is not canonical")
    seed = _seed(context, public_key, c, d)
    m, z, bad = kernel.verify_sums(c, d, seed)
    if bad >= 0:
        raise DeserializeError(f"element {bad} is not a canonical, non-zero encoding", index=bad)
    if m == _IDENTITY:
        raise InternalError("the weighted sum of a batch is the identity; the session ends")
    if z == _IDENTITY:
        # k is not zero and M is not the identity, so an honest Z is not the identity either.
        raise VerifyError(_DOES_NOT_HOLD)
    # T2' = s*G + c*K, T3' = s*M + c*Z. A sum with the identity happens to forged proofs only.
    t2, bad_t2 = kernel.add(kernel.mul_base(s), _only(kernel.mul(public_key, challenge)))
    t3, bad_t3 = kernel.add(_only(kernel.mul(m, s)), _only(kernel.mul(z, challenge)))
    if bad_t2 >= 0 or bad_t3 >= 0:
        raise VerifyError(_DOES_NOT_HOLD)
    if _challenge(seed, public_key, m, z, t2, t3) != challenge:
        raise VerifyError(_DOES_NOT_HOLD)


def _only(result: tuple[bytes, int]) -> bytes:
    element, bad = result
    if bad >= 0:
        raise DeserializeError("a single element is not a canonical, non-zero encoding", index=0)
    return element

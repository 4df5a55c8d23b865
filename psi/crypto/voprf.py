# SPDX-License-Identifier: Apache-2.0
"""
RFC 9497 OPRF and VOPRF with the suite ristretto255-SHA512, on batches.

A batch is packed: elements and scalars are `n * 32` bytes, texts are one buffer with offsets.
The protocol uses `derive_key_pair`, `blind_evaluate` and `evaluate` from here, and the session
form of blinding from `psi.crypto.blinding`; the functions that take blinds are for vectors.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from psi._native import kernel
from psi.crypto.hashing import hash_to_scalar
from psi.encoding import i2osp
from psi.errors import (
    DeriveKeyPairError,
    DeserializeError,
    InputValidationError,
    InternalError,
    InverseError,
)

__all__ = [
    "ELEMENT_LENGTH",
    "HASH_LENGTH",
    "SCALAR_LENGTH",
    "KeyPair",
    "Mode",
    "Offsets",
    "blind_evaluate",
    "check_elements",
    "context_string",
    "derive_key_pair",
    "evaluate",
    "pack",
    "public_key_of",
]

ELEMENT_LENGTH: Final = 32  # Ne, RFC 9497 section 4.1
SCALAR_LENGTH: Final = 32  # Ns
HASH_LENGTH: Final = 64  # Nh

Offsets = npt.NDArray[np.uint64]


class Mode(IntEnum):
    """The mode byte of RFC 9497 section 3.1; the product runs VOPRF, OPRF serves the vectors."""

    OPRF = 0
    VOPRF = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """skS and pkS: a scalar and the element `skS * G`."""

    private_key: bytes = field(repr=False)
    public_key: bytes


def context_string(mode: Mode) -> bytes:
    """`"OPRFV1-" || I2OSP(mode, 1) || "-ristretto255-SHA512"` (RFC 9497 section 3.1)."""
    return b"OPRFV1-" + i2osp(mode, 1) + b"-ristretto255-SHA512"


def pack(texts: list[bytes]) -> tuple[bytes, Offsets]:
    """Pack a short list of texts; sets of indicators are packed by their reader already."""
    lengths = np.array([0, *(len(text) for text in texts)], dtype=np.uint64)
    return b"".join(texts), np.cumsum(lengths, dtype=np.uint64)


def public_key_of(private_key: bytes) -> bytes:
    """`k * G`; constant time in the scalar."""
    return kernel.mul_base(private_key)


def derive_key_pair(seed: bytes, info: bytes, mode: Mode = Mode.VOPRF) -> KeyPair:
    """
    Derive a key pair from 32 secret bytes.

    Raises:
        InputValidationError: The seed is not 32 bytes, or `info` is longer than 65,535.
        DeriveKeyPairError: 256 tries gave no key; does not happen.

    Source: RFC 9497 section 3.2.1 (DeriveKeyPair).
    """
    if len(seed) != 32 or len(info) > 65_535:
        raise InputValidationError(
            f"derive_key_pair: expected a seed of 32 bytes and info up to 65,535, "
            f"got {len(seed)} and {len(info)}"
        )
    derive_input = seed + i2osp(len(info), 2) + info
    dst = b"DeriveKeyPair" + context_string(mode)
    for counter in range(256):
        private_key = hash_to_scalar(derive_input + i2osp(counter, 1), dst)
        if private_key != bytes(32):
            return KeyPair(private_key=private_key, public_key=public_key_of(private_key))
    raise DeriveKeyPairError("no key pair came out of this seed in 256 tries")


def check_elements(elements: bytes, where: str = "element") -> None:
    """
    Check that every element is canonical and not the identity, before any of them is used.

    Raises:
        DeserializeError: One is not; it has the index.
    """
    bad = kernel.check_elements(elements)
    if bad >= 0:
        raise DeserializeError(f"{where} {bad} is not a canonical, non-zero encoding", index=bad)


def blind_evaluate(private_key: bytes, blinded_elements: bytes) -> bytes:
    """
    Multiply every blinded element by the server's key.

    Args:
        private_key: skS, 32 bytes.
        blinded_elements: n * 32 bytes from a peer.

    Returns:
        n * 32 bytes, the evaluated elements in the same order.

    Raises:
        DeserializeError: An element is not canonical or is the identity; it has the index.

    Security: constant time in the key.
    Source: RFC 9497 section 3.3.2 (BlindEvaluate).
    """
    evaluated, bad = kernel.evaluate(blinded_elements, private_key)
    if bad >= 0:
        raise DeserializeError(f"element {bad} is not a canonical, non-zero encoding", index=bad)
    return evaluated


def evaluate(
    private_key: bytes, data: bytes, offsets: Offsets, *, prefix: bytes = b"", length: int
) -> bytes:
    """
    Compute `F(prefix || text)` for every packed text and keep its first `length` bytes.

    Returns:
        n * length bytes, in input order.

    Security: constant time in the key; the texts' lengths are not hidden.
    Source: RFC 9497 section 3.3.2 (Evaluate).
    """
    return kernel.table_tags(data, offsets, prefix, Mode.VOPRF, private_key, length)


def _blind_with_scalars_for_vectors(
    data: bytes, offsets: Offsets, blinds: bytes, mode: Mode
) -> bytes:
    """Blind with given scalars (RFC 9497 section 3.3.1); for vectors and tests only."""
    blinded, bad = kernel.blind_with(data, offsets, b"", mode, blinds)
    if bad >= 0:
        raise InverseError(f"blind {bad} is zero or not canonical")
    return blinded


def _finalize_with_scalars_for_vectors(
    data: bytes, offsets: Offsets, blinds: bytes, evaluated_elements: bytes
) -> bytes:
    """Unblind and hash with given scalars (RFC 9497 section 3.3.1); for vectors only."""
    outputs, bad = kernel.finalize_with(data, offsets, b"", blinds, evaluated_elements, HASH_LENGTH)
    if bad >= 0:
        raise DeserializeError(f"element or blind {bad} can't be used", index=bad)
    return outputs


def require_usable_scalar(where: str, scalar: bytes) -> None:
    """
    End the run on a secret scalar that the ladder can't take (0 or l-2; probability 2^-251).

    Raises:
        InternalError: The run ends and is never repeated with the same randomness.
    """
    if scalar in (bytes(32), _L_MINUS_2):
        raise InternalError(f"{where}: the random scalar is one of two that are not used")


_L_MINUS_2: Final = (2**252 + 27742317777372353535851937790883648493 - 2).to_bytes(32, "little")

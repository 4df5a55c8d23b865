# SPDX-License-Identifier: Apache-2.0
"""
Ed25519 signatures over named structures (docs/protocol.md, section 1; RFC 8032 by libsodium).

    message = "OVL1-SIG" || LP("OVL1-<Name>") || SHA512(encoding)

The name is in the message, so a signature of one structure is never valid for another.
"""

import hashlib
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from psi.encoding import lp
from psi.errors import VerifyError

__all__ = ["SIGNATURE_LENGTH", "Signer", "verification_code", "verify_signature"]

SIGNATURE_LENGTH: Final = 64


def _message(name: str, encoding: bytes) -> bytes:
    return b"OVL1-SIG" + lp(f"OVL1-{name}".encode()) + hashlib.sha512(encoding).digest()


class Signer:
    """An Ed25519 private key that signs structures only. Its repr shows nothing."""

    __slots__ = ("_key", "public_key")

    def __init__(self, seed: bytes) -> None:
        """`seed`: 32 secret bytes (RFC 8032 section 5.1.5)."""
        self._key = SigningKey(seed)
        self.public_key: bytes = bytes(self._key.verify_key)

    def __repr__(self) -> str:
        return "Signer()"

    def sign(self, name: str, encoding: bytes) -> bytes:
        """A 64-byte signature of a structure's encoding; constant time in the key."""
        return self._key.sign(_message(name, encoding)).signature


def verify_signature(public_key: bytes, name: str, encoding: bytes, signature: bytes) -> None:
    """
    Check a signature of a structure's encoding.

    Raises:
        VerifyError: It is not 64 bytes long, or does not hold under this key.
    """
    try:
        if len(signature) != SIGNATURE_LENGTH:
            raise VerifyError(
                f"{name}: expected a signature of 64 bytes, got {len(signature)}",
                slug="bad-signature",
            )
        VerifyKey(public_key).verify(_message(name, encoding), signature)
    except BadSignatureError:
        raise VerifyError(
            f"{name}: the signature does not hold under the sender's key", slug="bad-signature"
        ) from None


def verification_code(public_key: bytes) -> str:
    """
    The code that two people compare: 30 decimal digits in six groups, 99 bits.

    `SHA256("OVL1-CODE" || key)` as a big-endian integer mod 10^30 (docs/protocol.md, section 3).
    """
    number = int.from_bytes(hashlib.sha256(b"OVL1-CODE" + public_key).digest(), "big") % 10**30
    digits = f"{number:030d}"
    return " ".join(digits[i : i + 5] for i in range(0, 30, 5))

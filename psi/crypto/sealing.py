# SPDX-License-Identifier: Apache-2.0
"""
Sealing of secrets at rest: XChaCha20-Poly1305, bytes in and bytes out (docs/reliability.md, 3).

    sealed          = u8(version) || nonce(24) || ciphertext || tag(16)
    associated data = LP("overlap-sealed") || LP(role) || LP(principal) || LP(u64(version))

The role says what the secret is for, so that two sealed files can't be swapped for each other.
Which file holds what, and whose permissions are checked, is no concern of this module.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError as NaclError
from nacl.pwhash import argon2id

from psi.encoding import lp, u8, u64
from psi.errors import VerifyError

__all__ = [
    "ARGON2ID_MIN",
    "ARGON2ID_MODERATE",
    "KEY_LENGTH",
    "SALT_LENGTH",
    "Argon2idCost",
    "Sealer",
    "passphrase_key",
]

KEY_LENGTH: Final = crypto_aead_xchacha20poly1305_ietf_KEYBYTES
SALT_LENGTH: Final = argon2id.SALTBYTES
_NONCE_LENGTH: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_OVERHEAD: Final = 1 + _NONCE_LENGTH + crypto_aead_xchacha20poly1305_ietf_ABYTES
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Argon2idCost:
    """What one guess of a passphrase costs: passes over `memory_bytes` (RFC 9106 section 3.1)."""

    passes: int
    memory_bytes: int


ARGON2ID_MODERATE: Final = Argon2idCost(argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)
ARGON2ID_MIN: Final = Argon2idCost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)


def passphrase_key(passphrase: bytes, salt: bytes, cost: Argon2idCost) -> bytes:
    """
    A 32-byte key from a passphrase by Argon2id (RFC 9106) with one lane.

    Args:
        passphrase: Any length.
        salt: 16 bytes, random, stored in the clear.
        cost: `ARGON2ID_MODERATE` takes 256 MiB and about a second.
    """
    return argon2id.kdf(
        KEY_LENGTH, passphrase, salt, opslimit=cost.passes, memlimit=cost.memory_bytes
    )


class Sealer:
    """One 32-byte key of one principal; seals under a role, shows nothing in its repr."""

    __slots__ = ("_key", "_principal")

    def __init__(self, key: bytes, principal: str) -> None:
        assert len(key) == KEY_LENGTH, "a sealing key is 32 bytes"
        self._key = key
        self._principal = principal

    def __repr__(self) -> str:
        return "Sealer()"

    def seal(self, role: str, plaintext: bytes) -> bytes:
        """
        Encrypt and authenticate under a fresh random nonce.

        24 random bytes do not repeat in 2^80 uses, so that no counter has to be kept.

        Returns:
            41 bytes more than the plaintext.

        Security: constant time in key and plaintext.
        """
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, self._associated_data(role), nonce, self._key
        )
        return u8(_VERSION) + nonce + ciphertext

    def unseal(self, role: str, sealed: bytes) -> bytes:
        """
        The plaintext of `seal`, if not a bit differs.

        Raises:
            VerifyError: Another key, role, principal or version, or changed bytes; which of them
                can't be told.
        """
        if len(sealed) < _OVERHEAD:
            raise VerifyError(
                f"expected at least {_OVERHEAD} sealed bytes, got {len(sealed)}",
                slug="state-damaged",
            )
        if sealed[0] != _VERSION:
            raise VerifyError(
                f"expected sealed bytes of version {_VERSION}, got {sealed[0]}",
                slug="state-damaged",
            )
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[1 + _NONCE_LENGTH :],
                self._associated_data(role),
                sealed[1 : 1 + _NONCE_LENGTH],
                self._key,
            )
        except NaclError:
            raise VerifyError(
                "the sealed bytes do not open with this key", slug="state-damaged"
            ) from None

    def _associated_data(self, role: str) -> bytes:
        fields = (b"overlap-sealed", role.encode(), self._principal.encode(), u64(_VERSION))
        return b"".join(lp(field) for field in fields)

# SPDX-License-Identifier: Apache-2.0
"""Sealed bytes open for their own key, role and principal, unchanged, and for nothing else."""

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from psi.crypto.sealing import ARGON2ID_MIN, ARGON2ID_MODERATE, Sealer, passphrase_key
from psi.errors import VerifyError

KEY = bytes(range(32))
SEALER = Sealer(KEY, "acme-corp")


@given(st.binary(max_size=300), st.text(max_size=20))
def test_unseal_of_sealed_bytes_returns_them(plaintext: bytes, role: str) -> None:
    sealed = SEALER.seal(role, plaintext)
    assert len(sealed) == len(plaintext) + 41
    assert SEALER.unseal(role, sealed) == plaintext


def test_seal_twice_gives_different_bytes() -> None:
    assert SEALER.seal("role", b"secret") != SEALER.seal("role", b"secret")


def test_unseal_of_the_documented_layout_returns_the_plaintext() -> None:
    """Version, nonce, ciphertext; the associated data written out as docs/protocol.md has it."""
    nonce = bytes(range(100, 124))
    associated = b"".join(
        len(field).to_bytes(4, "big") + field
        for field in (b"overlap-sealed", b"role", b"acme-corp", (1).to_bytes(8, "big"))
    )
    ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(b"secret", associated, nonce, KEY)
    assert SEALER.unseal("role", b"\x01" + nonce + ciphertext) == b"secret"


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_unseal_when_any_byte_was_changed_refuses(mask: int) -> None:
    sealed = SEALER.seal("role", b"thirty-two bytes of a secret key")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= mask
        with pytest.raises(VerifyError):
            SEALER.unseal("role", bytes(changed))


@pytest.mark.parametrize("cut", [0, 1, 25, 40, 41, 46])
def test_unseal_when_cut_short_refuses(cut: int) -> None:
    sealed = SEALER.seal("role", b"secret")
    assert len(sealed) == 47
    with pytest.raises(VerifyError):
        SEALER.unseal("role", sealed[:cut])


@pytest.mark.parametrize(
    ("sealer", "role"),
    [
        (Sealer(bytes(32), "acme-corp"), "role"),
        (Sealer(KEY, "beta-bank"), "role"),
        (SEALER, "another role"),
        # The same characters, split between role and principal in another way.
        (Sealer(KEY, "acme-cor"), "rolep"),
    ],
)
def test_unseal_with_another_key_principal_or_role_refuses(sealer: Sealer, role: str) -> None:
    sealed = SEALER.seal("role", b"secret")
    with pytest.raises(VerifyError, match="do not open"):
        sealer.unseal(role, sealed)


def test_repr_of_a_sealer_shows_no_key() -> None:
    assert repr(SEALER) == "Sealer()"
    with pytest.raises(VerifyError) as caught:
        SEALER.unseal("role", bytes(50))
    assert KEY.hex() not in str(caught.value)


def test_passphrase_key_equals_argon2id_of_another_library() -> None:
    salt = bytes(range(16))
    try:
        other = Argon2id(
            salt=salt,
            length=32,
            iterations=ARGON2ID_MIN.passes,
            lanes=1,
            memory_cost=ARGON2ID_MIN.memory_bytes // 1024,
        )
    except UnsupportedAlgorithm:
        pytest.skip("this build of cryptography has no Argon2id")
    assert passphrase_key(b"correct horse", salt, ARGON2ID_MIN) == other.derive(b"correct horse")


def test_passphrase_key_with_another_salt_or_passphrase_differs() -> None:
    keys = {
        passphrase_key(phrase, salt, ARGON2ID_MIN)
        for phrase in (b"one", b"two")
        for salt in (bytes(16), bytes(15) + b"\x01")
    }
    assert len(keys) == 4


def test_moderate_cost_takes_256_mib() -> None:
    assert (ARGON2ID_MODERATE.passes, ARGON2ID_MODERATE.memory_bytes) == (3, 256 * 2**20)

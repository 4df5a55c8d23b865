# SPDX-License-Identifier: Apache-2.0
"""RFC 9380 and RFC 9497 known answers through the Python layer, with intermediate values."""

import json
from pathlib import Path
from typing import Any

import pytest

from psi._native import kernel
from psi.crypto import bdleq
from psi.crypto.hashing import expand_message_xmd
from psi.crypto.rfc_proof import generate_proof, verify_proof
from psi.crypto.voprf import (
    Mode,
    _blind_with_scalars_for_vectors,
    _finalize_with_scalars_for_vectors,
    blind_evaluate,
    derive_key_pair,
    evaluate,
    pack,
    require_usable_scalar,
)
from psi.errors import (
    DeserializeError,
    InputValidationError,
    InternalError,
    InverseError,
    VerifyError,
)

VECTORS = Path(__file__).parents[2] / "vectors"
EXPAND = json.loads((VECTORS / "rfc9380_expand_message_xmd_sha512.json").read_text())
SUITES = json.loads((VECTORS / "rfc9497_ristretto255_sha512.json").read_text())["suites"]
CASES = [
    pytest.param(suite, case, id=f"{suite['mode']}-{number}")
    for suite in SUITES
    for number, case in enumerate(suite["cases"])
]
IDENTITY = bytes(32)
h = bytes.fromhex


def joined(case: dict[str, Any], name: str) -> bytes:
    return b"".join(h(item) for item in case[name])


@pytest.mark.parametrize(
    "case", EXPAND["cases"], ids=lambda c: f"{len(c['message'])}-{c['length']}"
)
def test_expand_message_xmd_equals_rfc9380(case: dict[str, Any]) -> None:
    """Appendix K.3."""
    made = expand_message_xmd(case["message"].encode(), EXPAND["dst"].encode(), case["length"])
    assert made.hex() == case["uniform_bytes"]


def test_expand_message_xmd_of_too_much_is_refused() -> None:
    """At most 255 blocks, and a tag of at most 255 bytes."""
    assert len(expand_message_xmd(b"", b"tag", 255 * 64)) == 255 * 64
    for dst, length in ((b"tag", 255 * 64 + 1), (b"t" * 256, 64)):
        with pytest.raises(InputValidationError):
            expand_message_xmd(b"", dst, length)


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s["mode"])
def test_derive_key_pair_equals_rfc9497(suite: dict[str, Any]) -> None:
    """Section 3.2.1; the public key stands in the VOPRF vectors only."""
    pair = derive_key_pair(h(suite["seed"]), h(suite["key_info"]), Mode(suite["mode_byte"]))
    assert pair.private_key.hex() == suite["secret_key"]
    assert pair.public_key.hex() == suite.get("public_key", pair.public_key.hex())


@pytest.mark.parametrize("name", kernel.NAMES)
@pytest.mark.parametrize(("suite", "case"), CASES)
def test_blind_evaluate_finalize_equal_rfc9497(
    suite: dict[str, Any], case: dict[str, Any], name: str
) -> None:
    """Blinded and evaluated elements, outputs, and in mode VOPRF the proof."""
    before = kernel.selected()
    kernel.select(name)
    try:
        mode = Mode(suite["mode_byte"])
        key = h(suite["secret_key"])
        data, offsets = pack([h(item) for item in case["inputs"]])
        blinds = joined(case, "blinds")
        blinded = _blind_with_scalars_for_vectors(data, offsets, blinds, mode)
        assert blinded == joined(case, "blinded_elements")
        evaluated = blind_evaluate(key, blinded)
        assert evaluated == joined(case, "evaluated_elements")
        outputs = _finalize_with_scalars_for_vectors(data, offsets, blinds, evaluated)
        assert outputs == joined(case, "outputs")
        if mode is Mode.VOPRF:
            assert evaluate(key, data, offsets, length=64) == joined(case, "outputs")
            public = h(suite["public_key"])
            proof = generate_proof(key, public, blinded, evaluated, h(case["proof_random_scalar"]))
            assert proof.hex() == case["proof"]
            verify_proof(public, blinded, evaluated, proof)
            with pytest.raises(VerifyError):
                verify_proof(public, evaluated, blinded, proof)
    finally:
        kernel.select(before)


def test_lengths_outside_the_rfc_are_refused() -> None:
    """Seeds are 32 bytes, info at most 65,535."""
    for seed, info in ((bytes(31), b""), (bytes(33), b""), (bytes(32), bytes(65_536))):
        with pytest.raises(InputValidationError):
            derive_key_pair(seed, info)


def test_blind_of_zero_and_answer_of_identity_are_refused() -> None:
    """No element can be unblinded with either."""
    data, offsets = pack([b"x"])
    with pytest.raises(InverseError):
        _blind_with_scalars_for_vectors(data, offsets, bytes(32), Mode.VOPRF)
    one = (1).to_bytes(32, "little")
    with pytest.raises(DeserializeError):
        _finalize_with_scalars_for_vectors(data, offsets, one, IDENTITY)
    with pytest.raises(DeserializeError) as error:
        blind_evaluate(one, IDENTITY)
    assert error.value.index == 0


def test_scalars_that_the_ladder_cannot_take_end_the_run() -> None:
    """Zero and l - 2, of probability 2^-251; every other passes."""
    order = 2**252 + 27742317777372353535851937790883648493
    for scalar in (0, order - 2):
        with pytest.raises(InternalError):
            require_usable_scalar("test", scalar.to_bytes(32, "little"))
    for scalar in (1, 2, order - 1):
        require_usable_scalar("test", scalar.to_bytes(32, "little"))


def test_batched_proof_of_odd_batches_is_refused() -> None:
    """None, too many, of two lengths, or with a bad element; each says so."""
    key = derive_key_pair(bytes(32), b"test")
    data, offsets = pack([b"a", b"b"])
    c = kernel.hash_to_group(data, offsets, b"", 1)
    d = blind_evaluate(key.private_key, c)
    for bad_c, bad_d in ((b"", b""), (c, d[:32]), (c[:31], d[:31]), (c * 2049, d * 2049)):
        with pytest.raises(InputValidationError):
            bdleq.prove(b"", key.private_key, key.public_key, bad_c, bad_d, bytes(32))
    with pytest.raises(DeserializeError):
        bdleq.prove(b"", key.private_key, key.public_key, c[:32] + IDENTITY, d, bytes(32))
    for randomness in (b"", bytes(31)):  # a nonce without it could give the key away
        with pytest.raises(InputValidationError, match="32 random bytes"):
            bdleq.prove(b"", key.private_key, key.public_key, c, d, randomness)
    with pytest.raises(InternalError):
        bdleq.prove(b"", bytes(32), key.public_key, c, d, bytes(32))
    proof = bdleq.prove(b"here", key.private_key, key.public_key, c, d, bytes(32))
    bdleq.verify(b"here", key.public_key, c, d, proof)
    for public_key in (b"", bytes(31), bytes(64)):
        with pytest.raises(InputValidationError, match="public key"):
            bdleq.verify(b"here", public_key, c, d, proof)
    with pytest.raises(VerifyError, match="64 bytes"):
        bdleq.verify(b"here", key.public_key, c, d, proof[:-1])
    with pytest.raises(VerifyError):
        bdleq.verify(b"there", key.public_key, c, d, proof)


def test_batched_proof_whose_sum_is_the_identity_ends_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event has probability 2^-127 and leaks nothing, but a proof of it would prove nothing."""
    key = derive_key_pair(bytes(32), b"test")
    data, offsets = pack([b"a"])
    c = kernel.hash_to_group(data, offsets, b"", 1)
    d = blind_evaluate(key.private_key, c)
    proof = bdleq.prove(b"", key.private_key, key.public_key, c, d, bytes(32))
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "prove_sums", lambda _c, _seed: (IDENTITY, -1))
        with pytest.raises(InternalError):
            bdleq.prove(b"", key.private_key, key.public_key, c, d, bytes(32))
        patch.setattr(kernel, "verify_sums", lambda _c, _d, _seed: (IDENTITY, IDENTITY, -1))
        with pytest.raises(InternalError):
            bdleq.verify(b"", key.public_key, c, d, proof)
        patch.setattr(kernel, "verify_sums", lambda _c, _d, _seed: (c, IDENTITY, -1))
        with pytest.raises(VerifyError):
            bdleq.verify(b"", key.public_key, c, d, proof)
    bdleq.verify(b"", key.public_key, c, d, proof)

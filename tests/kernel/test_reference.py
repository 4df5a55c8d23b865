# SPDX-License-Identifier: Apache-2.0
"""The oracle itself, against the RFCs and the protocol's vectors; no kernel takes part."""

from typing import Any

import pytest
from kernel.support import h, vectors
from reference import group, oprf, ovl1
from reference.field import SQRT_M1, P, sqrt_ratio_m1
from reference.scalars import ORDER, scalar, scalar_bytes

EXPAND = vectors("rfc9380_expand_message_xmd_sha512")
GROUP = vectors("rfc9496_ristretto255")
SUITES = vectors("rfc9497_ristretto255_sha512")["suites"]
OVL1 = vectors("ovl1")
ROWS = OVL1["pairwise"]["rows"]
INVALID = [
    pytest.param(encoding, id=f"{reason}-{number}")
    for reason, encodings in GROUP["invalid_encodings"].items()
    for number, encoding in enumerate(encodings)
]


def test_sqrt_ratio_when_square_and_not_expect_the_roots_of_section_4_2() -> None:
    assert sqrt_ratio_m1(4, 1) == (True, 2)
    assert sqrt_ratio_m1(0, 5) == (True, 0)
    assert sqrt_ratio_m1(5, 0) == (False, 0)
    square, root = sqrt_ratio_m1(2, 1)  # 2 is no square mod p
    assert not square
    assert root * root % P == 2 * SQRT_M1 % P


@pytest.mark.parametrize("case", EXPAND["cases"])
def test_expand_message_xmd_equals_rfc_9380(case: dict[str, Any]) -> None:
    message, dst = case["message"].encode(), EXPAND["dst"].encode()
    assert oprf.expand_message_xmd(message, dst, case["length"]).hex() == case["uniform_bytes"]


def test_generator_multiples_equal_rfc_9496() -> None:
    for k, encoding in enumerate(GROUP["generator_multiples"]):
        assert group.encode(k * group.GENERATOR).hex() == encoding
        assert group.decode(h(encoding)) == k * group.GENERATOR
    assert ORDER * group.GENERATOR == group.IDENTITY


@pytest.mark.parametrize("encoding", INVALID)
def test_decode_when_invalid_raises(encoding: str) -> None:
    with pytest.raises(group.NotAnElementError):
        group.decode(h(encoding))


@pytest.mark.parametrize(
    "case", GROUP["element_derivation"] + GROUP["element_derivation_edge_inputs"]
)
def test_element_derivation_equals_rfc_9496(case: dict[str, str]) -> None:
    assert group.encode(group.from_uniform(h(case["uniform_bytes"]))).hex() == case["encoding"]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite["mode"])
def test_oprf_equals_rfc_9497(suite: dict[str, Any]) -> None:
    mode = suite["mode_byte"]
    key, public_key = oprf.derive_key_pair(h(suite["seed"]), h(suite["key_info"]), mode)
    assert scalar_bytes(key).hex() == suite["secret_key"]
    assert public_key.hex() == suite.get("public_key", public_key.hex())
    for case in suite["cases"]:
        fields = ("inputs", "blinds", "blinded_elements", "evaluated_elements", "outputs")
        for row in zip(*(case[name] for name in fields), strict=True):
            message, blind, blinded, evaluated, output = map(h, row)
            assert oprf.blind(message, mode, scalar(blind)) == blinded
            assert oprf.blind_evaluate(key, blinded) == evaluated
            assert oprf.finalize(message, scalar(blind), evaluated) == output
            assert oprf.evaluate(key, message, mode) == output


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_session_equals_the_protocols_vectors(number: int) -> None:
    row = {name: h(value) for name, value in ROWS[number].items() if name != "canonical"}
    key = scalar(h(OVL1["pairwise"]["secret_key"]))
    message, blind = row["input"], scalar(row["blind"])
    assert oprf.uniform_bytes(message, 1) == row["uniform_bytes"]
    assert group.encode(oprf.hash_to_group(message, 1)) == row["hashed_element"]
    assert ovl1.session_blind(h(OVL1["pairwise"]["session_seed"]), number, message) == blind
    assert oprf.blind(message, 1, blind) == row["blinded_element"]
    assert oprf.blind_evaluate(key, row["blinded_element"]) == row["evaluated_element"]
    assert oprf.finalize(message, blind, row["evaluated_element"]) == row["F"]


def test_proof_equals_the_protocols_vectors() -> None:
    expected, pairwise = OVL1["bdleq"], OVL1["pairwise"]
    c, d = ([h(row[name]) for row in ROWS] for name in ("blinded_element", "evaluated_element"))
    context, public_key = h(expected["context"]), h(pairwise["public_key"])
    seed, key = h(expected["seed"]), scalar(h(pairwise["secret_key"]))
    assert ovl1.batch_seed(context, public_key, c, d) == seed
    assert ovl1.batch_sum(c, seed).hex() == expected["M"]
    assert ovl1.batch_sum(d, seed).hex() == expected["Z"]
    proof = ovl1.prove(key, context, c, d, scalar(h(expected["nonce_r"])))
    assert proof.hex() == expected["proof"]
    assert ovl1.verify(public_key, context, c, d, proof)
    assert not ovl1.verify(public_key, context + b"!", c, d, proof)
    assert not ovl1.verify(public_key, context, c, d[1:] + d[:1], proof)


def test_tags_and_dummies_equal_the_protocols_vectors() -> None:
    pairwise, padding = OVL1["pairwise"], OVL1["pairwise"]["padding_tags_10"]
    prefix = ovl1.lp(b"OVL1-PADTAG") + h(pairwise["pad_key"])
    assert [ovl1.counter_tag(prefix, j, 10).hex() for j in range(len(padding))] == padding
    for case in OVL1["group"]["dummy_tags"]:
        prefix = b"OVL1-DTAG" + h(case["session_seed"])
        assert ovl1.counter_tag(prefix, case["j"], 16).hex() == case["tag"]
    dummies = [j for j, row in enumerate(ROWS) if row["canonical"] == "(dummy)"]
    assert len(dummies) == 2
    for j in dummies:
        dummy = ovl1.dummy_input(h(pairwise["session_seed"]), j)
        assert (b"OVL1-D" + dummy).hex() == ROWS[j]["input"]

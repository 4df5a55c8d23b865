# SPDX-License-Identifier: Apache-2.0
"""The protocol's known answers through the kernels, to the bit, with intermediate values."""

from types import ModuleType

from kernel.support import h, pack, rows, vectors
from reference.ovl1 import lp
from reference.scalars import scalar_bytes

OVL1 = vectors("ovl1")
PAIRWISE = OVL1["pairwise"]
ROWS = PAIRWISE["rows"]
DATA, OFFSETS = pack(h(row["input"]) for row in ROWS)
SEED = h(PAIRWISE["session_seed"])
KEY = h(PAIRWISE["secret_key"])


def joined(name: str) -> bytes:
    return b"".join(h(row[name]) for row in ROWS)


def test_hashing_equals_the_vectors(kernel: ModuleType) -> None:
    uniform = joined("uniform_bytes")
    assert kernel.uniform_bytes(DATA, OFFSETS, b"", 1) == uniform
    assert kernel.element_from_uniform(uniform) == joined("hashed_element")
    assert kernel.hash_to_group(DATA, OFFSETS, b"", 1) == joined("hashed_element")


def test_hashing_when_the_scope_is_a_prefix_equals_the_vectors(kernel: ModuleType) -> None:
    prefix = b"OVL1-P" + h(PAIRWISE["scope"])
    real = [row for row in ROWS if row["canonical"] != "(dummy)"]
    data, offsets = pack(row["canonical"].encode() for row in real)
    expected = b"".join(h(row["hashed_element"]) for row in real)
    assert kernel.hash_to_group(data, offsets, prefix, 1) == expected


def test_client_equals_the_vectors(kernel: ModuleType) -> None:
    blinded, evaluated = joined("blinded_element"), joined("evaluated_element")
    assert kernel.blind_scalars(DATA, OFFSETS, b"", SEED, 0) == joined("blind")
    assert kernel.blind(DATA, OFFSETS, b"", SEED, 0) == (blinded, -1)
    assert kernel.blind_with(DATA, OFFSETS, b"", 1, joined("blind")) == (blinded, -1)
    outputs = joined("F")
    assert kernel.unblind_finalize(DATA, OFFSETS, b"", SEED, 0, evaluated, 64) == (outputs, -1)
    assert kernel.finalize_with(DATA, OFFSETS, b"", joined("blind"), evaluated, 64) == (outputs, -1)
    tags = kernel.unblind_finalize(DATA, OFFSETS, b"", SEED, 0, evaluated, 10)
    assert tags == (joined("tag_10"), -1)


def test_client_when_chunked_equals_the_vectors(kernel: ModuleType) -> None:
    for j, row in enumerate(ROWS):
        data, offsets = pack([h(row["input"])])
        assert kernel.blind(data, offsets, b"", SEED, j) == (h(row["blinded_element"]), -1)
        answer = h(row["evaluated_element"])
        finalized = kernel.unblind_finalize(data, offsets, b"", SEED, j, answer, 64)
        assert finalized == (h(row["F"]), -1)


def test_server_equals_the_vectors(kernel: ModuleType) -> None:
    assert kernel.evaluate(joined("blinded_element"), KEY) == (joined("evaluated_element"), -1)
    assert kernel.table_tags(DATA, OFFSETS, b"", 1, KEY, 64) == joined("F")
    assert kernel.table_tags(DATA, OFFSETS, b"", 1, KEY, 10) == joined("tag_10")
    assert kernel.mul_base(KEY).hex() == PAIRWISE["public_key"]


def test_additive_blinding_from_parts_equals_the_vectors(kernel: ModuleType) -> None:
    """B = H(x) + r*G and k*B, which this boundary composes of three calls."""
    shift = kernel.mul_base(joined("additive_blind"))
    blinded = joined("additive_blinded_element")
    assert kernel.add(joined("hashed_element"), shift) == (blinded, -1)
    assert kernel.evaluate(blinded, KEY) == (joined("additive_evaluated_element"), -1)


def test_proof_sums_equal_the_vectors(kernel: ModuleType) -> None:
    expected, c, d = OVL1["bdleq"], joined("blinded_element"), joined("evaluated_element")
    m, z, seed = h(expected["M"]), h(expected["Z"]), h(expected["seed"])
    assert kernel.prove_sums(c, seed) == (m, -1)
    assert kernel.verify_sums(c, d, seed) == (m, z, -1)
    assert kernel.mul(m, KEY) == (z, -1)


def test_proof_equation_equals_the_vectors(kernel: ModuleType) -> None:
    """s = r - c*k and T2' = s*G + c*K, with the arithmetic that psi.crypto uses."""
    expected = OVL1["bdleq"]
    proof, nonce = h(expected["proof"]), h(expected["nonce_r"])
    challenge, s = proof[:32], proof[32:]
    product = kernel.scalar_muladd(challenge, KEY, bytes(32))
    assert kernel.scalar_sub(nonce, product) == s
    assert kernel.check_scalars(proof) == -1
    right, bad = kernel.mul(h(PAIRWISE["public_key"]), challenge)
    assert bad == -1
    assert kernel.add(kernel.mul_base(s), right) == (kernel.mul_base(nonce), -1)


def test_tags_and_dummies_equal_the_vectors(kernel: ModuleType) -> None:
    padding = b"".join(map(h, PAIRWISE["padding_tags_10"]))
    prefix = lp(b"OVL1-PADTAG") + h(PAIRWISE["pad_key"])
    assert kernel.counter_tags(prefix, 0, len(padding) // 10, 10) == padding
    for case in OVL1["group"]["dummy_tags"]:
        prefix = b"OVL1-DTAG" + h(case["session_seed"])
        assert kernel.counter_tags(prefix, case["j"], 1, 16).hex() == case["tag"]
    first = next(j for j, row in enumerate(ROWS) if row["canonical"] == "(dummy)")
    dummies = rows(kernel.dummy_inputs(SEED, first, len(ROWS) - first))
    assert [b"OVL1-D" + dummy for dummy in dummies] == [h(row["input"]) for row in ROWS[first:]]


def test_group_run_equals_the_vectors(kernel: ModuleType) -> None:
    """The answers of the key holders add up to the evaluation under the sum of their shares."""
    run = OVL1["group"]
    shares = [h(holder["share"]) for holder in run["key_holders"]]
    for holder, share in zip(run["key_holders"], shares, strict=True):
        assert kernel.mul_base(share).hex() == holder["public"]
    total = bytes(32)
    for share in shares:
        total = kernel.scalar_muladd(share, scalar_bytes(1), total)
    data, offsets = pack(h(row["input"]) for row in run["rows"])
    outputs = b"".join(h(row["F"]) for row in run["rows"])
    assert kernel.table_tags(data, offsets, b"", 1, total, 64) == outputs
    hashed = kernel.hash_to_group(data, offsets, b"", 1)
    answer = b""
    for number, share in enumerate(shares):
        partial = b"".join(h(row["partial_elements"][number]) for row in run["rows"])
        assert kernel.evaluate(hashed, share) == (partial, -1)
        answer = partial if not answer else kernel.add(answer, partial)[0]
    one = scalar_bytes(1) * len(run["rows"])
    assert kernel.finalize_with(data, offsets, b"", one, answer, 64) == (outputs, -1)

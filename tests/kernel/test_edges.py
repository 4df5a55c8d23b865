# SPDX-License-Identifier: Apache-2.0
"""Edge scalars, invalid encodings at every kind of position, exceptional points."""

from types import ModuleType

import pytest
from kernel.support import (
    IDENTITY_BYTES,
    KEY_BYTES,
    PREFIX,
    SEED,
    WEIGHT_SEED,
    cycled,
    elements,
    evaluated,
    h,
    pack,
    rows,
    texts,
    vectors,
)
from reference.field import P
from reference.group import GENERATOR, decode, encode, from_uniform
from reference.scalars import ORDER, scalar_bytes

EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 2**252 - 1, 2**252, (ORDER - 1) // 2, (ORDER + 1) // 2]
EDGES += [ORDER - k for k in (1, 2, 3, 4, 8, 16, 17)]
USABLE = [k for k in EDGES if k not in (0, ORDER - 2)]
REFUSED = [0, ORDER - 2]
OUT_OF_RANGE = [ORDER, ORDER + 1, 2**253, 2**255, 2**256 - 1]
ENCODINGS = {
    f"{reason}-{number}": h(encoding)
    for reason, encodings in vectors("rfc9496_ristretto255")["invalid_encodings"].items()
    for number, encoding in enumerate(encodings)
} | {"identity": IDENTITY_BYTES}
INVALID = [pytest.param(encoding, id=name) for name, encoding in ENCODINGS.items()]
POINT = elements()[4]


@pytest.mark.parametrize("k", EDGES, ids=lambda k: f"{k:x}"[-20:])
def test_mul_when_edge_scalar_equals_the_reference(kernel: ModuleType, k: int) -> None:
    expected = encode(k * decode(POINT))
    assert kernel.mul(POINT, scalar_bytes(k)) == (expected, -1)
    assert kernel.mul_base(scalar_bytes(k)) == encode(k * GENERATOR)
    assert kernel.weighted_sum(POINT, scalar_bytes(k)) == (expected, -1)


def test_mul_when_edge_scalars_share_a_batch_expect_no_effect_on_neighbours(
    kernel: ModuleType,
) -> None:
    """A product that is the identity must not spoil the inversion that the batch shares."""
    batch = b"".join(map(scalar_bytes, EDGES))
    expected = b"".join(encode(k * decode(POINT)) for k in EDGES)
    assert kernel.mul(POINT * len(EDGES), batch) == (expected, -1)
    assert kernel.mul_base(batch) == b"".join(encode(k * GENERATOR) for k in EDGES)


@pytest.mark.parametrize("k", USABLE, ids=lambda k: f"{k:x}"[-20:])
def test_evaluate_when_edge_scalar_equals_the_reference(kernel: ModuleType, k: int) -> None:
    batch = elements()[:9]
    expected = b"".join(encode(k * decode(element)) for element in batch)
    assert kernel.evaluate(b"".join(batch), scalar_bytes(k)) == (expected, -1)


@pytest.mark.parametrize("k", REFUSED + OUT_OF_RANGE, ids=lambda k: f"{k:x}"[:20])
def test_key_when_refused_raises_value_error(kernel: ModuleType, k: int) -> None:
    key = k.to_bytes(32, "little")
    with pytest.raises(ValueError, match=r"^k: expected a scalar"):
        kernel.evaluate(POINT, key)
    with pytest.raises(ValueError, match=r"^k: expected a scalar"):
        kernel.table_tags(*pack([b"text"]), b"", 1, key, 64)


@pytest.mark.parametrize("value", [0, *OUT_OF_RANGE], ids=lambda k: f"{k:x}"[:20])
@pytest.mark.parametrize("position", [0, 3, 16])
def test_given_blinds_when_unusable_are_bad_at_their_index(
    kernel: ModuleType, value: int, position: int
) -> None:
    scalars = [scalar_bytes(i + 1) for i in range(17)]
    scalars[position] = value.to_bytes(32, "little")
    packed, given = pack(cycled(texts(), 17)), b"".join(scalars)
    answer = b"".join(elements()[:17])
    assert kernel.blind_with(*packed, PREFIX, 1, given) == (b"", position)
    assert kernel.finalize_with(*packed, PREFIX, given, answer, 10) == (b"", position)
    assert kernel.scalar_invert(given) == (b"", position)
    assert kernel.check_scalars(given) == (position if value else -1)


@pytest.mark.parametrize("k", USABLE, ids=lambda k: f"{k:x}"[-20:])
def test_given_blinds_when_edge_scalars_cancel(kernel: ModuleType, k: int) -> None:
    """With key 1 the evaluated element is the blinded one, and Finalize gives Evaluate."""
    packed, given = pack([b"text"]), scalar_bytes(k)
    sent, bad = kernel.blind_with(*packed, b"", 1, given)
    assert bad == -1
    expected = kernel.table_tags(*packed, b"", 1, scalar_bytes(1), 64)
    assert kernel.finalize_with(*packed, b"", given, sent, 64) == (expected, -1)


def test_given_blinds_when_inverse_is_the_exceptional_scalar_cancel(kernel: ModuleType) -> None:
    """1/r = l - 2 for r = -1/2: the one place where it cannot be refused."""
    packed, given = pack([b"text", b"more"]), scalar_bytes((ORDER - 1) // 2) * 2
    assert kernel.scalar_invert(given) == (scalar_bytes(ORDER - 2) * 2, -1)
    sent, _ = kernel.blind_with(*packed, b"", 1, given)
    expected = kernel.table_tags(*packed, b"", 1, scalar_bytes(1), 64)
    assert kernel.finalize_with(*packed, b"", given, sent, 64) == (expected, -1)


@pytest.mark.parametrize("position", [0, 1, 7, 8, 255, 256, 299])
def test_invalid_element_when_anywhere_is_bad_at_its_index(
    kernel: ModuleType, position: int
) -> None:
    """300 elements cross the blocks of a kernel; every operation names the same element."""
    n, bad_element = 300, h("ff" * 32)
    good = cycled(elements(), n)
    batch = [*good]
    batch[position] = bad_element
    joined, fine = b"".join(batch), b"".join(good)
    packed, scalars = pack(cycled(texts(), n)), scalar_bytes(5) * n
    assert kernel.check_elements(joined) == position
    assert kernel.evaluate(joined, KEY_BYTES) == (b"", position)
    assert kernel.mul(joined, scalars) == (b"", position)
    assert kernel.add(joined, fine) == (b"", position)
    assert kernel.add(fine, joined) == (b"", position)
    assert kernel.prove_sums(joined, WEIGHT_SEED) == (b"", position)
    assert kernel.verify_sums(joined, fine, WEIGHT_SEED) == (b"", b"", position)
    assert kernel.verify_sums(fine, joined, WEIGHT_SEED) == (b"", b"", position)
    assert kernel.weighted_sum(joined, scalars) == (b"", position)
    assert kernel.unblind_finalize(*packed, PREFIX, SEED, 0, joined, 8) == (b"", position)
    assert kernel.finalize_with(*packed, PREFIX, scalars, joined, 8) == (b"", position)


@pytest.mark.parametrize("encoding", INVALID)
@pytest.mark.parametrize("position", [0, 1, 8, 16])
def test_invalid_encoding_is_bad_and_its_neighbours_are_right_without_it(
    kernel: ModuleType, encoding: bytes, position: int
) -> None:
    batch = elements()[:17]
    with_bad = [*batch[:position], encoding, *batch[position:]]
    joined = b"".join(with_bad)
    assert kernel.check_elements(joined) == position
    assert kernel.evaluate(joined, KEY_BYTES) == (b"", position)
    del with_bad[position]
    expected = b"".join(evaluated()[:17])
    assert kernel.evaluate(b"".join(with_bad), KEY_BYTES) == (expected, -1)


def test_invalid_elements_when_several_expect_the_first(kernel: ModuleType) -> None:
    batch = elements()[:9]
    batch[3] = batch[6] = IDENTITY_BYTES
    assert kernel.evaluate(b"".join(batch), KEY_BYTES) == (b"", 3)
    assert kernel.check_elements(b"".join(batch)) == 3
    scalars = [scalar_bytes(1)] * 9
    scalars[5] = bytes(32)
    packed = pack(cycled(texts(), 9))
    finalized = kernel.finalize_with(*packed, b"", b"".join(scalars), b"".join(batch), 8)
    assert finalized[1] in (3, 5)
    assert finalized[0] == b""


@pytest.mark.parametrize("number", range(1, 9))
def test_element_when_bit_255_is_set_is_bad(kernel: ModuleType, number: int) -> None:
    """Some libraries look at an encoding without that bit; here it must be clear."""
    element = elements()[number]
    changed = element[:31] + bytes([element[31] | 0x80])
    assert kernel.check_elements(element + changed) == 1
    assert kernel.evaluate(changed, KEY_BYTES) == (b"", 0)


def test_add_when_the_sum_is_the_identity_encodes_it(kernel: ModuleType) -> None:
    minus = kernel.mul(POINT, scalar_bytes(ORDER - 1))[0]
    batch, others = POINT * 3, elements()[0] + minus + elements()[1]
    expected = elements()[5] + IDENTITY_BYTES + elements()[6]
    assert kernel.add(batch, others) == (expected, -1)


def test_sums_when_they_are_the_identity_encode_it(kernel: ModuleType) -> None:
    minus = kernel.mul(POINT, scalar_bytes(ORDER - 1))[0]
    weights = scalar_bytes(9) * 2
    assert kernel.weighted_sum(POINT + minus, weights) == (IDENTITY_BYTES, -1)
    assert kernel.weighted_sum(POINT, bytes(32)) == (IDENTITY_BYTES, -1)
    assert kernel.prove_sums(b"", WEIGHT_SEED) == (IDENTITY_BYTES, -1)
    assert kernel.verify_sums(b"", b"", WEIGHT_SEED) == (IDENTITY_BYTES, IDENTITY_BYTES, -1)


def test_weighted_sum_when_all_points_and_digits_are_equal(kernel: ModuleType) -> None:
    """Additions of a point to itself and to its own multiples, in every bucket."""
    for k in (1, 2, ORDER - 1, int("8" * 62, 16), int("7" * 62, 16)):
        n = 40
        expected = encode(n * k % ORDER * decode(POINT))
        assert kernel.weighted_sum(POINT * n, scalar_bytes(k) * n) == (expected, -1)


def test_element_from_uniform_when_halves_are_related_equals_the_reference(
    kernel: ModuleType,
) -> None:
    """Equal halves double a point; t and -t map to the same point; bit 255 is ignored."""
    half = bytes(range(1, 33))
    t = int.from_bytes(half, "little") % 2**255
    minus = (P - t).to_bytes(32, "little")
    top = bytes([*half[:31], half[31] | 0x80])
    large = (2**255 - 1).to_bytes(32, "little")
    inputs = [half + half, half + minus, top + half, large + half, bytes(32) + large]
    expected = [encode(from_uniform(uniform)) for uniform in inputs]
    assert rows(kernel.element_from_uniform(b"".join(inputs))) == expected

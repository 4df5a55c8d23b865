# SPDX-License-Identifier: Apache-2.0
"""Batches of every awkward size, against the reference."""

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from kernel.support import (
    BLINDS,
    CYCLE,
    FIRST_J,
    KEY,
    KEY_BYTES,
    LARGE_SIZES,
    MOST,
    PREFIX,
    SEED,
    SIZES,
    WEIGHT_SEED,
    blinded,
    cycled,
    elements,
    evaluated,
    finalized,
    hashed,
    outputs,
    pack,
    products,
    random_scalars,
    rows,
    session_blinds,
    texts,
)
from reference import oprf, ovl1
from reference.group import GENERATOR, encode
from reference.scalars import ORDER, inverse, scalar_bytes

every_size = pytest.mark.parametrize("n", SIZES)
large_size = pytest.mark.parametrize("n", LARGE_SIZES)
BLIND_BYTES = b"".join(map(scalar_bytes, BLINDS))


def weights(n: int) -> list[int]:
    return [ovl1.weight(WEIGHT_SEED, i) for i in range(n)]


def expected_sum(n: int, factors: list[int]) -> bytes:
    """sum factors[i] * element i of the cycle, each of which is (i % CYCLE + 1) * G."""
    total = sum(factor * (i % CYCLE + 1) for i, factor in enumerate(factors[:n]))
    return encode(total % ORDER * GENERATOR)


@every_size
@pytest.mark.parametrize("mode", [0, 1])
def test_uniform_bytes_equal_the_reference(kernel: ModuleType, n: int, mode: int) -> None:
    batch = cycled(texts(), n)
    expected = [oprf.uniform_bytes(PREFIX + text, mode) for text in batch]
    assert rows(kernel.uniform_bytes(*pack(batch), PREFIX, mode), 64) == expected


@every_size
def test_hash_to_group_equals_the_reference(kernel: ModuleType, n: int) -> None:
    expected = cycled([encode(point) for point in hashed()], n)
    assert rows(kernel.hash_to_group(*pack(cycled(texts(), n)), PREFIX, 1)) == expected


@every_size
def test_check_elements_when_all_are_good_returns_minus_one(kernel: ModuleType, n: int) -> None:
    assert kernel.check_elements(b"".join(cycled(elements(), n))) == -1


@every_size
def test_blind_equals_the_reference(kernel: ModuleType, n: int) -> None:
    packed = pack(cycled(texts(), n))
    assert rows(kernel.blind_scalars(*packed, PREFIX, SEED, FIRST_J)) == [
        scalar_bytes(r) for r in session_blinds()[:n]
    ]
    result, bad = kernel.blind(*packed, PREFIX, SEED, FIRST_J)
    assert bad == -1
    assert rows(result) == blinded()[:n]


@every_size
def test_unblind_finalize_equals_the_reference(kernel: ModuleType, n: int) -> None:
    packed, answer = pack(cycled(texts(), n)), b"".join(cycled(elements(), n))
    result, bad = kernel.unblind_finalize(*packed, PREFIX, SEED, FIRST_J, answer, 64)
    assert bad == -1
    assert rows(result, 64) == finalized()[:n]


@pytest.mark.parametrize("length", [1, 8, 10, 16, 33, 63])
def test_outputs_when_cut_are_prefixes(kernel: ModuleType, length: int) -> None:
    n = 17
    packed, answer = pack(cycled(texts(), n)), b"".join(cycled(elements(), n))
    expected = b"".join(output[:length] for output in finalized()[:n])
    result = kernel.unblind_finalize(*packed, PREFIX, SEED, FIRST_J, answer, length)
    assert result == (expected, -1)
    expected = b"".join(output[:length] for output in outputs()[:n])
    assert kernel.table_tags(*packed, PREFIX, 1, KEY_BYTES, length) == expected


@every_size
def test_blind_with_and_finalize_with_equal_the_reference(kernel: ModuleType, n: int) -> None:
    batch = cycled(texts(), n)
    given = b"".join(map(scalar_bytes, session_blinds()[:n]))
    result, bad = kernel.blind_with(*pack(batch), PREFIX, 1, given)
    assert (rows(result), bad) == (blinded()[:n], -1)
    answer = b"".join(cycled(elements(), n))
    result, bad = kernel.finalize_with(*pack(batch), PREFIX, given, answer, 64)
    assert (rows(result, 64), bad) == (finalized()[:n], -1)


@every_size
def test_evaluate_equals_the_reference(kernel: ModuleType, n: int) -> None:
    result, bad = kernel.evaluate(b"".join(cycled(elements(), n)), KEY_BYTES)
    assert (rows(result), bad) == (cycled(evaluated(), n), -1)


@every_size
def test_table_tags_equal_the_reference(kernel: ModuleType, n: int) -> None:
    result = kernel.table_tags(*pack(cycled(texts(), n)), PREFIX, 1, KEY_BYTES, 64)
    assert rows(result, 64) == cycled(outputs(), n)


@every_size
def test_mul_and_mul_base_equal_the_reference(kernel: ModuleType, n: int) -> None:
    batch, given = b"".join(cycled(elements(), n)), BLIND_BYTES[: 32 * n]
    assert kernel.mul(batch, given) == (b"".join(products()[:n]), -1)
    logarithms = b"".join(scalar_bytes(k * (i % CYCLE + 1)) for i, k in enumerate(BLINDS[:n]))
    assert rows(kernel.mul_base(logarithms)) == products()[:n]


@every_size
def test_add_equals_the_reference(kernel: ModuleType, n: int) -> None:
    batch = b"".join(cycled(elements(), n))
    doubled = [encode(2 * (i % CYCLE + 1) * GENERATOR) for i in range(n)]
    result, bad = kernel.add(batch, batch)
    assert (rows(result), bad) == (doubled, -1)


@every_size
def test_proof_sums_equal_the_reference(kernel: ModuleType, n: int) -> None:
    c, d = (b"".join(cycled(items, n)) for items in (elements(), evaluated()))
    m = expected_sum(n, weights(n))
    z = expected_sum(n, [KEY * rho for rho in weights(n)])
    assert kernel.prove_sums(c, WEIGHT_SEED) == (m, -1)
    assert kernel.verify_sums(c, d, WEIGHT_SEED) == (m, z, -1)


def test_proof_sums_of_every_small_size_equal_multiples_of_the_generator(
    kernel: ModuleType,
) -> None:
    """The bucket method changes its window with the size; a weight may fill its 128 bits."""
    for n in range(65):
        m = sum(rho * (i + 1) for i, rho in enumerate(weights(n)))
        expected = kernel.mul_base(scalar_bytes(m))
        assert kernel.prove_sums(b"".join(elements()[:n]), WEIGHT_SEED) == (expected, -1)


@every_size
def test_weighted_sum_equals_the_reference(kernel: ModuleType, n: int) -> None:
    batch = b"".join(cycled(elements(), n))
    assert kernel.weighted_sum(batch, BLIND_BYTES[: 32 * n]) == (expected_sum(n, BLINDS), -1)


@every_size
def test_scalars_equal_the_reference(kernel: ModuleType, n: int) -> None:
    given = BLINDS[:n]
    inverses = b"".join(scalar_bytes(inverse(k)) for k in given)
    assert kernel.scalar_invert(BLIND_BYTES[: 32 * n]) == (inverses, -1)
    wide = [hashlib.sha512(bytes([i % 256, i // 256])).digest() for i in range(n)]
    reduced = [scalar_bytes(int.from_bytes(w, "little")) for w in wide]
    assert rows(kernel.scalar_reduce(b"".join(wide))) == reduced


@every_size
def test_dummies_and_counter_tags_equal_hashlib(kernel: ModuleType, n: int) -> None:
    assert rows(kernel.dummy_inputs(SEED, FIRST_J, n)) == [
        hmac.digest(SEED, b"OVL1-DUMMY" + (FIRST_J + i).to_bytes(8, "big"), "sha256")
        for i in range(n)
    ]
    for length in (1, 10, 64):
        assert kernel.counter_tags(PREFIX, FIRST_J, n, length) == b"".join(
            ovl1.counter_tag(PREFIX, FIRST_J + i, length) for i in range(n)
        )


@every_size
def test_packed_digest_equals_the_reference(kernel: ModuleType, n: int) -> None:
    batch = cycled(texts(), n)
    assert kernel.packed_digest(*pack(batch)) == ovl1.packed_digest(batch)


@large_size
def test_evaluate_when_large_equals_the_reference(kernel: ModuleType, n: int) -> None:
    result, bad = kernel.evaluate(b"".join(cycled(elements(), n)), KEY_BYTES)
    assert (rows(result), bad) == (cycled(evaluated(), n), -1)


@large_size
def test_table_tags_when_large_equal_the_reference(kernel: ModuleType, n: int) -> None:
    result = kernel.table_tags(*pack(cycled(texts(), n)), PREFIX, 1, KEY_BYTES, 10)
    assert rows(result, 10) == [output[:10] for output in cycled(outputs(), n)]


@large_size
def test_round_trip_when_large_equals_the_table(kernel: ModuleType, n: int) -> None:
    packed = pack(cycled(texts(), n))
    sent, bad = kernel.blind(*packed, PREFIX, SEED, FIRST_J)
    assert bad == -1
    assert rows(sent)[:MOST] == blinded()
    answer, bad = kernel.evaluate(sent, KEY_BYTES)
    assert bad == -1
    result, bad = kernel.unblind_finalize(*packed, PREFIX, SEED, FIRST_J, answer, 10)
    assert bad == -1
    assert rows(result, 10) == [output[:10] for output in cycled(outputs(), n)]


@large_size
def test_sums_when_large_equal_the_reference(kernel: ModuleType, n: int) -> None:
    """4097 elements take two blocks of the bucket method."""
    c, d = (b"".join(cycled(items, n)) for items in (elements(), evaluated()))
    m = expected_sum(n, weights(n))
    z = expected_sum(n, [KEY * rho for rho in weights(n)])
    assert kernel.prove_sums(c, WEIGHT_SEED) == (m, -1)
    assert kernel.verify_sums(c, d, WEIGHT_SEED) == (m, z, -1)
    factors = random_scalars(n, 5)
    packed = b"".join(map(scalar_bytes, factors))
    assert kernel.weighted_sum(c, packed) == (expected_sum(n, factors), -1)


def test_batches_in_threads_equal_the_reference(kernel: ModuleType) -> None:
    """Without the GIL, on shared tables."""
    n = 64
    batch, given = b"".join(cycled(elements(), n)), BLIND_BYTES[: 32 * n]
    expected = b"".join(cycled(evaluated(), n)), -1
    with ThreadPoolExecutor(4) as pool:
        evaluations = [pool.submit(kernel.evaluate, batch, KEY_BYTES) for _ in range(8)]
        multiples = [pool.submit(kernel.mul_base, given) for _ in range(8)]
        assert [future.result() for future in evaluations] == [expected] * 8
        assert len({future.result() for future in multiples}) == 1

# SPDX-License-Identifier: Apache-2.0
"""
Random operations, every kernel against the portable one.

OVERLAP_TEST_OPERATIONS sets how many; `make test-kernels` takes a million.
"""

import os
import random
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from kernel.support import ENOUGH_LANES, IDENTITY_BYTES, pack
from reference.scalars import ORDER, scalar_bytes

from psi._native import kernel as native

OPERATIONS = int(os.environ.get("OVERLAP_TEST_OPERATIONS", "100000"))
BATCH = 1021
EDGES = [0, 1, 2, 3, 8, 2**252, (ORDER - 1) // 2, ORDER - 3, ORDER - 2, ORDER - 1]

vector_kernels = pytest.mark.parametrize(
    "name", [name for name in native.NAMES if name != "portable"]
)


def both(name: str, operation: str, *arguments: object) -> Any:
    """The result of one kernel; asserts that the portable one gives the same."""
    results = []
    for kernel in (name, "portable"):
        native.select(kernel)
        results.append(getattr(native, operation)(*arguments))
    assert results[0] == results[1], operation
    return results[0]


@pytest.fixture(autouse=True)
def selected_kernel() -> Iterator[None]:
    before = native.selected()
    yield
    native.select(before)


@vector_kernels
def test_random_operations_agree_with_the_portable_kernel(name: str) -> None:
    """Seven operations an element: map, multiply, blind, evaluate, finalize, add, sums."""
    seed = random.randrange(2**32)
    source = random.Random(seed)
    print("seed", seed)  # shown when the test fails
    for _ in range(OPERATIONS // (7 * BATCH) + 1):
        elements = both(name, "element_from_uniform", source.randbytes(64 * BATCH))
        scalars = [
            source.choice(EDGES) if source.random() < 0.1 else source.randrange(ORDER)
            for _ in range(BATCH)
        ]
        products, bad = both(name, "mul", elements, b"".join(map(scalar_bytes, scalars)))
        assert bad == -1
        key = scalar_bytes(source.randrange(1, ORDER - 2))
        texts = pack(source.randbytes(source.randrange(600)) for _ in range(BATCH))
        session = source.randbytes(32), source.randrange(2**63)
        blinded, bad = both(name, "blind", *texts, b"", *session)
        assert bad == -1
        answer, bad = both(name, "evaluate", blinded, key)
        assert bad == -1
        both(name, "unblind_finalize", *texts, b"", *session, answer, 64)
        both(name, "add", elements, answer)
        both(name, "verify_sums", elements, answer, source.randbytes(64))
        both(name, "weighted_sum", elements, b"".join(map(scalar_bytes, scalars)))
        both(name, "add", elements, products)  # where a product is the identity, it is bad


@pytest.mark.parametrize("lane", range(ENOUGH_LANES))
def test_bad_element_in_every_lane_is_named(kernel: ModuleType, lane: int) -> None:
    good = kernel.element_from_uniform(random.Random(lane).randbytes(64 * ENOUGH_LANES))
    for bad in (IDENTITY_BYTES, b"\x01" + bytes(31), b"\xff" * 32, bytes([2]) + bytes(31)):
        batch = bytearray(good)
        batch[32 * lane : 32 * lane + 32] = bad
        expected = lane if kernel.check_elements(bad) == 0 else -1
        assert kernel.check_elements(batch) == expected
        assert kernel.mul(batch, scalar_bytes(3) * ENOUGH_LANES)[1] == expected


@pytest.mark.parametrize("lane", range(ENOUGH_LANES))
def test_edge_scalar_in_every_lane_leaves_its_neighbours_alone(
    kernel: ModuleType, lane: int
) -> None:
    batch = kernel.element_from_uniform(random.Random(lane).randbytes(64 * ENOUGH_LANES))
    common, bad = kernel.mul(batch, scalar_bytes(7) * ENOUGH_LANES)
    assert bad == -1
    for edge in EDGES:
        scalars = [scalar_bytes(7)] * ENOUGH_LANES
        scalars[lane] = scalar_bytes(edge)
        alone = kernel.mul(batch[32 * lane : 32 * lane + 32], scalar_bytes(edge))[0]
        expected = common[: 32 * lane] + alone + common[32 * lane + 32 :]
        assert kernel.mul(batch, b"".join(scalars)) == (expected, -1)

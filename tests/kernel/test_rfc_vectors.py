# SPDX-License-Identifier: Apache-2.0
"""RFC 9496 and RFC 9497 known answers through the kernels, to the bit, with intermediate values."""

from types import ModuleType
from typing import Any

import pytest
from kernel.support import IDENTITY_BYTES, h, pack, vectors
from reference.scalars import scalar_bytes

GROUP = vectors("rfc9496_ristretto255")
MULTIPLES = [h(encoding) for encoding in GROUP["generator_multiples"]]
DERIVATION = GROUP["element_derivation"] + GROUP["element_derivation_edge_inputs"]
CASES = [
    pytest.param(suite, case, id=f"{suite['mode']}-{number}")
    for suite in vectors("rfc9497_ristretto255_sha512")["suites"]
    for number, case in enumerate(suite["cases"])
]


def test_mul_base_equals_the_multiples_of_the_generator(kernel: ModuleType) -> None:
    factors = b"".join(map(scalar_bytes, range(len(MULTIPLES))))
    assert kernel.mul_base(factors) == b"".join(MULTIPLES)


def test_mul_and_add_equal_the_multiples_of_the_generator(kernel: ModuleType) -> None:
    n = len(MULTIPLES)
    factors = b"".join(map(scalar_bytes, range(n)))
    assert kernel.mul(MULTIPLES[1] * n, factors) == (b"".join(MULTIPLES), -1)
    sums = kernel.add(MULTIPLES[1] * (n - 2), b"".join(MULTIPLES[1:-1]))
    assert sums == (b"".join(MULTIPLES[2:]), -1)


def test_check_elements_when_multiples_refuses_only_the_identity(kernel: ModuleType) -> None:
    assert MULTIPLES[0] == IDENTITY_BYTES
    assert kernel.check_elements(b"".join(MULTIPLES[1:])) == -1
    assert kernel.check_elements(MULTIPLES[1] + MULTIPLES[0]) == 1


def test_element_from_uniform_equals_the_derivation(kernel: ModuleType) -> None:
    uniform = b"".join(h(case["uniform_bytes"]) for case in DERIVATION)
    expected = b"".join(h(case["encoding"]) for case in DERIVATION)
    assert kernel.element_from_uniform(uniform) == expected
    for case in DERIVATION:
        assert kernel.element_from_uniform(h(case["uniform_bytes"])).hex() == case["encoding"]


@pytest.mark.parametrize(("suite", "case"), CASES)
def test_oprf_equals_rfc_9497(
    kernel: ModuleType, suite: dict[str, Any], case: dict[str, Any]
) -> None:
    def joined(name: str) -> bytes:
        return b"".join(map(h, case[name]))

    mode, key = suite["mode_byte"], h(suite["secret_key"])
    data, offsets = pack(map(h, case["inputs"]))
    blinded = joined("blinded_elements")
    assert kernel.blind_with(data, offsets, b"", mode, joined("blinds")) == (blinded, -1)
    evaluated = joined("evaluated_elements")
    assert kernel.evaluate(blinded, key) == (evaluated, -1)
    outputs = joined("outputs")
    finalized = kernel.finalize_with(data, offsets, b"", joined("blinds"), evaluated, 64)
    assert finalized == (outputs, -1)
    assert kernel.table_tags(data, offsets, b"", mode, key, 64) == outputs
    if "public_key" in suite:
        assert kernel.mul_base(key).hex() == suite["public_key"]

# SPDX-License-Identifier: Apache-2.0
"""Arithmetic mod l, against Python's integers."""

from collections.abc import Callable
from itertools import product
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.scalars import ORDER, scalar_bytes

from psi._native import kernel as native

EDGES = [0, 1, 2, 2**64 - 1, 2**64, 2**128, 2**252 - 1, 2**252, ORDER // 2, ORDER - 2, ORDER - 1]
SCALAR = st.one_of(st.sampled_from(EDGES), st.integers(0, ORDER - 1))


def value(encoded: bytes) -> int:
    return int.from_bytes(encoded, "little")


def test_muladd_and_sub_when_edge_values_equal_the_integers() -> None:
    for a, b, c in product(EDGES, repeat=3):
        left, right, addend = map(scalar_bytes, (a, b, c))
        assert value(native.scalar_muladd(left, right, addend)) == (a * b + c) % ORDER
    for a, b in product(EDGES, repeat=2):
        assert value(native.scalar_sub(scalar_bytes(a), scalar_bytes(b))) == (a - b) % ORDER


@given(SCALAR, SCALAR, SCALAR)
def test_muladd_and_sub_equal_the_integers(a: int, b: int, c: int) -> None:
    result = native.scalar_muladd(scalar_bytes(a), scalar_bytes(b), scalar_bytes(c))
    assert value(result) == (a * b + c) % ORDER
    assert value(native.scalar_sub(scalar_bytes(a), scalar_bytes(b))) == (a - b) % ORDER


@given(st.lists(st.one_of(st.binary(min_size=64, max_size=64), st.just(b"\xff" * 64)), max_size=9))
def test_reduce_equals_the_integers(wide: list[bytes]) -> None:
    expected = b"".join(scalar_bytes(value(w)) for w in wide)
    assert native.scalar_reduce(b"".join(wide)) == expected


def test_reduce_when_multiples_of_the_order_expect_zero_and_its_neighbours() -> None:
    for factor in (0, 1, 2, 16, 2**252, (2**512 - 1) // ORDER):
        for offset in (-1, 0, 1):
            wide = factor * ORDER + offset
            if 0 <= wide < 2**512:
                reduced = native.scalar_reduce(wide.to_bytes(64, "little"))
                assert value(reduced) == offset % ORDER


@given(st.lists(SCALAR.filter(bool), max_size=20))
def test_invert_equals_the_integers(scalars: list[int]) -> None:
    expected = b"".join(scalar_bytes(pow(k, -1, ORDER)) for k in scalars)
    assert native.scalar_invert(b"".join(map(scalar_bytes, scalars))) == (expected, -1)


@pytest.mark.parametrize("n", [255, 256, 257, 513])
def test_invert_when_several_blocks_equals_the_integers(n: int) -> None:
    scalars = [pow(7, i, ORDER) for i in range(n)]
    expected = b"".join(scalar_bytes(pow(k, -1, ORDER)) for k in scalars)
    assert native.scalar_invert(b"".join(map(scalar_bytes, scalars))) == (expected, -1)


@given(st.lists(st.integers(0, 2**256 - 1), max_size=9))
def test_check_scalars_names_the_first_out_of_range(values: list[int]) -> None:
    expected = next((i for i, v in enumerate(values) if v >= ORDER), -1)
    packed = b"".join(v.to_bytes(32, "little") for v in values)
    assert native.check_scalars(packed) == expected


@pytest.mark.parametrize("number", [ORDER, ORDER + 1, 2**256 - 1])
def test_one_scalar_when_out_of_range_raises_value_error(number: int) -> None:
    good, bad = scalar_bytes(3), number.to_bytes(32, "little")
    calls: list[tuple[Callable[..., bytes], tuple[bytes, ...]]] = [
        (native.scalar_sub, (bad, good)),
        (native.scalar_sub, (good, bad)),
        (native.scalar_muladd, (bad, good, good)),
        (native.scalar_muladd, (good, bad, good)),
        (native.scalar_muladd, (good, good, bad)),
    ]
    for function, arguments in calls:
        with pytest.raises(ValueError, match="below the group order"):
            function(*arguments)


def test_scalar_functions_when_a_kernel_is_selected_are_the_same(kernel: ModuleType) -> None:
    assert kernel.scalar_sub(scalar_bytes(5), scalar_bytes(7)) == scalar_bytes(ORDER - 2)

# SPDX-License-Identifier: Apache-2.0
"""What holds for any input."""

from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel.support import pack
from reference import group
from reference.scalars import ORDER, scalar_bytes

ONE = scalar_bytes(1)
KEYS = st.integers(1, ORDER - 3)
TEXTS = st.lists(st.binary(max_size=300), max_size=12)
# Half of them canonical and nonnegative, of which every fourth or so is an element.
ENCODINGS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**254).map(lambda half: (2 * half).to_bytes(32, "little")),
)
# The fixture selects a kernel; nothing of it changes between examples.
one_kernel = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@one_kernel
@given(encoding=ENCODINGS)
def test_any_encoding_is_refused_or_encodes_to_itself(kernel: ModuleType, encoding: bytes) -> None:
    result, bad = kernel.evaluate(encoding, ONE)
    assert (result, bad) in ((encoding, -1), (b"", 0))
    assert kernel.check_elements(encoding) == bad
    try:
        valid = encoding != bytes(32) and group.encode(group.decode(encoding)) == encoding
    except group.NotAnElementError:
        valid = False
    assert valid == (bad == -1)


@one_kernel
@given(uniform=st.binary(min_size=64, max_size=64))
def test_any_uniform_bytes_give_the_element_of_the_reference(
    kernel: ModuleType, uniform: bytes
) -> None:
    encoding = kernel.element_from_uniform(uniform)
    assert encoding == group.encode(group.from_uniform(uniform))
    assert kernel.check_elements(encoding) == (0 if encoding == bytes(32) else -1)


@one_kernel
@given(
    texts=TEXTS,
    prefix=st.binary(max_size=200),
    seed=st.binary(min_size=32, max_size=32),
    first_j=st.integers(0, 2**64 - 1000),
    key=KEYS,
    length=st.integers(1, 64),
)
def test_finalize_of_evaluate_of_blind_equals_evaluate(
    kernel: ModuleType,
    texts: list[bytes],
    prefix: bytes,
    seed: bytes,
    first_j: int,
    key: int,
    length: int,
) -> None:
    packed, k = pack(texts), scalar_bytes(key)
    sent, bad = kernel.blind(*packed, prefix, seed, first_j)
    assert bad == -1
    answer, bad = kernel.evaluate(sent, k)
    assert bad == -1
    tags = kernel.table_tags(*packed, prefix, 1, k, length)
    result = kernel.unblind_finalize(*packed, prefix, seed, first_j, answer, length)
    assert result == (tags, -1)


@one_kernel
@given(text=st.binary(max_size=400), cut=st.integers(0, 400), mode=st.sampled_from([0, 1]))
def test_prefix_and_text_hash_as_their_concatenation(
    kernel: ModuleType, text: bytes, cut: int, mode: int
) -> None:
    whole = kernel.hash_to_group(*pack([text]), b"", mode)
    assert kernel.hash_to_group(*pack([text[cut:]]), text[:cut], mode) == whole


@one_kernel
@given(a=KEYS, b=KEYS)
def test_evaluations_commute_and_add(kernel: ModuleType, a: int, b: int) -> None:
    left, right = kernel.mul_base(scalar_bytes(a)), kernel.mul_base(scalar_bytes(b))
    assert kernel.evaluate(left, scalar_bytes(b)) == kernel.evaluate(right, scalar_bytes(a))
    assert kernel.add(left, right) == (kernel.mul_base(scalar_bytes(a + b)), -1)

# SPDX-License-Identifier: Apache-2.0
"""The Python side of the kernel: argument checks, buffers, the choice of the kernel."""

import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel.support import KEY_BYTES, SEED, WEIGHT_SEED, elements, pack
from reference.scalars import scalar_bytes

from psi._native import kernel as native

DATA, OFFSETS = pack([b"one", b"two!"])
TWO = b"".join(elements()[:2])
SCALARS = scalar_bytes(5) * 2
GOOD: dict[str, dict[str, Any]] = {
    "uniform_bytes": {"data": DATA, "offsets": OFFSETS, "prefix": b"p", "mode": 1},
    "element_from_uniform": {"uniform": bytes(128)},
    "hash_to_group": {"data": DATA, "offsets": OFFSETS, "prefix": b"p", "mode": 0},
    "check_elements": {"elements": TWO},
    "check_scalars": {"scalars": SCALARS},
    "blind": {"data": DATA, "offsets": OFFSETS, "prefix": b"", "session_seed": SEED, "first_j": 0},
    "blind_scalars": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "session_seed": SEED,
        "first_j": 0,
    },
    "unblind_finalize": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "session_seed": SEED,
        "first_j": 0,
        "evaluated": TWO,
        "length": 10,
    },
    "blind_fixed": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "session_seed": SEED,
        "first_j": 0,
    },
    "unblind_finalize_fixed": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "session_seed": SEED,
        "first_j": 0,
        "evaluated": TWO,
        "public_key": elements()[1],
        "length": 10,
    },
    "mul_fixed": {"element": elements()[1], "scalars": SCALARS},
    "blind_with": {"data": DATA, "offsets": OFFSETS, "prefix": b"", "mode": 1, "blinds": SCALARS},
    "finalize_with": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "blinds": SCALARS,
        "evaluated": TWO,
        "length": 64,
    },
    "evaluate": {"elements": TWO, "k": KEY_BYTES},
    "table_tags": {
        "data": DATA,
        "offsets": OFFSETS,
        "prefix": b"",
        "mode": 1,
        "k": KEY_BYTES,
        "length": 64,
    },
    "mul": {"elements": TWO, "scalars": SCALARS},
    "mul_base": {"scalars": SCALARS},
    "add": {"a": TWO, "b": TWO},
    "prove_sums": {"c": TWO, "seed": WEIGHT_SEED},
    "verify_sums": {"c": TWO, "d": TWO, "seed": WEIGHT_SEED},
    "weighted_sum": {"elements": TWO, "scalars": SCALARS},
    "scalar_reduce": {"wide": bytes(64)},
    "scalar_invert": {"scalars": SCALARS},
    "scalar_muladd": {"a": KEY_BYTES, "b": KEY_BYTES, "c": KEY_BYTES},
    "scalar_sub": {"a": KEY_BYTES, "b": KEY_BYTES},
    "dummy_inputs": {"session_seed": SEED, "first_j": 0, "n": 2},
    "counter_tags": {"prefix": b"p", "first_j": 0, "n": 2, "length": 10},
    "packed_digest": {"data": DATA, "offsets": OFFSETS},
}
PARAMETERS = [(function, name) for function, arguments in GOOD.items() for name in arguments]
BUFFERS = [(f, name) for f, name in PARAMETERS if not isinstance(GOOD[f][name], int)]
NUMBERS = [(f, name) for f, name in PARAMETERS if isinstance(GOOD[f][name], int)]
TEXTS = [function for function, arguments in GOOD.items() if "offsets" in arguments]
# A buffer of any length is a good one.
ANY_LENGTH = {"data", "prefix"}


def call(function: str, **changes: Any) -> Any:
    return getattr(native, function)(**(GOOD[function] | changes))


def test_list_of_functions_is_complete() -> None:
    public = {name for name in vars(native) if not name.startswith("_")}
    assert public == {*GOOD, "NAMES", "selected", "select", "limit_threads"}


@pytest.mark.parametrize("function", GOOD)
def test_call_when_good_works_by_keyword_and_by_position(kernel: ModuleType, function: str) -> None:
    expected = getattr(kernel, function)(*GOOD[function].values())
    assert call(function) == expected


@pytest.mark.parametrize(("function", "name"), BUFFERS)
@pytest.mark.parametrize("wrong", ["text", 7, None, [1, 2]])
def test_buffer_when_of_another_type_raises_type_error(
    function: str, name: str, wrong: object
) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected a bytes-like object$"):
        call(function, **{name: wrong})


@pytest.mark.parametrize(
    ("function", "name"), [(f, name) for f, name in BUFFERS if name not in ANY_LENGTH]
)
def test_buffer_when_one_byte_is_missing_raises_value_error(function: str, name: str) -> None:
    short = bytes(GOOD[function][name])[:-1]
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        call(function, **{name: short})


@pytest.mark.parametrize(("function", "name"), BUFFERS)
def test_buffer_when_not_contiguous_raises_value_error(function: str, name: str) -> None:
    view = memoryview(bytes(8))[::2]
    with pytest.raises(ValueError, match=f"^{name}: expected a contiguous buffer$"):
        call(function, **{name: view})


@pytest.mark.parametrize(("function", "name"), BUFFERS)
@pytest.mark.parametrize(
    "make", [bytearray, memoryview, lambda b: np.frombuffer(b, dtype=np.uint8)]
)
def test_buffer_when_of_another_kind_gives_the_same(
    function: str, name: str, make: Callable[[bytes], object]
) -> None:
    assert call(function, **{name: make(bytes(GOOD[function][name]))}) == call(function)


@pytest.mark.parametrize(("function", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", ["1", 1.0, None, b"1"])
def test_number_when_of_another_type_raises_type_error(
    function: str, name: str, wrong: object
) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected an int$"):
        call(function, **{name: wrong})


@pytest.mark.parametrize(("function", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", [-1, 2**64, 2**200])
def test_number_when_out_of_range_raises_value_error(function: str, name: str, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        call(function, **{name: wrong})


@pytest.mark.parametrize(
    ("function", "name", "wrong"),
    [
        (function, name, wrong)
        for function, name in NUMBERS
        for wrong in {"mode": [2, 255, 257], "length": [0, 65]}.get(name, [])
    ],
)
def test_mode_and_length_when_out_of_range_raise_value_error(
    function: str, name: str, wrong: int
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        call(function, **{name: wrong})


@pytest.mark.parametrize("function", [f for f, name in NUMBERS if name == "first_j"])
def test_positions_when_they_pass_64_bits_raise_value_error(function: str) -> None:
    assert call(function, first_j=2**64 - 3)
    with pytest.raises(ValueError, match=r"^first_j: expected"):
        call(function, first_j=2**64 - 2)


@pytest.mark.parametrize("function", GOOD)
def test_call_when_an_argument_is_missing_or_too_many_raises_type_error(function: str) -> None:
    arguments = list(GOOD[function].values())
    with pytest.raises(TypeError, match=function):
        getattr(native, function)(*arguments[:-1])
    with pytest.raises(TypeError, match=function):
        getattr(native, function)(*arguments, b"")
    with pytest.raises(TypeError, match="argument"):
        call(function, other=1)


@pytest.mark.parametrize("function", TEXTS)
@pytest.mark.parametrize(
    "offsets",
    [
        [0, 4, 3],
        [1, 0, 7],
        [0, 3, 8],
        [8, 8, 8],
        [0, 2**63, 7],
        [2**64 - 1, 0, 3],
        [0, 3, 2**64 - 1],
    ],
)
def test_offsets_when_descending_or_past_the_data_raise_value_error(
    function: str, offsets: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"^offsets: entry"):
        call(function, offsets=array("Q", offsets))


@pytest.mark.parametrize("function", TEXTS)
def test_offsets_when_empty_raise_value_error(function: str) -> None:
    with pytest.raises(ValueError, match=r"^offsets: expected 1 to"):
        call(function, offsets=b"")


@pytest.mark.parametrize("function", TEXTS)
def test_offsets_when_they_start_later_expect_the_same_texts(function: str) -> None:
    later = array("Q", (offset + 5 for offset in OFFSETS))
    assert call(function, data=b"other" + DATA + b"rest", offsets=later) == call(function)


@pytest.mark.parametrize("function", TEXTS)
def test_offsets_when_not_aligned_expect_the_same(function: str) -> None:
    view = memoryview(b"?" + OFFSETS.tobytes())[1:]
    assert call(function, offsets=view) == call(function)


@pytest.mark.parametrize("function", [f for f in TEXTS if "prefix" in GOOD[f]])
def test_text_and_prefix_when_longer_than_an_input_may_be_raise_value_error(function: str) -> None:
    longest = {"data": bytes(65500), "offsets": array("Q", [0, 0, 65500]), "prefix": bytes(34)}
    assert call(function, **longest)
    with pytest.raises(ValueError, match=r"^data: text 1 and the prefix exceed 65534 bytes$"):
        call(function, **longest | {"prefix": bytes(35)})
    with pytest.raises(ValueError, match=r"^prefix: expected at most 65534 bytes, got 65535$"):
        call(function, prefix=bytes(65535))


@pytest.mark.parametrize(
    ("function", "empty"),
    [
        ("uniform_bytes", b""),
        ("element_from_uniform", b""),
        ("hash_to_group", b""),
        ("check_elements", -1),
        ("check_scalars", -1),
        ("blind", (b"", -1)),
        ("blind_scalars", b""),
        ("unblind_finalize", (b"", -1)),
        ("blind_with", (b"", -1)),
        ("finalize_with", (b"", -1)),
        ("evaluate", (b"", -1)),
        ("table_tags", b""),
        ("mul", (b"", -1)),
        ("mul_base", b""),
        ("add", (b"", -1)),
        ("scalar_reduce", b""),
        ("scalar_invert", (b"", -1)),
        ("dummy_inputs", b""),
        ("counter_tags", b""),
    ],
)
def test_batch_when_empty_gives_nothing(kernel: ModuleType, function: str, empty: object) -> None:
    one_each = {"session_seed", "k", "prefix"}
    changes: dict[str, Any] = {
        name: b""
        for name, value in GOOD[function].items()
        if isinstance(value, bytes) and name not in one_each
    }
    if "offsets" in GOOD[function]:
        changes["offsets"] = array("Q", [0])
    if "n" in GOOD[function]:
        changes["n"] = 0
    assert getattr(kernel, function)(**(GOOD[function] | changes)) == empty


def test_scalars_when_out_of_range_raise_value_error() -> None:
    too_large = scalar_bytes(5) + b"\xff" * 32
    for function in ("mul", "mul_base", "weighted_sum"):
        with pytest.raises(ValueError, match=r"^scalars: expected scalars below the group order"):
            call(function, scalars=too_large)


def test_buffers_when_the_call_fails_are_released() -> None:
    data = bytearray(TWO)
    with pytest.raises(ValueError, match=r"^k: "):
        call("evaluate", elements=data, k=bytes(32))
    data.append(0)  # raises BufferError while a buffer is exported
    assert len(data) == 65


ANYTHING = st.one_of(
    st.binary(max_size=100),
    st.sampled_from([b"", bytes(32), TWO, SCALARS, bytes(64), b"\xff" * 32, OFFSETS]),
    st.integers(0, 70),
    st.sampled_from([-(2**70), -1, 2**64 - 1, 2**70]),
    st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda a: array("Q", sorted(a))),
    st.none(),
    st.text(max_size=3),
)


@given(
    arguments=st.sampled_from(PARAMETERS).flatmap(
        lambda at: st.tuples(st.just(at[0]), st.just(at[1]), ANYTHING, ANYTHING)
    ),
    other=st.sampled_from(sorted({name for _, name in PARAMETERS})),
)
def test_any_arguments_give_a_result_or_a_type_or_value_error(
    arguments: tuple[str, str, object, object], other: str
) -> None:
    function, name, value, another = arguments
    changes = {name: value} | ({other: another} if other in GOOD[function] else {})
    try:
        result = call(function, **changes)
    except (TypeError, ValueError) as error:
        assert str(error).startswith(tuple(GOOD[function]))
    else:
        assert isinstance(result, bytes | int | tuple)


def test_select_when_known_is_the_one_in_use(kernel: ModuleType) -> None:
    assert kernel.selected() in native.NAMES
    assert native.NAMES[-1] == "portable"


def test_select_when_unknown_raises_and_names_the_others() -> None:
    before = native.selected()
    with pytest.raises(ValueError, match=r"portable.*got 'abacus'"):
        native.select("abacus")
    with pytest.raises(TypeError):
        native.select(7)  # type: ignore[arg-type]  # wrong on purpose
    assert native.selected() == before


def imported_with(name: str) -> subprocess.CompletedProcess[str]:
    code = "from psi._native import kernel; print(kernel.selected())"
    environment = os.environ | {"OVERLAP_KERNEL": name}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", native.NAMES)
def test_environment_when_it_names_a_kernel_selects_it(name: str) -> None:
    result = imported_with(name)
    assert (result.returncode, result.stdout) == (0, name + "\n")


def test_environment_when_it_names_no_kernel_fails_the_import() -> None:
    result = imported_with("abacus")
    assert result.returncode == 1
    assert "ImportError: OVERLAP_KERNEL: expected a kernel that this CPU can run" in result.stderr
    assert "portable" in result.stderr
    assert "got 'abacus'" in result.stderr


@pytest.mark.parametrize("kind", ["int32", "uint32", "int64", "float64"])
def test_offsets_of_another_type_are_refused(kind: str) -> None:
    """Their bytes would be read as other positions, and silently as fewer texts."""
    with pytest.raises(TypeError, match="64-bit unsigned"):
        native.uniform_bytes(b"ab", np.array([0, 1, 2], dtype=kind), b"", 1)
    assert len(native.uniform_bytes(b"ab", np.array([0, 1, 2], np.uint64), b"", 1)) == 128

# SPDX-License-Identifier: Apache-2.0
"""Batches that are cut into pieces: the result must not depend on how many threads there are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from kernel.support import (
    IDENTITY_BYTES,
    KEY_BYTES,
    PREFIX,
    SEED,
    cycled,
    elements,
    evaluated,
    pack,
    texts,
)
from reference.scalars import scalar_bytes

from psi._native import kernel as native

SIZES = (511, 512, 513, 1025, 2600)


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = native.limit_threads(request.param)
    yield request.param
    native.limit_threads(before)


def everything(n: int) -> list[object]:
    """Every operation that is cut, on n rows."""
    packed, batch = pack(cycled(texts(), n)), b"".join(cycled(elements(), n))
    scalars = b"".join(scalar_bytes(i + 1) for i in range(n))
    session = *packed, PREFIX, SEED, 7
    return [
        native.hash_to_group(*packed, PREFIX, 1),
        native.blind(*session),
        native.blind_with(*packed, PREFIX, 1, scalars),
        native.unblind_finalize(*session, batch, 10),
        native.finalize_with(*packed, PREFIX, scalars, batch, 64),
        native.evaluate(batch, KEY_BYTES),
        native.table_tags(*packed, PREFIX, 1, KEY_BYTES, 10),
        native.mul(batch, scalars),
        native.add(batch, batch),
        native.check_elements(batch),
        native.element_from_uniform(scalars + batch),
    ]


@pytest.mark.parametrize("n", SIZES)
def test_results_when_threads_share_a_batch_are_those_of_one(threads: int, n: int) -> None:
    result = everything(n)
    native.limit_threads(1)
    assert result == everything(n)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("position", [0, 511, 512, 1500, 2599])
def test_bad_element_in_any_piece_is_the_first_one(position: int) -> None:
    batch = cycled(elements(), 2600)
    batch[position] = batch[2599] = IDENTITY_BYTES
    assert native.check_elements(b"".join(batch)) == position
    assert native.evaluate(b"".join(batch), KEY_BYTES) == (b"", position)


@pytest.mark.usefixtures("threads")
def test_batches_of_concurrent_callers_are_all_right(kernel: ModuleType) -> None:
    batch = b"".join(cycled(elements(), 1100))
    expected = b"".join(cycled(evaluated(), 1100)), -1
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(kernel.evaluate, batch, KEY_BYTES) for _ in range(8)]
        assert [future.result() for future in futures] == [expected] * 8


@pytest.mark.parametrize("number", [0, 257, -1])
def test_limit_threads_when_out_of_range_raises_value_error(number: int) -> None:
    with pytest.raises(ValueError, match=r"^threads: expected 1 to 256"):
        native.limit_threads(number)


def _import_with(threads: str) -> subprocess.CompletedProcess[str]:
    code = "from psi._native import kernel; print(kernel.limit_threads(1))"
    environment = os.environ | {"OVERLAP_THREADS": threads}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("value", ["0", "257", "two", "1.5", "-1"])
def test_environment_when_not_a_number_of_threads_refuses_the_import(value: str) -> None:
    result = _import_with(value)
    assert result.returncode == 1
    assert "OVERLAP_THREADS: expected a whole number from 1 to 256" in result.stderr


def test_environment_bounds_the_threads() -> None:
    assert _import_with("3").stdout == "3\n"
    assert _import_with("").stdout == f"{os.cpu_count()}\n"


def test_child_of_a_fork_works_without_helpers() -> None:
    """The helpers do not survive a fork; the child must not wait for them."""
    code = """
import os, warnings
from psi._native import kernel
warnings.simplefilter("ignore")
kernel.limit_threads(4)
batch = kernel.element_from_uniform(bytes(range(64)) * 2000)
expected = kernel.evaluate(batch, b"\\5" + bytes(31))
child = os.fork()
if child == 0:
    os._exit(kernel.evaluate(batch, b"\\5" + bytes(31)) != expected)
print(os.waitpid(child, 0)[1])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "0\n"

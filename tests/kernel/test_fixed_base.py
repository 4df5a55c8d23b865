# SPDX-License-Identifier: Apache-2.0
"""
Fixed-base blinding, docs/protocol.md section 2.2: the same F as the other form, for every key.

That answers are verified before they are used is the caller's part, and tested there.
"""

import random
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from kernel.support import (
    FIRST_J,
    IDENTITY_BYTES,
    KEY,
    PREFIX,
    SEED,
    SIZES,
    cycled,
    elements,
    hashed,
    outputs,
    pack,
    rows,
    texts,
)
from reference import ovl1
from reference.group import GENERATOR, decode, encode
from reference.scalars import ORDER, scalar_bytes

EDGES = [0, 1, 2, 3, 31, 32, 63, 64, 2**252 - 1, 2**252, (ORDER - 1) // 2]
EDGES += [ORDER - k for k in (1, 2, 3, 4, 64)]
KEYS = [1, ORDER - 1, 2, 2**77, 2**251, KEY]
"""K = G, -G, 2^i * G, and one like any other."""

NATIVE = Path(__file__).parents[2] / "psi" / "_native"
every_size = pytest.mark.parametrize("n", SIZES)


def blinds(n: int) -> list[int]:
    return [
        ovl1.additive_blind(SEED, FIRST_J + i, PREFIX + text)
        for i, text in enumerate(cycled(texts(), n))
    ]


@every_size
def test_blind_fixed_equals_the_reference(kernel: ModuleType, n: int) -> None:
    result, bad = kernel.blind_fixed(*pack(cycled(texts(), n)), PREFIX, SEED, FIRST_J)
    assert bad == -1
    points = [hashed()[i % len(hashed())] for i in range(n)]
    assert rows(result) == [
        encode(point + r * GENERATOR) for point, r in zip(points, blinds(n), strict=True)
    ]


@every_size
def test_unblind_finalize_fixed_equals_the_outputs(kernel: ModuleType, n: int) -> None:
    packed = pack(cycled(texts(), n))
    sent, _ = kernel.blind_fixed(*packed, PREFIX, SEED, FIRST_J)
    answer, _ = kernel.evaluate(sent, scalar_bytes(KEY))
    key = kernel.mul_base(scalar_bytes(KEY))
    result = kernel.unblind_finalize_fixed(*packed, PREFIX, SEED, FIRST_J, answer, key, 64)
    assert result == (b"".join(cycled(outputs(), n)), -1)


@pytest.mark.parametrize("k", KEYS, ids=lambda k: f"{k:x}"[-20:])
def test_both_forms_when_the_key_is_special_give_equal_outputs(kernel: ModuleType, k: int) -> None:
    packed, key = pack(cycled(texts(), 33)), scalar_bytes(k)
    session = *packed, PREFIX, SEED, 5
    one, _ = kernel.evaluate(kernel.blind(*session)[0], key)
    other, _ = kernel.evaluate(kernel.blind_fixed(*session)[0], key)
    assert one != other
    expected = kernel.unblind_finalize(*session, one, 64)
    public_key = kernel.mul_base(key)
    assert kernel.unblind_finalize_fixed(*session, other, public_key, 64) == expected
    assert expected == (kernel.table_tags(*packed, PREFIX, 1, key, 64), -1)


@pytest.mark.parametrize("k", KEYS, ids=lambda k: f"{k:x}"[-20:])
def test_mul_fixed_when_scalars_are_edges_equals_the_ladder(kernel: ModuleType, k: int) -> None:
    """Every digit of the table at least once, beside r = 0, 1, l - 1."""
    source = random.Random(k)
    element = kernel.mul_base(scalar_bytes(k))
    scalars = EDGES + [source.randrange(ORDER) for _ in range(200)]
    packed = b"".join(map(scalar_bytes, scalars))
    expected = kernel.mul(element * len(scalars), packed)[0]
    assert kernel.mul_fixed(element, packed) == expected
    assert rows(expected)[: len(EDGES)] == [encode(r * decode(element)) for r in EDGES]


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("edge", EDGES, ids=lambda k: f"{k:x}"[-20:])
def test_mul_fixed_when_edge_scalar_is_last_equals_the_reference(
    kernel: ModuleType, n: int, edge: int
) -> None:
    scalars = [*range(1, n), edge]
    expected = [encode(r * GENERATOR) for r in scalars]
    assert rows(kernel.mul_fixed(elements()[0], b"".join(map(scalar_bytes, scalars)))) == expected


@pytest.mark.parametrize("position", [0, 1, 8, 255, 299])
def test_bad_answer_is_named_by_its_index(kernel: ModuleType, position: int) -> None:
    packed, answer = pack(cycled(texts(), 300)), cycled(elements(), 300)
    answer[position] = IDENTITY_BYTES
    result = kernel.unblind_finalize_fixed(
        *packed, PREFIX, SEED, 0, b"".join(answer), elements()[3], 8
    )
    assert result == (b"", position)


def test_answer_when_it_is_the_offset_alone_is_bad(kernel: ModuleType) -> None:
    """D = r*K would leave the identity, which is nobody's output."""
    r = ovl1.additive_blind(SEED, 0, b"text")
    offset = kernel.mul(elements()[3], scalar_bytes(r))[0]
    packed = pack([b"text", b"more", b"rest"])
    answer = offset + elements()[0] * 2
    assert kernel.unblind_finalize_fixed(*packed, b"", SEED, 0, answer, elements()[3], 8) == (
        b"",
        0,
    )


@pytest.mark.parametrize("key", [IDENTITY_BYTES, b"\xff" * 32, b"\x01" + bytes(31)])
def test_public_key_when_no_element_raises_value_error(kernel: ModuleType, key: bytes) -> None:
    with pytest.raises(ValueError, match=r"^public_key: expected a group element"):
        kernel.unblind_finalize_fixed(*pack([b"x"]), b"", SEED, 0, elements()[0], key, 8)
    with pytest.raises(ValueError, match=r"^element: expected a group element"):
        kernel.mul_fixed(key, scalar_bytes(1))


def test_tables_when_more_keys_than_places_are_still_right(kernel: ModuleType) -> None:
    batch = b"".join(scalar_bytes(r) for r in range(1, 10))
    for _ in range(2):
        for i in range(12):
            multiples = [encode((i + 1) * r * GENERATOR) for r in range(1, 10)]
            assert rows(kernel.mul_fixed(elements()[i], batch)) == multiples


def test_table_when_one_bit_is_wrong_is_found(tmp_path: Path) -> None:
    """A wrong entry would make silent false negatives."""
    compiler = shutil.which(sysconfig.get_config_var("CC").split()[0]) or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    sources = [
        path for path in NATIVE.glob("*.c") if not path.name.startswith(("module", "boundary"))
    ]
    program = tmp_path / "tables"
    harness = Path(__file__).parent / "native" / "tables.c"
    # plain lanes: the same layout on every machine, and quicker to compile
    options = ["-O1", "-std=c11", "-pthread", "-DPSI_PLAIN_LANES", f"-I{NATIVE}"]
    subprocess.run([compiler, *options, harness, *sources, "-o", program], check=True)
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("missed: 0\n", 0)

# SPDX-License-Identifier: Apache-2.0
"""What the kernel's tests share: vectors, packed texts, and inputs with their expected outputs."""

import json
import random
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

from reference import oprf, ovl1
from reference.group import GENERATOR, Element, decode, encode
from reference.scalars import ORDER, inverse, scalar_bytes

SIZES = (0, 1, 7, 8, 9, 17, 31, 257)
MOST = 257
ENOUGH_LANES = 25
"""More than a kernel works on side by side, so that every place in a vector occurs."""
LARGE_SIZES = (4095, 4096, 4097)
CYCLE = 251
"""Batches repeat inputs with this prime period, so that swapped lanes show."""

PREFIX = b"OVL1-P" + bytes(range(32))
SEED = bytes(range(100, 132))
WEIGHT_SEED = bytes(range(64))
FIRST_J = 2**40 + 7
IDENTITY_BYTES = bytes(32)

h = bytes.fromhex


def vectors(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "vectors" / f"{name}.json").read_text())


def pack(texts: Iterable[bytes]) -> tuple[bytes, "array[int]"]:
    """Packed texts as the kernel takes them."""
    texts = list(texts)
    return b"".join(texts), array("Q", accumulate(map(len, texts), initial=0))


def rows(data: bytes, size: int = 32) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def cycled(items: Sequence[bytes], n: int) -> list[bytes]:
    """n rows from a cycle of CYCLE distinct ones."""
    return [items[i % CYCLE] for i in range(n)]


def random_scalars(n: int, seed: int) -> list[int]:
    """Usable as keys and blinds; the same in every run."""
    source = random.Random(seed)
    return [source.randrange(1, ORDER - 2) for _ in range(n)]


KEY = random_scalars(1, 1)[0]
KEY_BYTES = scalar_bytes(KEY)
BLINDS = random_scalars(MOST, 3)


@cache
def texts() -> list[bytes]:
    """Of every length below CYCLE: all the ways in which a text can end in a hash block."""
    source = random.Random(2)
    return [source.randbytes(i) for i in range(CYCLE)]


def _multiples(point: Element) -> list[bytes]:
    return [encode(p) for p in accumulate(repeat(point, CYCLE))]


@cache
def elements() -> list[bytes]:
    """1, 2, ... CYCLE times the generator."""
    return _multiples(GENERATOR)


@cache
def evaluated() -> list[bytes]:
    """KEY times each of `elements`: the same multiples of another point."""
    return _multiples(KEY * GENERATOR)


@cache
def hashed() -> list[Element]:
    return [oprf.hash_to_group(PREFIX + text, 1) for text in texts()]


@cache
def outputs() -> list[bytes]:
    """F of each of `texts` under KEY."""
    return [
        oprf.output(PREFIX + text, encode(KEY * point))
        for text, point in zip(texts(), hashed(), strict=True)
    ]


@cache
def session_blinds() -> list[int]:
    """r_j of MOST cycled texts."""
    return [
        ovl1.session_blind(SEED, FIRST_J + i, PREFIX + text)
        for i, text in enumerate(cycled(texts(), MOST))
    ]


@cache
def blinded() -> list[bytes]:
    return [encode(r * hashed()[i % CYCLE]) for i, r in enumerate(session_blinds())]


@cache
def finalized() -> list[bytes]:
    """Finalize of the cycled texts and `elements`, with the session's blinds."""
    return [
        oprf.output(
            PREFIX + texts()[i % CYCLE],
            encode(inverse(r) * decode(elements()[i % CYCLE])),
        )
        for i, r in enumerate(session_blinds())
    ]


@cache
def products() -> list[bytes]:
    """BLINDS[i] times element i of the cycle."""
    return [encode(k * (i % CYCLE + 1) % ORDER * GENERATOR) for i, k in enumerate(BLINDS)]

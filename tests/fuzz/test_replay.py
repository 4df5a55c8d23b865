# SPDX-License-Identifier: Apache-2.0
"""The corpus of the fuzz target, as it is and damaged in many ways that are always the same."""

import random
from pathlib import Path

import pytest
from fuzz.target import FORMATS, one_input

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def damaged(data: bytes, seed: int) -> bytes:
    """A few bytes changed, a piece cut out, doubled, or cut off."""
    chance = random.Random(seed)
    start, stop = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    piece = data[start:stop]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.choice(b"\x00\xff\"'{}[]<>&,:\\\n|.aZ0")
    return chance.choice(
        (bytes(changed), data[:start] + data[stop:], data[:stop] + piece + data[stop:], data[:stop])
    )


def test_corpus_is_there() -> None:
    """A replay of nothing would pass."""
    assert len(CORPUS) > 10


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_replay_when_read_as_any_format_expect_no_fault(path: Path) -> None:
    """Also as formats that it is not of."""
    data = path.read_bytes()
    for number in range(len(FORMATS)):
        one_input(bytes([number]) + data)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_replay_when_damaged_expect_no_fault(path: Path) -> None:
    """Read as what it looks like, and as what it was."""
    data = path.read_bytes()
    for seed in range(60):
        one_input(bytes([seed % len(FORMATS)]) + damaged(data, seed))
        one_input(b"\0" + damaged(data, seed))


def test_one_input_when_empty_expect_no_fault() -> None:
    """Fuzzers begin with nothing."""
    one_input(b"")

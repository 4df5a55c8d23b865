# SPDX-License-Identifier: Apache-2.0
"""Keys from the epoch master: known answers, and that no two of them are one."""

import json
from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from psi.crypto.keys import key_seed, next_master, pad_key

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "pairwise_keys.json").read_text())
MASTER = bytes.fromhex(VECTOR["master"])
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


def test_next_master_with_the_known_master_gives_the_known_answer() -> None:
    assert next_master(MASTER).hex() == VECTOR["master_next_epoch"]


def test_key_seed_with_the_known_names_gives_the_known_answer() -> None:
    seed = key_seed(MASTER, VECTOR["server"], VECTOR["client"], VECTOR["epoch"])
    assert seed.hex() == VECTOR["key_seed"]


def test_pad_key_with_the_known_names_gives_the_known_answer() -> None:
    key = pad_key(MASTER, VECTOR["server"], VECTOR["client"], VECTOR["epoch"])
    assert key.hex() == VECTOR["pad_key"]


def test_keys_when_server_client_epoch_or_master_differ_differ() -> None:
    """Names run together the same way must not give the same key either."""
    inputs = [
        (MASTER, "ab", "c", 1),
        (MASTER, "a", "bc", 1),
        (MASTER, "c", "ab", 1),
        (MASTER, "ab", "c", 2),
        (next_master(MASTER), "ab", "c", 1),
    ]
    outputs = [make(*given_) for given_ in inputs for make in (key_seed, pad_key)]
    assert all(one != other for one, other in combinations(outputs, 2))


@given(st.binary(min_size=32, max_size=32), NAMES, NAMES, st.integers(0, 2**64 - 1))
def test_keys_of_any_input_are_32_bytes_and_not_the_master(
    master: bytes, server: str, client: str, epoch: int
) -> None:
    derived = {
        key_seed(master, server, client, epoch),
        pad_key(master, server, client, epoch),
        next_master(master),
    }
    assert {len(key) for key in derived} == {32}
    assert len(derived | {master}) == 4

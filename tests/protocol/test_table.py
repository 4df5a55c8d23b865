# SPDX-License-Identifier: Apache-2.0
"""The padded table against the sequential rule of docs/protocol.md section 4, and matching."""

import hashlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from psi.encoding import lp, u64
from psi.errors import PeerProtocolError
from psi.protocol.table import check_table, has_repeated_element, match, session_table

PAD_KEY = bytes(range(32))


def padding_tag(j: int, length: int) -> bytes:
    return hashlib.sha512(lp(b"OVL1-PADTAG") + PAD_KEY + u64(j)).digest()[:length]


def plain_table(tags: list[bytes], bucket: int, length: int) -> list[bytes]:
    """The rule as it is written, one tag after the other."""
    table = {tag[:length] for tag in tags}
    j = 0
    while len(table) < bucket:
        table.add(padding_tag(j, length))
        j += 1
    return sorted(table)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.binary(min_size=16, max_size=16), max_size=40), st.integers(8, 16))
def test_session_table_of_any_tags_equals_the_rule(tags: list[bytes], length: int) -> None:
    """Cut first, equal ones once, padding in order of j, strictly ascending, exactly full."""
    made = session_table(b"".join(tags), 64, length, PAD_KEY)
    assert made == b"".join(plain_table(tags, 64, length))


def test_session_table_where_padding_meets_tags_takes_the_next() -> None:
    """Tags that equal padding, and tags that become equal when cut."""
    padding = [padding_tag(j, 16) for j in (0, 1, 5, 6)]
    twins = [b"\x10" * 8 + bytes([i] * 8) for i in range(3)]
    made = session_table(b"".join(padding + twins), 16, 8, PAD_KEY)
    assert made == b"".join(plain_table(padding + twins, 16, 8))


def test_session_table_keeps_trailing_zero_bytes() -> None:
    """A tag that ends in zeros is a tag like any other."""
    tags = [b"\x01" * 8 + bytes(8), bytes(16), b"\xff" * 15 + b"\0"]
    made = session_table(b"".join(tags), 8, 16, PAD_KEY)
    assert made == b"".join(plain_table(tags, 8, 16))


@hypothesis.settings(deadline=None)
@hypothesis.given(st.data(), st.sampled_from([8, 9, 10, 16]))
def test_match_of_any_tags_equals_plain_membership(data: st.DataObject, length: int) -> None:
    """Also where many tags share their first eight bytes."""
    heads = st.sampled_from([bytes(8), b"\0" * 7 + b"\1", b"\xff" * 8])
    tails = st.binary(min_size=length - 8, max_size=length - 8)
    tag = st.tuples(heads, tails).map(b"".join)
    table = sorted(data.draw(st.sets(tag, max_size=20)))
    own = data.draw(st.lists(tag, max_size=20))
    found = match(b"".join(own), b"".join(table), length)
    assert found.tolist() == [row for row, value in enumerate(own) if value in set(table)]


def test_check_table_accepts_exactly_ascending_lists() -> None:
    """The order is the bytes' order, also across the eighth byte."""
    length = 9
    tags = sorted(bytes(7) + bytes([a, b]) for a in (0, 255) for b in (0, 1, 128, 255))
    table = b"".join(tags)
    check_table(table, len(tags), length, hashlib.sha256(table).digest())
    for position in range(len(tags) - 1):
        swapped = list(tags)
        swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
        faulty = b"".join(swapped)
        with pytest.raises(PeerProtocolError, match="ascending"):
            check_table(faulty, len(tags), length, hashlib.sha256(faulty).digest())


@pytest.mark.parametrize("n", [1, 2, 3, 255, 4096])
def test_repeated_element_is_found_wherever_it_stands(n: int) -> None:
    """Two equal elements are found; two that share eight bytes are not taken for equal."""
    rng = np.random.default_rng(n)
    elements = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    assert not has_repeated_element(elements.tobytes())
    if n > 1:
        elements[n - 1, :8] = elements[0, :8]
        assert not has_repeated_element(elements.tobytes())
        elements[n - 1] = elements[0]
        assert has_repeated_element(elements.tobytes())

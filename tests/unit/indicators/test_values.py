# SPDX-License-Identifier: Apache-2.0
"""The packed buffer, and text made safe to show."""

import numpy as np
import pytest

from psi.indicators import PackedValues, printable

VALUES = [b"ip:8.8.8.8", b"", b"domain:evil.com", b"x" * 300]


def test_pack_when_values_expect_each_back() -> None:
    """Order, empty values and lengths survive; offsets are what the kernel reads."""
    packed = PackedValues.pack(VALUES)
    assert len(packed) == 4
    assert list(packed) == VALUES
    assert packed.offsets.dtype == np.uint64
    assert packed.offsets.tolist() == [0, 10, 10, 25, 325]
    assert packed.nbytes == 325 + 40


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (1, 3), (2, 2), (3, 99), (3, 1), (4, 4)])
def test_slice_when_any_range_expect_values_from_zero(start: int, stop: int) -> None:
    """A slice stands on its own."""
    part = PackedValues.pack(VALUES).slice(start, stop)
    assert list(part) == VALUES[start:stop]
    assert part.offsets[0] == 0
    assert part == PackedValues.pack(VALUES[start:stop])


def test_value_when_out_of_range_expect_index_error() -> None:
    """No counting from the end: -1 would hide a mistake."""
    packed = PackedValues.pack(VALUES)
    for row in (-1, 4):
        with pytest.raises(IndexError):
            packed.value(row)


def test_packed_when_compared_expect_by_content() -> None:
    """The same bytes cut differently are different values."""
    assert PackedValues.pack([b"ab"]) != PackedValues.pack([b"a", b"b"])
    assert PackedValues.pack([]) == PackedValues.pack([])
    assert PackedValues.pack([]) != b""
    assert repr(PackedValues.pack([b"secret"])) == "PackedValues(1 values, 6 bytes)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain a-b_c", "plain a-b_c"),
        ("münchen 例え", "münchen 例え"),
        ("a\x1b[2J", "a\\x1b[2J"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("moc\u202elive", "moc\\u202elive"),
        ("a\u200bb\u2066", "a\\u200bb\\u2066"),
        ("a\udcffb", "a\\xffb"),
        ("a\ud800b", "a\\ud800b"),
        ("a\U000e0001", "a\\U000e0001"),
        ("\x85\u2028", "\\x85\\u2028"),
    ],
)
def test_printable_when_any_text_expect_safe(text: str, shown: str) -> None:
    """Letters of every script stay; what moves the cursor or the eye does not."""
    assert printable(text) == shown

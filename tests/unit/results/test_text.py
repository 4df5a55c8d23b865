# SPDX-License-Identifier: Apache-2.0
"""Numbers and foreign text as people read them."""

import re
import unicodedata
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.results.text import (
    cell_width,
    count,
    escape,
    plural,
    share,
    share_at_least,
    share_bounds,
    shorten,
    si_bytes,
)

SHARE = re.compile(r"<0\.1%|\d\.\d%|\d\d%|>99%|100%|0%")


def _bounds(text: str) -> tuple[Fraction, Fraction]:
    """The interval of shares, in percent, for which `share` may print this text."""
    if text == "<0.1%":
        return Fraction(0), Fraction(1, 10)
    if text == ">99%":
        return Fraction(99), Fraction(100)
    number = Fraction(text.removesuffix("%"))
    half = Fraction(1, 20) if "." in text else Fraction(1, 2)
    return number - half, number + half


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 12, "0%"),
        (12, 12, "100%"),
        (0, 0, "-"),
        (1, 1001, "<0.1%"),
        (1, 1000, "0.1%"),
        (301, 7310, "4.1%"),
        (994, 10_000, "9.9%"),
        (996, 10_000, "10%"),
        (1_049, 10_000, "10%"),
        (1_051, 10_000, "11%"),
        (99, 100, "99%"),
        (9_901, 10_000, ">99%"),
        (9_999_999, 10_000_000, ">99%"),
    ],
)
def test_share_at_each_step_expect_wording(part: int, whole: int, expected: str) -> None:
    assert share(part, whole) == expected


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_of_any_part_expect_closed_form_near_truth(pair: tuple[int, int]) -> None:
    part, whole = pair
    text = share(part, whole)
    assert SHARE.fullmatch(text)
    low, high = _bounds(text)
    assert low <= Fraction(100 * part, whole) <= high
    assert (text == "0%") == (part == 0)
    assert (text == "100%") == (part == whole)


def test_share_bounds_of_the_tutorial_expect_its_sentence() -> None:
    assert share_bounds(412, 32_769, 40_960) == "1.0-1.3%"
    assert share_at_least(41, 1_024) == "4.0%"


@given(st.integers(0, 2000), st.integers(1, 10**6), st.integers(0, 10**6))
def test_share_bounds_of_any_range_expect_truth_inside(part: int, small: int, more: int) -> None:
    large = max(part, small + more)
    text = share_bounds(part, small, large).removesuffix("%")
    lower, _, upper = text.partition(" to " if " to " in text else "-")
    upper = upper or lower
    low = Fraction(0) if lower.startswith("<") else Fraction(lower.lstrip(">"))
    high = Fraction(100) if upper.startswith(">") else Fraction(upper.lstrip("<"))
    assert low <= Fraction(100 * part, large)
    assert Fraction(100 * part, max(part, small)) <= high


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_312_000, "1.3 MB"),
        (42_400_000, "42 MB"),
        (10**15, "1.0 PB"),
        (10**19, "10000 PB"),
    ],
)
def test_si_bytes_at_each_step_expect_wording(n: int, expected: str) -> None:
    assert si_bytes(n) == expected


def test_count_and_plural_expect_commas_and_number() -> None:
    assert count(1_048_576) == "1,048,576"
    assert (plural(1, "part"), plural(4096, "part")) == ("1 part", "4,096 parts")
    assert plural(2, "directory", "directories") == "2 directories"


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        ("plain.example", "plain.example"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("evil\u202eelpmaxe", r"evil\u202eelpmaxe"),
        ("line\nbreak\ttab\x00", r"line\nbreak\ttab\x00"),
        ("\u2028\u200b\ufeff", r"\u2028\u200b\ufeff"),
        ("\x9bm", r"\x9bm"),
        ("\udcff.csv", r"\udcff.csv"),
        ("b\u00fccher \u4e2d", "b\u00fccher \u4e2d"),
    ],
)
def test_escape_of_foreign_text_expect_nothing_active(foreign: str, expected: str) -> None:
    assert escape(foreign) == expected


@given(st.text(st.characters()))
def test_escape_of_any_text_expect_printable_and_idempotent(text: str) -> None:
    shown = escape(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)
    assert escape(shown) == shown
    shown.encode("utf-8")


@given(st.text(), st.integers(0, 40))
def test_shorten_of_any_text_expect_it_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert cell_width(short) <= width
    if cell_width(text) <= width:
        assert short == text


def test_shorten_of_a_long_value_expect_both_ends() -> None:
    assert (
        shorten("http://evil.example/a/long/path/to/dropper.exe", 23) == "http://evi...ropper.exe"
    )

# SPDX-License-Identifier: Apache-2.0
"""Large results: made and written piece by piece, whatever the format."""

import gc
import io
import json
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.results.support import make_match, make_result, tutorial_result

from psi.errors import LocalProtocolError
from psi.results.formats import FORMATS, Format, blocks, defanged, stream
from psi.results.matches import LazyMatches
from psi.results.result import CheckResult, Match
from psi.results.table import stream_table

MANY = 3000


def lazy(size: int, make: Callable[[int], Match]) -> CheckResult:
    return make_result(
        LazyMatches(size, make), by_kind={"domain": size}, yours={"domain": size + 7}
    )


class Counted(Match):
    """Knows how many of its kind are there at once."""

    alive = 0
    most = 0

    def __new__(cls, **_: object) -> "Counted":
        cls.alive += 1
        cls.most = max(cls.most, cls.alive)
        return super().__new__(cls)

    @classmethod
    def make(cls, index: int) -> "Counted":
        match = make_match(f"{index}.example", written=f"{index}[.]example")
        return cls(kind=match.kind, value=match.value, sources=match.sources)

    def __del__(self) -> None:
        type(self).alive -= 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("defang", [False, True])
def test_stream_of_many_matches_expect_hardly_more_than_one_at_a_time(
    form: Format, defang: bool
) -> None:
    Counted.alive = Counted.most = 0
    result = lazy(MANY, Counted.make)
    pieces = stream(defanged(result) if defang else result, form)
    written = sum(1 for _ in pieces)
    assert written >= MANY
    assert 1 <= Counted.most <= 3
    assert Counted.alive == 0


@pytest.mark.parametrize("form", FORMATS)
def test_stream_of_lazy_matches_expect_the_text_of_those_in_memory(form: Format) -> None:
    def make(index: int) -> Match:
        return make_match(f"{index}.example", line=index)

    plain = make_result([make(i) for i in range(40)], yours={"domain": 47})
    assert "".join(stream(lazy(40, make), form)) == "".join(stream(plain, form))


def test_table_with_few_rows_of_a_lazy_result_expect_only_those_are_made() -> None:
    made = []

    def make(index: int) -> Match:
        made.append(index)
        return make_match(f"{index}.example")

    assert list(stream_table(lazy(MANY, make), width=80, rows=3))
    assert made == [0, 1, 2]


@pytest.mark.parametrize("form", FORMATS)
def test_blocks_of_a_large_result_expect_memory_that_does_not_grow_with_it(form: Format) -> None:
    result = lazy(6000, lambda index: make_match(f"{index}.example"))
    gc.collect()
    tracemalloc.start()
    try:
        size = sum(len(block) for block in blocks(stream(result, form)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 150_000
    assert peak < 1_500_000  # objects for all of them would be 4 MB


@given(st.lists(st.text(max_size=3), max_size=2000))
def test_blocks_of_any_pieces_expect_the_same_text(pieces: list[str]) -> None:
    made = list(blocks(pieces))
    assert "".join(made) == "".join(pieces)
    assert len(made) <= 1 + len(pieces) // 512


def test_json_lines_expect_an_object_a_match_that_stands_alone() -> None:
    result = tutorial_result()
    lines = io.StringIO("".join(stream(result, "jsonl"))).readlines()
    assert len(lines) == 412
    whole = json.loads("".join(stream(result, "json")))
    for line, match in zip(lines, whole["intersection"], strict=True):
        shown = json.loads(line)
        assert list(shown)[:5] == ["format", "run", "client", "server", "started_at"]
        assert shown["format"] == "overlap-match/1"
        assert (shown["run"], shown["server"]) == ("7c41f09be2", "beta-bank")
        assert {name: shown[name] for name in match} == match
    assert list(stream(make_result(), "jsonl")) == []


def test_lazy_matches_expect_they_are_like_a_tuple() -> None:
    plain = tuple(make_match(f"{i}.example") for i in range(9))
    lazy_ones = LazyMatches(9, plain.__getitem__)
    assert lazy_ones == plain
    assert lazy_ones[-1] == plain[-1]
    assert lazy_ones[2:8:2] == plain[2:8:2]
    assert lazy_ones[2:8][1:3] == plain[3:5]
    assert list(reversed(lazy_ones)) == list(reversed(plain))
    assert lazy_ones != plain[:8]
    assert lazy_ones != 9
    assert "example" not in repr(lazy_ones)
    with pytest.raises(IndexError):
        lazy_ones[9]


def test_result_with_fewer_lazy_matches_than_counted_expect_refused() -> None:
    with pytest.raises(LocalProtocolError, match="other counts by kind"):
        make_result(LazyMatches(2, lambda _: make_match("a.example")), by_kind={"domain": 3})

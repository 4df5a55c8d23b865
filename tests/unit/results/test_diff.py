# SPDX-License-Identifier: Apache-2.0
"""Two results compared, in every format."""

import csv
import io
import json
from typing import Any

import pymisp
import stix2  # type: ignore[import-untyped]  # no stubs
from hypothesis import given
from hypothesis import strategies as st
from unit.results.support import make_match, make_result

from psi.results.csv_table import COLUMNS
from psi.results.diff import ResultDiff, compare, stream_diff, summary_of
from psi.results.formats import Format

NAMES = st.lists(st.integers(0, 20), unique=True, max_size=20)


def diff_of(before: list[int], after: list[int], **changes: Any) -> ResultDiff:
    earlier = make_result(
        [make_match(f"{i}.example") for i in before],
        run="5b20c7a1d3",
        session="5b20c7a1d3" + 54 * "0",
        started_at="2026-11-16T09:10:00Z",
    )
    return compare(earlier, make_result([make_match(f"{i}.example") for i in after], **changes))


def text_of(diff: ResultDiff, form: Format, **options: Any) -> str:
    return "".join(stream_diff(diff, form, **options))


@given(NAMES, NAMES)
def test_diff_of_any_two_results_expect_the_set_differences(
    before: list[int], after: list[int]
) -> None:
    diff = diff_of(before, after)
    assert [m.value for m in diff.new] == [f"{i}.example" for i in after if i not in before]
    assert [m.value for m in diff.gone] == [f"{i}.example" for i in before if i not in after]
    assert diff.both == len(set(before) & set(after))


def test_diff_of_one_value_under_two_kinds_expect_both_changes() -> None:
    before = make_result([make_match("a.example", kind="domain")])
    after = make_result([make_match("a.example", kind="url")], yours={"url": 3})
    diff = compare(before, after)
    assert (len(diff.new), len(diff.gone), diff.both) == (1, 1, 0)


def test_table_expect_figures_then_what_changed() -> None:
    text = text_of(diff_of([1, 2, 3], [3, 4]), "table", width=80)
    assert text.splitlines() == [
        "1 new, 2 gone, 1 in both",
        "before     5b20c7a1d3, 2026-11-16 09:10 UTC, beta-bank: 3 of your 103",
        "after      7c41f09be2, 2026-11-23 09:14 UTC, beta-bank: 2 of your 102",
        "kind                before     after       new      gone",
        "domain                   3         2         1         2",
        "",
        "new: 1",
        "kind    value      source",
        "domain  4.example  a.csv:1",
        "",
        "gone: 2",
        "kind    value      source",
        "domain  1.example  a.csv:1",
        "domain  2.example  a.csv:1",
    ]


def test_table_of_equal_results_expect_no_lists() -> None:
    assert len(text_of(diff_of([1], [1]), "table").splitlines()) == 5
    assert summary_of(diff_of([], [])) == "0 new, 0 gone, 0 in both"


def test_table_with_few_rows_expect_how_many_are_left() -> None:
    lines = text_of(diff_of([], list(range(9))), "table", width=80, rows=2).splitlines()
    assert lines[-1] == "7 more: `--list 9`, or `-o FILE`"


def test_csv_expect_the_change_before_the_columns() -> None:
    rows = list(csv.reader(io.StringIO(text_of(diff_of([1, 2], [2, 3]), "csv"))))
    assert rows[0] == ["change", *COLUMNS]
    assert [(row[0], row[2], row[7][:10]) for row in rows[1:]] == [
        ("new", "3.example", "7c41f09be2"),
        ("gone", "1.example", "5b20c7a1d3"),
    ]


def test_json_expect_counts_and_changes() -> None:
    shown = json.loads(text_of(diff_of([1, 2], [2, 3]), "json"))
    assert list(shown) == ["format", "before", "after", "new", "gone", "both", "changes"]
    assert shown["format"] == "overlap-diff/1"
    assert (shown["before"]["run"], shown["after"]["run"]) == ("5b20c7a1d3", "7c41f09be2")
    assert [(each["change"], each["value"]) for each in shown["changes"]] == [
        ("new", "3.example"),
        ("gone", "1.example"),
    ]
    assert json.loads(text_of(diff_of([1], [1]), "json"))["changes"] == []


def test_json_lines_expect_each_change_with_its_run() -> None:
    lines = [json.loads(line) for line in text_of(diff_of([1], [2]), "jsonl").splitlines()]
    assert [(line["format"], line["change"], line["run"]) for line in lines] == [
        ("overlap-change/1", "new", "7c41f09be2"),
        ("overlap-change/1", "gone", "5b20c7a1d3"),
    ]


def test_stix_and_misp_expect_what_is_new() -> None:
    diff = diff_of([1, 2], [2, 3, 4])
    bundle = stix2.parse(text_of(diff, "stix"))
    assert [o.name for o in bundle.objects if o.type == "indicator"] == ["3.example", "4.example"]
    event = pymisp.MISPEvent()
    event.load(text_of(diff, "misp", sightings=True))
    assert [attribute.value for attribute in event.attributes] == ["3.example", "4.example"]
    assert all(attribute.sightings for attribute in event.attributes)

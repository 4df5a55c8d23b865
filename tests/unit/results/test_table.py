# SPDX-License-Identifier: Apache-2.0
"""What a person reads after a check."""

import re
from typing import Any

import pytest
from unit.results.support import make_match, make_result, tutorial_result

from psi.results.table import stream_table
from psi.results.text import cell_width


def render_table(*arguments: Any, **options: Any) -> str:
    return "".join(stream_table(*arguments, **options))


TUTORIAL = """\
412 of your 12,804 indicators are also held by beta-bank
kind              yours  matching  share
domain            7,310       301   4.1%
ip                2,902        62   2.1%
hex64 (SHA-256)   1,644        37   2.3%
url                 948        12   1.3%
3.2% of the data of acme-corp is contained in beta-bank (412 matching values)
1.0-1.3% of the data of beta-bank is contained in acme-corp (it holds 32,769 to 40,960)
"""


def test_table_of_the_tutorial_expect_its_text() -> None:
    assert render_table(tutorial_result(), width=100, rows=0).startswith(TUTORIAL)


def test_table_with_smallest_bucket_expect_at_least() -> None:
    matches = [make_match(f"{i}.example") for i in range(41)]
    text = render_table(make_result(matches, server_bucket=1024))
    assert (
        "\nat least 4.0% of the data of beta-bank is contained in acme-corp"
        " (it holds at most 1,024)\n" in text
    )


def test_table_without_matches_expect_zeros_and_no_list() -> None:
    text = render_table(make_result(yours={"ip": 3}))
    assert text.startswith("0 of your 3 indicators are also held by beta-bank\n")
    assert "0% of the data of acme-corp is contained in beta-bank (0 matching values)\n" in text
    assert "\n0% of the data of beta-bank" in text
    assert "as written" not in text


def test_table_of_one_match_expect_singular() -> None:
    text = render_table(make_result([make_match("a.example")]))
    assert text.startswith("1 of your 101 indicators is also held by beta-bank\n")
    assert "(1 matching value)" in text


def test_table_on_a_terminal_expect_twenty_rows_that_fit() -> None:
    matches = [
        make_match(f"{i}.{'x' * 200}.example", written=f"{i}[.]{'x' * 200}", file="b" * 90)
        for i in range(30)
    ]
    lines = render_table(make_result(matches), width=80, rows=20).splitlines()
    rows = [line for line in lines if line.startswith("domain  ")]
    listed = [line for line in rows if "..." in line]
    assert len(listed) == 20
    assert all(cell_width(line) <= 80 for line in listed)
    assert lines[-1] == "10 more: `--list 30`, or `-o FILE`"


def test_table_in_a_pipe_expect_all_rows_whole_and_tab_separated() -> None:
    value = f"{'x' * 3000}.example"
    matches = [make_match(value, written="a\tb", file="feeds/a.csv", line=7) for _ in range(25)]
    rows = render_table(make_result(matches)).split("\n\n")[1].splitlines()
    assert rows[0].split("\t") == ["kind", "value", "as written", "source"]
    assert [row.split("\t") for row in rows[1:]] == 25 * [
        ["domain", value, r"a\tb", "feeds/a.csv:7"]
    ]


def test_table_with_foreign_characters_expect_escapes() -> None:
    match = make_match("a.example", written="\x1b]0;title\x07", file="f\u202egnp.exe")
    text = render_table(make_result([match]), width=100)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b]0;title" in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_table_when_nothing_is_spelled_otherwise_expect_one_value_column(width: int) -> None:
    text = render_table(make_result([make_match("a.example")]), width=width)
    assert "as written" not in text
    assert re.search(r"^domain  a\.e", text, re.MULTILINE)

# SPDX-License-Identifier: Apache-2.0
"""CSV, JSON and the result that carries them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.results.support import make_match, make_result, tutorial_result

from psi.errors import LocalProtocolError, StorageError, UsageError
from psi.results.csv_table import COLUMNS
from psi.results.formats import Format, defanged, format_of, stream
from psi.results.result import CheckResult, Match, Source
from psi.results.saved import parse_result, read_result, read_summary

FIELDS = [
    "format", "client", "server", "run", "session", "profile", "started_at", "end", "sizes",
    "count", "by_kind", "intersection", "proofs_verified", "bytes", "budget", "resumed", "seconds",
]  # fmt: skip


def render(result: CheckResult, form: Format) -> str:
    return "".join(stream(result, form))


def render_json(result: CheckResult) -> str:
    return render(result, "json")


def render_csv(result: CheckResult) -> str:
    return render(result, "csv")


def test_json_of_a_result_expect_the_documented_fields() -> None:
    shown = json.loads(render_json(make_result([make_match("a.example", written="a[.]example")])))
    assert list(shown) == FIELDS
    assert shown["format"] == "overlap-result/1"
    assert list(shown["sizes"]) == ["client", "client_bucket", "server_bucket", "client_by_kind"]
    assert shown["intersection"] == [
        {
            "kind": "domain",
            "value": "a.example",
            "sources": [{"as_written": "a[.]example", "file": "a.csv", "line": 1}],
        }
    ]
    assert "share" not in render_json(tutorial_result())


def test_json_of_a_marked_source_expect_what_is_known_of_it() -> None:
    own: dict[str, Any] = {"id": "a-1", "event": "e-1", "tlp": "green"}
    result = make_result([make_match("a.example", **own), make_match("b.example")])
    text = render_json(result)
    marked, plain = json.loads(text)["intersection"]
    assert marked["sources"] == [{"as_written": "a.example", "file": "a.csv", "line": 1, **own}]
    assert list(plain["sources"][0]) == ["as_written", "file", "line"]
    assert parse_result(text.encode(), name="r.json") == result


def test_json_of_matches_expect_a_line_for_each() -> None:
    lines = render_json(make_result([make_match("a.example"), make_match("b.example")]))
    found = [line for line in lines.splitlines() if '"value"' in line]
    assert [json.loads(line.strip(" ,"))["value"] for line in found] == ["a.example", "b.example"]
    assert json.loads(render_json(make_result()))["intersection"] == []


def test_json_read_back_expect_the_same_result() -> None:
    result = tutorial_result()
    assert parse_result(render_json(result).encode(), name="r.json") == result


@given(
    st.lists(
        st.tuples(st.text(st.characters()), st.text(st.characters()), st.integers(0, 2**40)),
        max_size=5,
    )
)
def test_json_of_any_text_expect_the_same_read_back(cells: list[tuple[str, str, int]]) -> None:
    matches = [
        make_match(f"{i}.example", written=w, file=f, line=n) for i, (w, f, n) in enumerate(cells)
    ]
    result = make_result(matches)
    text = render_json(result)
    assert text.isascii()
    assert parse_result(text.encode(), name="r.json") == result


_UNKNOWN_KIND = {"kind": 'x"', "value": "", "sources": []}


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(render_json(tutorial_result())), **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        _changed(format="overlap-result/2"),
        _changed(count=0, by_kind={}, intersection=[_UNKNOWN_KIND]),
        _changed(count=1, by_kind={'x"': 1}, intersection=[_UNKNOWN_KIND]),
        _changed(count=411),
        _changed(
            count=1,
            by_kind={"ip": 1},
            intersection=[
                {
                    "kind": "ip",
                    "value": "",
                    "sources": [{"as_written": "", "file": "", "line": 0, "tlp": "pink"}],
                }
            ],
        ),
        _changed(count="412"),
        _changed(by_kind={"domain": 412}),
        _changed(started_at="yesterday"),
        _changed(seconds={"total": 1e300}),
        _changed(sizes={"client": 1}),
        _changed(
            sizes={
                "client": 12_804, "client_bucket": 14_337, "server_bucket": 1024,
                "client_by_kind": {},
            }
        ),
    ],
)  # fmt: skip
def test_result_file_that_is_damaged_expect_storage_error_without_values(data: bytes) -> None:
    with pytest.raises(StorageError) as caught:
        parse_result(data, name="r.json")
    assert caught.value.slug == "state-damaged"
    assert caught.value.message.startswith("r.json is no saved result")


def test_summary_of_a_saved_result_expect_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(render_json(tutorial_result()))
    summary = read_summary(path)
    assert (summary.run, summary.server, summary.count) == ("7c41f09be2", "beta-bank", 412)
    assert summary.sizes == tutorial_result().sizes
    # What comes after is not read, and another layout is read whole.
    path.write_text(render_json(tutorial_result())[:-4000])
    assert read_summary(path) == summary
    path.write_bytes(_changed())
    assert read_summary(path) == summary


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": "overlap-result/1"}', _changed(run=7)])
def test_summary_of_a_damaged_file_expect_storage_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(data)
    with pytest.raises(StorageError) as caught:
        read_summary(path)
    assert caught.value.slug == "state-damaged"


def test_result_file_with_later_fields_expect_they_are_ignored() -> None:
    assert parse_result(_changed(later="amber"), name="r.json").count == 412


def test_result_file_that_is_missing_expect_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be read"):
        read_result(tmp_path / "none.json")


def test_csv_of_a_result_expect_a_row_for_each_source() -> None:
    sources = (
        Source(as_written="HXXP://a[.]example/", file="a.csv", line=3),
        Source("http://a.example/", "b,c.csv", 9, id="indicator--7"),
    )
    match = Match(kind="url", value="http://a.example/", sources=sources)
    rows = list(csv.reader(io.StringIO(render_csv(make_result([match])))))
    assert rows[0] == list(COLUMNS)
    peer = ["beta-bank", make_result().session]
    assert rows[1:] == [
        ["url", "http://a.example/", "HXXP://a[.]example/", "a.csv", "3", *peer, ""],
        ["url", "http://a.example/", "http://a.example/", "b,c.csv", "9", *peer, "indicator--7"],
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_csv_cell_that_a_spreadsheet_would_run_expect_an_apostrophe(first: str) -> None:
    match = make_match("a.example", written=f"{first}cmd|' /C calc'!A0", file=f"{first}x.csv")
    row = list(csv.reader(io.StringIO(render_csv(make_result([match])), newline="")))[1]
    assert row[2] == f"'{first}cmd|' /C calc'!A0"
    assert row[3] == f"'{first}x.csv"


@given(st.text(st.characters(), max_size=20))
def test_csv_of_any_text_expect_no_cell_begins_like_a_formula(text: str) -> None:
    match = make_match("a.example", written=text, file="a.csv")
    data = render_csv(make_result([match]))
    row = list(csv.reader(io.StringIO(data, newline="")))[1]
    assert row[2].removeprefix("'") in (
        text.removeprefix("'"),
        text.encode("utf-8", "backslashreplace").decode(),
    )
    assert not row[2].startswith(("=", "+", "-", "@", "\t", "\r", "\0"))


def test_repr_of_a_result_expect_no_indicator() -> None:
    result = make_result([make_match("secret.example", written="secret[.]example")])
    assert "secret" not in repr(result)
    assert "secret" not in repr(result.matches)


def test_result_with_other_counts_expect_refused() -> None:
    with pytest.raises(LocalProtocolError, match="other counts by kind"):
        make_result([make_match("a.example")], by_kind={"domain": 2})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("r.txt", "table"), ("r.CSV", "csv"), ("a.b.json", "json"), ("r.jsonl", "jsonl")],
)
def test_format_of_a_suffix_expect_its_writer(name: str, expected: str) -> None:
    assert format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["r", "r.xlsx", "json"])
def test_format_of_an_unknown_suffix_expect_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected \.txt, \.csv, \.json or \.jsonl"):
        format_of(Path(name))


def test_defanged_expect_no_link_and_hashes_as_they_were() -> None:
    result = make_result(
        [
            make_match("http://a.example/x.php", kind="url", written="HTTPS://a.example/x.php"),
            make_match("192.0.2.1", kind="ip", written="192[.]0.2.1"),
            make_match("a@b.example", kind="email"),
            make_match("http.example", kind="domain"),
            make_match(64 * "a", kind="hex64", written="a.b"),
        ]
    )
    shown = defanged(result)
    assert [match.value for match in shown.matches] == [
        "hxxp://a[.]example/x[.]php",
        "192[.]0[.]2[.]1",
        "a[@]b[.]example",
        "http[.]example",
        64 * "a",
    ]
    assert [match.sources[0].as_written for match in shown.matches] == [
        "HXXPS://a[.]example/x[.]php",
        "192[.]0.2.1",
        "a[@]b[.]example",
        "http[.]example",
        "a.b",
    ]
    assert shown.count == result.count

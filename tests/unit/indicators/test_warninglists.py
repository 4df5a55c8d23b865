# SPDX-License-Identifier: Apache-2.0
"""Warninglists: what stands on one, what flagging and dropping do to a set."""

import json
from pathlib import Path

import pytest
from unit.indicators._support import read_text, texts

from psi.errors import IndicatorError, UsageError
from psi.indicators import Filter, Warninglists, load_warninglists


def write(folder: Path, name: str, kind: str, *entries: str) -> None:
    """One list, as the collection has it."""
    path = folder / name / "list.json"
    path.parent.mkdir()
    content = {"name": name, "type": kind, "version": 1, "list": entries}
    path.write_text(json.dumps(content))


FEED = """\
8.8.8.8
8.8.4.0/24
http://8.8.8.8:80/x
9.9.9.9
cdn.good.com
http://www.good.com/a
a@good.com
notgood.com
2001:4860:4860::8888
http://[2001:4860:4860::8844]/
a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
"""


@pytest.mark.parametrize(
    ("kind", "entries", "hits"),
    [
        ("cidr", ["8.8.8.0/23", "8.8.4.0/23"], [0, 1, 2]),
        ("cidr", ["8.8.8.8"], [0, 2]),
        ("cidr", ["8.8.4.0/25"], []),
        ("cidr", ["2001:4860::/32"], [8, 9]),
        ("cidr", ["8.8.8.0/24", "8.8.0.0/16", "8.9.0.0/16"], [0, 1, 2]),
        ("hostname", ["good.com"], [4, 5, 6]),
        ("hostname", [".CDN.good.com."], [4]),
        ("hostname", ["9.9.9.9"], [3]),
        ("string", ["GOOD.com", "NOTgood.com", "A1" * 16], [7, 10]),
        ("string", ["https://www.good.com/a"], [5]),
        ("substring", ["good.COM"], [4, 5, 6, 7]),
        ("substring", [""], []),
        ("regex", ["/^CDN\\./i", "#(^|@)good#"], [4, 6]),
    ],
)
def test_warninglist_when_matched_expect_rows(
    tmp_path: Path, kind: str, entries: list[str], hits: list[int]
) -> None:
    """Each type of the collection; the set itself stays as it is."""
    write(tmp_path, "one", kind, *entries)
    found = read_text(FEED, warninglists=load_warninglists(tmp_path))
    assert len(found) == found.report.to_use == 11
    assert {name: list(rows) for name, rows in found.flags.items()} == (
        {"one": hits} if hits else {}
    )


def test_warninglist_when_dropped_expect_set_without_it(tmp_path: Path) -> None:
    """Elements, their places and the sums; the other list goes on flagging the right rows."""
    write(tmp_path, "hosts", "hostname", "good.com")
    write(tmp_path, "dns", "cidr", "8.8.8.8/32", "9.9.9.9/32")
    lists = load_warninglists(tmp_path, ["hosts"])
    feed = "WWW.good.com\nbad.com\n8.8.8.8\nwww.good.com\nbad[.]com\n9.9.9.9\n"
    found = read_text(feed, warninglists=lists)
    assert texts(found) == ["domain:bad.com", "ip:8.8.8.8", "ip:9.9.9.9"]
    assert [list(found.flags["dns"]), list(found.flags)] == [[1, 2], ["dns"]]
    assert [source.as_written for source in found.sources(0)] == ["bad.com", "bad[.]com"]
    assert [source.line for source in found.sources(2)] == [6]
    report = found.report
    assert report.filtered == {Filter.WARNINGLIST: 2}
    assert (report.to_use, report.duplicates, report.values_read) == (3, 1, 6)


def test_warninglists_when_everything_is_dropped_expect_empty_set(tmp_path: Path) -> None:
    """Nothing is left, and the sums hold."""
    write(tmp_path, "all", "regex", "/./")
    found = read_text("bad.com\n", warninglists=load_warninglists(tmp_path, ["all"]))
    assert (len(found), found.report.n_filtered, found.flags) == (0, 1, {})


def test_warninglists_when_name_is_unknown_expect_error(tmp_path: Path) -> None:
    """A misspelt name would keep what should go."""
    write(tmp_path, "one", "string", "x")
    with pytest.raises(UsageError, match="no warninglist is called 'two'"):
        load_warninglists(tmp_path, ["two"])


def test_warninglists_when_folder_holds_none_expect_error(tmp_path: Path) -> None:
    """A wrong folder would flag nothing."""
    with pytest.raises(IndicatorError, match="holds no warninglist"):
        load_warninglists(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"name": "a", "type": "other", "list": []}',
        '{"name": "a", "type": "cidr", "list": ["x"]}',
        '{"name": "a", "type": "regex", "list": ["/(/"]}',
        '{"name": "a", "type": "string", "list": [1]}',
        "[" * 100_000,
    ],
)
def test_warninglists_when_a_list_is_damaged_expect_it_named(tmp_path: Path, content: str) -> None:
    """Half a collection is not used."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "list.json").write_text(content)
    with pytest.raises(IndicatorError, match=r"one/list.json is no warninglist"):
        load_warninglists(tmp_path)


def test_warninglists_when_none_are_given_expect_no_flags() -> None:
    """The default."""
    assert Warninglists().lists == ()
    assert read_text(FEED).flags == {}

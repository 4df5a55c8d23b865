# SPDX-License-Identifier: Apache-2.0
"""What a person and a program learn of their own files."""

import csv
import json
import re
from pathlib import Path

import pytest
from cli.support import overlap, run_script_on_terminal, visible

FEED = """\
evil.example.com
evil[.]example[.]com
hxxp://evil.example.com/a
10.0.0.1
10.0.0.2
198.51.100.7x
=cmd.invalid value
d41d8cd98f00b204e9800998ecf8427e
"""


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.txt"
    path.write_text(FEED)
    return path


def test_inspect_of_a_file_expect_kinds_reasons_and_places(feed: Path) -> None:
    ended = overlap("inspect", feed)
    assert ended.exit_code == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("8 values in 1 file: 2 to use, 1 duplicate, 5 rejected")
    assert "domain                 1" in lines
    assert any(
        line.startswith("private address") and line.endswith(f"2  {feed}:4, {feed}:5")
        for line in lines
    )
    assert "shown as   1,024: what a peer learns of its size" in lines
    assert lines[-1].startswith("rules      version 1, fold_https true, derive_host false")


def test_inspect_as_json_expect_counts_that_add_up(feed: Path) -> None:
    shown = json.loads(overlap("inspect", feed, "--json").stdout)
    assert shown["format"] == "overlap-inspect/1"
    assert shown["by_kind"] == {"domain": 1, "url": 1}
    assert shown["values"] == shown["to_use"] + shown["duplicates"] + sum(
        shown["rejected"].values()
    )
    assert shown["first_positions"]["reserved-ip"] == [f"{feed}:4", f"{feed}:5"]
    assert shown["bucket"] == 1024
    assert len(bytes.fromhex(shown["profile"])) == 32
    assert "evil" not in json.dumps({**shown, "first_positions": {}})


def test_inspect_of_stdin_expect_it_is_read() -> None:
    from click.testing import CliRunner

    from psi_cli.main import cli

    ended = CliRunner().invoke(cli, ["inspect", "-", "--home", "/nonexistent"], input=FEED)
    assert ended.stdout.startswith("8 values in 1 file: 2 to use")


def test_inspect_of_kinds_that_were_not_asked_for_expect_them_counted(feed: Path) -> None:
    text = overlap("inspect", feed, "--kinds", "url").stdout
    assert "1 to use" in text
    assert "domain: kind not asked for" in text


def test_inspect_with_rejected_expect_a_private_csv_that_no_spreadsheet_runs(
    feed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rejected.csv"
    ended = overlap("inspect", feed, "--rejected", out)
    assert ended.stderr == f"wrote      {out} (5 rejected values)\n"
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["reason", "as_written", "file", "line", "id"]
    assert ["reserved-ip", "10.0.0.1", str(feed), "4", ""] in rows
    assert [row[1] for row in rows if row[3] == "7"] == ["'=cmd.invalid value"]
    again = overlap("inspect", feed, "--rejected", out)
    assert again.exit_code == 1
    assert "[output-exists]" in again.stderr
    assert overlap("inspect", feed, "--rejected", out, "--force", "-q").stderr == ""


def test_inspect_that_would_write_over_its_input_expect_refused(feed: Path) -> None:
    ended = overlap("inspect", feed, "--rejected", feed, "--force")
    assert ended.exit_code == 2
    assert feed.read_text() == FEED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no file was named"),
        (("x", "--strict", "--keep-going"), "exclude each other"),
        (("x", "--kinds", "urls"), "expected a kind of indicator"),
        (("x", "--input-format", "pdf"), "expected an input format"),
    ],
)
def test_inspect_used_wrongly_expect_usage_error(arguments: tuple[str, ...], message: str) -> None:
    ended = overlap("inspect", *arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert "hint" in ended.stderr


def test_inspect_of_a_missing_file_expect_file_damaged(tmp_path: Path) -> None:
    ended = overlap("inspect", tmp_path / "none.txt", "--json")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    assert json.loads(ended.stderr.splitlines()[-1])["error"] == "file-damaged"


def test_inspect_of_names_with_control_characters_expect_escapes(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J.txt").write_text("10.0.0.1\n")
    text = overlap("inspect", tmp_path).stdout
    assert "\x1b" not in text
    assert r"a\x1b[2J.txt:1" in text


def test_inspect_in_a_home_expect_the_kinds_and_rules_of_its_policy(
    feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "acme"
    assert overlap("init", "acme-corp", home=home).exit_code == 0
    policy = (home / "policy.toml").read_text()
    policy = re.sub(r"^kinds .*", 'kinds = ["url"]', policy, flags=re.MULTILINE)
    (home / "policy.toml").write_text(policy.replace("derive_host = false", "derive_host = true"))
    shown = json.loads(overlap("inspect", feed, "--json", home=home).stdout)
    assert shown["by_kind"] == {"url": 1}
    assert shown["filtered"] == {"domain": 3}
    assert shown["rules"]["derive_host"] is True
    nothing = overlap("inspect", home=home)
    assert nothing.exit_code == 2
    assert "overlap.toml names no set" in nothing.stderr


def test_inspect_of_files_that_are_none_expect_them_named(tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(b"\0\1\2" * 100)
    (tmp_path / "LICENSE").write_text("free")
    text = overlap("inspect", tmp_path).stdout
    assert f"skipped    2 files from {tmp_path / 'a.bin'} on: " in text
    assert "left out   1 file by name (LICENSE, README, hidden)" in text
    detailed = overlap("inspect", tmp_path, "-v").stdout
    assert f"skipped    {tmp_path / 'b.bin'}: " in detailed


def test_inspect_on_a_terminal_expect_lines_that_fit(tmp_path: Path) -> None:
    (tmp_path / ("x" * 90 + ".txt")).write_text("10.0.0.1\n10.0.0.2\n")
    script = "from psi_cli.main import main; main()"
    _, shown = run_script_on_terminal(script, "inspect", str(tmp_path), extra={"NO_COLOR": "1"})
    lines = visible(shown).splitlines()
    (row,) = (line for line in lines if line.startswith("private address"))
    assert "..." in row
    assert len(row) <= 100


def test_rejected_over_a_file_of_the_home_expect_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, feed = tmp_path / "acme", tmp_path / "feed.csv"
    monkeypatch.chdir(tmp_path)
    assert overlap("init", "acme-corp", home=home).exit_code == 0
    feed.write_text("198.51.100.7\n")
    for target in (home / "home.json", tmp_path / "unlock.key"):
        before = target.read_bytes()
        ended = overlap("inspect", feed, "--rejected", target, "--force", home=home)
        assert ended.exit_code == 2
        assert target.read_bytes() == before


EVENT = {
    "Event": {
        "uuid": "11111111-1111-4111-8111-111111111111",
        "Tag": [{"name": "tlp:green"}],
        "Attribute": [
            {"uuid": "a1", "type": "domain", "value": "open.com", "to_ids": True},
            {"uuid": "a2", "type": "domain", "value": "shared.com", "to_ids": False,
             "Tag": [{"name": "tlp:red"}]},
            {"uuid": "a3", "type": "text", "value": "words"},
        ],
    }
}  # fmt: skip


def test_inspect_of_a_misp_event_expect_markings_and_what_they_left_out(tmp_path: Path) -> None:
    """Filters by their words, places by their ids."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps(EVENT))
    shown = overlap("inspect", event).stdout
    assert re.search(r"^marked stricter than --tlp-max +1$", shown, re.MULTILINE)
    assert f"{event}#a3" in shown.replace("\n", "")
    assert re.search(r"^tlp +1 green; the rest is unmarked$", shown, re.MULTILINE)
    fields = json.loads(overlap("inspect", event, "--tlp-max", "red", "--json").stdout)
    assert fields["by_tlp"] == {"green": 1, "red": 1}
    fields = json.loads(overlap("inspect", event, "--to-ids", "--json").stdout)
    assert fields["filtered"] == {"tlp": 1, "not-to-ids": 1}


def test_inspect_with_warninglists_expect_flags_and_drops(tmp_path: Path, feed: Path) -> None:
    """Flagged by default, left out on request."""
    (tmp_path / "lists" / "one").mkdir(parents=True)
    (tmp_path / "lists" / "one" / "list.json").write_text(
        json.dumps({"name": "Known names", "type": "hostname", "list": ["example.com"]})
    )
    lists = ("--warninglists", tmp_path / "lists")
    assert "on warninglists" in overlap("inspect", feed, *lists).stdout
    fields = json.loads(overlap("inspect", feed, *lists, "--json").stdout)
    assert fields["warninglists"] == {"Known names": 2}
    dropped = overlap("inspect", feed, *lists, "--drop-warninglist", "Known names", "--json")
    fields = json.loads(dropped.stdout)
    assert fields["filtered"] == {"warninglist": 3}
    assert fields["to_use"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tlp-max", "purple"), "expected a TLP level, got 'purple'"),
        (("--max-age", "10"), "--max-age: expected an age, got '10'"),
        (("--max-age", "0d"), "--max-age: expected an age, got '0d'"),
        (("--drop-warninglist", "x"), "--drop-warninglist needs --warninglists"),
    ],
)
def test_inspect_with_an_odd_filter_expect_usage_error(
    feed: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = overlap("inspect", feed, *arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr

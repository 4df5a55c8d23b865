# SPDX-License-Identifier: Apache-2.0
"""The command `check`: what it hands on, and what it says and writes afterwards."""

import csv
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.support import overlap
from click.testing import Result
from unit.results.support import make_match, make_result, tutorial_result

import psi.app.check
from psi.app.check import CheckReport, CheckRequest
from psi.app.events import Events
from psi.indicators import Kind
from psi.results.result import CheckResult

Check = Callable[..., Result]


class Peer:
    """Stands in for the use case: remembers the request, gives a result."""

    def __init__(self, result: CheckResult) -> None:
        self.result = result
        self.saved: Path | None = None
        self.failure: BaseException | None = None
        self.requests: list[CheckRequest] = []

    def __call__(self, request: CheckRequest, events: Events) -> CheckReport | None:
        self.requests.append(request)
        events.note("read", "13,377 values in 9 files")
        events.note("", "beta-bank will learn: that acme-corp checked")
        if self.failure is not None:
            raise self.failure
        if request.dry_run:
            return None
        return CheckReport(result=self.result, saved=self.saved, kept_for_s=90 * 86_400)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    stand_in = Peer(tutorial_result())
    monkeypatch.setattr(psi.app.check, "run_check", stand_in)
    return stand_in


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.chdir(tmp_path)
    assert overlap("init", "acme-corp", home=tmp_path / "acme").exit_code == 0

    def call(*arguments: str | Path) -> Result:
        return overlap("check", *arguments, home=tmp_path / "acme")

    return call


def test_check_expect_result_on_stdout_and_the_rest_on_stderr(check: Check, peer: Peer) -> None:
    peer.saved = Path("/srv/overlap/results/2026-11-23_beta-bank_7c41f09be2")
    ended = check("beta-bank", "feeds")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("412 of your 12,804 indicators are also held by beta-bank\n")
    assert ended.stderr.splitlines() == [
        "read       13,377 values in 9 files",
        "beta-bank will learn: that acme-corp checked",
        "proved     all 4 parts were answered with the key that beta-bank signed for;"
        " 1.5 s, 1.3 MB",
        "saved      run 7c41f09be2 with its receipt, for 90 days",
        "next: overlap result export 7c41f09be2 --format misp -o tags.json",
    ]


def test_check_in_a_pipe_expect_all_matches(check: Check, peer: Peer) -> None:
    assert check("beta-bank", "feeds").stdout.count("\n") == 8 + 2 + 412
    assert check("beta-bank", "feeds", "--list", "3").stdout.splitlines()[-1].startswith("409 more")


def test_check_hands_on_what_was_typed(check: Check, peer: Peer, tmp_path: Path) -> None:
    ended = check(
        "beta-bank", "feeds", "more.csv", "--kinds", "ip,url", "--allow-reserved", "--keep-going",
        "--value-column", "ioc", "--new", "--no-save", "--timeout", "2m", "--address", "h:1",
    )  # fmt: skip
    assert ended.exit_code == 0, ended.stderr
    (request,) = peer.requests
    assert request.home == tmp_path / "acme"
    assert (request.peer, request.paths) == ("beta-bank", ("feeds", "more.csv"))
    assert request.options.kinds == {Kind.IP, Kind.URL}
    assert request.options.allow_reserved
    assert request.options.keep_going
    assert request.options.value_column == "ioc"
    assert (request.new, request.save, request.dry_run) == (True, False, False)
    assert (request.timeout_s, request.address, request.stdin) == (120.0, "h:1", None)


def test_check_as_json_expect_one_object_and_nothing_else(check: Check, peer: Peer) -> None:
    ended = check("beta-bank", "feeds", "--json", "-q")
    assert json.loads(ended.stdout)["count"] == 412
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "arguments", [("--csv",), ("--format", "csv"), ("--csv", "--format", "csv")]
)
def test_check_as_csv_expect_rows(check: Check, peer: Peer, arguments: tuple[str, ...]) -> None:
    rows = list(csv.reader(check("beta-bank", *arguments).stdout.splitlines()))
    assert len(rows) == 413


@pytest.mark.parametrize(
    "arguments",
    [
        ("--csv", "--json"),
        ("--csv", "--format", "json"),
        ("--format", "table", "--json"),
        ("--format", "stix", "--json"),
    ],
)
def test_check_in_two_formats_expect_usage_error(
    check: Check, peer: Peer, arguments: tuple[str, ...]
) -> None:
    ended = check("beta-bank", *arguments)
    assert ended.exit_code == 2
    assert "two formats were named" in ended.stderr
    assert peer.requests == []


@pytest.mark.parametrize(
    ("name", "flags", "begins"),
    [
        ("m.json", (), '{\n  "format": "overlap-result/1"'),
        ("m.csv", (), "kind,value"),
        ("m.csv", ("--json",), "kind,value"),
        ("m.txt", (), "412 of your"),
        ("m.jsonl", (), '{"format": "overlap-match/1"'),
        ("m.json", ("--format", "stix"), '{\n  "type": "bundle"'),
        ("m.json", ("--format", "misp"), '{"Event": {'),
        ("m.dat", ("--format", "json"), "{"),
        ("m.json", ("--csv",), "kind,value"),
    ],
)
def test_check_into_a_file_expect_its_format_and_an_empty_stdout(
    check: Check, peer: Peer, tmp_path: Path, name: str, flags: tuple[str, ...], begins: str
) -> None:
    ended = check("beta-bank", "-o", name, *flags)
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == ""
    assert (tmp_path / name).read_text().startswith(begins)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    wrote = f"wrote      {name}: 412 of your 12,804 indicators are also held by beta-bank"
    assert wrote in ended.stderr.splitlines()


def test_check_into_a_file_that_exists_expect_refused_before_anything_is_asked(
    check: Check, peer: Peer, tmp_path: Path
) -> None:
    (tmp_path / "m.json").write_text("old")
    ended = check("beta-bank", "-o", "m.json")
    assert ended.exit_code == 1
    assert "[output-exists]" in ended.stderr
    assert peer.requests == []
    quiet = check("beta-bank", "-q", "--force", "-o", "m.json")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert json.loads((tmp_path / "m.json").read_text())["count"] == 412


def test_check_whose_output_fails_expect_where_the_result_was_saved(
    check: Check, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    peer.saved = Path("/srv/overlap/results/x")
    monkeypatch.setattr(os, "fsync", full)
    ended = check("beta-bank", "-o", "m.json")
    assert ended.exit_code == 1
    lines = ended.stderr.splitlines()
    assert "next: overlap result export 7c41f09be2 --format misp -o tags.json" in lines
    assert "[disk-full]" in lines[-2]


@pytest.mark.parametrize("name", ["m", "m.xlsx"])
def test_check_into_a_file_without_a_format_expect_usage_error(
    check: Check, peer: Peer, name: str
) -> None:
    assert check("beta-bank", "-o", name).exit_code == 2
    assert peer.requests == []


def test_check_over_its_input_expect_usage_error(check: Check, peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("a.example")
    ended = check("beta-bank", "feed.csv", "-o", "feed.csv", "--force")
    assert ended.exit_code == 2
    assert (tmp_path / "feed.csv").read_text() == "a.example"


def test_check_with_defang_expect_no_links(check: Check, peer: Peer) -> None:
    peer.result = make_result([make_match("http://evil.example/x", kind="url")])
    text = check("beta-bank", "--defang").stdout
    assert "hxxp://evil[.]example/x" in text
    assert "http://" not in text


@pytest.mark.parametrize("form", ["stix", "misp"])
def test_check_with_defang_for_a_program_expect_usage_error(
    check: Check, peer: Peer, form: str
) -> None:
    ended = check("beta-bank", "--defang", "--format", form)
    assert ended.exit_code == 2
    assert "which would find nothing" in ended.stderr
    assert peer.requests == []


def test_check_with_sightings_expect_for_misp_alone(check: Check, peer: Peer) -> None:
    assert "Sighting" in check("beta-bank", "--format", "misp", "--sightings").stdout
    assert check("beta-bank", "--sightings").exit_code == 2
    assert len(peer.requests) == 1


def test_check_that_leaves_matches_out_expect_how_to_see_them_without_a_second_check(
    check: Check, peer: Peer
) -> None:
    """A second check would cost budget again."""
    peer.saved = Path("/srv/overlap/results/x")
    last = check("beta-bank", "--list", "3").stdout.splitlines()[-1]
    assert last == "409 more: `overlap result show 7c41f09be2 --list 412`"
    peer.saved = None
    last = check("beta-bank", "--no-save", "--list", "3").stdout.splitlines()[-1]
    assert last == "409 more: `--list 412`, or `-o FILE`"


def test_check_without_a_match_expect_no_next(check: Check, peer: Peer) -> None:
    peer.result, peer.saved = make_result(), Path("/srv/overlap/results/x")
    assert "next:" not in check("beta-bank", "feeds").stderr


def test_check_dry_run_expect_no_result(check: Check, peer: Peer) -> None:
    ended = check("beta-bank", "--dry-run")
    assert ended.stdout == ""
    assert "beta-bank will learn" in ended.stderr
    shown = json.loads(check("beta-bank", "--dry-run", "--json").stdout)
    assert shown["format"] == "overlap-preview/1"
    assert shown["said"][-1] == "beta-bank will learn: that acme-corp checked"


def test_check_of_one_part_without_saving_expect_no_next(check: Check, peer: Peer) -> None:
    peer.result = make_result([make_match("a.example")], parts=1)
    lines = check("beta-bank", "--no-save").stderr.splitlines()
    assert lines[-1].startswith("proved     the only part was answered with the key")


def test_check_interrupted_expect_130_and_kept_state(check: Check, peer: Peer) -> None:
    peer.failure = KeyboardInterrupt()
    ended = check("beta-bank")
    assert ended.exit_code == 130
    assert "overlap: error: interrupted; state is kept [not-finished]" in ended.stderr


def test_check_that_hits_a_bug_expect_kept_state_and_no_value(
    check: Check, peer: Peer, tmp_path: Path
) -> None:
    peer.failure = KeyError("secret.example")
    ended = check("beta-bank")
    assert ended.exit_code == 1
    assert "unexpected failure (KeyError); state is kept [bug]" in ended.stderr
    (report,) = (tmp_path / "acme" / "state").glob("overlap-bug-*")
    assert "secret" not in ended.stderr + report.read_text()


@pytest.mark.parametrize("timeout", ["", "soon", "0", "0m", "-5", "10d"])
def test_check_with_a_timeout_that_is_none_expect_usage_error(
    check: Check, peer: Peer, timeout: str
) -> None:
    assert check("beta-bank", f"--timeout={timeout}").exit_code == 2
    assert peer.requests == []


def test_check_without_a_home_expect_no_home() -> None:
    ended: Any = overlap("check", "beta-bank", "feeds")
    assert ended.exit_code == 1
    assert "[no-home]" in ended.stderr


@pytest.mark.parametrize("option", ["unlock.key", "other.key"])
def test_output_over_the_home_its_keys_or_the_configured_set_expect_refusal(
    check: Check, peer: Peer, tmp_path: Path, option: str
) -> None:
    """`--force` is for an older result, not for what opens the home."""
    config = tmp_path / "acme" / "overlap.toml"
    config.write_text('set = { paths = ["feeds"] }')
    (tmp_path / "feeds").mkdir()
    for name in ("feeds/a.csv", "other.key"):
        (tmp_path / name).write_text("keep")
    targets = ["acme/home.json", "acme/state/x.csv", "feeds/a.csv", "unlock.key", option]
    (tmp_path / "acme/state/x.csv").write_text("keep")
    for name in targets:
        before = (tmp_path / name).read_bytes()
        ended = check("beta-bank", "--csv", "-o", name, "--force", "--unlock-file", option)
        assert (ended.exit_code, peer.requests) == (2, []), name
        assert "is one of the files that are read; it was not written" in ended.stderr
        assert (tmp_path / name).read_bytes() == before

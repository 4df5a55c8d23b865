# SPDX-License-Identifier: Apache-2.0
"""`overlap result`: what was saved is shown, written, compared and deleted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.support import overlap, run_script_on_terminal
from click.testing import Result
from unit.results.support import make_match, make_result, tutorial_result

from psi.results.json_file import stream_json
from psi.results.result import CheckResult

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert overlap("init", "acme-corp", home=tmp_path / "acme").exit_code == 0
    return tmp_path / "acme"


@pytest.fixture
def run(home: Path) -> Run:
    """Runs `overlap result` in a home with two saved checks."""
    save(home, tutorial_result())
    save(home, earlier())
    return lambda *arguments: overlap("result", *arguments, home=home)


def earlier() -> CheckResult:
    matches = [make_match(f"domain-{i}") for i in range(299, 303)]
    return make_result(
        matches,
        run="5b20c7a1d3",
        session="5b20c7a1d3" + 54 * "0",
        started_at="2026-11-16T09:10:00Z",
    )


def save(home: Path, result: CheckResult) -> Path:
    folder = home / "results" / f"{result.started_at[:10]}_{result.server}_{result.run}"
    folder.mkdir(mode=0o700)
    (folder / "result.json").write_text("".join(stream_json(result)))
    (folder / "receipt.json").write_text("{}")
    return folder


def test_list_expect_a_line_a_run(run: Run) -> None:
    assert run("list").stdout.splitlines() == [
        "run         started               with        matching      yours",
        "7c41f09be2  2026-11-23 09:14 UTC  beta-bank        412     12,804",
        "5b20c7a1d3  2026-11-16 09:10 UTC  beta-bank          4        104",
    ]


def test_list_as_json_expect_counts(run: Run, home: Path) -> None:
    shown = json.loads(run("list", "--json").stdout)
    assert shown["format"] == "overlap-results/1"
    first = shown["runs"][0]
    assert (first["run"], first["server"], first["count"]) == ("7c41f09be2", "beta-bank", 412)
    assert (Path(first["path"]) / "result.json").is_file()


def test_list_of_nothing_expect_how_to_get_one(home: Path) -> None:
    ended = overlap("result", "list", home=home)
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert "no check is saved" in ended.stderr


def test_list_with_a_damaged_run_expect_it_is_named(run: Run, home: Path) -> None:
    (path,) = home.glob("results/*_7c41f09be2")
    (path / "result.json").write_text("{")
    assert "7c41f09be2  2026-11-23            beta-bank    damaged" in run("list").stdout
    assert json.loads(run("list", "--json").stdout)["runs"][0]["damaged"] is True
    ended = run("show", "last")
    assert ended.exit_code == 1
    assert "[state-damaged]" in ended.stderr


def test_show_expect_what_the_check_has_shown(run: Run) -> None:
    ended = run("show", "7c41f0")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("412 of your 12,804 indicators are also held by beta-bank\n")
    assert ended.stdout.count("\n") == 8 + 2 + 412
    assert ended.stderr.startswith(
        "saved      run 7c41f09be2 of 2026-11-23 09:14 UTC with its receipt, to 2027-02-21"
    )
    assert json.loads(run("show", "last", "--json").stdout)["run"] == "7c41f09be2"
    assert run("show", "last", "-q").stderr == ""


def test_show_on_a_terminal_expect_twenty_rows(run: Run, home: Path) -> None:
    script = "import sys; from psi_cli.main import main; main()"
    code, shown = run_script_on_terminal(
        script, "result", "show", "last", extra={"OVERLAP_HOME": str(home), "NO_COLOR": "1"}
    )
    assert code == 0
    assert "392 more: `--list 412`, or `-o FILE`" in shown


def test_export_expect_json_unless_something_else_is_named(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("export", "last").stdout)["format"] == "overlap-result/1"
    assert run("export", "last", "--csv").stdout.startswith("kind,value")
    ended = run("export", "last", "--format", "misp", "-o", "tags.json")
    assert (ended.exit_code, ended.stdout) == (0, "")
    event = json.loads((tmp_path / "tags.json").read_text())["Event"]
    assert len(event["Attribute"]) == 412
    assert (tmp_path / "tags.json").stat().st_mode & 0o777 == 0o600
    again = run("export", "last", "--format", "misp", "-o", "tags.json")
    assert "[output-exists]" in again.stderr


def test_export_of_a_saved_result_expect_its_own_bytes(run: Run, home: Path) -> None:
    (path,) = home.glob("results/*_7c41f09be2")
    assert run("export", "last").stdout == (path / "result.json").read_text()


@pytest.mark.parametrize("command", ["show", "export"])
def test_run_that_is_not_there_expect_unknown_run(run: Run, command: str) -> None:
    ended = run(command, "7c41f09be3", "--json")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    failure = json.loads(ended.stderr.splitlines()[-1])
    assert failure["error"] == "unknown-run"
    assert "did you mean 7c41f09be2?" in failure["message"]


def test_diff_expect_what_changed(run: Run) -> None:
    ended = run("diff", "5b20c7", "last")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("410 new, 2 gone, 2 in both\n")
    shown = json.loads(run("diff", "5b20c7", "last", "--json").stdout)
    assert (shown["new"], shown["gone"], shown["both"]) == (410, 2, 2)
    assert run("diff", "last", "last").stdout.startswith("0 new, 0 gone, 412 in both\n")


def test_diff_of_runs_with_other_rules_expect_a_warning(run: Run, home: Path) -> None:
    save(home, make_result(run="9" * 10, session="9" * 64, profile=64 * "b"))
    assert (
        "warning: the matching rules of these runs differ" in run("diff", "5b20c7", "999999").stderr
    )


def test_diff_with_defang_expect_no_links(run: Run, home: Path) -> None:
    save(
        home,
        make_result([make_match("http://e.org/", kind="url")], run="9" * 10, session="9" * 64),
    )
    text = run("diff", "5b20c7", "999999", "--defang").stdout
    assert "hxxp://e[.]org/" in text
    assert "http://" not in text


def test_delete_expect_a_question_or_yes(run: Run, home: Path) -> None:
    ended = run("delete", "last", "--json")
    assert ended.exit_code == 2
    assert "--yes" in ended.stderr
    assert len(list((home / "results").iterdir())) == 2
    ended = run("delete", "last", "--yes")
    assert ended.stdout == ("deleted    7c41f09be2 (beta-bank, 2026-11-23), with its receipt\n")
    assert [path.name[-10:] for path in (home / "results").iterdir()] == ["5b20c7a1d3"]
    shown = json.loads(run("delete", "5b20c7", "--yes", "--json").stdout)
    assert shown == {"format": "overlap-result-delete/1", "deleted": ["5b20c7a1d3"]}


def test_delete_with_one_unknown_run_expect_nothing_deleted(run: Run, home: Path) -> None:
    assert run("delete", "last", "abcdef", "--yes").exit_code == 2
    assert len(list((home / "results").iterdir())) == 2


@pytest.mark.parametrize(("answer", "left"), [(b"y\n", 1), (b"n\n", 2)])
def test_delete_on_a_terminal_expect_the_answer_counts(
    run: Run, home: Path, answer: bytes, left: int
) -> None:
    script = "import sys; from psi_cli.main import main; main()"
    code, shown = run_script_on_terminal(
        script,
        *("result", "delete", "last"),
        extra={"OVERLAP_HOME": str(home)},
        answers=[("[y/N]", answer)],
    )
    assert code == 0
    assert "Delete 7c41f09be2 (beta-bank, 2026-11-23) with its receipt?" in shown
    assert len(list((home / "results").iterdir())) == left


def test_output_over_a_file_of_the_home_expect_refusal(run: Run, home: Path) -> None:
    before = (home / "home.json").read_bytes()
    for command in ("show", "export"):
        ended = run(command, "last", "-o", home / "home.json", "--force")
        assert ended.exit_code == 2
        assert "it was not written" in ended.stderr
    assert (home / "home.json").read_bytes() == before

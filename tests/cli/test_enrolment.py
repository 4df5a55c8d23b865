# SPDX-License-Identifier: Apache-2.0
"""From `init` to a joined alliance, as two members and an operator type it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.support import overlap, run_script_on_terminal
from click.testing import Result

CODE = re.compile(r"\d{5}( \d{5}){5}")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own; `who` is the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(who: str, *arguments: str) -> Result:
        return overlap(*arguments, home=tmp_path / who)

    return call


@pytest.fixture
def enrolled(run: Run) -> Run:
    """An alliance that lists acme-corp and beta-bank, whose join files lie in the folder."""
    assert run("acme", "init", "acme-corp", "--address", "127.0.0.1:9497").exit_code == 0
    assert run("beta", "init", "beta-bank", "--role", "member,keyholder").exit_code == 0
    assert run("stick", "alliance", "create", "cti-north").exit_code == 0
    files = ("acme-corp.request.json", "beta-bank.request.json")
    ended = run("stick", "alliance", "enroll", *files, "--yes", "--role", "member,keyholder")
    assert ended.exit_code == 0, ended.stderr
    return run


def test_init_expect_the_words_of_the_tutorial(run: Run) -> None:
    ended = run("acme", "init", "acme-corp", "--address", "overlap.acme.example:9497")
    home, unlock, request, code = ended.stdout.splitlines()
    assert home == "home       ~/acme, readable by you alone"
    assert unlock == ("unlock     ~/unlock.key opens it: back it up, but not beside the home")
    assert request == ("request    acme-corp.request.json: holds no secret, any channel will do")
    assert code.startswith("your code  ")
    assert CODE.fullmatch(code[11:])
    assert ended.stderr == (
        "next: send the request to the operator and read your code to them by phone\n"
    )


def test_init_in_a_used_home_expect_home_exists(run: Run) -> None:
    assert run("acme", "init", "acme-corp").exit_code == 0
    ended = run("acme", "init", "acme-two", "--json")
    assert ended.exit_code == 1
    assert json.loads(ended.stderr.splitlines()[-1])["error"] == "home-exists"


def test_init_with_passphrase_where_nobody_can_be_asked_expect_usage_error(run: Run) -> None:
    ended = run("acme", "init", "acme-corp", "--passphrase", "--json")
    assert ended.exit_code == 2
    assert "`--unlock-file FILE` answers it in a script" in ended.stderr
    both = run("acme", "init", "acme-corp", "--passphrase", "--unlock-file", "x")
    assert "exclude each other" in both.stderr


def test_overlap_alone_expect_the_next_step_of_each_home(enrolled: Run) -> None:
    def last(who: str) -> str:
        return enrolled(who).stdout.splitlines()[-1]

    assert "overlap init NAME" in last("nobody")
    assert "overlap alliance enroll" in last("stick")
    assert "overlap join FILE" in last("acme")
    assert enrolled("acme", "join", "acme-corp.join.json", "--yes").exit_code == 0
    assert "overlap ping PEER" in last("acme")


def test_create_expect_the_words_of_the_tutorial(run: Run) -> None:
    run("acme", "init", "acme-corp")  # makes the unlock file
    ended = run("stick", "alliance", "create", "cti-north", "--period", "day")
    assert re.fullmatch(
        rf"created    cti-north, code {CODE.pattern}; keep this folder offline\n", ended.stdout
    )
    assert ended.stderr == ""


def test_enroll_of_one_expect_the_words_of_the_tutorial(run: Run) -> None:
    request = run("acme", "init", "acme-corp", "--address", "overlap.acme.example:9497")
    code = request.stdout.splitlines()[3][11:]
    run("stick", "alliance", "create", "cti-north")
    ended = run(
        "stick", "alliance", "enroll", "acme-corp.request.json", "--code", code.replace(" ", "-")
    )
    assert ended.stdout.splitlines() == [
        f"code       {code} for acme-corp, member, overlap.acme.example:9497",
        "wrote      acme-corp.join.json (send it to acme-corp), cti-north.roster.json (version 1)",
    ]


def test_enroll_of_many_expect_what_the_roster_now_has(enrolled: Run) -> None:
    files = ("acme-corp.request.json", "beta-bank.request.json")
    ended = enrolled("stick", "alliance", "enroll", *files, "--yes")
    assert ended.stdout.splitlines()[-1] == (
        "wrote      2 join files, cti-north.roster.json (version 1: 2 members, 2 key holders)"
    )


def test_enroll_with_another_code_expect_nothing_changed(run: Run, tmp_path: Path) -> None:
    run("acme", "init", "acme-corp")
    run("stick", "alliance", "create", "cti-north")
    other = " ".join(6 * ["00000"])
    ended = run("stick", "alliance", "enroll", "acme-corp.request.json", "--code", other)
    assert ended.exit_code == 4
    assert "[code-differs]" in ended.stderr
    assert not (tmp_path / "acme-corp.join.json").exists()


@pytest.mark.parametrize("unseen", [("--yes",), ("--yes", "--json"), ("--code", "CODE", "--json")])
def test_enroll_that_nobody_sees_of_more_than_a_member_expect_the_role_to_be_named(
    run: Run, tmp_path: Path, unseen: tuple[str, ...]
) -> None:
    """A request asks for what its sender likes; a script must not grant it unread."""
    made = json.loads(run("acme", "init", "acme-corp", "--role", "operator", "--json").stdout)
    run("stick", "alliance", "create", "cti-north")
    flags = [made["code"] if flag == "CODE" else flag for flag in unseen]
    command = ("alliance", "enroll", "acme-corp.request.json", *flags)
    ended = run("stick", *command)
    assert ended.exit_code == 2
    assert "acme-corp asks to be operator, which nobody has seen" in ended.stderr
    assert "`--role operator` grants it" in ended.stderr
    assert not (tmp_path / "acme-corp.join.json").exists()
    assert run("stick", *command, "--role", "member").exit_code == 0
    # What the roster grants already needs no second word.
    assert run("stick", *command).exit_code == 0
    shown = json.loads(run("stick", "alliance", "show", "--json").stdout)
    assert shown["entries"][0]["roles"] == ["member"]


def test_enroll_of_many_with_one_code_expect_usage_error(enrolled: Run) -> None:
    ended = enrolled("stick", "alliance", "enroll", "a.json", "b.json", "--code", "1")
    assert ended.exit_code == 2
    assert "--code is for one request, got 2" in ended.stderr


def test_join_expect_the_words_of_the_tutorial(enrolled: Run) -> None:
    ended = enrolled("acme", "join", "acme-corp.join.json", "--yes")
    alliance, code, joined = ended.stdout.splitlines()
    assert alliance == "alliance   cti-north: beta-bank"
    assert CODE.fullmatch(code.removeprefix("code       "))
    assert re.fullmatch(
        r"joined     roster 1, certificate to \d{4}-\d\d-\d\d;"
        r" 131,072 indicators a check, 8 checks a week",
        joined,
    )


def test_join_as_json_without_an_answer_expect_the_flag_named(enrolled: Run) -> None:
    ended = enrolled("acme", "join", "acme-corp.join.json", "--json")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    shown = json.loads(ended.stderr.splitlines()[-1])
    assert shown["hint"] == "`--code CODE` answers it in a script"
    assert enrolled("acme", "roster", "show").exit_code == 1


def test_join_as_json_expect_one_object(enrolled: Run) -> None:
    shown = json.loads(enrolled("acme", "join", "acme-corp.join.json", "--json", "--yes").stdout)
    assert shown["format"] == "overlap-join/1"
    assert (shown["roster"], shown["peers"]) == (1, ["beta-bank"])
    assert shown["limits"] == {"set_size": 131_072, "indicators": 524_288, "checks": 8}


MAIN = "from psi_cli.main import main; main()"


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", 4)])
def test_join_on_a_terminal_expect_a_question(
    enrolled: Run, tmp_path: Path, typed: bytes, code: int
) -> None:
    arguments = ("join", str(tmp_path / "acme-corp.join.json"), "--home", str(tmp_path / "acme"))
    ended, shown = run_script_on_terminal(
        MAIN,
        *arguments,
        extra={"OVERLAP_UNLOCK_FILE": str(tmp_path / "unlock.key"), "NO_COLOR": "1"},
        answers=[("[y/N] ", typed)],
    )
    assert ended == code, shown
    assert "\nDid the operator read you this alliance code? [y/N] " in shown
    assert ("\njoined     roster 1" in shown) == (code == 0)


def test_roster_show_expect_everybody_and_one(enrolled: Run) -> None:
    enrolled("acme", "join", "acme-corp.join.json", "--yes")
    lines = enrolled("acme", "roster", "show").stdout.splitlines()
    assert lines[0].startswith("alliance   cti-north, roster 1; code ")
    assert lines[1] == "period     budgets renew once a week; 2 entries"
    assert lines[3].startswith("acme-corp (you)  member, keyholder  127.0.0.1:9497")
    assert lines[4].startswith("beta-bank        member, keyholder  -  ")
    one = enrolled("acme", "roster", "show", "beta-bank").stdout
    assert "address    none: it asks, but does not answer\n" in one
    shown = json.loads(enrolled("acme", "roster", "show", "--json").stdout)
    assert [entry["name"] for entry in shown["entries"]] == ["acme-corp", "beta-bank"]
    missing = enrolled("acme", "roster", "show", "beta")
    assert missing.exit_code == 2
    assert "did you mean beta-bank?" in missing.stderr


def test_set_and_update_expect_the_new_limits(enrolled: Run) -> None:
    enrolled("acme", "join", "acme-corp.join.json", "--yes")
    ended = enrolled("stick", "alliance", "set", "acme-corp", "set_size=262,144", "checks=16")
    assert ended.stdout == (
        "wrote      cti-north.roster.json (version 2: 2 members, 2 key holders)\n"
    )
    updated = enrolled("acme", "roster", "update", "cti-north.roster.json")
    assert updated.stdout == "roster     1 to 2; changed acme-corp\n"
    again = enrolled("acme", "roster", "update", "cti-north.roster.json")
    assert again.stdout == "roster     2 was in force already\n"
    text = enrolled("acme", "roster", "show", "acme-corp").stdout
    assert "limits     262,144 indicators a check; 524,288 indicators and 16 checks a week" in text


def test_remove_expect_a_warning_at_the_member(enrolled: Run) -> None:
    enrolled("acme", "join", "acme-corp.join.json", "--yes")
    assert enrolled("stick", "alliance", "remove", "acme-corp", "--json").exit_code == 2
    assert enrolled("stick", "alliance", "remove", "acme-corp", "--yes").exit_code == 0
    updated = enrolled("acme", "roster", "update", "cti-north.roster.json")
    assert updated.stdout == "roster     1 to 2; removed acme-corp\n"
    assert "overlap: warning: roster 2 does not list you: ask the operator" in updated.stderr
    shown = json.loads(enrolled("stick", "alliance", "show", "--json").stdout)
    assert [entry["name"] for entry in shown["entries"]] == ["beta-bank"]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("cheks=8", "no limit cheks; did you mean checks?"),
        ("checks=eight", "checks: expected a whole number"),
        ("checks", "checks: expected a whole number"),
        ("set_size=1", "set size: expected 1024 to"),
    ],
)
def test_set_of_a_limit_that_is_none_expect_usage_error(
    enrolled: Run, limit: str, message: str
) -> None:
    ended = enrolled("stick", "alliance", "set", "acme-corp", limit)
    assert ended.exit_code == 2
    assert message in ended.stderr


@pytest.mark.parametrize("period", ["0x", "month", "12"])
def test_create_with_a_period_that_is_none_expect_usage_error(run: Run, period: str) -> None:
    ended = run("stick", "alliance", "create", "cti-north", "--period", period)
    assert ended.exit_code == 2
    assert "--period: expected week, day" in ended.stderr


def test_passphrase_home_expect_asked_twice_and_then_once(tmp_path: Path) -> None:
    extra = {"HOME": str(tmp_path), "OVERLAP_HOME": str(tmp_path / "acme"), "NO_COLOR": "1"}
    go = f"import os; os.chdir({str(tmp_path)!r}); {MAIN}"
    twice = [("New passphrase: ", b"horse\n"), ("The same again: ", b"horse\n")]
    code, shown = run_script_on_terminal(
        go, "init", "acme-corp", "--passphrase", extra=extra, answers=twice
    )
    assert code == 0, shown
    assert "unlock     your passphrase opens it: nobody can restore it\n" in shown
    assert "horse" not in shown
    code, shown = run_script_on_terminal(
        go, "ping", "beta-bank", extra=extra, answers=[("Passphrase: ", b"donkey\n")]
    )
    assert code == 1
    assert "[unlock-failed]" in shown


def test_two_passphrases_that_differ_expect_nothing_made(tmp_path: Path) -> None:
    extra = {"HOME": str(tmp_path), "OVERLAP_HOME": str(tmp_path / "acme")}
    differ = [("New passphrase: ", b"horse\n"), ("The same again: ", b"house\n")]
    code, shown = run_script_on_terminal(
        MAIN, "init", "acme-corp", "--passphrase", extra=extra, answers=differ
    )
    assert code == 2
    assert "the two passphrases differ; nothing was made" in shown
    assert list(tmp_path.iterdir()) == []


def test_commands_as_json_expect_one_object_each(enrolled: Run) -> None:
    made = json.loads(enrolled("other", "alliance", "create", "cti-south", "--json").stdout)
    assert (made["format"], made["alliance"]) == ("overlap-alliance/1", "cti-south")
    assert CODE.fullmatch(made["code"])
    new = json.loads(enrolled("city", "init", "city-hospital", "--json").stdout)
    assert (new["format"], new["request_file"]) == ("overlap-init/1", "city-hospital.request.json")
    listed = enrolled(
        "stick", "alliance", "enroll", "city-hospital.request.json", "--json", "--code", new["code"]
    )
    assert json.loads(listed.stdout) == {
        "format": "overlap-enroll/1",
        "join_files": ["city-hospital.join.json"],
        "roster_file": "cti-north.roster.json",
        "roster": 2,
        "members": 3,
        "key_holders": 2,
        "enrolled": [{"name": "city-hospital", "roles": ["member"], "code": new["code"]}],
        "operators": 0,
    }
    enrolled("acme", "join", "acme-corp.join.json", "--yes")
    updated = json.loads(
        enrolled("acme", "roster", "update", "cti-north.roster.json", "--json").stdout
    )
    assert (updated["from"], updated["roster"], updated["added"]) == (1, 2, ["city-hospital"])

# SPDX-License-Identifier: Apache-2.0
"""What `keys show` and `keys rotate` say."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.support import overlap
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command as acme-corp, who has joined an alliance with beta-bank."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, who: str = "acme") -> Result:
        return overlap(*arguments, home=tmp_path / who)

    call("init", "acme-corp")
    call("init", "beta-bank", who="beta")
    call("alliance", "create", "cti-north", who="stick")
    files = ("acme-corp.request.json", "beta-bank.request.json")
    call("alliance", "enroll", *files, "--yes", who="stick")
    assert call("join", "acme-corp.join.json", "--yes").exit_code == 0
    return call


def test_rotate_expect_a_request_and_what_waits(run: Run) -> None:
    before = json.loads(run("keys", "show", "--json").stdout)
    ended = run("keys", "rotate", "--yes")
    request, code = ended.stdout.splitlines()
    assert request == "request    acme-corp.request.json: a new TLS key; it holds no secret"
    assert code == f"your code  {before['code']}"
    assert ended.stderr.startswith("next: send the request to the operator; peers take the new")
    lines = run("keys", "show").stdout.splitlines()
    assert lines[0] == "name       acme-corp, in roster 1 of cti-north"
    assert re.fullmatch(
        r"tls        certificate to \d{4}-\d\d-\d\d, listed; key [0-9a-f]{16}", lines[2]
    )
    assert lines[4].startswith("waiting    a new TLS key of ")
    assert run("alliance", "enroll", "acme-corp.request.json", "--yes", who="stick").exit_code == 0
    assert run("roster", "update", "cti-north.roster.json").exit_code == 0
    # Whatever opens the home for use makes the switch, also when its peer is not there.
    run("ping", "beta-bank")
    after = json.loads(run("keys", "show", "--json").stdout)
    assert after["waiting"] is None
    assert after["certificate"]["listed"] is True
    assert after["certificate"]["spki"] != before["certificate"]["spki"]
    assert after["certificates_listed"] == 2
    assert "listed with 1 more; key" in run("keys", "show").stdout


def test_rotate_of_the_identity_expect_another_code(run: Run) -> None:
    before = json.loads(run("keys", "show", "--json").stdout)
    shown = json.loads(run("keys", "rotate", "--identity", "--yes", "--json").stdout)
    assert shown["kind"] == "identity"
    assert shown["code"] != before["code"]
    refused = run("alliance", "enroll", "acme-corp.request.json", "--yes", who="stick")
    assert "another identity key in roster 1" in refused.stderr
    listed = run(
        *("alliance", "enroll", "acme-corp.request.json", "--yes", "--new-identity"), who="stick"
    )
    assert "; its code was another one before\n" in listed.stdout
    assert run("roster", "update", "cti-north.roster.json").exit_code == 0
    run("ping", "beta-bank")
    assert json.loads(run("keys", "show", "--json").stdout)["code"] == shown["code"]


def test_rotate_where_nobody_can_be_asked_expect_the_flag_named(run: Run) -> None:
    ended = run("keys", "rotate", "--json")
    assert ended.exit_code == 2
    assert "`--yes` answers it in a script" in ended.stderr
    both = run("keys", "rotate", "--tls", "--identity", "--yes")
    assert (both.exit_code, "exclude each other" in both.stderr) == (2, True)


def test_rotate_beside_a_file_of_somebody_else_expect_it_is_kept(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "acme-corp.request.json"
    file.write_text("notes")
    ended = run("keys", "rotate", "--yes")
    assert (ended.exit_code, file.read_text()) == (1, "notes")
    assert "[output-exists]" in ended.stderr

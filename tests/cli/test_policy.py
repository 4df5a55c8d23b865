# SPDX-License-Identifier: Apache-2.0
"""What `policy check` and `policy show` say."""

import json
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


def test_policy_check_expect_ok_and_the_digest(run: Run) -> None:
    ended = run("policy", "check")
    assert ended.exit_code == 0
    first, digest = ended.stdout.splitlines()
    assert first == "ok         policy.toml: 13 kinds, no peer with rules of their own"
    shown = json.loads(run("policy", "check", "--json").stdout)
    assert digest == f"digest     {shown['digest']}"
    assert (shown["format"], shown["limits"]["checks"]) == ("overlap-policy/1", 8)


def test_policy_check_of_a_broken_file_expect_exit_5(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text('version = 1\nlimits = { checks = "eight" }\n')
    ended = run("policy", "check", "new.toml", "--json")
    assert (ended.exit_code, ended.stdout) == (5, "")
    said = json.loads(ended.stderr.splitlines()[-1])
    assert said["error"] == "does-not-hold"
    assert said["message"] == (
        'new.toml line 2: limits.checks: expected a whole number from 1, got "eight"'
    )


def test_policy_check_of_an_odd_file_expect_a_warning_and_exit_0(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text("version = 1\npeer.betta = { may_ask = false }\n")
    ended = run("policy", "check", "new.toml")
    assert ended.exit_code == 0
    assert "overlap: warning: peer.betta: roster 1 lists no betta" in ended.stderr


def test_policy_show_expect_what_holds(run: Run) -> None:
    lines = run("policy", "show").stdout.splitlines()
    assert "rules      fold_https true, derive_host false, expand_v4 none" in lines
    assert (
        "limits     131,072 indicators a check; 524,288 indicators and 8 checks a period" in lines
    )
    assert json.loads(run("policy", "show", "--json").stdout)["peers"] == {}


def test_policy_show_of_a_peer_expect_what_it_may_ask(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "acme" / "policy.toml"
    path.write_text(path.read_text() + "peer.beta-bank = { checks = 2 }\n")
    first = run("policy", "show", "beta-bank").stdout.splitlines()[0]
    assert first == (
        "may ask    beta-bank: 131,072 indicators a check; 524,288 indicators and 2 checks a period"
    )
    shown = json.loads(run("policy", "show", "beta-bank", "--json").stdout)
    assert (shown["may_ask"], shown["limits"]["checks"], shown["roster"]["checks"]) == (True, 2, 8)
    path.write_text(path.read_text().replace("checks = 2 }", "may_ask = false }"))
    refused = run("policy", "show", "beta-bank").stdout
    assert refused.startswith("refused    beta-bank may not check against you: the policy says")
    assert run("policy", "show", "beta").exit_code == 2

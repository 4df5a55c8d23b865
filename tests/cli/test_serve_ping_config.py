# SPDX-License-Identifier: Apache-2.0
"""What `serve`, `ping`, `demo` and `config show` say; the use cases have stand-ins."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli.support import overlap, run_process, run_script_on_terminal, visible
from click.testing import Result

import psi.app.demo
import psi.app.ping
import psi.app.serve
from psi.app.demo import DemoRequest
from psi.app.events import Events
from psi.app.serve import ServeRequest
from psi.errors import PeerProtocolError
from psi.transport.ping import Stage

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a home with an address."""
    monkeypatch.chdir(tmp_path)
    arguments = ("init", "acme-corp", "--address", "overlap.acme.example:9497")
    assert overlap(*arguments, home=tmp_path / "acme").exit_code == 0

    def call(*arguments: str) -> Result:
        return overlap(*arguments, home=tmp_path / "acme")

    return call


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServeRequest]:
    """A server that is ready at once, and ends."""
    requests: list[ServeRequest] = []
    server = SimpleNamespace(peers_that_may_ask=["a", "b", "c", "d"], bucket=14_336)

    def run_server(request: ServeRequest, events: Events, *, on_ready: Any) -> None:
        requests.append(request)
        on_ready(server, 9497)

    monkeypatch.setattr(psi.app.serve, "run_server", run_server)
    return requests


def test_serve_expect_the_words_of_the_tutorial(run: Run, served: list[ServeRequest]) -> None:
    ended = run("serve", "/srv/feeds")
    assert ended.stdout == ""
    assert ended.stderr == (
        'serving    4 peers may ask; they see "at most 14,336";'
        " listening on [::]:9497, Ctrl-C ends\n"
    )
    assert served[0].paths == ("/srv/feeds",)
    assert served[0].listen is None


def test_serve_as_json_expect_where_it_listens(run: Run, served: list[ServeRequest]) -> None:
    shown = json.loads(run("serve", "--json", "-q", "--listen", "127.0.0.1:0").stdout)
    assert shown == {
        "format": "overlap-serving/1",
        "listen": "127.0.0.1:9497",
        "peers": ["a", "b", "c", "d"],
        "bucket": 14_336,
    }


def _stages(error: PeerProtocolError | None) -> Callable[..., Iterator[Stage]]:
    def ping_peer(*_: object, **__: object) -> Iterator[Stage]:
        yield Stage(name="address", text="127.0.0.1:9497")
        yield Stage(name="connection")
        if error is not None:
            yield Stage(name="certificate", text=error.message, error=error)
            return
        yield Stage(name="certificate", text="to 2027-05-02")
        yield Stage(name="roster", text="6")
        yield Stage(name="matching rules")
        yield Stage(name="budget", text="8 of 8 checks")

    return ping_peer


def test_ping_expect_the_words_of_the_tutorial(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psi.app.ping, "ping_peer", _stages(None))
    assert run("ping", "beta-bank").stdout == (
        "ok         address, connection, certificate (to 2027-05-02), roster 6,"
        " matching rules, budget\n"
    )
    assert run("ping", "beta-bank", "-v").stdout.splitlines()[2] == (
        "ok         certificate    to 2027-05-02"
    )
    shown = json.loads(run("ping", "beta-bank", "--json").stdout)
    assert (shown["format"], shown["ok"], len(shown["stages"])) == ("overlap-ping/1", True, 6)


def test_ping_that_fails_expect_the_step_and_its_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = PeerProtocolError("beta-bank's certificate expired", slug="peer-cert-expired")
    monkeypatch.setattr(psi.app.ping, "ping_peer", _stages(error))
    ended = run("ping", "beta-bank")
    assert ended.exit_code == 3
    assert ended.stdout == "ok         address, connection\nFAIL       certificate\n"
    assert ended.stderr == ("overlap: error: beta-bank's certificate expired [peer-cert-expired]\n")
    as_json = run("ping", "beta-bank", "--json")
    assert as_json.stdout == ""
    assert json.loads(as_json.stderr.splitlines()[-1])["stage"] == "certificate"


def test_demo_expect_flags_handed_on_and_the_code_of_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests: list[DemoRequest] = []

    def run_demo(request: DemoRequest, events: Events) -> int:
        requests.append(request)
        return 6

    monkeypatch.setattr(psi.app.demo, "run_demo", run_demo)
    ended = overlap("demo", "--member-a", "x", "--member-a", "y", "--member-b", "z", "--json", "-q")
    assert ended.exit_code == 6
    assert ended.stderr == ""
    assert requests[0].member_a == ("x", "y")
    assert requests[0].member_b == ("z",)
    assert requests[0].client_flags == ("--color", "auto", "--json", "-q")


def test_demo_of_one_member_expect_usage_error() -> None:
    assert overlap("demo", "--member-a", "x").exit_code == 2


def test_demo_on_a_terminal_expect_the_result_and_no_trace_of_progress() -> None:
    """The whole program: two members, real processes, real certificates."""
    script = "from psi_cli.main import main; main()"
    code, shown = run_script_on_terminal(script, "demo", extra={"NO_COLOR": "1"})
    assert code == 0, shown
    lines = visible(shown).splitlines()
    assert lines[0].startswith("demo       acme-corp asks, beta-bank answers")
    result = next(n for n, line in enumerate(lines) if re.match(r"\d+ of your [\d,]+ ind", line))
    count = int(lines[result].split()[0])
    assert "asking" not in "".join(lines)
    assert lines[result + 1] == "kind              yours  matching  share"
    blank = lines.index("", result)
    assert lines[blank + 1].split() == ["kind", "value", "as", "written", "source"]
    assert len(lines[blank + 2 :]) == 20 + 2
    assert lines[-2] == f"{count - 20} more: `--list {count}`, or `-o FILE`"
    assert lines[-1].startswith("proved     the only part was answered with the key")


def test_config_show_expect_values_and_origins(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "acme" / "overlap.toml"
    file.write_text(
        file.read_text() + '\ncheck = { timeout = "90s" }\n'
        'peer.beta-bank = { address = "10.8.0.2:9497" }\n'
    )
    lines = [line.split() for line in run("config", "show").stdout.splitlines()]
    rows = {line[0]: (" ".join(line[1:-1]), line[-1]) for line in lines}
    assert rows["home"] == (str(tmp_path / "acme"), "OVERLAP_HOME")
    assert rows["unlock"] == (str(tmp_path / "unlock.key"), "OVERLAP_UNLOCK_FILE")
    assert rows["serve.listen"] == ("[::]:9497", "overlap.toml")
    assert rows["check.timeout"] == ("1 min 30 s", "overlap.toml")
    assert rows["check.keep_results"] == ("90 days", "default")
    assert rows["set.paths"] == ("none", "default")
    assert rows["peer.beta-bank.address"] == ("10.8.0.2:9497", "overlap.toml")
    shown = json.loads(run("config", "show", "--json").stdout)
    assert {"key": "check.timeout", "value": 90, "origin": "overlap.toml"} in shown["settings"]


def test_config_show_of_paths_with_control_characters_expect_escapes(
    run: Run,
) -> None:
    for flag, shown in (((), r"/x/\x1b[2Junlock.key"), (("--json",), r"/x/\u001b[2Junlock.key")):
        ended = run("config", "show", "--unlock-file", "/x/\x1b[2Junlock.key", *flag)
        assert shown in ended.stdout
        assert "\x1b[2J" not in ended.stdout


def test_config_show_of_a_bad_file_expect_bad_config(run: Run, tmp_path: Path) -> None:
    (tmp_path / "acme" / "overlap.toml").write_text('serve = { listen = "nowhere" }\n')
    ended = run("config", "show")
    assert ended.exit_code == 1
    assert "[bad-config]" in ended.stderr


def test_kernel_that_is_none_expect_usage_error(tmp_path: Path) -> None:
    extra = {"OVERLAP_KERNEL": "bogus", "OVERLAP_HOME": str(tmp_path)}
    ended = run_process("check", "beta-bank", "feeds", extra=extra)
    assert ended.code == 2
    assert ended.stderr.startswith("overlap: error: OVERLAP_KERNEL: expected a kernel")
    version = run_process("--version", "-v", extra=extra)
    assert "kernel     none (OVERLAP_KERNEL: expected" in version.stdout

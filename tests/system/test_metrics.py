# SPDX-License-Identifier: Apache-2.0
"""Metrics and events of a server that runs: what a monitor and a log collector get."""

import json
import socket
import urllib.request
from pathlib import Path

import pytest
from system.support import Alliance

from psi.trust.audit_format import RECORD_TYPES


@pytest.fixture
def metrics_port(alliance: Alliance) -> int:
    """A port for metrics, which overlap.toml of the server names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = alliance.home("beta-bank") / "overlap.toml"
    config.write_text(config.read_text() + f'metrics = {{ listen = "127.0.0.1:{port}" }}\n')
    return port


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: bytes = answer.read()
    return text.decode()


def test_metrics_after_a_check_expect_charge_budget_and_success(
    alliance: Alliance, metrics_port: int
) -> None:
    feed = alliance.feed("feed", ["canary-7f3a9b.evil.org", "203.0.114.77"])
    server = alliance.serve("beta-bank", feed)
    before = scrape(metrics_port)
    assert 'overlap_budget_left{peer="acme-corp"} 524288.0' in before
    assert alliance.check(feed, address=server.listen).code == 0
    after = scrape(metrics_port)
    for line in (
        'overlap_budget_left{peer="acme-corp"} 523264.0',
        'overlap_indicators_charged_total{peer="acme-corp"} 1024.0',
        'overlap_runs_total{end="done",kind="check",peer="acme-corp",role="server"} 1.0',
        "overlap_part_seconds_count 1.0",
        "overlap_roster_version 1.0",
    ):
        assert f"{line}\n" in after
    assert "canary" not in after
    assert "203.0.114.77" not in after
    assert server.stop() == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", metrics_port), timeout=10)


def test_metrics_on_a_port_in_use_expect_the_server_does_not_start(
    alliance: Alliance, metrics_port: int
) -> None:
    feed = alliance.feed("feed", ["evil.org"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", metrics_port))
        taken.listen()
        words = ["serve", str(feed), *alliance.words("beta-bank"), "--listen", "127.0.0.1:0"]
        ended = alliance.run(*words, "--json")
    assert (ended.code, ended.error["error"]) == (1, "port-in-use")


def test_no_metrics_in_overlap_toml_expect_no_port(alliance: Alliance) -> None:
    feed = alliance.feed("feed", ["evil.org"])
    server = alliance.serve("beta-bank", feed)
    sockets = Path(f"/proc/{server.process.pid}/net/tcp").read_text()
    inodes = {line.split()[9] for line in sockets.splitlines()[1:] if line.split()[3] == "0A"}
    own = {
        link.readlink().name
        for link in Path(f"/proc/{server.process.pid}/fd").iterdir()
        if link.is_symlink()
    }
    listening = {name for name in own if any(name == f"socket:[{inode}]" for inode in inodes)}
    assert len(listening) <= 2, "the port of the service, on both families at most"


def test_json_log_expect_events_of_the_audit_log(alliance: Alliance) -> None:
    feed = alliance.feed("feed", ["canary-7f3a9b.evil.org"])
    server = alliance.serve("beta-bank", feed, flags=["--log-format", "json"])
    assert alliance.check(feed, address=server.listen).code == 0
    server.stop()
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    named = [event for event in events if event["event"] in RECORD_TYPES]
    assert [event["event"] for event in named] == ["session-open", "session-close"]
    opened = next(event for event in named if event["event"] == "session-open")
    assert (opened["peer"], opened["count"], opened["level"]) == ("acme-corp", 1024, "info")
    assert len(opened["run"]) == 10
    assert "canary" not in server.log.read_text()

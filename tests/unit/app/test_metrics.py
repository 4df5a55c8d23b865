# SPDX-License-Identifier: Apache-2.0
"""What is counted and looked up, and over which address it is served."""

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest
from unit.trust.support import refused

from psi.app.metrics import Facts, Metrics


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    facts = Facts(
        roster_version=6,
        certificate_not_after=1_800_000_000,
        audit_records=18_204,
        budget_left={"acme-corp": 1024},
    )
    made = Metrics(lambda: facts)
    yield made
    made.close()


def text(metrics: Metrics) -> list[str]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_metrics_expect_what_was_counted_and_looked_up(metrics: Metrics) -> None:
    metrics.opened("acme-corp", 14_336)
    metrics.part_answered(0.07)
    metrics.ended("acme-corp", "done", 1.4, 1_795_530_000)
    metrics.ended("acme-corp", "peer-fault", 0, 1_795_530_001)
    metrics.refused("acme-corp", "budget-exhausted")
    metrics.refused(None, "peer-cert-foreign")
    lines = text(metrics)
    for line in (
        "overlap_roster_version 6.0",
        "overlap_certificate_expiry_timestamp_seconds 1.8e+09",
        "overlap_audit_records_total 18204.0",
        'overlap_budget_left{peer="acme-corp"} 1024.0',
        'overlap_indicators_charged_total{peer="acme-corp"} 14336.0',
        'overlap_runs_total{end="done",kind="check",peer="acme-corp",role="server"} 1.0',
        'overlap_runs_total{end="peer-fault",kind="check",peer="acme-corp",role="server"} 1.0',
        'overlap_refusals_total{error="budget-exhausted",peer="acme-corp"} 1.0',
        'overlap_refusals_total{error="peer-cert-foreign",peer="stranger"} 1.0',
        'overlap_part_seconds_bucket{le="0.1"} 1.0',
        "overlap_run_seconds_count 1.0",
        'overlap_last_success_timestamp_seconds{kind="check",peer="acme-corp"} 1.79553e+09',
    ):
        assert line in lines
    assert any(line.startswith("overlap_build_info{kernel=") for line in lines)


def test_listen_expect_http_on_that_address_until_closed(metrics: Metrics) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics.listen(f"127.0.0.1:{port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert b"overlap_roster_version 6.0" in answer.read()
    metrics.close()
    metrics.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_listen_on_a_port_in_use_expect_refused(metrics: Metrics) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with refused("port-in-use", "for metrics", "overlap.toml"):
            metrics.listen(f"127.0.0.1:{taken.getsockname()[1]}")

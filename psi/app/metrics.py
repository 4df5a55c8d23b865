# SPDX-License-Identifier: Apache-2.0
"""
Metrics of a server for Prometheus (docs/unattended.md).

Labels are names of the roster and words of closed sets; nothing depends on an indicator. They are
served on an address of their own, over plain HTTP, so that one is loopback unless somebody decides
otherwise.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from psi._native import kernel
from psi._version import __version__
from psi.errors import SLUGS, RefusedError
from psi.trust.names import split_address

__all__ = ["Facts", "Metrics"]

_STRANGER: Final = "stranger"
_RUN_BUCKETS: Final = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
_PART_BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is looked up when somebody asks; `budget_left` in indicators by peer."""

    roster_version: int
    certificate_not_after: int
    audit_records: int
    budget_left: Mapping[str, int]


class _Looked(Collector):
    """The metrics that are not counted but looked up."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts()
        yield GaugeMetricFamily(
            "overlap_roster_version", "Version of the roster in force.", facts.roster_version
        )
        yield GaugeMetricFamily(
            "overlap_certificate_expiry_timestamp_seconds",
            "When the own certificate ends.",
            facts.certificate_not_after,
        )
        yield CounterMetricFamily(
            "overlap_audit_records", "Records of the audit log.", facts.audit_records
        )
        left = GaugeMetricFamily(
            "overlap_budget_left", "Indicators that a peer may still ask.", labels=["peer"]
        )
        for peer, indicators in facts.budget_left.items():
            left.add_metric([peer], indicators)
        yield left


class Metrics:
    """Counts what a server does, and serves it once `listen` is called."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        """`facts`: looked up at every scrape, from another thread."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a type that the library lacks
        self.registry = CollectorRegistry()
        self.registry.register(_Looked(facts))
        self._runs = Counter(
            "overlap_runs",
            "Checks by their end.",
            ["kind", "role", "peer", "end"],
            registry=self.registry,
        )
        self._charged = Counter(
            "overlap_indicators_charged",
            "Indicators that were charged, rounded up.",
            ["peer"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "overlap_refusals",
            "Calls that were refused.",
            ["peer", "error"],
            registry=self.registry,
        )
        self._run_seconds = Histogram(
            "overlap_run_seconds",
            "From the charge to the receipt.",
            buckets=_RUN_BUCKETS,
            registry=self.registry,
        )
        self._part_seconds = Histogram(
            "overlap_part_seconds",
            "To answer one part.",
            buckets=_PART_BUCKETS,
            registry=self.registry,
        )
        self._last_success = Gauge(
            "overlap_last_success_timestamp_seconds",
            "When a check last ended well.",
            ["kind", "peer"],
            registry=self.registry,
        )
        build = Gauge(
            "overlap_build_info",
            "Version and kernel of this program.",
            ["version", "kernel"],
            registry=self.registry,
        )
        build.labels(__version__, kernel.selected()).set(1)
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    def opened(self, peer: str, charged: int) -> None:
        """A check was charged."""
        self._charged.labels(peer).inc(charged)

    def part_answered(self, seconds: float) -> None:
        """One part was answered."""
        self._part_seconds.observe(seconds)

    def ended(self, peer: str, end: str, seconds: float, now_s: int) -> None:
        """A check has ended; `end` is one of `psi.errors.End`."""
        self._runs.labels("check", "server", peer, end).inc()
        if end == "done":
            self._run_seconds.observe(seconds)
            self._last_success.labels("check", peer).set(now_s)

    def refused(self, peer: str | None, slug: str) -> None:
        """A call was refused; `peer` is a name of the roster, or None."""
        assert slug in SLUGS, "labels are of closed sets"
        self._refusals.labels(peer or _STRANGER, slug).inc()

    def listen(self, address: str) -> None:
        """
        Serve the metrics over HTTP, in a thread of its own.

        Raises:
            RefusedError: The address can't be listened on (`port-in-use`).
            UsageError: It is no HOST:PORT.
        """
        host, port = split_address("metrics.listen", address)
        try:
            self._server, self._thread = start_http_server(port, host, self.registry)
        except OSError:
            raise RefusedError(
                f"can't listen on {address} for metrics: the port is in use, "
                "or the address is not ours",
                slug="port-in-use",
                hint="stop what listens there, or change `metrics` in overlap.toml",
            ) from None

    def close(self) -> None:
        """End the thread and close the port; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            assert self._thread is not None, "it was started with the server"
            self._thread.join()

# SPDX-License-Identifier: Apache-2.0
"""`overlap status`: how this home stands."""

import time
from typing import TYPE_CHECKING

import click

from psi.results.text import count, plural
from psi.trust.home import Home
from psi_cli._command import Command
from psi_cli._format import date, renewal, rfc3339
from psi_cli._home import home_path
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.status import PeerView, StatusReport

__all__ = ["status"]


@click.command(cls=Command, example="overlap status beta-bank")
@click.argument("peer", required=False)
@pass_settings
def status(settings: Settings, *, peer: str | None) -> None:
    """
    Show how this home stands, the worst first.

    Certificates, budgets both ways, the period, the audit log. Nobody is contacted, and the exit
    code is 0 whatever it finds; ping asks a peer itself.
    """
    from psi.app.status import read_status

    report = read_status(Home.open(home_path(settings)), peer)
    if settings.json:
        settings.screen.object("status", _fields(report))
    else:
        _show(settings, report)


def _show(settings: Settings, report: "StatusReport") -> None:
    screen = settings.screen
    for finding in report.findings:
        screen.row("FAIL" if finding.level == "error" else finding.level, finding.text)
    screen.row(
        "ok" if not report.findings else "home",
        f"{report.name}, roster {report.roster} of {report.alliance}, "
        f"certificate to {date(report.certificate_not_after)}",
    )
    screen.row("period", f"{report.period} ends {renewal(report.period_ends, time.time())}")
    for view in report.peers:
        screen.row("peer", _peer(view))
    log = report.log
    unsigned = f", {count(log.unsigned)} not signed yet" if log.unsigned else ""
    screen.row("log", f"{plural(log.records, 'record')}{unsigned}, head {log.head.hex()[:16]}")


def _peer(view: "PeerView") -> str:
    if view.limits is None:
        asks = "may not ask"
    else:
        checks = max(0, view.limits.checks - view.used_checks)
        indicators = max(0, view.limits.indicators - view.used_indicators)
        asks = f"has {plural(checks, 'check')} and {count(indicators)} indicators left with you"
    ours = view.left_with_it
    left = "" if ours is None else f"; you had {count(ours)} left with it"
    return f"{view.name} {asks}{left}; certificate to {date(view.certificate_not_after)}"


def _fields(report: "StatusReport") -> dict[str, object]:
    return {
        "name": report.name,
        "alliance": report.alliance,
        "roster": report.roster,
        "certificate_not_after": rfc3339(report.certificate_not_after),
        "period": report.period,
        "period_ends": rfc3339(report.period_ends),
        "findings": [{"level": each.level, "text": each.text} for each in report.findings],
        "peers": [_peer_fields(view) for view in report.peers],
        "log": {
            "records": report.log.records,
            "unsigned": report.log.unsigned,
            "head": report.log.head.hex(),
        },
    }


def _peer_fields(view: "PeerView") -> dict[str, object]:
    limits = view.limits
    return {
        "name": view.name,
        "certificate_not_after": rfc3339(view.certificate_not_after),
        "may_ask": limits is not None,
        "checks_used": view.used_checks,
        "indicators_used": view.used_indicators,
        "checks": None if limits is None else limits.checks,
        "indicators": None if limits is None else limits.indicators,
        "left_with_it": view.left_with_it,
    }

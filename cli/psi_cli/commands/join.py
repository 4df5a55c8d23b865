# SPDX-License-Identifier: Apache-2.0
"""`overlap join`: take the alliance that the operator sent, after its code was compared."""

import time
from pathlib import Path

import click

from psi.results.text import count
from psi.trust.home import Home
from psi_cli._code import code_options, confirm_code
from psi_cli._command import Command
from psi_cli._format import date, per_period, rfc3339
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._settings import Settings, pass_settings

__all__ = ["join"]


@click.command(cls=Command, example="overlap join acme-corp.join.json")
@click.argument("file", type=click.Path(path_type=Path))
@code_options
@unlock_option
@pass_settings
def join(
    settings: Settings, *, file: Path, code: str | None, yes: bool, unlock_file: Path | None
) -> None:
    """
    Join the alliance of a join file.

    FILE comes from the operator. Compare the alliance's code with the operator by phone: whoever
    could replace the file could pretend to be the alliance.
    """
    from psi.app.join import accept_join, read_join

    home = Home.open(home_path(settings))
    pending = read_join(home, file)
    screen = settings.screen
    if not settings.json:
        screen.row("alliance", _alliance(pending.alliance, pending.peers, pending.operators))
        screen.row("code", pending.code)
    confirm_code(
        settings,
        pending.alliance,
        pending.code,
        "Did the operator read you this alliance code?",
        code=code,
        yes=yes,
    )
    now_ms = time.time_ns() // 1_000_000
    report = accept_join(home, pending, unlock_source(settings, home, unlock_file), now_ms)
    if settings.json:
        screen.object(
            "join",
            {
                "alliance": report.alliance,
                "code": pending.code,
                "roster": report.serial,
                "peers": list(pending.peers),
                "operators": list(pending.operators),
                "certificate_not_after": rfc3339(report.certificate_not_after),
                "limits": {
                    "set_size": report.bucket_limit,
                    "indicators": report.budget,
                    "checks": report.sessions,
                },
            },
        )
        return
    screen.row(
        "joined",
        f"roster {report.serial}, certificate to {date(report.certificate_not_after)};"
        f" {count(report.bucket_limit)} indicators a check, {count(report.sessions)} checks"
        f" {per_period(pending.trusted.roster.epoch_seconds)}",
    )


def _alliance(name: str, peers: tuple[str, ...], operators: tuple[str, ...]) -> str:
    members = ", ".join(peers) or "no other member yet"
    if not operators:
        return f"{name}: {members}"
    return f"{name}: {members}; operator {', '.join(operators)}"

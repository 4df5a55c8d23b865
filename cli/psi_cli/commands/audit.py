# SPDX-License-Identifier: Apache-2.0
"""`overlap audit`: read an audit log, and find out whether it is whole."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from psi.errors import PsiError
from psi.results.text import count, escape, plural
from psi.trust.home import Home
from psi_cli._command import Group
from psi_cli._format import moment, rfc3339
from psi_cli._home import home_path
from psi_cli._settings import Settings, pass_settings
from psi_cli._verify import known, roster_option

if TYPE_CHECKING:
    from psi.app.audit import AuditReport
    from psi.trust.audit_format import AuditRecord

__all__ = ["audit"]


@click.group(cls=Group)
def audit() -> None:
    """The signed log of what this home has done; it holds no indicator."""


@audit.command(example="overlap audit show --summary")
@click.argument("log", required=False, type=click.Path(path_type=Path))
@click.option("--from", "first", type=click.IntRange(min=1), metavar="N", help="From record N on.")
@click.option("--summary", is_flag=True, help="How many records of each type.")
@pass_settings
def show(settings: Settings, *, log: Path | None, first: int | None, summary: bool) -> None:
    """
    Show the records of a LOG, or of this home's.

    LOG is a file or the folder it is in. Nothing is verified; audit verify does that.
    """
    from psi.app.audit import read_records
    from psi.app.audit import summary as count_types

    finding = read_records(_place(settings, log))
    records = [record for record in finding.records if record.seq >= (first or 1)]
    screen = settings.screen
    if summary:
        types = count_types(finding)
        if settings.json:
            screen.object("audit", {"records": len(finding.records), "types": types})
            return
        for name, number in types.items():
            screen.out(f"{screen.dim(f'{name:16}')}  {count(number)}\n")
        return
    if settings.json:
        screen.object("audit", {"records": [_fields(record) for record in records]})
        return
    for record in records:
        body = json.loads(record.body)
        shown = " ".join(f"{key}={_short(value)}" for key, value in body.items())
        when = moment(record.time_ms / 1000)
        screen.out(
            f"{screen.dim(f'{record.seq:6,}')}  {when}  {escape(record.type)}  {escape(shown)}\n"
        )


@audit.command(example="overlap audit verify beta-log/ --receipt acme.receipt.json")
@click.argument("log", required=False, type=click.Path(path_type=Path))
@click.option(
    "--receipt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also find the run of this receipt in the log.",
)
@roster_option
@pass_settings
def verify(
    settings: Settings, *, log: Path | None, receipt: Path | None, roster: Path | None
) -> None:
    """
    Check that a LOG is whole, from its first record on.

    It names the first record that was edited, deleted or moved, with exit code 5. What is missing
    at the end shows only with a receipt. Works offline.
    """
    from psi.app.audit import verify_log

    rosters = known(settings, roster)
    try:
        report = verify_log(_place(settings, log), rosters, receipt)
    except PsiError as error:
        if error.slug == "does-not-hold" and not settings.json:
            settings.screen.row("FAIL", f"log            {error.message}")
        raise
    if settings.json:
        settings.screen.object("verify", _report_fields(report))
    else:
        _say(settings, report)
        if not rosters.compared:
            text = f"keys of {rosters.alliance}, whose code is {rosters.code}"
            settings.screen.row("note", text)


def _say(settings: Settings, report: "AuditReport") -> None:
    screen, finding = settings.screen, report.finding
    unsigned = f"; the last {count(finding.unsigned)} not signed yet" if finding.unsigned else ""
    screen.row(
        "ok",
        f"log            {report.actor}: records 1 to {count(finding.sound)} unbroken, "
        f"{plural(finding.signatures, 'signature')}{unsigned}",
    )
    found = report.receipt
    if found is None:
        screen.row(
            "note", "a log that was cut at its end looks the same: `--receipt FILE` shows it"
        )
        return
    screen.row(
        "ok",
        f"receipt        records {count(found.first)} to {count(found.last)}; "
        f"{count(found.charged)} charged before the answer",
    )


def _report_fields(report: "AuditReport") -> dict[str, object]:
    finding, found = report.finding, report.receipt
    return {
        "what": "audit",
        "holds": True,
        "actor": report.actor,
        "records": finding.sound,
        "signatures": finding.signatures,
        "unsigned": finding.unsigned,
        "head": finding.records[-1].digest().hex() if finding.records else None,
        "receipt": None
        if found is None
        else {
            "run": found.run,
            "first": found.first,
            "last": found.last,
            "charged": found.charged,
        },
    }


def _place(settings: Settings, log: Path | None) -> Path:
    from psi.app.audit import home_log

    return home_log(Home.open(home_path(settings))) if log is None else log


def _fields(record: "AuditRecord") -> dict[str, object]:
    return {
        "seq": record.seq,
        "time": rfc3339(record.time_ms / 1000),
        "actor": record.actor,
        "type": record.type,
        "body": json.loads(record.body),
    }


def _short(value: int | str) -> str:
    return f"{value[:16]}..." if isinstance(value, str) and len(value) > 24 else str(value)

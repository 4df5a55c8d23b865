# SPDX-License-Identifier: Apache-2.0
"""`overlap receipt`: what both sides have signed of a check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from psi.errors import PsiError
from psi.results.text import count, plural
from psi.trust.home import Home
from psi_cli._command import Group
from psi_cli._format import moment
from psi_cli._home import home_path
from psi_cli._settings import Settings, pass_settings
from psi_cli._verify import known, roster_option, say_roster

if TYPE_CHECKING:
    from psi.app.receipts import MatchReport, ReceiptFile

__all__ = ["receipt"]

_NOTE = "neither says what the sets held: a member can lie about its own set"


@click.group(cls=Group)
def receipt() -> None:
    """What both sides have signed of a check; it holds no indicator."""


@receipt.command(example="overlap receipt show last --json")
@click.argument("receipt", metavar="RUN|FILE")
@pass_settings
def show(settings: Settings, *, receipt: str) -> None:
    """
    Show the receipt of a run, or of a FILE.

    RUN is the id of a check that you asked or answered, six characters of it, or last. With --json
    it is the whole file, to be sent to an auditor.
    """
    from psi.app.receipts import find_receipt, read_receipt

    path = find_receipt(lambda: Home.open(home_path(settings)), receipt)
    found = read_receipt(path)
    if settings.json:
        settings.screen.object("receipt", found.to_object())
    else:
        _show(settings, found, path)


@receipt.command(example="overlap receipt verify acme.receipt.json beta.receipt.json")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=Path)
@roster_option
@pass_settings
def verify(settings: Settings, *, files: tuple[Path, ...], roster: Path | None) -> None:
    """
    Check that receipts hold.

    Both have signed, and all messages are of one run. Exit code 5 when one does not hold. Works
    offline.
    """
    from psi.app.receipts import read_receipt, verify_receipts

    rosters = known(settings, roster)
    read = [read_receipt(file) for file in files]
    try:
        reports = verify_receipts(read, rosters)
    except PsiError as error:
        _say_failure(settings, error, "receipt")
        raise
    screen = settings.screen
    if settings.json:
        fields = [
            {
                "file": report.file.name,
                "run": report.file.receipt.run,
                "kept_by": report.file.keeper,
                "roster": report.roster,
            }
            for report in reports
        ]
        screen.object("verify", {"what": "receipt", "holds": True, "receipts": fields})
        return
    for report in reports:
        screen.row("ok", f"{report.file.name}: {_run(report.file)}; both have signed")
        if not report.same_roster:
            screen.row("note", "the roster that the run names is not here; another has the keys")
        say_roster(settings, rosters, report.roster)


@receipt.command(example="overlap receipt match acme.receipt.json beta.receipt.json")
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@roster_option
@pass_settings
def match(settings: Settings, *, first: Path, second: Path, roster: Path | None) -> None:
    """
    Compare the receipts of the two sides of a run, and say what differs.

    Exit code 5 when they differ or one does not hold. Works offline.
    """
    from psi.app.receipts import match_receipts, read_receipt

    rosters = known(settings, roster)
    one, other = read_receipt(first), read_receipt(second)
    try:
        report = match_receipts(one, other, rosters)
        if report.differences:
            _show_differences(settings, report)
            raise _differ(report)
    except PsiError as error:
        _say_failure(settings, error, "match")
        raise
    if settings.json:
        settings.screen.object("verify", _match_fields(report))
    else:
        _show_match(settings, report)


def _differ(report: "MatchReport") -> PsiError:
    names = ", ".join(each.field for each in report.differences[:3])
    more = ", ..." if len(report.differences) > 3 else ""
    return PsiError(
        f"the two receipts differ in {plural(len(report.differences), 'field')}: {names}{more}",
        slug="does-not-hold",
        hint="ask both members; each has signed what stands in its receipt",
        detail={"differences": len(report.differences)},
    )


def _show_differences(settings: Settings, report: "MatchReport") -> None:
    if settings.json:
        return
    names = (report.first.file.name, report.second.file.name)
    for each in report.differences:
        shown = ", ".join(
            f"{_short(value)} in {name}"
            for name, value in zip(names, (each.first, each.second), strict=True)
        )
        settings.screen.row("differs", f"{each.field}: {shown}")


def _show_match(settings: Settings, report: "MatchReport") -> None:
    from psi.protocol.receipt import FIELDS

    screen, file = settings.screen, report.first.file
    ends = report.ends[0] if len(set(report.ends)) == 1 else " and ".join(report.ends)
    screen.row(
        "ok", f"both signed    {_run(file)}, {len(FIELDS)} of {len(FIELDS)} fields equal, {ends}"
    )
    if report.first.file.own.side == report.second.file.own.side:
        screen.row("note", f"both receipts are kept by {file.keeper}: ask the other side for its")
    screen.row("note", _NOTE)


def _match_fields(report: "MatchReport") -> dict[str, object]:
    from psi.protocol.receipt import FIELDS

    return {
        "what": "match",
        "holds": True,
        "run": report.first.file.receipt.run,
        "kept_by": [report.first.file.keeper, report.second.file.keeper],
        "fields_equal": len(FIELDS),
        "ends": list(report.ends),
    }


def _show(settings: Settings, file: "ReceiptFile", path: Path) -> None:
    screen = settings.screen
    hello, answer = file.receipt.client_hello.body, file.receipt.server_hello.body
    own = file.own
    screen.row("run", f"{_run(file)}, {moment(answer.time_ms / 1000)}")
    screen.row("sizes", f"{count(hello.bucket)} asked, {count(answer.bucket)} held; rounded up")
    parts = plural(file.receipt.close_by_server.body.chunks, "part")
    screen.row("charged", f"{count(hello.bucket)} indicators; {count(answer.budget_left)} left")
    screen.row("rules", hello.profile_digest.hex()[:16])
    screen.row("policies", f"{hello.policy_hash.hex()[:16]}, {answer.policy_hash.hex()[:16]}")
    screen.row("roster", hello.roster_hash.hex()[:16])
    screen.row("transcript", file.receipt.close_by_server.body.transcript.hex())
    screen.row(
        "own word",
        f"{file.keeper}: {own.end} {own.ended_at}, {own.parts_proved} of {parts} proved;"
        f" overlap {own.software}, kernel {own.kernel}",
    )
    screen.next_step(f"overlap receipt verify {path}")


def _run(file: "ReceiptFile") -> str:
    hello = file.receipt.client_hello.body
    return f"run {file.receipt.run}, {hello.client} asked {hello.server}"


def _short(value: int | str) -> str:
    return f"{value[:16]}..." if isinstance(value, str) and len(value) > 20 else str(value)


def _say_failure(settings: Settings, error: PsiError, what: str) -> None:
    if error.slug == "does-not-hold" and not settings.json:
        settings.screen.row("FAIL", what)

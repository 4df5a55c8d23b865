# SPDX-License-Identifier: Apache-2.0
"""`overlap evidence`: what proves that a peer misbehaved."""

from pathlib import Path

import click

from psi.errors import PsiError
from psi.trust.home import Home
from psi_cli._command import Group
from psi_cli._format import moment, rfc3339
from psi_cli._home import home_path
from psi_cli._settings import Settings, pass_settings
from psi_cli._verify import known, roster_option, say_roster

__all__ = ["evidence"]


@click.group(cls=Group)
def evidence() -> None:
    """What proves that a peer misbehaved; kept for ever."""


@evidence.command(example="overlap evidence show")
@pass_settings
def show(settings: Settings) -> None:
    """List the evidence that this home has kept."""
    from psi.app.evidence import list_evidence

    files = list_evidence(Home.open(home_path(settings)))
    screen = settings.screen
    if settings.json:
        fields = [
            {
                "file": str(each.path),
                "kind": each.kind,
                "accused": each.accused,
                "run": each.run or None,
                "kept_at": rfc3339(each.kept_s),
            }
            for each in files
        ]
        screen.object("evidence-list", {"files": fields})
        return
    if not files:
        screen.row("none", "no peer has misbehaved")
    for each in files:
        run = f", run {each.run}" if each.run else ""
        when = moment(each.kept_s)
        screen.row(each.kind, f"{each.path.name}: {each.accused}{run}, {when}")
    if files:
        screen.next_step(f"overlap evidence verify {files[-1].path}")


@evidence.command(example="overlap evidence verify 7c41f09be2.json --roster cti.roster.json")
@click.argument("file", type=click.Path(path_type=Path))
@roster_option
@pass_settings
def verify(settings: Settings, *, file: Path, roster: Path | None) -> None:
    """
    Check what a FILE of evidence proves.

    Nothing is taken from whoever made the file: signatures are checked with the keys of the
    roster, the proof is computed anew. Exit code 5 when it proves nothing. Works offline.
    """
    from psi.app.evidence import verify_evidence

    rosters = known(settings, roster)
    screen = settings.screen
    try:
        report = verify_evidence(file, rosters)
    except PsiError as error:
        if error.slug == "does-not-hold" and not settings.json:
            screen.row("FAIL", "evidence")
        raise
    if settings.json:
        screen.object(
            "verify",
            {
                "what": "evidence",
                "holds": True,
                "accused": report.accused,
                "kind": report.kind,
                "run": report.run or None,
                "text": report.text,
                "alliance": report.alliance,
                "alliance_code": rosters.code,
                "roster": report.roster,
            },
        )
        return
    screen.row("ok", report.text)
    say_roster(settings, rosters, report.roster)

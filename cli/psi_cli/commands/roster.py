# SPDX-License-Identifier: Apache-2.0
"""`overlap roster`: who is in the alliance, and a newer roster from a file or a peer."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from psi.trust.home import Home
from psi_cli._command import Group
from psi_cli._events import TerminalEvents
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._roster_view import show_entry, show_roster
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.roster import UpdateReport

__all__ = ["roster"]


@click.group(cls=Group)
def roster() -> None:
    """The signed list of members that you go by."""


@roster.command(example="overlap roster show beta-bank")
@click.argument("member", required=False)
@pass_settings
def show(settings: Settings, *, member: str | None) -> None:
    """Show the roster, or all that it says of one MEMBER."""
    from psi.app.roster import show as show_entries

    view = show_entries(Home.open(home_path(settings)), member)
    if member is None:
        show_roster(settings, view)
    else:
        show_entry(settings, view)


@roster.command(example="overlap roster update cti-north.roster.json")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@unlock_option
@pass_settings
def update(settings: Settings, *, file: Path | None, unlock_file: Path | None) -> None:
    """
    Take a newer roster from a FILE, or from a peer.

    The operator sent the FILE; without one, the first peer that has a newer roster gives it. It
    must be signed with the key of your alliance; an older one is refused.
    """
    from psi.app.roster import update as update_roster
    from psi.app.roster import update_from_peers

    home = Home.open(home_path(settings))
    if file is not None:
        report = update_roster(home, file)
    else:
        with TerminalEvents(settings) as events:
            unlock = unlock_source(settings, home, unlock_file)
            report = update_from_peers(home.path, unlock, events)
    screen = settings.screen
    if settings.json:
        screen.object(
            "roster-update",
            {
                "from": report.old_serial,
                "roster": report.serial,
                "added": list(report.added),
                "removed": list(report.removed),
                "changed": list(report.changed),
                "listed": report.listed,
            },
        )
        return
    if report.serial == report.old_serial:
        screen.row("roster", f"{report.serial} was in force already")
    else:
        screen.row("roster", f"{report.old_serial} to {report.serial}; {_changes(report)}")
    if not report.listed:
        screen.failure("warning", f"roster {report.serial} does not list you: ask the operator")


def _changes(report: "UpdateReport") -> str:
    groups = {"added": report.added, "removed": report.removed, "changed": report.changed}
    parts = [f"{word} {', '.join(names)}" for word, names in groups.items() if names]
    return "; ".join(parts) or "no entry changed"

# SPDX-License-Identifier: Apache-2.0
"""What the commands that verify something offline have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from psi.trust.home import Home
from psi_cli._home import home_path
from psi_cli._settings import Settings

if TYPE_CHECKING:
    from psi.app.known_rosters import KnownRosters

__all__ = ["known", "roster_option", "say_roster"]


def roster_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--roster`, for whoever has no home in the alliance."""
    return click.option(
        "--roster",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Go by this roster instead of those of your home.",
    )(function)


def known(settings: Settings, roster: Path | None) -> "KnownRosters":
    """
    The rosters to go by.

    Raises:
        PsiError: The file or the home can't be used.
    """
    from psi.app.known_rosters import known_rosters

    return known_rosters(lambda: Home.open(home_path(settings)), roster)


def say_roster(settings: Settings, rosters: "KnownRosters", serial: int) -> None:
    """Whose keys the verification went by; a code that nobody has compared is shown."""
    if rosters.compared:
        settings.screen.row("ok", f"keys of roster {serial} of {rosters.alliance}")
    else:
        text = f"keys of roster {serial} of {rosters.alliance}, whose code is {rosters.code}"
        settings.screen.row("note", text)

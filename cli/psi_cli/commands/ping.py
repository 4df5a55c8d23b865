# SPDX-License-Identifier: Apache-2.0
"""`overlap ping`: how far one gets with a peer."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from psi.trust.home import Home
from psi_cli._command import Command
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.transport.ping import Stage

__all__ = ["ping"]

# What is worth a place in the one line of a ping in which all is well.
_IN_LINE: Final = {"certificate": " ({})", "roster": " {}"}


@click.command(cls=Command, example="overlap ping beta-bank")
@click.argument("peer")
@click.option("--address", metavar="HOST:PORT", help="Where the peer is, instead of the roster's.")
@unlock_option
@pass_settings
def ping(settings: Settings, *, peer: str, address: str | None, unlock_file: Path | None) -> None:
    """
    Show how far you get with PEER.

    The steps are address, connection, certificate, roster, matching rules and budget. Nothing is
    asked and nothing is charged. With -v each step stands on a line of its own.
    """
    from psi.app.ping import ping_peer

    home = Home.open(home_path(settings))
    unlock = unlock_source(settings, home, unlock_file)
    stages = list(ping_peer(home.path, unlock, peer, address=address))
    failed = next((stage for stage in stages if stage.error is not None), None)
    passed = [stage for stage in stages if stage.error is None]
    if settings.json:
        if failed is None:
            steps = [{"name": stage.name, "seen": stage.text} for stage in passed]
            settings.screen.object("ping", {"peer": peer, "ok": True, "stages": steps})
    else:
        _show(settings, passed, failed)
    if failed is not None and failed.error is not None:
        failed.error.detail.setdefault("stage", failed.name)
        raise failed.error


def _show(settings: Settings, passed: list["Stage"], failed: "Stage | None") -> None:
    screen = settings.screen
    if settings.verbose:
        for stage in passed:
            screen.row("ok", f"{stage.name:14} {stage.text}".rstrip())
    elif passed:
        words = (
            f"{stage.name}{_IN_LINE.get(stage.name, '').format(stage.text)}" for stage in passed
        )
        screen.row("ok", ", ".join(words))
    if failed is not None:
        screen.row("FAIL", failed.name)

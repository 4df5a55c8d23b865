# SPDX-License-Identifier: Apache-2.0
"""`overlap demo`: two members on this machine."""

import sys

import click

from psi_cli._command import Command
from psi_cli._events import TerminalEvents
from psi_cli._settings import Settings, pass_settings

__all__ = ["demo"]


@click.command(cls=Command, example="overlap demo")
@click.option(
    "--member-a",
    multiple=True,
    metavar="PATH",
    help="A file or folder of the member who asks; may be repeated.",
)
@click.option(
    "--member-b", multiple=True, metavar="PATH", help="The same of the member who answers."
)
@click.pass_context
@pass_settings
def demo(
    settings: Settings,
    context: click.Context,
    *,
    member_a: tuple[str, ...],
    member_b: tuple[str, ...],
) -> None:
    """
    See a check between two members on this machine.

    They are separate processes with keys and certificates of their own, in a folder that is removed
    at the end. Without PATH the indicators are made up. Nothing leaves this machine.
    """
    from psi.app.demo import DemoRequest, run_demo

    request = DemoRequest(
        # -P: without it a click.py in the current folder would be run.
        command=(sys.executable, "-P", "-m", "psi_cli"),
        member_a=member_a,
        member_b=member_b,
        client_flags=_flags(settings),
    )
    with TerminalEvents(settings) as events:
        code = run_demo(request, events)
    # The check has said what there is to say, also why it failed.
    context.exit(code)


def _flags(settings: Settings) -> tuple[str, ...]:
    flags = ["--color", settings.color, *(["-v"] * settings.verbose)]
    if settings.json:
        flags.append("--json")
    if settings.quiet:
        flags.append("-q")
    return tuple(flags)

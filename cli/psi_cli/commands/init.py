# SPDX-License-Identifier: Apache-2.0
"""`overlap init`: an identity, a home for it, and the request to be enrolled."""

import os
import time
from pathlib import Path

import click

from psi.errors import UsageError
from psi.trust.unlock import KeyFileUnlock, PassphraseUnlock, UnlockSource, find_unlock_file
from psi_cli._command import Command
from psi_cli._format import tilde
from psi_cli._home import home_path, unlock_option
from psi_cli._settings import Settings, pass_settings
from psi_cli._tty import ask_secret

__all__ = ["init", "new_unlock", "passphrase_option", "say_unlock"]

passphrase_option = click.option(
    "--passphrase", is_flag=True, help="A passphrase, asked for on the terminal, opens the home."
)


@click.command(cls=Command, example="overlap init acme-corp --contact soc@acme.example")
@click.argument("name")
@click.option(
    "--role",
    default="member",
    show_default=True,
    metavar="ROLE[,ROLE]",
    help="What you ask to be: member, keyholder, operator, auditor.",
)
@click.option("--address", default="", metavar="HOST:PORT", help="Where peers reach you.")
@click.option("--contact", default="", metavar="TEXT", help="Whom people ask when it fails.")
@unlock_option
@passphrase_option
@pass_settings
def init(
    settings: Settings,
    *,
    name: str,
    role: str,
    address: str,
    contact: str,
    unlock_file: Path | None,
    passphrase: bool,
) -> None:
    """
    Make your keys and the request that the operator enrols.

    NAME is your name in the alliance: 1 to 63 lower-case letters, digits and inner dashes. Nothing
    is sent. One home is one identity in one alliance; --home DIR makes another.
    """
    from psi.app.init import initialise

    report = initialise(
        home_path(settings),
        name,
        unlock=new_unlock(settings, unlock_file, passphrase=passphrase),
        now_ms=time.time_ns() // 1_000_000,
        roles=role.split(","),
        address=address,
        contact=contact,
    )
    screen = settings.screen
    if settings.json:
        screen.object(
            "init",
            {
                "name": name,
                "home": str(report.home),
                "unlock_file": None if report.unlock_file is None else str(report.unlock_file),
                "request_file": str(report.request_file),
                "code": report.code,
            },
        )
        return
    screen.row("home", f"{tilde(report.home)}, readable by you alone")
    screen.row("unlock", say_unlock(report.unlock_file))
    screen.row("request", f"{report.request_file}: holds no secret, any channel will do")
    screen.row("your code", report.code)
    screen.next_step("send the request to the operator and read your code to them by phone")


def new_unlock(settings: Settings, unlock_file: Path | None, *, passphrase: bool) -> UnlockSource:
    """
    What shall open a new home.

    Raises:
        UsageError: Both were named, nobody can be asked, or the passphrases differ.
    """
    if not passphrase:
        return KeyFileUnlock(find_unlock_file(unlock_file, os.environ))
    if unlock_file is not None:
        raise UsageError(
            "--passphrase and --unlock-file exclude each other", hint="give one of them"
        )
    first = ask_secret(settings, "New passphrase", flag="--unlock-file FILE")
    if first != ask_secret(settings, "The same again", flag="--unlock-file FILE"):
        raise UsageError("the two passphrases differ; nothing was made", hint="run it again")
    return PassphraseUnlock(first)


def say_unlock(unlock_file: Path | None) -> str:
    """What opens a home, and what a person has to do about it."""
    if unlock_file is None:
        return "your passphrase opens it: nobody can restore it"
    return f"{tilde(unlock_file)} opens it: back it up, but not beside the home"

# SPDX-License-Identifier: Apache-2.0
"""`overlap serve`: let peers check against your indicators."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from psi.results.text import count, plural
from psi.trust.config import Config
from psi.trust.home import Home
from psi_cli._command import Command
from psi_cli._events import TerminalEvents
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._log import LogFormat, start_log
from psi_cli._set_options import files_argument, read_options, set_options, standard_input
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.serve import MemberServer

__all__ = ["serve"]


@click.command(cls=Command, example="overlap serve /srv/feeds --listen 127.0.0.1:9497")
@files_argument
@set_options
@click.option("--listen", metavar="HOST:PORT", help="Instead of overlap.toml's; port 0: any free.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="text or json, one line an event on stderr.",
)
@unlock_option
@pass_settings
def serve(
    settings: Settings,
    /,
    *,
    files: tuple[str, ...],
    listen: str | None,
    log_format: LogFormat,
    unlock_file: Path | None,
    **reading: Any,
) -> None:
    """
    Answer the checks of your peers, in the foreground.

    A peer learns which of its own indicators you hold, and your set size, rounded up. policy.toml
    says who may ask and how much. SIGTERM and Ctrl-C end it; SIGHUP reads policy, roster and files
    anew.
    """
    from psi.app.serve import ServeRequest, run_server

    start_log(settings, log_format)
    home = Home.open(home_path(settings))
    request = ServeRequest(
        home=home.path,
        unlock=unlock_source(settings, home, unlock_file),
        paths=files,
        options=read_options(**reading),
        listen=listen,
        stdin=standard_input(files),
    )
    where = listen or Config.load(home.config_path).listen
    with TerminalEvents(settings) as events:

        def say_ready(server: "MemberServer", port: int) -> None:
            address = f"{where.rpartition(':')[0]}:{port}"
            peers = server.peers_that_may_ask
            if settings.json:
                # One object when it begins to answer; a supervisor waits for it.
                settings.screen.object(
                    "serving", {"listen": address, "peers": peers, "bucket": server.bucket}
                )
            sees = "it sees" if len(peers) == 1 else "they see"
            events.note(
                "serving",
                f'{plural(len(peers), "peer")} may ask; {sees} "at most {count(server.bucket)}";'
                f" listening on {address}, Ctrl-C ends",
            )

        run_server(request, events, on_ready=say_ready)

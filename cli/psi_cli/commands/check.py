# SPDX-License-Identifier: Apache-2.0
"""`overlap check`: which of your indicators a peer also holds."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from psi.errors import UsageError
from psi.results.table import MORE
from psi.results.text import si_bytes
from psi.trust.home import Home
from psi_cli._command import Command
from psi_cli._events import TerminalEvents
from psi_cli._format import duration
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._output import Output, output_options, writing_of
from psi_cli._set_options import (
    files_argument,
    input_paths,
    read_options,
    set_options,
    standard_input,
)
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.check import CheckReport
    from psi.results.result import CheckResult

__all__ = ["check", "parse_seconds", "proved"]

_LENGTH: Final = re.compile(r"(\d{1,6})(s|m|min|h)?")


@click.command(cls=Command, example="overlap check beta-bank /srv/feeds -o matches.csv")
@click.argument("peer")
@files_argument
@set_options
@output_options
@click.option("--dry-run", is_flag=True, help="Say what would happen and what it would cost.")
@click.option("--new", is_flag=True, help="Do not continue an unfinished run with this peer.")
@click.option("--address", metavar="HOST:PORT", help="Where the peer is, instead of the roster's.")
@click.option("--timeout", metavar="10m", help="Give up after so long without an answer.")
@click.option("--no-save", is_flag=True, help="Keep neither the result nor the receipt.")
@unlock_option
@pass_settings
def check(
    settings: Settings,
    /,
    *,
    peer: str,
    files: tuple[str, ...],
    dry_run: bool,
    new: bool,
    address: str | None,
    timeout: str | None,
    no_save: bool,
    unlock_file: Path | None,
    **options: Any,
) -> None:
    """
    Find out which of your indicators PEER also holds.

    FILE is a file or a folder; - is standard input; none stands for the set in overlap.toml. PEER
    learns that you checked and your set size, rounded up, and no indicator. A run that was cut
    short is continued by the same command; nothing is charged twice.
    """
    from psi.app.check import CheckRequest, run_check

    inputs = [*input_paths(files), *([] if unlock_file is None else [unlock_file])]
    output = Output.choose(settings, inputs, **writing_of(options))
    home = Home.open(home_path(settings))
    request = CheckRequest(
        home=home.path,
        unlock=unlock_source(settings, home, unlock_file),
        peer=peer,
        paths=files,
        options=read_options(**options),
        stdin=standard_input(files),
        address=address,
        timeout_s=None if timeout is None else parse_seconds("--timeout", timeout),
        dry_run=dry_run,
        new=new,
        save=not no_save,
    )
    settings.kept = "state is kept"
    with TerminalEvents(settings) as events:
        report = run_check(request, events)
    if report is not None:
        try:
            output.write(settings, report.result, more=_more(report))
        finally:
            # Also when the file could not be written: then it matters that the result was saved.
            _say_after(settings, report)
    elif settings.json:
        settings.screen.object("preview", {"peer": peer, "said": events.said})


def _more(report: "CheckReport") -> str:
    """How to see all matches without a second check, which would cost budget again."""
    if report.saved is None:
        return MORE
    return f"`overlap result show {report.result.run} --list {{}}`"


def _say_after(settings: Settings, report: "CheckReport") -> None:
    screen, result = settings.screen, report.result
    screen.note("proved", proved(result))
    if report.saved is not None:
        kept = duration(report.kept_for_s)
        screen.note("saved", f"run {result.run} with its receipt, for {kept}")
        if result.count:
            screen.next_step(f"overlap result export {result.run} --format misp -o tags.json")


def proved(result: "CheckResult") -> str:
    """What was verified, and what it took."""
    parts = f"all {result.parts} parts were" if result.parts > 1 else "the only part was"
    moved = si_bytes(sum(result.bytes.values()))
    return (
        f"{parts} answered with the key that {result.server} signed for;"
        f" {duration(result.seconds.get('total', 0.0))}, {moved}"
    )


def parse_seconds(flag: str, text: str) -> float:
    """
    A length of time: 90, 90s, 10m, 2h.

    Raises:
        UsageError: It is none, or nothing.
    """
    match = _LENGTH.fullmatch(text)
    unit = {"h": 3600, "m": 60, "min": 60}.get(match[2] or "s", 1) if match else 0
    seconds = int(match[1]) * unit if match else 0
    if not seconds:
        raise UsageError(f"{flag}: expected a length of time, as in 90s, 10m or 2h")
    return float(seconds)

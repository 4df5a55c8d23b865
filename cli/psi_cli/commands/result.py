# SPDX-License-Identifier: Apache-2.0
"""`overlap result`: the checks that were saved; nothing is asked of anybody."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from psi.results.diff import compare, stream_diff, summary_of
from psi.results.formats import defanged_match
from psi.results.text import count, shorten
from psi.trust.config import Config
from psi.trust.home import Home
from psi_cli._command import Group
from psi_cli._format import date, moment
from psi_cli._home import home_path
from psi_cli._output import Output, output_options, writing_of
from psi_cli._print import stdout_width
from psi_cli._settings import Settings, pass_settings
from psi_cli._tty import confirm

if TYPE_CHECKING:
    from psi.app.results import SavedRun

__all__ = ["result"]


@click.group(cls=Group)
def result() -> None:
    """
    The checks that you have saved.

    RUN is last, or six or more of the first characters of a run's id.
    """


@result.command("list", example="overlap result list")
@pass_settings
def list_runs(settings: Settings) -> None:
    """Show every saved check, the newest first."""
    from psi.app.results import saved_runs

    runs = saved_runs(_home(settings))
    screen = settings.screen
    if settings.json:
        screen.object("results", {"runs": [_fields(run) for run in runs]})
        return
    if not runs:
        screen.note("", "no check is saved; `overlap check PEER FILE...` saves one")
        return
    screen.out("".join(f"{line}\n" for line in _rows(runs, screen.dim)))


@result.command(example="overlap result show last")
@click.argument("run")
@output_options
@pass_settings
def show(settings: Settings, /, *, run: str, **options: Any) -> None:
    """Show a saved check as `check` has shown it."""
    output = Output.choose(settings, (), **writing_of(options))
    _write(settings, run, output)


@result.command(example="overlap result export last --format misp -o tags.json")
@click.argument("run")
@output_options
@pass_settings
def export(settings: Settings, /, *, run: str, **options: Any) -> None:
    """
    Write a saved check for another program, as JSON unless a format is named.

    The audit log has a record of it.
    """
    output = Output.choose(settings, (), default="json", **writing_of(options))
    _write(settings, run, output, exported=True)


@result.command(example="overlap result diff 5b20c7 last")
@click.argument("before")
@click.argument("after")
@output_options
@pass_settings
def diff(settings: Settings, /, *, before: str, after: str, **options: Any) -> None:
    """
    Show what is new and what is gone between two saved checks.

    BEFORE and AFTER are RUNs. stix and misp write what is new.
    """
    from psi.app.results import find_run, load_run

    output = Output.choose(settings, (), **writing_of(options))
    home = _home(settings)
    runs = [find_run(home, word) for word in (before, after)]
    found = compare(*(load_run(run) for run in runs))
    if found.before.profile != found.after.profile:
        settings.screen.failure(
            "warning", "the matching rules of these runs differ: a value may stand in two forms"
        )
    if output.defang:
        found = replace(
            found,
            new=tuple(map(defanged_match, found.new)),
            gone=tuple(map(defanged_match, found.gone)),
        )
    width, rows = output.shape()
    pieces = stream_diff(
        found,
        output.form,
        width=width,
        rows=rows,
        dim=settings.screen.dim if output.on_screen else str,
        sightings=output.sightings,
    )
    output.put(settings, pieces, summary_of(found))


@result.command(example="overlap result delete 7c41f09be2")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Delete without a question.")
@pass_settings
def delete(settings: Settings, *, runs: tuple[str, ...], yes: bool) -> None:
    """Delete saved checks and their receipts."""
    from psi.app.results import delete_runs, find_runs

    home = _home(settings)
    found = find_runs(home, runs)
    named = ", ".join(f"{run.run} ({run.peer}, {run.date})" for run in found)
    what = "its receipt" if len(found) == 1 else "their receipts"
    question = f"Delete {named} with {what}?"
    if not yes and not confirm(settings, question, flag="--yes"):
        settings.screen.note("kept", "nothing was deleted")
        return
    delete_runs(home, found)
    if settings.json:
        settings.screen.object("result-delete", {"deleted": [run.run for run in found]})
    else:
        settings.screen.row("deleted", f"{named}, with {what}")


def _home(settings: Settings) -> Home:
    return Home.open(home_path(settings))


def _write(settings: Settings, word: str, output: Output, *, exported: bool = False) -> None:
    from psi.app.auditing import note_export
    from psi.app.clock import Clock
    from psi.app.results import find_run, load_run

    home = _home(settings)
    run = find_run(home, word)
    found = load_run(run)
    if exported:
        note_export(home, Clock().now_ms, run.run, output.form)
    output.write(settings, found)
    keep_s = Config.load(home.config_path).check.keep_results_s
    kept = f", to {date(run.started_s + keep_s)}" if keep_s else ""
    settings.screen.note("saved", f"run {run.run} of {_when(run)} with its receipt{kept}")


def _when(run: "SavedRun") -> str:
    return run.date if run.summary is None else moment(run.started_s)


def _rows(runs: "list[SavedRun]", dim: Callable[[str], str]) -> Iterator[str]:
    """A line for each run; on a terminal a long name of a peer loses its middle."""
    width = max(len("with"), *(len(run.peer) for run in runs))
    columns = stdout_width()
    if columns is not None:
        # The others take 58.
        width = min(width, max(8, columns - 58))
    yield f"{'run':10}  {'started':20}  {'with':{width}}  {'matching':>9}  {'yours':>9}"
    for run in runs:
        left = f"{dim(run.run)}  {_when(run):20}  {shorten(run.peer, width):{width}}"
        if run.summary is None:
            yield f"{left}  {'damaged':>9}"
        else:
            yours = count(run.summary.sizes.client)
            yield f"{left}  {count(run.summary.count):>9}  {yours:>9}"


def _fields(run: "SavedRun") -> dict[str, object]:
    summary = run.summary
    fields: dict[str, object] = {"run": run.run, "server": run.peer, "path": str(run.path)}
    if summary is None:
        return {**fields, "damaged": True}
    return {
        **fields,
        "damaged": False,
        "session": summary.session,
        "client": summary.client,
        "started_at": summary.started_at,
        "count": summary.count,
        "client_size": summary.sizes.client,
        "by_kind": summary.by_kind,
    }

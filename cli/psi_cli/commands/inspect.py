# SPDX-License-Identifier: Apache-2.0
"""`overlap inspect`: what of some files can be used, and what not."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from psi.indicators import FILTER_TEXT, REASON_TEXT, Rejected
from psi.results.csv_table import csv_cell
from psi.results.files import OutputFile
from psi.results.table import KIND_LABELS
from psi.results.text import cell_width, count, escape, plural, shorten
from psi_cli._command import Command
from psi_cli._events import TerminalEvents
from psi_cli._home import home_path, protected_paths
from psi_cli._print import stdout_width
from psi_cli._set_options import (
    files_argument,
    input_paths,
    read_options,
    set_options,
    standard_input,
)
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.inspect import InspectReport
    from psi.indicators import ReadReport

__all__ = ["inspect"]

_POSITIONS = 3


@click.command(cls=Command, example="overlap inspect feeds/ --rejected rejected.csv")
@files_argument
@set_options
@click.option(
    "--rejected",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write each rejected value with its reason and place, as CSV.",
)
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@pass_settings
def inspect(
    settings: Settings,
    /,
    *,
    files: tuple[str, ...],
    rejected: Path | None,
    force: bool,
    **reading: Any,
) -> None:
    """
    Show what of your files a check would use; nothing is sent.

    FILE is a file or a folder; - is standard input; none stands for the set in overlap.toml. The
    format is told by the content. Without a home the default rules hold.
    """
    from psi.app.inspect import inspect_files

    options = read_options(**reading)
    inputs = [*input_paths(files), *protected_paths(settings)]
    with (
        _rejected_file(rejected, force=force, inputs=inputs) as on_reject,
        TerminalEvents(settings) as events,
    ):
        report = inspect_files(
            home_path(settings),
            files,
            options,
            events,
            stdin=standard_input(files),
            on_reject=on_reject,
        )
    if settings.json:
        settings.screen.object("inspect", _fields(report))
    else:
        settings.screen.out("".join(f"{line}\n" for line in _lines(settings, report)))
    if rejected is not None:
        n = count(report.found.report.n_rejected)
        settings.screen.note("wrote", f"{rejected} ({n} rejected values)")


@contextmanager
def _rejected_file(
    path: Path | None, *, force: bool, inputs: list[Path]
) -> Iterator[Callable[[Rejected], None] | None]:
    if path is None:
        yield None
        return
    with OutputFile(path, force=force, inputs=inputs) as file:
        file.write(_csv_row("reason", "as_written", "file", "line", "id"))
        yield lambda value: file.write(
            _csv_row(
                str(value.reason),
                csv_cell(value.as_written),
                csv_cell(value.position.file),
                str(value.position.line),
                csv_cell(value.position.id),
            )
        )


def _csv_row(*cells: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _lines(settings: Settings, report: "InspectReport") -> Iterator[str]:
    dim = settings.screen.dim
    read = report.found.report
    yield _summary(read)
    kinds = report.found.kind_counts()
    if kinds:
        yield ""
        yield from _table(
            "kind",
            [
                (KIND_LABELS.get(kind, kind), n, [])
                for kind, n in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
            ],
            dim,
        )
    if read.rejected or read.filtered:
        yield ""
        yield from _table("not used", _unused(settings, read), dim)
    if flags := report.found.flags:
        rows = sorted((escape(name), len(rows), list[str]()) for name, rows in flags.items())
        yield ""
        yield from _table("on warninglists", rows, dim)
    if read.damaged or read.skipped or read.left_out:
        yield ""
        yield from (_row(dim, label, text) for label, text in _files(settings, read))
    yield ""
    if levels := report.found.tlp_counts():
        marked = ", ".join(f"{count(n)} {level}" for level, n in levels.items())
        yield _row(dim, "tlp", f"{marked}; the rest is unmarked")
    if report.bucket is not None:
        yield _row(dim, "shown as", f"{count(report.bucket)}: what a peer learns of its size")
    yield _row(dim, "rules", _rules(report))


def _files(settings: Settings, read: "ReadReport") -> Iterator[tuple[str, str]]:
    """What became of files as a whole; those that are skipped for one reason share a line."""
    for damage in read.damaged:
        yield "damaged", f"{escape(damage.file)} {escape(damage.what)}"
    by_reason: dict[str, list[str]] = {}
    for skipped in read.skipped:
        by_reason.setdefault(skipped.why, []).append(skipped.file)
    for why, files in by_reason.items():
        if settings.verbose or len(files) == 1:
            yield from (("skipped", f"{escape(file)}: {escape(why)}") for file in files)
        else:
            first = f"{count(len(files))} files from {escape(files[0])} on"
            yield "skipped", f"{first}: {escape(why)} (-v names them)"
    if read.left_out:
        yield "left out", f"{plural(read.left_out, 'file')} by name (LICENSE, README, hidden)"


def _summary(read: "ReadReport") -> str:
    files = "1 file" if len(read.files) == 1 else f"{count(len(read.files))} files"
    parts = [f"{count(read.to_use)} to use", plural(read.duplicates, "duplicate")]
    if read.n_filtered:
        parts.append(f"{count(read.n_filtered)} left out")
    parts.append(f"{count(read.n_rejected)} rejected")
    return f"{count(read.values_read)} values in {files}: {', '.join(parts)}"


_Row = tuple[str, int, list[str]]


def _unused(settings: Settings, read: "ReadReport") -> list[_Row]:
    limit = None if settings.verbose else _POSITIONS
    rows: list[_Row] = []
    for reason, n in sorted(read.rejected.items(), key=lambda item: (-item[1], item[0])):
        places = [str(place) for place in read.first_positions.get(reason, ())[:limit]]
        rows.append((REASON_TEXT[reason], n, places))
    for name, n in sorted(read.filtered.items(), key=lambda item: (-item[1], item[0])):
        by_kind = f"{KIND_LABELS.get(name, name)}: kind not asked for"
        rows.append((FILTER_TEXT.get(name, by_kind), n, []))
    return rows


def _table(heading: str, rows: list[_Row], dim: Callable[[str], str]) -> Iterator[str]:
    left = max(16, len(heading), *(len(label) for label, _, _ in rows))
    middle = max(len("values"), *(len(count(n)) for _, n, _ in rows))
    width = stdout_width()
    room = None if width is None else max(20, width - left - middle - 5)
    headed = any(places for _, _, places in rows)
    yield f"{heading:{left}}  {'values':>{middle}}{'  first at' if headed else ''}"
    for label, n, places in rows:
        yield f"{dim(f'{label:{left}}')}  {count(n):>{middle}}  {_places(places, n, room)}".rstrip()


def _places(places: list[str], n: int, room: int | None) -> str:
    """The places that fit; the first one always, on a terminal without its middle."""
    if not places:
        return ""
    shown = places[0] if room is None else shorten(places[0], room)
    fitted = 1
    for place in places[1:]:
        if room is not None and cell_width(shown) + len(place) + len(", , ...") > room:
            break
        shown, fitted = f"{shown}, {place}", fitted + 1
    full = room is not None and cell_width(shown) + len(", ...") > room
    return shown if fitted >= n or full else f"{shown}, ..."


def _row(dim: Callable[[str], str], label: str, text: str) -> str:
    return f"{dim(f'{label:10} ')}{text}"


def _rules(report: "InspectReport") -> str:
    profile = report.found.profile
    expand = f"/{profile.expand_v4}" if profile.expand_v4 else "none"
    options = f"fold_https {_word(profile.fold_https)}, derive_host {_word(profile.derive_host)}"
    digest = report.profile_digest.hex()[:16]
    return f"version {profile.version}, {options}, expand_v4 {expand}; digest {digest}"


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _fields(report: "InspectReport") -> dict[str, object]:
    profile = report.found.profile
    return {
        **report.found.report.summary(),
        "by_kind": report.found.kind_counts(),
        "by_tlp": report.found.tlp_counts(),
        "warninglists": {name: len(rows) for name, rows in report.found.flags.items()},
        "bucket": report.bucket,
        "rules": {
            "version": profile.version,
            "fold_https": profile.fold_https,
            "derive_host": profile.derive_host,
            "expand_v4": profile.expand_v4,
        },
        "profile": report.profile_digest.hex(),
    }

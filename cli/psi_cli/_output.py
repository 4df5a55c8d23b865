# SPDX-License-Identifier: Apache-2.0
"""Where a result goes and in which format: the terminal, a pipe, or a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import click

from psi.errors import UsageError
from psi.results.files import OutputFile, check_output
from psi.results.formats import FOR_IMPORT, FORMATS, Format, blocks, defanged, format_of, stream
from psi.results.result import CheckResult
from psi.results.table import MORE, TERMINAL_ROWS, headline, stream_table
from psi_cli._home import protected_paths
from psi_cli._print import stdout_width
from psi_cli._settings import Settings

__all__ = ["Output", "output_options", "writing_of"]

_NAMES: Final = ("form", "as_csv", "output", "force", "defang", "sightings", "rows")

_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        metavar="FORMAT",
        help=f"One of {', '.join(FORMATS)}; --csv and --json for short.",
    ),
    click.option("--csv", "as_csv", is_flag=True, help="The same as --format csv."),
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write to FILE, whole or not at all, for you alone; the suffix names the format.",
    ),
    click.option("--force", is_flag=True, help="Replace FILE if it exists."),
    click.option("--defang", is_flag=True, help="Write hxxp:// and [.] so that nothing is a link."),
    click.option(
        "--sightings", is_flag=True, help="With misp: a sighting too; MISP may synchronise it."
    ),
    click.option(
        "--list",
        "rows",
        type=click.IntRange(min=0),
        metavar="N",
        help=f"Show N matches on the terminal instead of {TERMINAL_ROWS}; a pipe gets all.",
    ),
)


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; `Output.choose` takes them together."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def writing_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take these options out of all those of a command."""
    return {name: options.pop(name) for name in _NAMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What was asked for; made before the work begins, so that a mistake costs nothing."""

    path: Path | None
    form: Format
    force: bool
    defang: bool
    sightings: bool
    rows: int | None
    inputs: tuple[Path, ...]

    @classmethod
    def choose(
        cls,
        settings: Settings,
        inputs: Iterable[Path],
        *,
        form: Format | None,
        as_csv: bool,
        output: Path | None,
        force: bool,
        defang: bool,
        sightings: bool,
        rows: int | None,
        default: Format = "table",
    ) -> Self:
        """
        The format is the one named, else that of the file's suffix, else JSON with `--json`.

        Args:
            settings: Of this call.
            inputs: What is read, and is never written over; nor is anything of the home.
            form, as_csv, output, force, defang, sightings, rows: As they were typed.
            default: The format when nothing says which.

        Raises:
            UsageError: Two formats were named, the file's name tells none, or a flag is not for
                this format.
            StorageError: The file exists, or is none that can be written.
        """
        named = {name for name in (form, "csv" if as_csv else None) if name is not None}
        # With a file `--json` is not its format: the suffix is, and failures are JSON.
        asked = named | ({"json"} if settings.json and output is None else set())
        if len(asked) > 1:
            raise UsageError(
                f"two formats were named: {', '.join(sorted(asked))}",
                hint="give one of --format, --csv and --json",
            )
        inputs = tuple(inputs)
        if output is not None:
            inputs += tuple(protected_paths(settings))
            check_output(output, force=force, inputs=inputs)
        chosen: Format = "csv" if as_csv else form or ("json" if settings.json else default)
        if output is not None and not named:
            chosen = format_of(output)
        if defang and chosen in FOR_IMPORT:
            raise UsageError(
                f"--defang: {chosen} is read by programs, which would find nothing",
                hint="leave out --defang, or name another format",
            )
        if sightings and chosen != "misp":
            raise UsageError(
                f"--sightings: expected the format misp, got {chosen}",
                hint="add `--format misp`, or leave out --sightings",
            )
        return cls(
            path=output,
            form=chosen,
            force=force,
            defang=defang,
            sightings=sightings,
            rows=rows,
            inputs=inputs,
        )

    @property
    def on_screen(self) -> bool:
        """Whether it is a table for stdout."""
        return self.path is None and self.form == "table"

    def shape(self) -> tuple[int | None, int | None]:
        """Columns and rows of a table; None where nothing is shortened or left out."""
        if not self.on_screen:
            return None, None
        width = stdout_width()
        return width, TERMINAL_ROWS if self.rows is None and width is not None else self.rows

    def write(self, settings: Settings, result: CheckResult, *, more: str = MORE) -> None:
        """
        Put the result where it was asked for; `more` tells how to see what a screen leaves out.

        Raises:
            StorageError: The file or stdout does not take it.
        """
        shown = defanged(result) if self.defang else result
        if self.on_screen:
            width, rows = self.shape()
            dim = settings.screen.dim
            pieces = stream_table(shown, width=width, rows=rows, dim=dim, more=more)
        else:
            pieces = stream(shown, self.form, sightings=self.sightings)
        self.put(settings, pieces, headline(result))

    def put(self, settings: Settings, pieces: Iterable[str], said: str) -> None:
        """
        Write text to the file or to stdout, a block at a time; of a file, say what it holds.

        Raises:
            StorageError: The file or stdout does not take it.
        """
        screen = settings.screen
        if self.path is None:
            for block in blocks(pieces):
                screen.out(block)
            return
        with OutputFile(self.path, force=self.force, inputs=self.inputs) as file:
            for block in blocks(pieces):
                file.write(block.encode("utf-8", "backslashreplace"))
        screen.note("wrote", f"{self.path}: {said}")

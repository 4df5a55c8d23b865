# SPDX-License-Identifier: Apache-2.0
"""Where a result goes and in which format: the terminal, a pipe, or a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click

from psi.errors import UsageError
from psi.results.files import check_output, write_output
from psi.results.formats import FORMATS, Format, defanged, format_of, render
from psi.results.result import CheckResult
from psi.results.table import TERMINAL_ROWS, headline, render_table
from psi_cli._print import stdout_width
from psi_cli._settings import Settings

__all__ = ["Output", "output_options"]

_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        metavar="FORMAT",
        help="table, csv or json; --csv and --json for short.",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What was asked for; made before the work begins, so that a mistake costs nothing."""

    path: Path | None
    form: Format
    force: bool
    defang: bool
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
        rows: int | None,
    ) -> Self:
        """
        The format is the one named, else that of the file's suffix, else JSON with `--json`.

        Raises:
            UsageError: Two formats were named, or the file's name tells none.
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
            check_output(output, force=force, inputs=inputs)
        chosen: Format = "csv" if as_csv else form or ("json" if settings.json else "table")
        if output is not None and not named:
            chosen = format_of(output)
        return cls(path=output, form=chosen, force=force, defang=defang, rows=rows, inputs=inputs)

    def write(self, settings: Settings, result: CheckResult) -> None:
        """
        Put the result where it was asked for.

        Raises:
            StorageError: The file or stdout does not take it.
        """
        shown = defanged(result) if self.defang else result
        screen = settings.screen
        if self.path is not None:
            data = render(shown, self.form).encode("utf-8", "backslashreplace")
            write_output(self.path, data, force=self.force, inputs=self.inputs)
            screen.note("wrote", f"{self.path}: {headline(result)}")
            return
        if self.form != "table":
            screen.out(render(shown, self.form))
            return
        width = stdout_width()
        rows = self.rows if self.rows is not None or width is None else TERMINAL_ROWS
        screen.out(render_table(shown, width=width, rows=rows, dim=screen.dim))

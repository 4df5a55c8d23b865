# SPDX-License-Identifier: Apache-2.0
"""
Commands and groups that take the global options before and after their name.

The options are parsed by click like any other, so `-o --json` still names a file; each of their
callbacks fills the one `Settings` of this call.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from psi.errors import UsageError
from psi.trust.names import did_you_mean
from psi_cli._settings import Settings
from psi_cli._version import show_version

__all__ = ["Command", "Group"]

_EVERYWHERE: Final = "--home DIR, --json, -v, -vv, -q, --color WHEN, --version"


def _set_home(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Settings).home = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).json = True


def _add_verbosity(context: click.Context, _: click.Parameter, value: int) -> None:
    context.ensure_object(Settings).verbose += value


def _set_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).quiet = True


def _set_color(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value in ("auto", "always", "never"):
        context.ensure_object(Settings).color = value  # type: ignore[assignment]  # just compared


class _VersionOption(click.Option):
    """Shows the version before arguments are missed, and knows of a `-v` beside it."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        if opts.get("show_version") and not ctx.resilient_parsing:
            settings = ctx.ensure_object(Settings)
            verbose = settings.verbose + (opts.get("add_verbosity") or 0)
            show_version(settings, verbose=bool(verbose), as_json=bool(opts.get("set_json")))
            ctx.exit()
        return super().handle_parse_result(ctx, opts, args)


def _global_options(*, hidden: bool) -> list[click.Option]:
    common: dict[str, Any] = {"expose_value": False, "hidden": hidden}
    return [
        click.Option(
            ["--home", "set_home"],
            type=click.Path(path_type=Path),
            metavar="DIR",
            callback=_set_home,
            help="The home folder, one identity in one alliance [OVERLAP_HOME].",
            **common,
        ),
        click.Option(
            ["--json", "set_json"],
            is_flag=True,
            callback=_set_json,
            help="One JSON object on stdout; a failure ends stderr with one.",
            **common,
        ),
        click.Option(
            ["-v", "add_verbosity"],
            count=True,
            callback=_add_verbosity,
            help="Say more; -vv shows where an error came from.",
            **common,
        ),
        click.Option(
            ["-q", "set_quiet"],
            is_flag=True,
            callback=_set_quiet,
            help="Say nothing but the result and errors.",
            **common,
        ),
        click.Option(
            ["--color", "set_color"],
            type=click.Choice(["auto", "always", "never"]),
            metavar="WHEN",
            callback=_set_color,
            help="auto, always or never [NO_COLOR, FORCE_COLOR].",
            **common,
        ),
        _VersionOption(
            ["--version", "show_version"],
            is_flag=True,
            is_eager=True,
            help="Show the version; with -v also the kernel and the libraries.",
            **common,
        ),
    ]


class Command(click.Command):
    """A command whose help ends in an example that works when pasted."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.params.extend(_global_options(hidden=True))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of every command in one line, then the example."""
        _write_end(formatter, ("Everywhere", _EVERYWHERE), ("Example", self.example))


def _write_end(formatter: click.HelpFormatter, *parts: tuple[str, str]) -> None:
    for heading, text in parts:
        formatter.write_paragraph()
        formatter.write(f"{heading}:\n  {text}\n")


class Group(click.Group):
    """A group that keeps the order of its commands and guesses what was meant."""

    command_class = Command

    def __init__(self, *args: Any, root: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})
        self._root = root
        self.params.extend(_global_options(hidden=not root))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """An example for the whole program; else the options of every command in one line."""
        if self._root:
            _write_end(formatter, ("Example", "overlap demo"))
        else:
            _write_end(formatter, ("Everywhere", _EVERYWHERE))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added: that of a first day."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands and not ctx.resilient_parsing:
            raise UsageError(
                f"no command {ctx.command_path} {name}{did_you_mean(name, self.commands)}",
                hint=f"`{ctx.command_path} --help` lists the commands",
            )
        return super().resolve_command(ctx, args)

# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md, made from the help texts: `python -m psi_cli._docs > docs/commands.md`."""

import sys
from collections.abc import Iterator
from typing import Final

import click

from psi_cli.main import cli

__all__ = ["commands_page"]

_WIDTH: Final = 88
_HEAD: Final = """\
# Commands

Made from `overlap COMMAND --help`; change the texts there, then run `make docs`. The global
options stand before or after the command. Exit codes and failures: [errors.md](errors.md).
"""


def commands_page() -> str:
    """The whole page: a heading and a help text for `overlap` and for every command."""
    pages = [_HEAD]
    for path, text in _help_texts(cli, None, "overlap"):
        pages.append(f"## {path}\n\n```text\n{text}\n```\n")
    return "\n".join(pages)


def _help_texts(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    lines = command.get_help(context).splitlines()
    yield context.command_path, "\n".join(line.rstrip() for line in lines)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from _help_texts(command.commands[child], context, child)


if __name__ == "__main__":
    sys.stdout.write(commands_page())

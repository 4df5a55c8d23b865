# SPDX-License-Identifier: Apache-2.0
"""The reference pages say what the program does."""

import re

import click
import pytest
from cli.support import REPOSITORY, overlap

from psi.errors import SLUGS
from psi_cli._docs import commands_page
from psi_cli.main import cli

ERRORS = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")


def _paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = command.commands.items() if isinstance(command, click.Group) else ()
    return [path, *(p for name, child in children for p in _paths(child, (*path, name)))]


def test_commands_page_expect_what_the_program_says() -> None:
    """`make docs` writes it anew."""
    page = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == commands_page()


@pytest.mark.parametrize("path", _paths(cli), ids=" ".join)
def test_help_of_every_command_expect_it_fits_and_ends_in_an_example(path: tuple[str, ...]) -> None:
    text = overlap(*path, "--help").stdout
    assert all(len(line) <= 80 for line in text.splitlines())
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    if not isinstance(command, click.Group):
        assert text.splitlines()[-2] == "Example:"
        assert text.splitlines()[-1].startswith(f"  overlap {' '.join(path)}")


def test_short_help_of_every_command_expect_a_whole_sentence() -> None:
    assert not re.search(r"^  [a-z]+ .*\.\.\.$", commands_page(), re.MULTILINE)


def test_headings_of_the_errors_page_expect_every_slug_once() -> None:
    assert sorted(re.findall(r"^### (\S+)$", ERRORS, re.MULTILINE)) == sorted(SLUGS)


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_slug_on_the_errors_page_expect_its_exit_code_and_end(slug: str) -> None:
    section = ERRORS.split(f"### {slug}\n")[1].split("\n#")[0]
    outcome = SLUGS[slug]
    assert f"\nExit {outcome.exit_code}, end `{outcome.end}`. " in section
    assert "**What to do**: " in section


def test_commands_named_on_the_errors_page_expect_they_exist() -> None:
    named = re.findall(r"`overlap ([a-z]+)(?: ([a-z]+))?", ERRORS)
    assert named
    for first, second in named:
        command = cli.commands[first]
        assert not isinstance(command, click.Group) or second in command.commands

# SPDX-License-Identifier: Apache-2.0
"""The options of every command that reads indicators, and the files it reads."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

from psi.errors import UsageError
from psi.indicators import DEFAULT_KINDS, STDIN, ReadOptions, parse_kinds

__all__ = ["files_argument", "input_paths", "read_options", "set_options", "standard_input"]

_OPTIONS = (
    click.option(
        "--kinds",
        metavar="KIND,...",
        help="Only these: ip, cidr, domain, url, email, hash, jarm, ja4, cve.",
    ),
    click.option("--allow-reserved", is_flag=True, help="Also private addresses and local names."),
    click.option(
        "--input-format",
        metavar="FORMAT",
        help="text or csv, instead of what the content says.",
    ),
    click.option("--value-column", metavar="NAME", help="The CSV column of values, or its number."),
    click.option("--type-column", metavar="NAME", help="The CSV column of types, or its number."),
    click.option("--strict", is_flag=True, help="Stop at the first damaged record."),
    click.option(
        "--keep-going", is_flag=True, help="Use what is readable of a damaged or cut file."
    ),
)

files_argument = click.argument("files", metavar="[FILE]...", nargs=-1)


def set_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; they arrive together as `**reading` for `read_options`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_options(
    *,
    kinds: str | None,
    allow_reserved: bool,
    input_format: str | None,
    value_column: str | None,
    type_column: str | None,
    strict: bool,
    keep_going: bool,
) -> ReadOptions:
    """
    The options as the readers take them.

    Raises:
        UsageError: A kind or a format is unknown, or two options exclude each other.
    """
    if strict and keep_going:
        raise UsageError(
            "--strict and --keep-going exclude each other",
            hint="--strict stops at damage, --keep-going goes past it",
        )
    return ReadOptions(
        kinds=DEFAULT_KINDS if kinds is None else parse_kinds(kinds.split(",")),
        allow_reserved=allow_reserved,
        input_format=input_format,
        value_column=value_column,
        type_column=type_column,
        strict=strict,
        keep_going=keep_going,
    )


def standard_input(files: tuple[str, ...]) -> BinaryIO | None:
    """The bytes of stdin when a file is `-`."""
    return sys.stdin.buffer if STDIN in files else None


def input_paths(files: tuple[str, ...]) -> list[Path]:
    """The files and folders that are read, so that no output replaces one of them."""
    return [Path(file) for file in files if file != STDIN]

# SPDX-License-Identifier: Apache-2.0
"""The options of every command that reads indicators, and the files it reads."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from psi.errors import UsageError
from psi.indicators import (
    DEFAULT_KINDS,
    STDIN,
    Filters,
    ReadOptions,
    Tlp,
    Warninglists,
    load_warninglists,
    parse_kinds,
)

__all__ = ["files_argument", "input_paths", "read_options", "set_options", "standard_input"]

_AGE: Final = re.compile(r"(\d{1,5})([hdw])")
_UNITS: Final = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}

_OPTIONS = (
    click.option(
        "--kinds",
        metavar="KIND,...",
        help="Only these: ip, cidr, domain, url, email, hash, jarm, ja4, cve.",
    ),
    click.option("--allow-reserved", is_flag=True, help="Also private addresses and local names."),
    click.option(
        "--tlp-max",
        metavar="LEVEL",
        help="Strictest marking that takes part: clear, green, amber, amber+strict or red.",
    ),
    click.option("--max-age", metavar="180d", help="Only what is younger, where a time is known."),
    click.option("--to-ids", is_flag=True, help="Of MISP, only what is meant for detection."),
    click.option(
        "--warninglists",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Flag what stands on MISP warninglists below DIR.",
    ),
    click.option(
        "--drop-warninglist",
        metavar="NAME",
        multiple=True,
        help="Leave out what stands on this one; again for another.",
    ),
    click.option(
        "--input-format",
        metavar="FORMAT",
        help="text, csv, misp, misp-csv, stix or openioc, instead of what the content says.",
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
    tlp_max: str | None,
    max_age: str | None,
    to_ids: bool,
    warninglists: Path | None,
    drop_warninglist: tuple[str, ...],
    input_format: str | None,
    value_column: str | None,
    type_column: str | None,
    strict: bool,
    keep_going: bool,
) -> ReadOptions:
    """
    The options as the readers take them.

    Raises:
        UsageError: A kind, a level, an age or a format is unknown, or two options exclude each
            other.
    """
    if strict and keep_going:
        raise UsageError(
            "--strict and --keep-going exclude each other",
            hint="--strict stops at damage, --keep-going goes past it",
        )
    if drop_warninglist and warninglists is None:
        raise UsageError(
            "--drop-warninglist needs --warninglists",
            hint="name the folder with the lists, `--warninglists DIR`",
        )
    return ReadOptions(
        kinds=DEFAULT_KINDS if kinds is None else parse_kinds(kinds.split(",")),
        filters=Filters(
            tlp_max=None if tlp_max is None else Tlp.parse(tlp_max),
            max_age_s=None if max_age is None else _seconds(max_age),
            to_ids=to_ids,
        ),
        warninglists=Warninglists()
        if warninglists is None
        else load_warninglists(warninglists, drop_warninglist),
        allow_reserved=allow_reserved,
        input_format=input_format,
        value_column=value_column,
        type_column=type_column,
        strict=strict,
        keep_going=keep_going,
    )


def _seconds(age: str) -> int:
    match = _AGE.fullmatch(age)
    if match is None or not int(match[1]):
        raise UsageError(f"--max-age: expected an age, got {age!r}", hint="as in 180d, 26w or 12h")
    return int(match[1]) * _UNITS[match[2]]


def standard_input(files: tuple[str, ...]) -> BinaryIO | None:
    """The bytes of stdin when a file is `-`."""
    return sys.stdin.buffer if STDIN in files else None


def input_paths(files: tuple[str, ...]) -> list[Path]:
    """The files and folders that are read, so that no output replaces one of them."""
    return [Path(file) for file in files if file != STDIN]

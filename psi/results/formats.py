# SPDX-License-Identifier: Apache-2.0
"""Which writer a person asked for, by name or by the suffix of the file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, Literal, get_args

from psi.errors import UsageError
from psi.results.csv_table import stream_csv
from psi.results.json_file import stream_json, stream_jsonl
from psi.results.matches import LazyMatches
from psi.results.misp import stream_misp
from psi.results.result import CheckResult, Match
from psi.results.stix import stream_stix
from psi.results.table import stream_table

__all__ = [
    "FORMATS",
    "FOR_IMPORT",
    "Format",
    "blocks",
    "defanged",
    "defanged_match",
    "format_of",
    "stream",
]

Format = Literal["table", "csv", "json", "jsonl", "stix", "misp"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
# Tools read these as they are, so nothing in them is defanged.
FOR_IMPORT: Final[frozenset[Format]] = frozenset({"stix", "misp"})
_BY_SUFFIX: Final[dict[str, Format]] = {
    ".txt": "table",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
}
_PIECES: Final = 512  # written in one go; enough that a call each costs nothing
_DEFANGED_KINDS: Final = frozenset({"ip", "cidr", "domain", "url", "email"})
_SCHEME: Final = re.compile(r"^(?:http|ftp)(?=s?:)", re.IGNORECASE)


def format_of(path: Path) -> Format:
    """
    The format that the suffix of a file names.

    Raises:
        UsageError: The suffix is none of .txt, .csv, .json, .jsonl.
    """
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"{path} names no format: expected .txt, .csv, .json or .jsonl",
            hint=f"use such a name, or say `--format {'|'.join(FORMATS)}`",
        )
    return found


def stream(result: CheckResult, form: Format, *, sightings: bool = False) -> Iterator[str]:
    """
    The result in one of the formats, complete and unshortened, piece by piece.

    Args:
        result: A finished check; its matches are made one at a time.
        form: Which writer.
        sightings: Of MISP: add a sighting to each attribute.
    """
    match form:
        case "table":
            return stream_table(result)
        case "csv":
            return stream_csv(result)
        case "json":
            return stream_json(result)
        case "jsonl":
            return stream_jsonl(result)
        case "stix":
            return stream_stix(result)
        case "misp":
            return stream_misp(result, sightings=sightings)


def blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in larger pieces."""
    rest = iter(pieces)
    while block := "".join(islice(rest, _PIECES)):
        yield block


def defanged(result: CheckResult) -> CheckResult:
    """The same result with addresses that no program turns into a link: hxxp, [.], [@]."""
    matches = result.matches
    shown = LazyMatches(
        len(matches), lambda i: defanged_match(matches[i]), lambda: map(defanged_match, matches)
    )
    return replace(result, matches=shown)


def defanged_match(match: Match) -> Match:
    """The same match without links; hashes and the like stay as they are."""
    if match.kind not in _DEFANGED_KINDS:
        return match
    sources = tuple(
        replace(source, as_written=_defang(source.as_written)) for source in match.sources
    )
    return replace(match, value=_defang(match.value), sources=sources)


def _defang(text: str) -> str:
    if "[" in text:
        return text  # written defanged already, or an IPv6 host
    text = _SCHEME.sub(lambda scheme: scheme[0].replace("t", "x").replace("T", "X"), text)
    return text.replace(".", "[.]").replace("@", "[@]")

# SPDX-License-Identifier: Apache-2.0
"""Which writer a person asked for, by name or by the suffix of the file."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, get_args

from psi.errors import UsageError
from psi.results.csv_table import render_csv
from psi.results.json_file import render_json
from psi.results.result import CheckResult, Match
from psi.results.table import render_table

__all__ = ["FORMATS", "Format", "defanged", "format_of", "render"]

Format = Literal["table", "csv", "json"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_BY_SUFFIX: Final[dict[str, Format]] = {".txt": "table", ".csv": "csv", ".json": "json"}
_DEFANGED_KINDS: Final = frozenset({"ip", "cidr", "domain", "url", "email"})
_SCHEME: Final = re.compile(r"^(?:http|ftp)(?=s?:)", re.IGNORECASE)


def format_of(path: Path) -> Format:
    """
    The format that the suffix of a file names.

    Raises:
        UsageError: The suffix is none of .txt, .csv, .json.
    """
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"{path} names no format: expected .txt, .csv or .json",
            hint="use such a name, or say `--format table|csv|json`",
        )
    return found


def render(result: CheckResult, form: Format) -> str:
    """The result in one of the formats, complete and unshortened."""
    match form:
        case "table":
            return render_table(result)
        case "csv":
            return render_csv(result)
        case "json":
            return render_json(result)


def defanged(result: CheckResult) -> CheckResult:
    """The same result with addresses that no program turns into a link: hxxp, [.], [@]."""
    return replace(result, matches=tuple(_defang_match(match) for match in result.matches))


def _defang_match(match: Match) -> Match:
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

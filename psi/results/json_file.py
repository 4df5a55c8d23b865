# SPDX-License-Identifier: Apache-2.0
"""
A result as JSON, `overlap-result/1`, and as JSON Lines (docs/formats.md).

Characters beyond ASCII are escaped: the object is safe to show, and a byte of a file that was no
UTF-8 survives the round trip.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from psi.results.result import CheckResult, Match, Source

__all__ = [
    "MATCH_FORMAT",
    "RESULT_FORMAT",
    "match_fields",
    "stream_json",
    "stream_jsonl",
    "stream_object",
]

RESULT_FORMAT: Final = "overlap-result/1"
MATCH_FORMAT: Final = "overlap-match/1"
# For one text much faster than `json.dumps`, with the same escapes.
_quoted: Final = json.JSONEncoder().encode


def stream_json(result: CheckResult) -> Iterator[str]:
    """The object that `--json` prints, with a line for each field and for each match."""
    sizes = result.sizes
    return stream_object(
        {
            "format": RESULT_FORMAT,
            "client": result.client,
            "server": result.server,
            "run": result.run,
            "session": result.session,
            "profile": result.profile,
            "started_at": result.started_at,
            "end": result.end,
            "sizes": {
                "client": sizes.client,
                "client_bucket": sizes.client_bucket,
                "server_bucket": sizes.server_bucket,
                "client_by_kind": dict(sizes.client_by_kind),
            },
            "count": result.count,
            "by_kind": dict(result.by_kind),
            "intersection": (f"{{{match_fields(match)}}}" for match in result.matches),
            "proofs_verified": result.proofs_verified,
            "bytes": dict(result.bytes),
            "budget": dict(result.budget),
            "resumed": result.resumed,
            "seconds": dict(result.seconds),
        }
    )


def stream_jsonl(result: CheckResult) -> Iterator[str]:
    """An object of its own on each line, for each match."""
    about = {
        "format": MATCH_FORMAT,
        "run": result.run,
        "client": result.client,
        "server": result.server,
        "started_at": result.started_at,
    }
    begin = json.dumps(about)[:-1]
    for match in result.matches:
        yield f"{begin}, {match_fields(match)}}}\n"


def stream_object(fields: Mapping[str, object]) -> Iterator[str]:
    """A JSON object of several lines; an iterator among `fields` gives objects, one a line."""
    before = "{"
    for name, value in fields.items():
        yield f'{before}\n  "{name}": '
        if isinstance(value, Iterator):
            yield from _stream_list(value)
        else:
            yield json.dumps(value)
        before = ","
    yield "\n}\n"


def _stream_list(lines: Iterator[str]) -> Iterator[str]:
    before = "[\n"
    for line in lines:
        yield f"{before}    {line}"
        before = ",\n"
    yield "[]" if before == "[\n" else "\n  ]"


def match_fields(match: Match) -> str:
    """`"kind": ..., "value": ..., "sources": [...]`, without the braces around it."""
    sources = ", ".join([_source_object(source) for source in match.sources])
    return f'"kind": "{match.kind}", "value": {_quoted(match.value)}, "sources": [{sources}]'


def _source_object(source: Source) -> str:
    shown = (
        f'{{"as_written": {_quoted(source.as_written)},'
        f' "file": {_quoted(source.file)}, "line": {source.line}'
    )
    for name, text in (("id", source.id), ("event", source.event), ("tlp", source.tlp)):
        if text:
            shown += f', "{name}": {_quoted(text)}'
    return f"{shown}}}"

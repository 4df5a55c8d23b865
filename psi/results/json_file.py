# SPDX-License-Identifier: Apache-2.0
"""
A result as JSON, `overlap-result/1`, and a saved one read back (docs/formats.md).

Characters beyond ASCII are escaped: the object is safe to show, and a byte of a file that was no
UTF-8 survives the round trip.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from psi.errors import StorageError
from psi.protocol.sizes import chunk_count, is_bucket
from psi.results.result import CheckResult, Match, Sizes

__all__ = ["RESULT_FORMAT", "parse_result", "read_result", "render_json", "result_object"]

RESULT_FORMAT: Final = "overlap-result/1"


def result_object(result: CheckResult) -> dict[str, object]:
    """The object that `--json` prints: plain integers, counts and no shares."""
    sizes = result.sizes
    return {
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
        "intersection": [_match_object(match) for match in result.matches],
        "proofs_verified": result.proofs_verified,
        "bytes": dict(result.bytes),
        "budget": dict(result.budget),
        "resumed": result.resumed,
        "seconds": dict(result.seconds),
    }


def _match_object(match: Match) -> dict[str, object]:
    return {
        "kind": match.kind,
        "value": match.value,
        "sources": [
            {"as_written": source.as_written, "file": source.file, "line": source.line}
            for source in match.sources
        ],
    }


def render_json(result: CheckResult) -> str:
    """The object of `result_object`: a line for each field and for each match."""
    lines = []
    for field, value in result_object(result).items():
        if field == "intersection" and isinstance(value, list) and value:
            matches = ",\n".join(f"    {json.dumps(match)}" for match in value)
            lines.append(f'  "{field}": [\n{matches}\n  ]')
        else:
            lines.append(f'  "{field}": {json.dumps(value)}')
    body = ",\n".join(lines)
    return f"{{\n{body}\n}}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The fields of `overlap-result/1`; more may be added within /1 and are ignored."""

    format: str
    client: str
    server: str
    run: str
    session: str
    profile: str
    started_at: str
    end: str
    sizes: Sizes
    count: int
    by_kind: dict[str, int]
    intersection: tuple[Match, ...]
    proofs_verified: bool
    bytes: dict[str, int]
    budget: dict[str, int | str]
    resumed: bool
    seconds: dict[str, float]


def parse_result(data: bytes, *, name: str) -> CheckResult:
    """
    Read back what `render_json` wrote.

    The end time is the start and `seconds["total"]`; the number of parts follows from the bucket.

    Args:
        data: The bytes of a file.
        name: What to call it in an error.

    Raises:
        StorageError: It is no `overlap-result/1`, or its counts contradict each other.
    """
    try:
        stored = msgspec.convert(json.loads(data), _Stored)
        started = datetime.fromisoformat(stored.started_at)
    except msgspec.ValidationError as error:
        # msgspec names the type and the place, never the value.
        raise _damaged(name, str(error)[:1].lower() + str(error)[1:]) from None
    except (ValueError, RecursionError):
        raise _damaged(name, "expected a JSON object with an RFC 3339 time") from None
    if stored.format != RESULT_FORMAT:
        raise _damaged(name, f"expected the format {RESULT_FORMAT}")
    by_kind: dict[str, int] = {}
    for match in stored.intersection:
        by_kind[match.kind] = by_kind.get(match.kind, 0) + 1
    if not stored.count == len(stored.intersection) <= stored.sizes.client or by_kind != {
        kind: n for kind, n in stored.by_kind.items() if n
    }:
        raise _damaged(name, f"its counts do not fit its {len(stored.intersection)} matches")
    if not (is_bucket(stored.sizes.client_bucket) and is_bucket(stored.sizes.server_bucket)):
        raise _damaged(name, "a rounded set size is none that a check uses")
    try:
        ended = started + timedelta(seconds=stored.seconds.get("total", 0.0))
    except (OverflowError, ValueError):
        raise _damaged(name, "expected a duration in seconds") from None
    return CheckResult(
        client=stored.client,
        server=stored.server,
        run=stored.run,
        session=stored.session,
        profile=stored.profile,
        started_at=stored.started_at,
        ended_at=ended.isoformat().replace("+00:00", "Z"),
        end=stored.end,
        sizes=stored.sizes,
        matches=stored.intersection,
        by_kind=stored.by_kind,
        proofs_verified=stored.proofs_verified,
        parts=chunk_count(stored.sizes.client_bucket),
        bytes=stored.bytes,
        budget=stored.budget,
        resumed=stored.resumed,
        seconds=stored.seconds,
    )


def read_result(path: Path) -> CheckResult:
    """
    Read a saved result.

    Raises:
        StorageError: The file can't be read, or holds no result.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror}") from None
    return parse_result(data, name=str(path))


def _damaged(name: str, why: str) -> StorageError:
    return StorageError(
        f"{name} is no saved result: {why}",
        slug="state-damaged",
        hint="restore the file from a backup, or run the check again",
    )

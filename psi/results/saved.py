# SPDX-License-Identifier: Apache-2.0
"""A saved result read back, whole or its beginning alone; nothing is used before it was checked."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from psi.errors import StorageError
from psi.indicators.kinds import KINDS
from psi.indicators.tlp import Tlp
from psi.protocol.sizes import chunk_count, is_bucket
from psi.results.json_file import RESULT_FORMAT
from psi.results.result import CheckResult, Match, Sizes

__all__ = ["Summary", "parse_result", "read_result", "read_summary"]

# What stands before the matches is a tenth of this at most.
_HEAD_BYTES: Final = 2**16
_KINDS: Final = frozenset(str(kind) for kind in KINDS)
_LEVELS: Final = frozenset(level.label for level in Tlp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a saved result says before its matches."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored(Summary):
    """The fields of `overlap-result/1`; more may be added within /1 and are ignored."""

    intersection: tuple[Match, ...]
    proofs_verified: bool
    bytes: dict[str, int]
    budget: dict[str, int | str]
    resumed: bool
    seconds: dict[str, float]


_S = TypeVar("_S", bound=Summary)


def parse_result(data: bytes, *, name: str) -> CheckResult:
    """
    Read back what `psi.results.json_file` wrote.

    The end time is the start and `seconds["total"]`; the number of parts follows from the bucket.

    Args:
        data: The bytes of a file.
        name: What to call it in an error.

    Raises:
        StorageError: It is no `overlap-result/1`, or its counts contradict each other.
    """
    stored = _checked(data, _Stored, name)
    started = datetime.fromisoformat(stored.started_at).astimezone(UTC)
    by_kind: dict[str, int] = {}
    for match in stored.intersection:
        by_kind[match.kind] = by_kind.get(match.kind, 0) + 1
    if not by_kind.keys() <= _KINDS:
        raise _damaged(name, "expected kinds of indicator that are known")
    if not {source.tlp for match in stored.intersection for source in match.sources} <= _LEVELS:
        raise _damaged(name, "expected markings that are known")
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
    return parse_result(_read(path), name=str(path))


def read_summary(path: Path) -> Summary:
    """
    Read the beginning of a saved result; its matches are neither read nor checked.

    Raises:
        StorageError: The file can't be read, or does not begin as a result.
    """
    head, marker, _ = _read(path, _HEAD_BYTES).partition(b',\n  "intersection": ')
    return _checked(head + b"}" if marker else _read(path), Summary, str(path))


def _read(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror}") from None


def _checked(data: bytes, kind: type[_S], name: str) -> _S:
    try:
        stored = _decoded(data, kind)
        datetime.fromisoformat(stored.started_at).astimezone(UTC)
    except msgspec.ValidationError as error:
        # msgspec names the type and the place, never the value.
        raise _damaged(name, str(error)[:1].lower() + str(error)[1:]) from None
    except (ValueError, OverflowError, RecursionError):
        raise _damaged(name, "expected a JSON object with an RFC 3339 time") from None
    if stored.format != RESULT_FORMAT:
        raise _damaged(name, f"expected the format {RESULT_FORMAT}")
    return stored


def _decoded(data: bytes, kind: type[_S]) -> _S:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # It takes no lone surrogate, which stands for a byte that was no UTF-8; json does, slowly.
        return msgspec.convert(json.loads(data), kind)


def _damaged(name: str, why: str) -> StorageError:
    return StorageError(
        f"{name} is no saved result: {why}",
        slug="state-damaged",
        hint="restore the file from a backup, or run the check again",
    )

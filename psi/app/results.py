# SPDX-License-Identifier: Apache-2.0
"""
The saved runs of a home: list, find, read, delete, and drop those that have been kept long enough.

A run is a folder results/DATE_PEER_RUN with its result and its receipt. What stands in the folder
under another name is left alone.
"""

import contextlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from psi.app.saving import RECEIPT_FILE, RESULT_FILE
from psi.errors import PsiError, StorageError, UsageError
from psi.results.result import CheckResult
from psi.results.saved import Summary, read_result, read_summary
from psi.trust.files import sync_directory
from psi.trust.home import Home
from psi.trust.names import did_you_mean

__all__ = [
    "LAST",
    "SavedRun",
    "delete_runs",
    "drop_expired",
    "find_run",
    "find_runs",
    "load_run",
    "saved_runs",
]

LAST: Final = "last"
_FEWEST: Final = 6
_FOLDER: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)_(?P<peer>[a-z0-9-]{1,63})_(?P<run>[0-9a-f]{10})"
)
_DAY_S: Final = 86_400
_DELETED: Final = ".deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """
    One folder of results.

    Attributes:
        path: The folder.
        run, peer, date: As its name says.
        made_ns: When it was made, Unix nanoseconds.
        summary: As its result says; None when that can't be read.
    """

    path: Path
    run: str
    peer: str
    date: str
    made_ns: int
    summary: Summary | None

    @property
    def receipt(self) -> Path:
        """Where its receipt is."""
        return self.path / RECEIPT_FILE

    @property
    def started_s(self) -> float:
        """When the run began, Unix seconds; the end of its day where only that is known."""
        if self.summary is not None:
            return datetime.fromisoformat(self.summary.started_at).timestamp()
        return datetime.fromisoformat(self.date).replace(tzinfo=UTC).timestamp() + _DAY_S


def saved_runs(home: Home) -> list[SavedRun]:
    """Every saved run, the newest first; one whose result is damaged has no summary."""
    runs = []
    for path in home.results.iterdir():
        name = _FOLDER.fullmatch(path.name)
        if name is None or path.is_symlink() or not path.is_dir():
            continue
        try:
            summary = read_summary(path / RESULT_FILE)
        except StorageError:
            summary = None
        runs.append(
            SavedRun(
                path=path,
                run=name["run"],
                peer=name["peer"],
                date=name["date"],
                made_ns=path.stat().st_mtime_ns,
                summary=summary,
            )
        )
    # Two checks may begin in one second; the folder of the later one was made later.
    return sorted(runs, key=lambda run: (run.started_s, run.made_ns), reverse=True)


def find_run(home: Home, word: str) -> SavedRun:
    """
    The run that a person names: `last`, or six or more of the first characters of its id.

    Raises:
        UsageError: Too few characters.
        PsiError: No run has that name, or several have (`unknown-run`).
    """
    return find_runs(home, (word,))[0]


def find_runs(home: Home, words: Iterable[str]) -> list[SavedRun]:
    """
    The run of each word as `find_run`, each run once.

    Raises:
        UsageError, PsiError: As `find_run`; nothing is done for the others then.
    """
    runs = saved_runs(home)
    found = [_find(runs, word) for word in words]
    return [run for at, run in enumerate(found) if run not in found[:at]]


def load_run(run: SavedRun) -> CheckResult:
    """
    The whole result of a run.

    Raises:
        StorageError: It can't be read or is damaged.
    """
    return read_result(run.path / RESULT_FILE)


def delete_runs(home: Home, runs: Iterable[SavedRun]) -> None:
    """
    Delete results and receipts; each run is gone at once or not at all.

    Raises:
        StorageError: The folder can't be changed.
    """
    for run in runs:
        # No command takes a folder with this name for a run; after a crash the next check drops it.
        gone = run.path.with_name(f".{run.path.name}{_DELETED}")
        try:
            run.path.rename(gone)
            sync_directory(home.results)
            shutil.rmtree(gone)
        except OSError as error:
            raise StorageError(
                f"cannot delete run {run.run}: {(error.strerror or 'unknown reason').lower()}",
                hint=f"check the permissions of {home.results}",
            ) from None


def drop_expired(home: Home, keep_s: int, now_s: float) -> int:
    """
    Delete the runs that began longer than `keep_s` ago; returns how many.

    With 0 nothing is saved, and what was saved before is left to its owner. A run that can't be
    deleted is tried again by the next check: the result that was just saved must not suffer.
    """
    for rest in home.results.glob(f".*{_DELETED}"):
        shutil.rmtree(rest, ignore_errors=True)
    if keep_s <= 0:
        return 0
    dropped = 0
    for run in saved_runs(home):
        if run.started_s + keep_s < now_s:
            with contextlib.suppress(StorageError):
                delete_runs(home, [run])
                dropped += 1
    return dropped


def _find(runs: list[SavedRun], word: str) -> SavedRun:
    if word == LAST:
        if not runs:
            raise _unknown("there is no saved run")
        return runs[0]
    if len(word) < _FEWEST:
        raise UsageError(
            f"RUN: expected `{LAST}` or at least {_FEWEST} characters of a run's id, "
            f"got {len(word)}",
            hint="`overlap result list` shows the ids",
        )
    start = word.lower()
    found = [run for run in runs if _id(run).startswith(start)]
    if not found:
        near = did_you_mean(start[:10], [run.run for run in runs])
        raise _unknown(f"no saved run {ascii(word[:64])[1:-1]}{near}")
    if len(found) > 1:
        raise _unknown(f"{len(found)} saved runs begin with {start}")
    return found[0]


def _id(run: SavedRun) -> str:
    """The whole session id where it is known, so that this can be pasted too."""
    return run.run if run.summary is None else run.summary.session


def _unknown(message: str) -> PsiError:
    return PsiError(message, slug="unknown-run", hint="`overlap result list` shows the saved runs")

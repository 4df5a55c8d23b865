# SPDX-License-Identifier: Apache-2.0
"""
The tags of the own set for each client, built in the background and kept on disk.

A set is published as a whole and gets a version; its tags are made when a client first asks for
them, and stay while a session of the epoch was promised them. One thread builds, in slices, so that
answering goes on beside it and stopping takes no longer than a slice.

    EPOCH-CLIENT-VERSION.tags = digest || tags
    digest = SHA256(LP("overlap-tags") || LP(label || scope) || set digest || tags)
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from psi._native import kernel
from psi.crypto.voprf import Offsets, evaluate
from psi.encoding import lp
from psi.errors import RefusedError, StorageError
from psi.protocol.server_keys import ServerKey
from psi.protocol.sizes import bucket_for
from psi.protocol.table import MAX_TAG_LENGTH, session_table
from psi.protocol.tables import FrozenTags
from psi.store._files import explained, private_directory, read_private, write_private
from psi.store.ledger import SqliteLedger
from psi.store.padded import PaddedLists

__all__ = ["TableStore"]

SLICE_VALUES: Final = 16_384
_DIGEST_BYTES: Final = 32
_MIN_RETRY_MS: Final = 200
_MAX_RETRY_MS: Final = 10_000
# Until a slice was measured that is large enough to go by.
_SAMPLE_VALUES: Final = 128
_MEASURED_VALUES: Final = 1024
# Tags of 2^20 values are 16 MiB.
_KEPT_IN_MEMORY: Final = 4
# Beside those that sessions use: one that a session is just being opened with.
_KEPT_ON_DISK: Final = 2
_FILE_NAME: Final = re.compile(r"(\d+)-(.+)-(\d+)\.tags", re.ASCII)


class _At(NamedTuple):
    epoch: int
    client: str
    version: int

    @property
    def file_name(self) -> str:
        return f"{self.epoch}-{self.client}-{self.version}.tags"

    @classmethod
    def of_file(cls, path: Path) -> "_At | None":
        parts = _FILE_NAME.fullmatch(path.name)
        return None if parts is None else cls(int(parts[1]), parts[2], int(parts[3]))


@dataclass(frozen=True, slots=True)
class _FrozenSet:
    version: int
    digest: bytes
    profile_digest: bytes
    data: bytes = field(repr=False)
    offsets: Offsets = field(repr=False)

    @property
    def n_values(self) -> int:
        return len(self.offsets) - 1


@dataclass(slots=True, eq=False)
class _Job:
    """One table that is being built, or waits for it."""

    left: int
    stopped: bool = False
    future: Future[None] | None = None


class TableStore:
    """`psi.protocol.tables.Tables` on a folder; may be used from many threads."""

    def __init__(self, folder: Path, ledger: SqliteLedger) -> None:
        """
        Args:
            folder: For the files with tags; made if it is missing.
            ledger: Knows the versions of the set and which of them sessions use.
        """
        self._folder = private_directory(folder)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._set: _FrozenSet | None = None
        self._recent: OrderedDict[_At, FrozenTags] = OrderedDict()
        self._jobs: dict[_At, _Job] = {}
        self._padded = PaddedLists()
        self._us_per_value = _measured_us()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="overlap-lists")
        with explained(folder):
            for unfinished in folder.glob(".*.tmp"):
                unfinished.unlink(missing_ok=True)

    def publish(self, data: bytes, offsets: Offsets, profile_digest: bytes) -> int:
        """
        Freeze a set: from now on sessions are opened on it.

        Args:
            data, offsets: The packed canonical indicators, n + 1 offsets; not changed afterwards.
            profile_digest: The matching rules under which they were made.

        Returns:
            Its version; the same set as the newest has the same version.

        Raises:
            StorageError: The version could not be recorded; the old set stays.
        """
        digest = kernel.packed_digest(data, offsets)
        version = self._ledger.set_version(digest, len(offsets) - 1)
        with self._lock:
            self._set = _FrozenSet(version, digest, profile_digest, data, offsets)
            self._stop_jobs([at for at in self._jobs if at.version != version])
        return version

    def latest(self, key: ServerKey) -> FrozenTags:
        """
        The tags of the newest frozen set.

        Raises:
            RefusedError: They are still being built, or set and key are of different rules, as
                they are for a moment while the server reloads (`busy`, with `retry_after_ms`).
            StorageError: They could not be stored; the next call tries again.
        """
        frozen = self._set
        if frozen is None or frozen.profile_digest != key.cert.body.profile_digest:
            raise _busy(_MAX_RETRY_MS)
        return self._of(frozen, key)

    def _of(self, frozen: _FrozenSet, key: ServerKey) -> FrozenTags:
        at = _at(key, frozen.version)
        return self._find(at, key, frozen.digest) or self._build(at, key, frozen)

    def version(self, key: ServerKey, version: int) -> FrozenTags:
        """
        The tags that an open session was promised.

        Raises:
            RefusedError: They were damaged and are being built again (`busy`).
            StorageError: They are gone.
        """
        if self._set is not None and self._set.version == version:
            return self._of(self._set, key)
        digest = self._ledger.set_digest(version)
        tags = None if digest is None else self._find(_at(key, version), key, digest)
        if tags is None:
            raise StorageError(
                f"list {version} in {self._folder} is missing or damaged, and the set has changed",
                slug="state-damaged",
                hint="the check has to be made again; what it cost is lost",
            )
        return tags

    def padded(self, key: ServerKey, version: int, bucket: int, length: int) -> bytes:
        """
        The list that a session sees, `bucket * length` bytes (`psi.protocol.table`).

        Raises:
            RefusedError, StorageError: As `version`.
        """
        return self._padded.get(
            (_at(key, version), length),
            lambda: session_table(self.version(key, version).tags, bucket, length, key.pad_key),
        )

    def prepare(self, key: ServerKey) -> bool:
        """Build the newest tags for a client before it asks; returns whether they are there."""
        try:
            self.latest(key)
        except RefusedError:
            return False
        return True

    def forget_before(self, epoch: int) -> None:
        """Delete the tags of ended epochs."""
        self._padded.clear()
        with self._lock:
            self._stop_jobs([at for at in self._jobs if at.epoch < epoch])
            for at in [at for at in self._recent if at.epoch < epoch]:
                del self._recent[at]
            self._delete([at for at in self._stored() if at.epoch < epoch])

    def wait_idle(self) -> None:
        """Wait until nothing is left to build."""
        with self._lock:
            futures = [job.future for job in self._jobs.values() if job.future is not None]
        wait(futures)

    def close(self) -> None:
        """Stop building, at the end of the slice; what is not finished is built anew later."""
        with self._lock:
            self._stop_jobs(list(self._jobs))
        self._worker.shutdown(wait=True, cancel_futures=True)

    # ---- finding

    def _find(self, at: _At, key: ServerKey, set_digest: bytes) -> FrozenTags | None:
        with self._lock:
            known = self._recent.get(at)
            if known is not None:
                self._recent.move_to_end(at)
                return known
        content = read_private(self._folder / at.file_name)
        if content is None:
            return None
        digest, tags = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _file_digest(key, set_digest, tags):
            return None
        found = FrozenTags(version=at.version, tags=tags)
        with self._lock:
            self._remember(at, found)
        return found

    def _remember(self, at: _At, tags: FrozenTags) -> None:
        self._recent[at] = tags
        self._recent.move_to_end(at)
        while len(self._recent) > _KEPT_IN_MEMORY:
            self._recent.popitem(last=False)

    # ---- building

    def _build(self, at: _At, key: ServerKey, frozen: _FrozenSet) -> FrozenTags:
        """Have the tags built, unless they are by now; raises when to ask again, or why not."""
        with self._lock:
            if at in self._recent:
                return self._recent[at]
            job = self._jobs.get(at)
            if job is not None and job.future is not None and job.future.done():
                # It has failed: say why, and try again when asked again.
                del self._jobs[at]
                job.future.result()
                job = None
            if job is None:
                job = self._jobs[at] = _Job(left=bucket_for(frozen.n_values))
                job.future = self._worker.submit(self._run, job, at, key, frozen)
            # From the bucket, which the client learns anyway: a time made from the set would tell
            # its size. Nor does it tell of other clients who wait.
            estimate_ms = round(job.left * self._us_per_value / 1000)
        raise _busy(min(_MAX_RETRY_MS, max(_MIN_RETRY_MS, estimate_ms)))

    def _run(self, job: _Job, at: _At, key: ServerKey, frozen: _FrozenSet) -> None:
        parts: list[bytes] = []
        for first, count in _slices(frozen.n_values):
            if job.stopped:
                return
            offsets = frozen.offsets[first : first + count + 1]
            started = time.perf_counter()
            parts.append(
                evaluate(
                    key.private_key,
                    frozen.data,
                    offsets,
                    prefix=key.prefix,
                    length=MAX_TAG_LENGTH,
                )
            )
            n_values = len(offsets) - 1
            if n_values >= _MEASURED_VALUES:
                self._us_per_value = (time.perf_counter() - started) * 1e6 / n_values
            job.left -= n_values
        tags = b"".join(parts)[: frozen.n_values * MAX_TAG_LENGTH]
        # On disk before a session can be opened on them: a restart must not lose them.
        write_private(self._folder / at.file_name, _file_digest(key, frozen.digest, tags), tags)
        with self._lock:
            if job.stopped:
                # Its epoch ended while it was written, or its set was replaced.
                self._delete([at])
                return
            del self._jobs[at]
            self._remember(at, FrozenTags(version=at.version, tags=tags))
        self._delete_unused(at)

    def _stop_jobs(self, stopped: list[_At]) -> None:
        for at in stopped:
            job = self._jobs.pop(at)
            job.stopped = True
            if job.future is not None:
                job.future.cancel()

    # ---- files

    def _delete_unused(self, newest: _At) -> None:
        """Delete the older versions of one client's tags that no session uses."""
        in_use = self._ledger.versions_in_use(newest.client, newest.epoch)
        with self._lock:
            same = [at for at in self._stored() if at[:2] == newest[:2]]
            old = sorted(same)[:-_KEPT_ON_DISK]
            self._delete([at for at in old if at.version not in in_use])

    def _stored(self) -> list[_At]:
        with explained(self._folder):
            found = [_At.of_file(path) for path in self._folder.glob("*.tags")]
        return [at for at in found if at is not None]

    def _delete(self, unused: list[_At]) -> None:
        with explained(self._folder):
            for at in unused:
                (self._folder / at.file_name).unlink(missing_ok=True)


def _measured_us() -> float:
    """Microseconds that a tag takes on this machine, from a small batch."""
    data = bytes(_SAMPLE_VALUES)
    offsets = np.arange(_SAMPLE_VALUES + 1, dtype=np.uint64)
    started = time.perf_counter()
    evaluate((2).to_bytes(32, "little"), data, offsets, length=MAX_TAG_LENGTH)
    return (time.perf_counter() - started) * 1e6 / _SAMPLE_VALUES


def _slices(n_values: int) -> Iterator[tuple[int, int]]:
    """
    First value and count of each slice of the work, as long as the bucket would take.

    When a list is ready must not tell the set's size, so what the bucket has beyond the set is
    made of the set's values once more; it comes last, and is cut off.
    """
    for first in range(0, n_values, SLICE_VALUES):
        yield first, min(SLICE_VALUES, n_values - first)
    surplus = bucket_for(n_values) - n_values if n_values else 0
    while surplus:
        count = min(SLICE_VALUES, n_values, surplus)
        yield 0, count
        surplus -= count


def _at(key: ServerKey, version: int) -> _At:
    cert = key.cert.body
    return _At(cert.epoch, cert.client, version)


def _file_digest(key: ServerKey, set_digest: bytes, tags: bytes) -> bytes:
    # The scope is in it, so that tags of a lost master, of other matching rules, or of a set that
    # had the number before a lost ledger, are not taken for these.
    header = lp(b"overlap-tags") + lp(key.prefix) + set_digest
    return hashlib.sha256(header + tags).digest()


def _busy(retry_after_ms: int) -> RefusedError:
    return RefusedError(
        "the list for this check is being prepared",
        slug="busy",
        detail={"retry_after_ms": retry_after_ms},
    )

# SPDX-License-Identifier: Apache-2.0
"""
The audit log of a home, `audit/log.jsonl`: append-only, chained, signed (docs/reliability.md).

Records are linked by their hashes and signed with the log key in batches. `serve` and `check` of
one home write into the same file: each append is made under a lock on it, after what others have
appended was read. A body holds ids, counts, digests and names; never an indicator, a tag or an
element, so nobody but `psi.app.auditing` makes one.
"""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psi.crypto.signing import Signer, verify_signature
from psi.errors import KeyFileError, StorageError, VerifyError
from psi.trust.audit_format import (
    FIRST_PREVIOUS,
    MAX_BATCH,
    RECORD_TYPES,
    AuditBatch,
    AuditRecord,
    Body,
    SignedBatch,
    body_bytes,
    parse_line,
    to_line,
)
from psi.trust.files import open_private, sync_directory
from psi.trust.home import Home

__all__ = ["LOG_FILE", "AuditLog", "log_path"]

LOG_FILE: Final = "audit/log.jsonl"
# The last signature is in here, unless very much was written without one.
_TAIL_BYTES: Final = 1024 * 1024
# As far as clocks may differ; less is a correction.
_CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000


class AuditLog:
    """An open log; its methods may be called from any thread."""

    def __init__(
        self, home: Home, log_key: bytes, signer: Signer | None, now_ms: Callable[[], int]
    ) -> None:
        """
        Open the log, or make it; an end that a crash left incomplete is cut off and recorded.

        Args:
            home: Of a principal.
            log_key: Its public log key, 32 bytes.
            signer: Of the log key; None where the home was not unlocked, then records wait for
                the next process to sign them.
            now_ms: Unix milliseconds.

        Raises:
            KeyFileError: The file is open to others, or its end was changed (`state-damaged`).
            StorageError: It can't be read or written.
        """
        self._path = home.path / LOG_FILE
        self._actor = home.name
        self._key = log_key
        self._signer = signer
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._size = 0
        self._seq = 0
        self._head = FIRST_PREVIOUS
        # Of the newest record that was seen; 0 until there is one.
        self._time_ms = 0
        self._unsigned: list[bytes] = []
        existed = self._path.exists()
        self._descriptor = open_private(self._path, shown=LOG_FILE)
        try:
            if not existed:
                sync_directory(self._path.parent)
            with self._locked():
                self._find_end()
        except BaseException:
            self.close()
            raise

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and digest of the last record that this process has seen."""
        return self._seq, self._head

    def record(self, kind: str, body: Body, *, seal: bool = False) -> int:
        """
        Append a record; with `seal` it is signed and durable when this returns.

        Returns:
            Its number.

        Raises:
            StorageError: There is no space (`disk-full`), or the file can't be written.
        """
        assert kind in RECORD_TYPES, "types are a closed set"
        with self._locked():
            self._catch_up()
            self._append(kind, body)
            if seal or len(self._unsigned) >= MAX_BATCH:
                self._seal()
            return self._seq

    def seal(self) -> None:
        """
        Sign what is not signed yet, and make it durable; cheap when there is nothing.

        Raises:
            StorageError: As `record`.
        """
        if not self._unsigned:
            return
        with self._locked():
            self._catch_up()
            self._seal()

    def close(self) -> None:
        """Close the file; a second call does nothing, and nothing is signed by it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # ---- writing, under the lock

    def _append(self, kind: str, body: Body) -> None:
        now_ms = self._now_ms()
        if self._time_ms - now_ms > _CLOCK_TOLERANCE_MS:
            self._add("clock-jump", {"back_ms": self._time_ms - now_ms}, now_ms)
        self._add(kind, body, now_ms)

    def _add(self, kind: str, body: Body, now_ms: int) -> None:
        record = AuditRecord(
            seq=self._seq + 1,
            time_ms=now_ms,
            actor=self._actor,
            type=kind,
            prev_hash=self._head,
            body=body_bytes(body),
        )
        self._write(to_line(record))
        self._take(record)

    def _seal(self) -> None:
        while self._signer is not None and self._unsigned:
            digests = tuple(self._unsigned[:MAX_BATCH])
            first = self._seq - len(self._unsigned) + 1
            batch = AuditBatch(first=first, last=first + len(digests) - 1, digests=digests)
            signature = self._signer.sign(AuditBatch.NAME, batch.encode())
            self._write(to_line(SignedBatch(batch, signature)))
            del self._unsigned[: len(digests)]
        with self._explained():
            os.fdatasync(self._descriptor)

    def _write(self, line: bytes) -> None:
        start = self._size
        try:
            with self._explained():
                view = memoryview(line)
                while view:
                    view = view[os.write(self._descriptor, view) :]
        except StorageError:
            # Half a line in the middle would look like an edit.
            os.ftruncate(self._descriptor, start)
            raise
        self._size = start + len(line)

    # ---- reading, under the lock

    def _find_end(self) -> None:
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - _TAIL_BYTES)
        data = self._read(start, size)
        lines = data.split(b"\n")
        offsets = _offsets(start, lines)
        newest = _last_batch(lines, skip_first=start > 0)
        if newest is None and start > 0:
            lines = self._read(0, size).split(b"\n")
            offsets = _offsets(0, lines)
            newest = _last_batch(lines, skip_first=False)
        begin = 0
        if newest is not None:
            position, signed = newest
            self._check(signed)
            self._seq, self._head = signed.batch.last, signed.batch.digests[-1]
            self._time_ms = _time_of(lines[:position], signed.batch.last)
            begin = position + 1
        self._size = offsets[begin]
        self._follow(lines[begin:])

    def _catch_up(self) -> None:
        """Read what other processes have appended since."""
        size = os.fstat(self._descriptor).st_size
        if size < self._size:
            raise self._damaged("it became shorter")
        if size > self._size:
            self._follow(self._read(self._size, size).split(b"\n"))

    def _follow(self, lines: list[bytes]) -> None:
        """Take whole lines; what stands behind the last line feed is what a crash left."""
        *whole, rest = lines
        for line in whole:
            entry = parse_line(line)
            if isinstance(entry, AuditRecord):
                if (entry.seq, entry.prev_hash) != (self._seq + 1, self._head):
                    raise self._damaged(f"record {entry.seq} does not follow record {self._seq}")
                self._take(entry)
            elif entry is not None:
                self._check(entry)
                self._take_batch(entry.batch)
            else:
                raise self._damaged(f"the line behind record {self._seq} is none of this log")
            self._size += len(line) + 1
        if rest:
            with self._explained():
                os.ftruncate(self._descriptor, self._size)
            self._append("repair", {"bytes": len(rest), "last_good": self._seq})
            self._seal()

    def _take(self, record: AuditRecord) -> None:
        self._seq = record.seq
        self._time_ms = record.time_ms
        self._head = record.digest()
        self._unsigned.append(self._head)

    def _take_batch(self, batch: AuditBatch) -> None:
        n = len(batch.digests)
        first = self._seq - len(self._unsigned) + 1
        if batch.first != first or tuple(self._unsigned[:n]) != batch.digests:
            raise self._damaged(f"the signature behind record {self._seq} is not of its records")
        del self._unsigned[:n]

    def _check(self, signed: SignedBatch) -> None:
        batch = signed.batch
        try:
            verify_signature(self._key, AuditBatch.NAME, batch.encode(), signed.signature)
        except VerifyError:
            raise self._damaged(f"the signature over record {batch.last} does not hold") from None

    def _read(self, start: int, end: int) -> bytes:
        with self._explained():
            return os.pread(self._descriptor, end - start, start)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageError(
                    f"cannot record this: no space in {self._path.parent}; nothing was answered",
                    slug="disk-full",
                    hint="free space, run it again",
                ) from None
            raise StorageError(f"cannot use {self._path}: {error.strerror}") from None

    def _damaged(self, what: str) -> KeyFileError:
        return KeyFileError(
            f"{LOG_FILE} was changed: {what}; nothing was written",
            hint="`overlap audit verify` names the first bad record; keep the file as it is",
        )


def _last_batch(lines: list[bytes], *, skip_first: bool) -> tuple[int, SignedBatch] | None:
    # The first line of a tail may be half a line; the last one is, or is empty.
    for position in range(len(lines) - 2, int(skip_first) - 1, -1):
        if lines[position].startswith(b'{"first"'):
            entry = parse_line(lines[position])
            if isinstance(entry, SignedBatch):
                return position, entry
    return None


def _time_of(lines: list[bytes], seq: int) -> int:
    """When a record was written; 0 when it is not among these lines."""
    for line in reversed(lines):
        entry = parse_line(line)
        if isinstance(entry, AuditRecord) and entry.seq == seq:
            return entry.time_ms
    return 0


def _offsets(start: int, lines: list[bytes]) -> list[int]:
    """Where each line begins in the file."""
    offsets = [start]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets


def log_path(path: Path) -> Path:
    """The log in a folder of logs, or the file itself."""
    return path / "log.jsonl" if path.is_dir() else path

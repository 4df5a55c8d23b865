# SPDX-License-Identifier: Apache-2.0
"""
What is wrong with an audit log: the first bad record, and whether it was edited, deleted or moved.

The signatures say which digest each record must have. A record that is there with another digest
was edited, one that is nowhere was deleted, one that stands elsewhere was moved. What is missing at
the end can't be seen in the log itself: that takes a receipt of the run, or an older copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from psi.crypto.signing import verify_signature
from psi.errors import VerifyError
from psi.trust.audit_format import (
    FIRST_PREVIOUS,
    AuditBatch,
    AuditRecord,
    SignedBatch,
    parse_line,
)

__all__ = ["AuditFault", "AuditFinding", "FaultKind", "read_log"]

FaultKind = Literal["edited", "deleted", "reordered", "inserted", "signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFault:
    """The first bad record: its number, what was done to it, and that in words."""

    seq: int
    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """
    What a log is: its records in the order of the file, its first fault, what is signed of it.

    `sound` counts the records before the first fault.
    """

    records: tuple[AuditRecord, ...]
    signatures: int
    unsigned: int
    sound: int
    fault: AuditFault | None


@dataclass(slots=True)
class _Log:
    """The lines of a file; None stands for one that is neither record nor batch."""

    entries: list[AuditRecord | None] = field(default_factory=list)
    batches: list[SignedBatch] = field(default_factory=list)
    unreadable: int = 0  # lines that were signatures


def read_log(data: bytes, keys: Sequence[bytes]) -> AuditFinding:
    """
    Check a whole log.

    Args:
        data: The bytes of the file.
        keys: The log keys that the rosters list for its owner; a signature by any of them counts.
    """
    log = _parsed(data)
    signed, bad = _signatures(log, keys)
    fault = _first_fault(log.entries, signed)
    for found, last in bad:
        # That a record was edited says more than that the signature over it does not hold.
        if fault is None or not found.seq <= fault.seq <= last:
            fault = found if fault is None or found.seq < fault.seq else fault
    records = tuple(entry for entry in log.entries if entry is not None)
    newest = max(signed, default=0)
    first = fault or _unsigned_between(signed, newest, log.unreadable)
    return AuditFinding(
        records=records,
        signatures=len(log.batches),
        unsigned=sum(record.seq > newest for record in records),
        sound=len(records) if first is None else first.seq - 1,
        fault=first,
    )


def _signatures(
    log: _Log, keys: Sequence[bytes]
) -> tuple[dict[int, bytes], list[tuple[AuditFault, int]]]:
    """The digest that each record must have, and each bad signature with its last record."""
    signed: dict[int, bytes] = {}
    bad = []
    for one in log.batches:
        batch = one.batch
        span = _span(batch.first, batch.last)
        if not _holds(one, keys):
            text = f"the signature over {span} does not hold"
            bad.append((AuditFault(seq=batch.first, kind="signature", text=text), batch.last))
            continue
        digests = dict(enumerate(batch.digests, start=batch.first))
        if not digests.keys().isdisjoint(signed):
            text = f"{span}: there are two signatures over them"
            bad.append((AuditFault(seq=batch.first, kind="inserted", text=text), batch.last))
        signed |= digests
    return signed, bad


def _unsigned_between(signed: dict[int, bytes], newest: int, unreadable: int) -> AuditFault | None:
    gap = next(seq for seq in range(1, newest + 2) if seq not in signed)
    if not unreadable and gap > newest:
        return None
    what = "can't be read" if unreadable else "is missing"
    text = f"the signature over record {gap:,} {what}"
    return AuditFault(seq=gap, kind="signature", text=text)


def _parsed(data: bytes) -> _Log:
    log = _Log()
    # Behind the last line feed is what a crash left; whoever opens the log cuts it off.
    for line in data.split(b"\n")[:-1]:
        entry = parse_line(line)
        if isinstance(entry, SignedBatch):
            log.batches.append(entry)
        elif entry is None and line.startswith(b'{"first"'):
            log.unreadable += 1
        else:
            log.entries.append(entry)
    return log


def _holds(one: SignedBatch, keys: Iterable[bytes]) -> bool:
    encoding = one.batch.encode()
    for key in keys:
        try:
            verify_signature(key, AuditBatch.NAME, encoding, one.signature)
        except VerifyError:
            continue
        return True
    return False


def _first_fault(
    entries: Sequence[AuditRecord | None], signed: dict[int, bytes]
) -> AuditFault | None:
    present = {entry.seq for entry in entries if entry is not None}
    expected, previous = 1, FIRST_PREVIOUS
    for entry in entries:
        if entry is None:
            return _fault(expected, "edited", "was edited: its line can't be read")
        if entry.seq != expected:
            return _misplaced(entry.seq, expected, present)
        digest = entry.digest()
        if signed.get(expected, digest) != digest:
            return _fault(expected, "edited", "was edited after it was signed")
        if entry.prev_hash != previous:
            # Of two records that are not signed, the link of the second tells on the first.
            edited = expected if expected - 1 in signed or expected == 1 else expected - 1
            return _fault(edited, "edited", "was edited: the link to it does not fit")
        expected, previous = expected + 1, digest
    missing = [seq for seq in signed if seq >= expected]
    if missing:
        return _deleted(expected, max(missing))
    return None


def _misplaced(found: int, expected: int, present: set[int]) -> AuditFault:
    if found < expected:
        return _fault(found, "inserted", "is there twice")
    if expected in present:
        return _fault(expected, "reordered", f"is out of order: record {found:,} is in its place")
    last = next(seq for seq in range(expected, found + 1) if seq in present) - 1
    return _deleted(expected, last)


def _deleted(first: int, last: int) -> AuditFault:
    were = "was" if first == last else "were"
    return AuditFault(seq=first, kind="deleted", text=f"{_span(first, last)} {were} deleted")


def _fault(seq: int, kind: FaultKind, what: str) -> AuditFault:
    return AuditFault(seq=seq, kind=kind, text=f"record {seq:,} {what}")


def _span(first: int, last: int) -> str:
    return f"record {first:,}" if first == last else f"records {first:,} to {last:,}"

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
    signed: dict[int, bytes] = {}
    faults: list[AuditFault] = []
    for one in log.batches:
        batch = one.batch
        if not _holds(one, keys):
            text = f"the signature over {_span(batch.first, batch.last)} does not hold"
            faults.append(AuditFault(seq=batch.first, kind="signature", text=text))
            continue
        if batch.first in signed:
            text = f"{_span(batch.first, batch.last)}: signed twice"
            faults.append(AuditFault(seq=batch.first, kind="inserted", text=text))
        signed |= dict(enumerate(batch.digests, start=batch.first))
    fault = _first_fault(log.entries, signed)
    if fault is not None:
        faults.append(fault)
    records = tuple(entry for entry in log.entries if entry is not None)
    newest = max(signed, default=0)
    gap = next(seq for seq in range(1, newest + 2) if seq not in signed)
    if not faults and (log.unreadable or gap <= newest):
        what = "can't be read" if log.unreadable else "is missing"
        text = f"the signature over record {gap:,} {what}"
        faults.append(AuditFault(seq=gap, kind="signature", text=text))
    # A signature that does not hold says less than what was done to one of its records.
    first = min(faults, key=lambda each: (each.seq, each.kind == "signature"), default=None)
    if first is not None and first.kind == "signature" and fault is not None:
        within = [
            one.batch
            for one in log.batches
            if one.batch.first == first.seq <= fault.seq <= one.batch.last
        ]
        first = fault if within else first
    return AuditFinding(
        records=records,
        signatures=len(log.batches),
        unsigned=sum(record.seq > newest for record in records),
        sound=len(records) if first is None else first.seq - 1,
        fault=first,
    )


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

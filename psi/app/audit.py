# SPDX-License-Identifier: Apache-2.0
"""`overlap audit`: read an audit log, and find out whether it is whole."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from psi.app.known_rosters import KnownRosters
from psi.app.receipts import ReceiptFile, read_receipt
from psi.errors import KeyFileError, PsiError, StorageError
from psi.protocol.receipt import verify_receipt
from psi.trust.audit import LOG_FILE, log_path
from psi.trust.audit_format import AuditRecord
from psi.trust.audit_verify import AuditFinding, read_log
from psi.trust.home import Home

__all__ = ["AuditReport", "ReceiptInLog", "home_log", "read_records", "summary", "verify_log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptInLog:
    """Where a receipt's run stands in the log: from its charge to its end."""

    run: str
    first: int
    last: int
    charged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """A log that holds, as far as it goes."""

    actor: str
    finding: AuditFinding
    receipt: ReceiptInLog | None


def home_log(home: Home) -> Path:
    """The log of a home."""
    return home.path / LOG_FILE


def read_records(path: Path) -> AuditFinding:
    """
    The records of a log without looking at any signature.

    Raises:
        StorageError: It can't be read.
    """
    return read_log(_bytes(path), ())


def summary(finding: AuditFinding) -> dict[str, int]:
    """How many records there are of each type."""
    return dict(sorted(Counter(record.type for record in finding.records).items()))


def verify_log(path: Path, known: KnownRosters, receipt: Path | None = None) -> AuditReport:
    """
    Check a log with the keys of a roster, and with a receipt of one of its runs if there is one.

    Raises:
        StorageError: A file can't be read.
        PsiError: The log or the receipt does not hold (`does-not-hold`), with the first bad
            record, or the run is not in the log.
    """
    data = _bytes(path)
    actors = {record.actor for record in read_log(data, ()).records}
    if len(actors) != 1:
        what = "no record" if not actors else f"records of {len(actors)} members"
        raise _not(f"{path.name} has {what}")
    (actor,) = actors
    keys = {roster.principal(actor).log_key for roster in known.trusted if roster.lists(actor)}
    if not keys:
        raise _not(f"no roster that is here lists {actor}")
    finding = read_log(data, sorted(keys))
    if finding.fault is not None:
        sound = finding.sound
        before = f"; records 1 to {sound:,} are sound" if sound > 1 else ""
        raise PsiError(
            f"the log of {actor}: {finding.fault.text}{before}",
            slug="does-not-hold",
            hint=f"ask {actor}; keep this copy of the log",
            detail={
                "record": finding.fault.seq,
                "kind": finding.fault.kind,
                "sound": finding.sound,
            },
        )
    found = None if receipt is None else _find(finding, actor, read_receipt(receipt), known)
    return AuditReport(actor=actor, finding=finding, receipt=found)


def _find(
    finding: AuditFinding, actor: str, file: ReceiptFile, known: KnownRosters
) -> ReceiptInLog:
    receipt = file.receipt
    verify_receipt(receipt, known.rosters)
    hello, close = receipt.client_hello.body, receipt.close_by_server.body
    if actor not in (hello.client, hello.server):
        raise _not(
            f"run {receipt.run} is one of {hello.client} with {hello.server}, not of {actor}"
        )
    kinds = ("session-open", "session-close") if actor == hello.server else ("run-open", "release")
    session = close.session_id.hex()
    opened = _of_session(finding.records, kinds[0], session)
    closed = _of_session(finding.records, kinds[1], session)
    if not opened or not closed:
        missing = kinds[0] if not opened else kinds[1]
        raise _not(
            f"the log of {actor} has no {missing} of run {receipt.run}: "
            "it was cut at its end, or another log was kept beside it"
        )
    first, last = opened[0], closed[-1]
    charged = _field(first, "charged")
    if _field(last, "transcript") != close.transcript.hex():
        raise _not(f"record {last.seq:,} closes run {receipt.run} with another transcript")
    if charged != hello.bucket or first.seq > closed[0].seq:
        raise _not(f"record {first.seq:,} does not charge run {receipt.run} before its end")
    return ReceiptInLog(run=receipt.run, first=first.seq, last=last.seq, charged=hello.bucket)


def _of_session(records: tuple[AuditRecord, ...], kind: str, session: str) -> list[AuditRecord]:
    return [
        record for record in records if record.type == kind and _field(record, "session") == session
    ]


def _field(record: AuditRecord, name: str) -> int | str | None:
    value: int | str | None = json.loads(record.body).get(name)
    return value


def _bytes(path: Path) -> bytes:
    file = log_path(path)
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(f"there is no audit log at {file}", slug="file-damaged") from None
    except OSError as error:
        raise StorageError(f"{file} can't be read: {error.strerror}") from None


def _not(reason: str) -> PsiError:
    return PsiError(reason, slug="does-not-hold", hint="ask the member whose log it is")

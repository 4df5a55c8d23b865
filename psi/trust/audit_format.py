# SPDX-License-Identifier: Apache-2.0
"""
The lines of the audit log, and the structures that are hashed and signed (docs/formats.md).

    {"seq", "time_ms", "actor", "type", "prev", "body"}          one record
    {"first", "last", "digests", "signature"}                    the signature over a batch of them

A record is hashed as the structure `AuditRecord`, whose body is the JSON of the body with sorted
keys and no blanks. A batch names the digest of each of its records, so that a record that was
edited is named even when everybody's links behind it were mended.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from psi.errors import PeerProtocolError
from psi.protocol.structure import B32, Name, Structure, Text

__all__ = [
    "FIRST_PREVIOUS",
    "MAX_BATCH",
    "MAX_LINE_BYTES",
    "RECORD_TYPES",
    "AuditBatch",
    "AuditRecord",
    "Body",
    "SignedBatch",
    "body_bytes",
    "parse_line",
    "to_line",
]

Body = Mapping[str, int | str]

# Before the first record.
FIRST_PREVIOUS: Final = bytes(32)
MAX_BATCH: Final = 256
# A batch of 256 digests has about 17 kB.
MAX_LINE_BYTES: Final = 64 * 1024

# Every type of record, and what it says; the same words are the events of the log on stderr.
RECORD_TYPES: Final[Mapping[str, str]] = {
    "start": "a server begins: version, kernel, policy, roster, size rounded up",
    "stop": "it ends",
    "reload": "policy, roster and set were read anew",
    "join": "this home has joined an alliance",
    "roster": "another roster is in force",
    "keys-rotated": "new keys were made, or are in use now",
    "key-certificate": "a key was signed for a peer and a period",
    "period": "a period has begun; master, keys and lists of the one before are erased",
    "session-open": "a peer's check was charged",
    "session-close": "both sides have signed its receipt",
    "refusal": "calls of a peer were refused",
    "run-open": "we have asked a peer",
    "release": "a check of ours has its result",
    "export": "a saved result was written for another program",
    "run-failed": "a check of ours has ended without a result",
    "evidence": "a peer's fault was kept as evidence",
    "storage-fault": "something could not be recorded",
    "clock-jump": "the clock went back by more than five minutes since the record before",
    "repair": "the end of this log was incomplete after a crash and was cut off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord(Structure):
    """One record; `body` is canonical JSON."""

    NAME: ClassVar[str] = "AuditRecord"
    seq: int
    time_ms: int
    actor: Name
    type: Text
    prev_hash: B32
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBatch(Structure):
    """What the log key signs: the digests of the records `first` to `last`."""

    NAME: ClassVar[str] = "AuditBatch"
    first: int
    last: int
    digests: tuple[B32, ...]


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A batch and its signature, not verified by existing."""

    batch: AuditBatch
    signature: bytes


class _RecordLine(msgspec.Struct, forbid_unknown_fields=True):
    seq: int
    time_ms: int
    actor: str
    type: str
    prev: str
    body: dict[str, int | str]


class _BatchLine(msgspec.Struct, forbid_unknown_fields=True):
    first: int
    last: int
    digests: list[str]
    signature: str


def body_bytes(body: Body) -> bytes:
    """The one encoding of a body: JSON with sorted keys, no blanks, ASCII."""
    return json.dumps(dict(body), sort_keys=True, separators=(",", ":")).encode()


def to_line(entry: AuditRecord | SignedBatch) -> bytes:
    """The line of a record or a batch, with its line feed."""
    if isinstance(entry, AuditRecord):
        fields: dict[str, object] = {
            "seq": entry.seq,
            "time_ms": entry.time_ms,
            "actor": entry.actor,
            "type": entry.type,
            "prev": entry.prev_hash.hex(),
            "body": json.loads(entry.body),
        }
    else:
        fields = {
            "first": entry.batch.first,
            "last": entry.batch.last,
            "digests": [digest.hex() for digest in entry.batch.digests],
            "signature": entry.signature.hex(),
        }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def parse_line(line: bytes) -> AuditRecord | SignedBatch | None:
    """The record or batch of a line without its line feed; None if it is neither."""
    try:
        if line.startswith(b'{"seq"'):
            found = msgspec.json.decode(line, type=_RecordLine)
            entry: AuditRecord | SignedBatch = AuditRecord(
                seq=found.seq,
                time_ms=found.time_ms,
                actor=found.actor,
                type=found.type,
                prev_hash=bytes.fromhex(found.prev),
                body=body_bytes(found.body),
            )
        else:
            batch = msgspec.json.decode(line, type=_BatchLine)
            digests = tuple(bytes.fromhex(digest) for digest in batch.digests)
            signed = AuditBatch(first=batch.first, last=batch.last, digests=digests)
            if batch.first < 1 or len(digests) != batch.last - batch.first + 1:
                return None
            entry = SignedBatch(signed, bytes.fromhex(batch.signature))
    except (msgspec.MsgspecError, PeerProtocolError, UnicodeError, ValueError, RecursionError):
        return None
    # One spelling only: an edit that reads the same is an edit.
    return entry if to_line(entry) == line + b"\n" else None

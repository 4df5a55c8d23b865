# SPDX-License-Identifier: Apache-2.0
"""The asking side's file: what it has pinned of its peers, and its unfinished runs."""

from pathlib import Path
from typing import Final

from psi.store._rows import Table
from psi.store.database import Database, Schema

__all__ = ["ANSWERS", "PARTS", "PINS", "RUNS", "open_client_state"]

_SCHEMA: Final = Schema(
    mark=b"OVLC",
    version=1,
    loss="unfinished runs in it are lost, and keys of peers are pinned anew",
    statements="""
CREATE TABLE pins (
    server TEXT PRIMARY KEY, epoch INTEGER NOT NULL,
    encoding BLOB NOT NULL, signature BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE runs (
    peer TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, sealed_seed BLOB NOT NULL,
    set_fingerprint BLOB NOT NULL, hello BLOB NOT NULL, hello_signature BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE answers (
    peer TEXT PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    answer BLOB NOT NULL, answer_signature BLOB NOT NULL, key_cert_signature BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE parts (
    peer TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, chunk INTEGER NOT NULL,
    response BLOB NOT NULL, signature BLOB NOT NULL, evaluated BLOB NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (peer, chunk)) STRICT
""",
)

PINS: Final = Table("pins", ("server", "epoch", "encoding", "signature"))
RUNS: Final = Table(
    "runs", ("peer", "started_ms", "sealed_seed", "set_fingerprint", "hello", "hello_signature")
)
ANSWERS: Final = Table("answers", ("peer", "answer", "answer_signature", "key_cert_signature"))
PARTS: Final = Table("parts", ("peer", "chunk", "response", "signature", "evaluated"))


def open_client_state(path: Path) -> Database:
    """
    Open or make the file that `SqlitePins` and `RunStore` share.

    Raises:
        KeyFileError, StorageError: As `Database`.
    """
    return Database(path, _SCHEMA)

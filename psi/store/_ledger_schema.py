# SPDX-License-Identifier: Apache-2.0
"""The tables of ledger.sqlite3; `digest` is made and checked by `psi.store._rows`."""

from typing import Final

from psi.store._rows import Row, Table
from psi.store.database import Schema

__all__ = [
    "ALL",
    "CHUNKS",
    "KEY_CERTS",
    "META",
    "RECEIPTS",
    "SCHEMA",
    "SESSIONS",
    "SETS",
    "USAGE",
    "Row",
]

SCHEMA: Final = Schema(
    mark=b"OVLL",
    version=1,
    loss="every budget of the running period then counts as used up",
    statements="""
CREATE TABLE meta (
    name TEXT PRIMARY KEY, value BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE key_certs (
    client TEXT NOT NULL, epoch INTEGER NOT NULL, encoding BLOB NOT NULL, signature BLOB NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (client, epoch)) STRICT;
CREATE TABLE usage (
    client TEXT NOT NULL, epoch INTEGER NOT NULL,
    elements INTEGER NOT NULL, sessions INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (client, epoch)) STRICT;
CREATE TABLE sessions (
    session_id BLOB PRIMARY KEY, hello_digest BLOB NOT NULL UNIQUE,
    client TEXT NOT NULL, epoch INTEGER NOT NULL, nonce BLOB NOT NULL, bucket INTEGER NOT NULL,
    table_version INTEGER NOT NULL, opened_ms INTEGER NOT NULL,
    hello BLOB NOT NULL, hello_signature BLOB NOT NULL,
    answer BLOB NOT NULL, answer_signature BLOB NOT NULL, key_cert_signature BLOB NOT NULL,
    digest BLOB NOT NULL, UNIQUE (client, nonce)) STRICT;
CREATE TABLE receipts (
    session_id BLOB PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    encoding BLOB NOT NULL, signature BLOB NOT NULL, client_signature BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE chunks (
    session_id BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE, chunk INTEGER NOT NULL,
    chunk_digest BLOB NOT NULL, request_signature BLOB NOT NULL,
    elements_digest BLOB NOT NULL, proof BLOB NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    digest BLOB NOT NULL, PRIMARY KEY (session_id, chunk)) STRICT;
CREATE TABLE sets (
    version INTEGER PRIMARY KEY, set_digest BLOB NOT NULL, n_values INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT
""",
)

META: Final = Table("meta", ("name", "value"))
KEY_CERTS: Final = Table("key_certs", ("client", "epoch", "encoding", "signature"))
USAGE: Final = Table("usage", ("client", "epoch", "elements", "sessions"))
SESSIONS: Final = Table(
    "sessions",
    (
        "session_id",
        "hello_digest",
        "client",
        "epoch",
        "nonce",
        "bucket",
        "table_version",
        "opened_ms",
        "hello",
        "hello_signature",
        "answer",
        "answer_signature",
        "key_cert_signature",
    ),
)
RECEIPTS: Final = Table("receipts", ("session_id", "encoding", "signature", "client_signature"))
# How often a chunk was repeated is counted up in place and outside the row's digest.
CHUNKS: Final = Table(
    "chunks",
    (
        "session_id",
        "chunk",
        "chunk_digest",
        "request_signature",
        "elements_digest",
        "proof",
    ),
)
SETS: Final = Table("sets", ("version", "set_digest", "n_values"))
ALL: Final = (META, KEY_CERTS, USAGE, SESSIONS, RECEIPTS, CHUNKS, SETS)

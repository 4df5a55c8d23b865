# SPDX-License-Identifier: Apache-2.0
"""Hellos, answers and records that are well formed; nothing in them is a real key."""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from psi.errors import LimitError
from psi.protocol.ledger import ChunkRecord, SessionRecord, Usage
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalResponse,
    KeyCert,
    ServerAnswer,
    ServerHello,
    Signed,
)
from psi.protocol.transcript import session_id_of
from psi.store.ledger import SqliteLedger

EPOCH = 2961
NOW_MS = 1_795_000_000_000
LEDGER_ID = b"ledger id, 16 B."
SIGNATURE = bytes(range(64))


def digest(text: str) -> bytes:
    """32 bytes that depend on the text."""
    return hashlib.sha256(text.encode()).digest()


def key_cert(client: str = "acme", epoch: int = EPOCH, text: str = "pk") -> Signed[KeyCert]:
    body = KeyCert(
        server="beta",
        client=client,
        epoch=epoch,
        pk=digest(text),
        not_before=epoch * 604_800,
        not_after=(epoch + 1) * 604_800,
        profile_digest=digest("profile"),
    )
    return Signed(body, SIGNATURE)


def client_hello(nonce: str, client: str = "acme", bucket: int = 1024) -> Signed[ClientHello]:
    body = ClientHello(
        version=1,
        client=client,
        server="beta",
        roster_hash=digest("roster"),
        policy_hash=digest("policy"),
        profile_digest=digest("profile"),
        bucket=bucket,
        nonce=digest(nonce),
        time_ms=NOW_MS,
        spki_client=digest("spki " + client),
        spki_server=digest("spki beta"),
    )
    return Signed(body, SIGNATURE)


def server_answer(hello: ClientHello, version: int = 1, epoch: int = EPOCH) -> ServerAnswer:
    cert = key_cert(hello.client, epoch)
    without_id = ServerHello(
        session_id=None,
        key_cert=cert.body,
        policy_hash=digest("policy of beta"),
        bucket=1024,
        tag_length=8,
        table_version=version,
        table_digest=digest("table"),
        budget_left=0,
        nonce=os.urandom(32),
        time_ms=NOW_MS,
        spki_client=hello.spki_client,
        spki_server=hello.spki_server,
    )
    body = replace(without_id, session_id=session_id_of(hello, without_id))
    return ServerAnswer(hello=Signed(body, SIGNATURE), key_cert_signature=cert.signature)


def session(
    hello: Signed[ClientHello], *, version: int = 1, epoch: int = EPOCH, opened_ms: int = NOW_MS
) -> SessionRecord:
    answer = server_answer(hello.body, version, epoch)
    session_id = answer.hello.body.session_id
    assert session_id is not None
    return SessionRecord(
        session_id=session_id, client_hello=hello, answer=answer, opened_ms=opened_ms
    )


def allowing(
    hello: Signed[ClientHello], budget: int = 2**30, sessions: int = 2**30
) -> Callable[[Usage], SessionRecord]:
    """What the server gives to `open_session`: the budget's check, then a record."""

    def make(usage: Usage) -> SessionRecord:
        if usage.elements + hello.body.bucket > budget or usage.sessions >= sessions:
            raise LimitError(f"{usage.sessions} of {sessions} checks used")
        return session(hello)

    return make


def opened(ledger: SqliteLedger, nonce: str, client: str = "acme") -> SessionRecord:
    """A session that was opened in the current epoch."""
    hello = client_hello(nonce, client)
    return ledger.open_session(hello.body, EPOCH, allowing(hello))


def chunk_record(text: str) -> ChunkRecord:
    return ChunkRecord(
        chunk_digest=digest(text),
        request_signature=SIGNATURE,
        elements_digest=digest(text + " elements"),
        proof=SIGNATURE,
    )


def receipt(session_id: bytes) -> Signed[Close]:
    body = Close(session_id=session_id, transcript=digest("transcript"), chunks=1)
    return Signed(body, SIGNATURE)


def eval_response(session_id: bytes, chunk: int) -> Signed[EvalResponse]:
    body = EvalResponse(
        session_id=session_id,
        chunk=chunk,
        chunk_digest=digest(f"chunk {chunk}"),
        elements_digest=digest(f"elements {chunk}"),
        proof=SIGNATURE,
    )
    return Signed(body, SIGNATURE)


def tamper(path: Path, statement: str, *parameters: object) -> None:
    """Change a state file behind the back of the code, as a flipped bit in a value would."""
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, parameters).rowcount > 0
    connection.close()

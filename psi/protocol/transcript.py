# SPDX-License-Identifier: Apache-2.0
"""
What both sides saw, as one hash (docs/protocol.md, section 4).

    T_0 = SHA256("OVL1-T" || encoding(ClientHello))
    T_{n+1} = SHA256(T_n || u8(type) || u32(index) || SHA256(body))

Chunks enter in index order, whatever order they came in.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from psi.encoding import u8, u32
from psi.protocol.messages import ClientHello, EvalRequest, EvalResponse, ServerHello

__all__ = ["ChunkDigests", "Entry", "chunk_digest_of", "session_id_of", "transcript_of"]


class Entry(IntEnum):
    """The type byte of an entry."""

    SERVER_HELLO = 1
    EVAL_REQUEST = 2
    EVAL_RESPONSE = 3
    TABLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDigests:
    """SHA-256 of the signed encodings of one chunk's request and response."""

    request: bytes
    response: bytes

    @classmethod
    def of(cls, request: EvalRequest, response: EvalResponse) -> "ChunkDigests":
        """The digests of a request and its response."""
        return cls(request=request.digest(), response=response.digest())


def _step(state: bytes, entry: Entry, index: int, body_digest: bytes) -> bytes:
    return hashlib.sha256(state + u8(entry) + u32(index) + body_digest).digest()


def transcript_of(
    client_hello: ClientHello,
    server_hello: ServerHello,
    chunks: Iterable[ChunkDigests],
    table_digest: bytes,
) -> list[bytes]:
    """Every value T_0 ... T_n of a finished session; the last one is signed in `Close`."""
    states = [hashlib.sha256(b"OVL1-T" + client_hello.encode()).digest()]
    states.append(_step(states[-1], Entry.SERVER_HELLO, 0, server_hello.digest()))
    for index, chunk in enumerate(chunks):
        states.append(_step(states[-1], Entry.EVAL_REQUEST, index, chunk.request))
        states.append(_step(states[-1], Entry.EVAL_RESPONSE, index, chunk.response))
    table_body = hashlib.sha256(table_digest).digest()
    states.append(_step(states[-1], Entry.TABLE, 0, table_body))
    return states


def session_id_of(client_hello: ClientHello, server_hello_without_id: ServerHello) -> bytes:
    """`SHA256("OVL1-SESSION" || encoding(ClientHello) || encoding(ServerHello, id absent))`."""
    assert server_hello_without_id.session_id is None, "the id is not part of its own input"
    return hashlib.sha256(
        b"OVL1-SESSION" + client_hello.encode() + server_hello_without_id.encode()
    ).digest()


def chunk_digest_of(chunk: int, elements: bytes) -> bytes:
    """`SHA256(u32(chunk) || elements)`."""
    return hashlib.sha256(u32(chunk) + elements).digest()

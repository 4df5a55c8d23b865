# SPDX-License-Identifier: Apache-2.0
"""
What the answering side must have on disk before it answers: the seam to `psi.store`.

One ledger belongs to one principal. Checking and charging are one serialised transaction, and
every method that records has recorded durably when it returns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from psi.protocol.messages import ClientHello, Close, KeyCert, ServerAnswer, Signed

__all__ = ["ChunkRecord", "Ledger", "Limits", "SessionRecord", "Usage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may ask: indicators a check, indicators and checks an epoch."""

    bucket: int
    budget: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one client has been charged in one epoch, dummies included."""

    elements: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session that was charged; both hellos as they were signed and sent."""

    session_id: bytes
    client_hello: Signed[ClientHello]
    answer: ServerAnswer
    opened_ms: int
    receipt: Signed[Close] | None = None
    # The client's Close, with the same body as the receipt.
    closed_by_client: Signed[Close] | None = None

    @property
    def client(self) -> str:
        """Who opened it."""
        return self.client_hello.body.client


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """One answered chunk; the evaluated elements are recomputed, the proof is kept."""

    chunk_digest: bytes
    request_signature: bytes
    elements_digest: bytes
    proof: bytes


class Ledger(Protocol):
    """Durable records of the answering side (psi.store.ledger)."""

    def key_cert(self, client: str, epoch: int) -> Signed[KeyCert] | None:
        """The certificate that was issued, if any."""
        ...

    def issue_key_cert(self, cert: Signed[KeyCert]) -> Signed[KeyCert]:
        """Store a certificate; the first one for its client and epoch wins and is returned."""
        ...

    def usage(self, client: str, epoch: int) -> Usage:
        """What the client has been charged."""
        ...

    def session(self, session_id: bytes) -> SessionRecord | None:
        """A session by its id."""
        ...

    def session_of(self, hello_digest: bytes) -> SessionRecord | None:
        """The session that this ClientHello opened (SHA-256 of its encoding)."""
        ...

    def nonce_seen(self, client: str, nonce: bytes, since_ms: int) -> bool:
        """Whether a session of this client was opened with this nonce since then."""
        ...

    def open_session(
        self, hello: ClientHello, epoch: int, make: Callable[[Usage], SessionRecord]
    ) -> SessionRecord:
        """
        Charge the bucket and record the session in one serialised, durable transaction.

        Args:
            make: Called inside the transaction with the usage so far; raises LimitError when
                the budget does not allow the charge, and then nothing is recorded.

        Returns:
            The new record, or the stored one if the same hello opened a session meanwhile.
        """
        ...

    def chunk(self, session_id: bytes, chunk: int) -> ChunkRecord | None:
        """The answer that was given to a chunk, if any."""
        ...

    def record_chunk(self, session_id: bytes, chunk: int, record: ChunkRecord) -> ChunkRecord:
        """Record an answer before it is given; the first record wins and is returned."""
        ...

    def count_repeat(self, session_id: bytes, chunk: int) -> int:
        """Count one more repeat of an answered chunk; returns how many there are now."""
        ...

    def chunks(self, session_id: bytes) -> list[ChunkRecord]:
        """The records of a session in index order, without gaps from 0; the rest is not given."""
        ...

    def close_session(
        self, session_id: bytes, receipt: Signed[Close], client_signature: bytes
    ) -> None:
        """Record the receipt that ends a session, with both signatures."""
        ...

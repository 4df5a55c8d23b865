# SPDX-License-Identifier: Apache-2.0
"""
The asking side of one pairwise check, without sockets, files or threads (docs/protocol.md, 4).

A session is single use and belongs to one frozen set. Parts may be asked and received in any
order and from several threads. To continue after a crash the same messages are fed in again: what
was received is checked anew, there is no second way into a session.

Nothing of an answer meets a blind or an indicator before its proof was verified, and no message
depends on what matched.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from psi.crypto import bdleq
from psi.crypto.blinding import Blinding
from psi.crypto.signing import Signer, verify_signature
from psi.crypto.voprf import ELEMENT_LENGTH, check_elements
from psi.encoding import u32
from psi.errors import (
    CryptoError,
    DeserializeError,
    LocalProtocolError,
    PeerProtocolError,
    RefusedError,
    VerifyError,
)
from psi.protocol.evidence import Evidence, EvidenceKind, SignedBytes
from psi.protocol.messages import (
    PROTOCOL_VERSION,
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    KeyCert,
    Principal,
    ServerAnswer,
    ServerHello,
    Signed,
)
from psi.protocol.server_keys import prefix_of
from psi.protocol.sizes import (
    CHUNK_ELEMENTS,
    CLOCK_TOLERANCE_MS,
    PAGE_TAGS,
    chunk_count,
    chunk_size,
    epoch_bounds,
    epoch_of,
    is_bucket,
    tag_length,
)
from psi.protocol.states import ClientState, client_next
from psi.protocol.structure import Structure
from psi.protocol.table import check_table, match
from psi.protocol.transcript import (
    ChunkDigests,
    chunk_digest_of,
    session_id_of,
    transcript_of,
)

__all__ = ["ClientSession", "ClientTerms", "Pins", "new_client_hello"]

S = TypeVar("S", bound=Structure)


class Pins(Protocol):
    """The newest KeyCert of each server that this client has accepted (psi.store.pins)."""

    def newest(self, server: str) -> Signed[KeyCert] | None:
        """The pinned certificate of the highest epoch."""
        ...

    def pin(self, cert: Signed[KeyCert]) -> None:
        """Keep a certificate durably."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTerms:
    """Who asks whom, and what the client requires of the answer."""

    signer: Signer
    server: Principal
    epoch_seconds: int
    profile_digest: bytes
    pins: Pins
    keep_evidence: Callable[[Evidence], None]


def new_client_hello(
    *,
    signer: Signer,
    client: str,
    server: str,
    roster_hash: bytes,
    policy_hash: bytes,
    profile_digest: bytes,
    bucket: int,
    nonce: bytes,
    time_ms: int,
    spki_client: bytes,
    spki_server: bytes,
) -> Signed[ClientHello]:
    """A signed hello; kept as it is until the session ends, so that a resend is identical."""
    body = ClientHello(
        version=PROTOCOL_VERSION,
        client=client,
        server=server,
        roster_hash=roster_hash,
        policy_hash=policy_hash,
        profile_digest=profile_digest,
        bucket=bucket,
        nonce=nonce,
        time_ms=time_ms,
        spki_client=spki_client,
        spki_server=spki_server,
    )
    return Signed(body, signer.sign(body.NAME, body.encode()))


class ClientSession:
    """One check, from the hello to the receipt."""

    def __init__(self, terms: ClientTerms, hello: Signed[ClientHello], blinding: Blinding) -> None:
        """
        Args:
            hello: Made by `new_client_hello`, or the stored one of a run that is continued.
            blinding: The frozen set with the seed of this session; its bucket is the hello's.
        """
        if blinding.bucket != hello.body.bucket or terms.server.name != hello.body.server:
            raise LocalProtocolError("the set or the server is not the one of the hello")
        self._terms = terms
        self._hello = hello
        self._blinding = blinding
        self._state = client_next(ClientState.NEW, ClientHello)
        self._answer: ServerAnswer | None = None
        self._digests: dict[int, ChunkDigests] = {}
        self._tags = bytearray()
        self._table: bytes | None = None
        self._close: Signed[Close] | None = None
        self._receipt: Signed[Close] | None = None

    # ---- what the session knows

    @property
    def hello(self) -> Signed[ClientHello]:
        """The hello to send."""
        return self._hello

    @property
    def answer(self) -> ServerAnswer:
        """The accepted ServerHello with its KeyCert."""
        if self._answer is None:
            raise LocalProtocolError("the session is not open")
        return self._answer

    @property
    def session_id(self) -> bytes:
        """32 bytes; the run's name is its first ten hex digits."""
        session_id = self.answer.hello.body.session_id
        assert session_id is not None, "receive_hello accepts no hello without it"
        return session_id

    @property
    def parts(self) -> int:
        """How many chunks the set is sent in."""
        return chunk_count(self._hello.body.bucket)

    @property
    def missing_parts(self) -> list[int]:
        """Chunks that have no accepted answer yet."""
        return [chunk for chunk in range(self.parts) if chunk not in self._digests]

    @property
    def receipt(self) -> Signed[Close]:
        """The Close that both sides have signed; this is the server's signature."""
        if self._receipt is None:
            raise LocalProtocolError("there is no receipt yet")
        return self._receipt

    @property
    def own_close(self) -> Signed[Close]:
        """The Close as this side signed it."""
        if self._close is None:
            raise LocalProtocolError("the session was not closed yet")
        return self._close

    # ---- OpenSession

    def receive_hello(self, answer: ServerAnswer, now_ms: int) -> None:
        """
        Accept the ServerHello and pin its KeyCert.

        Raises:
            PeerProtocolError: Names, SPKIs, id, sizes or a second KeyCert (`two-messages`).
            VerifyError: A signature.
            RefusedError: The clocks differ, or the period has ended.
        """
        state = client_next(self._state, ServerHello)
        body, hello = answer.hello.body, self._hello.body
        self._verify(answer.hello)
        self._verify(answer.key_cert)
        self._compare_with_pin(answer)
        if body.session_id != session_id_of(hello, replace(body, session_id=None)):
            raise PeerProtocolError(f"{hello.server}'s hello does not belong to ours")
        if (body.spki_client, body.spki_server) != (hello.spki_client, hello.spki_server):
            raise PeerProtocolError(f"{hello.server} sees other certificates on this connection")
        skew_ms = abs(body.time_ms - hello.time_ms)
        if skew_ms > CLOCK_TOLERANCE_MS:
            raise RefusedError(
                f"your clock and {hello.server}'s differ by {skew_ms // 60_000} min "
                f"{skew_ms // 1000 % 60} s; 5 min are allowed",
                slug="clock-skew",
                hint="`timedatectl` on both sides",
            )
        if not is_bucket(body.bucket) or body.bucket > self._terms.server.bucket_limit:
            raise PeerProtocolError(
                f"{hello.server} announces {body.bucket:,} indicators; "
                f"the roster allows it {self._terms.server.bucket_limit:,}"
            )
        if body.tag_length != tag_length(hello.bucket, body.bucket):
            raise PeerProtocolError(f"{hello.server} announces a tag length of {body.tag_length}")
        self._accept_key_cert(answer, now_ms)
        self._answer = answer
        self._tags = bytearray(self._blinding.n_real * body.tag_length)
        self._state = state

    def _accept_key_cert(self, answer: ServerAnswer, now_ms: int) -> None:
        cert, hello = answer.key_cert.body, self._hello.body
        if (cert.server, cert.client) != (hello.server, hello.client):
            raise PeerProtocolError(f"{hello.server} sent a key that is for others")
        if cert.profile_digest != self._terms.profile_digest:
            raise RefusedError(
                f"{hello.server}'s key of this period was made under other matching rules",
                slug="rules-differ",
                hint="agree on one, change `rules` in policy.toml",
            )
        epoch = epoch_of(now_ms // 1000, self._terms.epoch_seconds)
        if cert.epoch < epoch:
            raise RefusedError(
                f"{hello.server}'s period ended during the run; its answers so far are void",
                slug="period-ended",
                hint="run it again; it counts in the new period",
            )
        bounds = epoch_bounds(cert.epoch, self._terms.epoch_seconds)
        if cert.epoch > epoch or (cert.not_before, cert.not_after) != bounds:
            raise PeerProtocolError(f"{hello.server} sent a key of another period")
        try:
            check_elements(cert.pk)
        except DeserializeError as error:
            raise PeerProtocolError(f"{hello.server} sent a key that is no element") from error
        self._terms.pins.pin(answer.key_cert)

    def _compare_with_pin(self, answer: ServerAnswer) -> None:
        """A second key is found and kept as evidence whatever else is wrong with it."""
        cert, server = answer.key_cert.body, self._terms.server
        pinned = self._terms.pins.newest(server.name)
        if pinned is None or (cert.server, cert.client) != (server.name, self._hello.body.client):
            return
        try:
            self._verify(pinned)
        except VerifyError:
            return  # it was enrolled anew since, with another identity key
        if pinned.body.epoch > cert.epoch:
            raise PeerProtocolError(f"{server.name} sent a key of an earlier period")
        if pinned.body.epoch == cert.epoch and pinned.body != cert:
            self._blame("two-keys", pinned, answer.key_cert)
            raise PeerProtocolError(
                f"{server.name} sent two different messages: a second key for one period",
                slug="two-messages",
                hint="do not repeat it; send FILE to the operator",
            )

    # ---- Evaluate

    def request(self, chunk: int) -> tuple[Signed[EvalRequest], bytes]:
        """One chunk's signed request and its blinded elements; the same bytes at every call."""
        client_next(self._state, EvalRequest)
        prefix = prefix_of(self.answer.key_cert.body)
        first = chunk * CHUNK_ELEMENTS
        elements = self._blinding.blind(prefix, first, chunk_size(self._blinding.bucket, chunk))
        body = EvalRequest(
            session_id=self.session_id,
            chunk=chunk,
            chunk_digest=chunk_digest_of(chunk, elements),
        )
        return self._sign(body), elements

    def receive_answer(
        self,
        request: Signed[EvalRequest],
        elements: bytes,
        response: Signed[EvalResponse],
        evaluated: bytes,
    ) -> None:
        """
        Verify one chunk's answer, then unblind it to tags.

        Raises:
            VerifyError: The response is not signed by the server.
            PeerProtocolError: It is for another request, or its proof does not hold; evidence
                has been kept.
        """
        client_next(self._state, EvalResponse)
        self._verify(response)
        part = f"{request.body.chunk + 1} of {self.parts}"
        fits = (
            response.body.session_id == self.session_id
            and response.body.chunk == request.body.chunk
            and response.body.chunk_digest == request.body.chunk_digest
            and len(evaluated) == len(elements)
            and hashlib.sha256(evaluated).digest() == response.body.elements_digest
        )
        if not fits:
            raise PeerProtocolError(
                f"{self._terms.server.name}'s answer to part {part} belongs to something else"
            )
        cert = self.answer.key_cert.body
        context = b"pair" + self.session_id + u32(request.body.chunk)
        try:
            bdleq.verify(context, cert.pk, elements, evaluated, response.body.proof)
        except CryptoError as error:
            self._blame(
                "bad-proof",
                self._hello,
                self.answer.hello,
                self.answer.key_cert,
                request,
                response,
                elements=elements,
                evaluated=evaluated,
            )
            raise PeerProtocolError(
                f"{self._terms.server.name}'s answer to part {part} "
                "does not fit its signed key; no result",
                slug="bad-proof",
                hint="not a network fault, do not repeat it; send FILE to the operator",
                detail={"chunk": request.body.chunk},
            ) from error
        self._keep_tags(request.body.chunk, evaluated)
        self._digests[request.body.chunk] = ChunkDigests.of(request.body, response.body)

    def _keep_tags(self, chunk: int, evaluated: bytes) -> None:
        length = self.answer.hello.body.tag_length
        first = chunk * CHUNK_ELEMENTS
        count = len(evaluated) // ELEMENT_LENGTH
        prefix = prefix_of(self.answer.key_cert.body)
        key = self.answer.key_cert.body.pk
        tags = self._blinding.finalize(prefix, first, count, evaluated, length, key)
        self._tags[first * length : first * length + len(tags)] = tags

    # ---- GetTable

    @property
    def table_pages(self) -> list[int]:
        """The tag index at which each page of the server's table begins."""
        return list(range(0, self.answer.hello.body.bucket, PAGE_TAGS))

    def request_table(self, first_tag: int) -> Signed[GetTable]:
        """Ask for one page; the whole table is always fetched, whatever matched."""
        client_next(self._state, GetTable)
        return self._sign(
            GetTable(
                session_id=self.session_id,
                table_version=self.answer.hello.body.table_version,
                from_=first_tag,
            )
        )

    def receive_table(self, pages: list[bytes]) -> None:
        """
        Accept the whole table, in page order.

        Raises:
            PeerProtocolError: It is not the table of the ServerHello (`list-differs`).
        """
        body = self.answer.hello.body
        table = b"".join(pages)
        try:
            check_table(table, body.bucket, body.tag_length, body.table_digest)
        except PeerProtocolError as error:
            raise PeerProtocolError(
                f"{self._terms.server.name}'s list does not fit its signed digest; no result",
                slug="list-differs",
                hint="not a network fault, do not repeat it; tell the operator",
            ) from error
        self._table = table

    # ---- Close

    def close(self) -> Signed[Close]:
        """Sign what this side saw; only when every part and the table were accepted."""
        if self._table is None or self.missing_parts:
            raise LocalProtocolError("close before everything was received")
        if self._close is None:
            chunks = (self._digests[chunk] for chunk in range(self.parts))
            hello = self.answer.hello.body
            states = transcript_of(self._hello.body, hello, chunks, hello.table_digest)
            self._state = client_next(self._state, Close)
            self._close = self._sign(
                Close(session_id=self.session_id, transcript=states[-1], chunks=self.parts)
            )
        return self._close

    def receive_receipt(self, receipt: Signed[Close]) -> None:
        """
        Accept the receipt.

        Raises:
            PeerProtocolError, VerifyError: It is not the same Close, signed by the server.
        """
        state = client_next(self._state, Close)
        self._verify(receipt)
        if receipt.body != self.own_close.body:
            raise PeerProtocolError(f"{self._terms.server.name} signed another receipt")
        self._receipt = receipt
        self._state = state

    def matching_rows(self) -> npt.NDArray[np.int64]:
        """Rows of the own set that the server also holds, ascending; only after the receipt."""
        if self._state is not ClientState.DONE or self._table is None:
            raise LocalProtocolError("there is no result before the receipt")
        return match(bytes(self._tags), self._table, self.answer.hello.body.tag_length)

    # ---- shared

    def _sign(self, body: S) -> Signed[S]:
        return Signed(body, self._terms.signer.sign(body.NAME, body.encode()))

    def _verify(self, message: Signed[Structure]) -> None:
        body = message.body
        key = self._terms.server.identity_key
        verify_signature(key, body.NAME, body.encode(), message.signature)

    def _blame(
        self, kind: EvidenceKind, *messages: Signed[Structure], **attachments: bytes
    ) -> None:
        answer = self._answer
        self._terms.keep_evidence(
            Evidence(
                kind=kind,
                accused=self._terms.server.name,
                session_id=(answer.hello.body.session_id or b"") if answer else b"",
                messages=tuple(SignedBytes.of(message) for message in messages),
                attachments=attachments,
            )
        )

# SPDX-License-Identifier: Apache-2.0
"""
The answering side of pairwise checks, for all clients, without sockets, files or threads.

Every call is idempotent and its state is the ledger's: the process may die between any two lines.
Each answer is recorded before it is given. Callers may use one `PairwiseServer` from many threads:
it holds nothing that changes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from psi.crypto import bdleq
from psi.crypto.signing import Signer
from psi.crypto.voprf import ELEMENT_LENGTH, blind_evaluate, check_elements
from psi.encoding import u32
from psi.errors import DeserializeError, PeerProtocolError, RefusedError
from psi.protocol.admission import Admission, Caller, Rules, check_call
from psi.protocol.evidence import Evidence, SignedBytes
from psi.protocol.ledger import ChunkRecord, Ledger, SessionRecord
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    ServerAnswer,
    ServerHello,
    Signed,
    Status,
)
from psi.protocol.server_keys import ServerKey, ServerKeys
from psi.protocol.sizes import (
    MAX_REPEATS,
    PAGE_TAGS,
    SESSION_LIFE_MS,
    bucket_for,
    chunk_count,
    chunk_size,
    epoch_bounds,
    epoch_of,
    tag_length,
)
from psi.protocol.states import ServerState, server_next
from psi.protocol.structure import Structure
from psi.protocol.table import has_repeated_element
from psi.protocol.tables import Tables
from psi.protocol.transcript import (
    ChunkDigests,
    chunk_digest_of,
    session_id_of,
    transcript_of,
)

__all__ = ["PairwiseServer", "Status"]

S = TypeVar("S", bound=Structure)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """What a new session promises, before it is charged."""

    hello: Signed[ClientHello]
    key: ServerKey
    policy_hash: bytes
    bucket: int
    tag_length: int
    table_version: int
    table_digest: bytes
    now_ms: int


class PairwiseServer:
    """Answers ClientHello, EvalRequest, GetTable and Close (docs/protocol.md, section 4)."""

    def __init__(
        self,
        *,
        name: str,
        signer: Signer,
        rules: Callable[[], Rules],
        ledger: Ledger,
        keys: ServerKeys,
        tables: Tables,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        keep_evidence: Callable[[Evidence], None],
    ) -> None:
        """
        Args:
            rules: The roster, policy and limits in force now; may change between calls.
            now_ms: Unix milliseconds.
            random_bytes: Fresh secret random bytes.
            keep_evidence: Stores a peer's fault durably.
        """
        self._name = name
        self._signer = signer
        self._rules = rules
        self._ledger = ledger
        self._keys = keys
        self._tables = tables
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._keep_evidence = keep_evidence

    # ---- OpenSession

    def open_session(self, caller: Caller, hello: Signed[ClientHello]) -> ServerAnswer:
        """
        Check a ClientHello, charge its bucket durably, and answer it; a repeat is free.

        Raises:
            PeerProtocolError: Wrong caller, version, names, keys or signature.
            RefusedError: Roster, rules, policy, clock, nonce, limits; or `busy`.
        """
        body = hello.body
        rules = self._rules()
        admission = Admission(self._name, rules, caller)
        admission.check_origin(hello)
        known = self._ledger.session_of(body.digest())
        if known is not None:
            server_next(_state_of(known), ClientHello)
            return known.answer
        now_ms = self._now_ms()
        admission.check_terms(body, now_ms, self._ledger)
        epoch = epoch_of(now_ms // 1000, rules.roster.epoch_seconds)
        key = self._keys.of(body.client, epoch, rules.profile.digest())
        # The list is padded before the transaction, which every other call waits for; who has
        # no budget left has no list padded.
        admission.check_budget(body.bucket, self._ledger.usage(body.client, epoch), key)
        tags = self._tables.latest(key)
        bucket = bucket_for(tags.n_values)
        length = tag_length(body.bucket, bucket)
        table = self._tables.padded(key, tags.version, bucket, length)
        terms = _Opening(
            hello=hello,
            key=key,
            policy_hash=rules.policy_hash,
            bucket=bucket,
            tag_length=length,
            table_version=tags.version,
            table_digest=hashlib.sha256(table).digest(),
            now_ms=now_ms,
        )
        record = self._ledger.open_session(
            body,
            epoch,
            lambda usage: self._open(terms, admission.check_budget(body.bucket, usage, key)),
        )
        return record.answer

    def _open(self, terms: "_Opening", budget_left: int) -> SessionRecord:
        body = terms.hello.body
        without_id = ServerHello(
            session_id=None,
            key_cert=terms.key.cert.body,
            policy_hash=terms.policy_hash,
            bucket=terms.bucket,
            tag_length=terms.tag_length,
            table_version=terms.table_version,
            table_digest=terms.table_digest,
            budget_left=budget_left,
            nonce=self._random_bytes(32),
            time_ms=terms.now_ms,
            spki_client=body.spki_client,
            spki_server=body.spki_server,
        )
        answer = replace(without_id, session_id=session_id_of(body, without_id))
        assert answer.session_id is not None
        return SessionRecord(
            session_id=answer.session_id,
            client_hello=terms.hello,
            answer=ServerAnswer(
                hello=self._sign(answer), key_cert_signature=terms.key.cert.signature
            ),
            opened_ms=terms.now_ms,
        )

    # ---- Evaluate

    def evaluate(
        self, caller: Caller, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        """
        Evaluate one chunk with a proof; recorded durably, then answered; a repeat is identical.

        Raises:
            PeerProtocolError: Signature, index, length, digest, an element, one element twice,
                or another digest for an answered chunk (`two-messages`).
            RefusedError: The session or its period has ended, or a ninth repeat.
        """
        body = request.body
        session = self._session_for(caller, body.session_id, request)
        hello = session.client_hello.body
        if body.chunk >= chunk_count(hello.bucket):
            raise PeerProtocolError(
                f"chunk {body.chunk}: expected 0 to {chunk_count(hello.bucket) - 1}"
            )
        _check_elements(body, elements, chunk_size(hello.bucket, body.chunk))
        # Every element before any of them is used, and before a repeat is counted.
        try:
            check_elements(elements)
        except DeserializeError as error:
            error.detail["chunk"] = body.chunk
            raise
        if has_repeated_element(elements):
            raise PeerProtocolError(
                f"chunk {body.chunk} holds one element twice", detail={"chunk": body.chunk}
            )
        key = self._key_of(session)
        known = self._ledger.chunk(session.session_id, body.chunk)
        if known is not None:
            self._check_repeat(session, request, known)
        evaluated = blind_evaluate(key.private_key, elements)
        if known is None:
            known = self._answer(session, request, key, elements, evaluated)
        response = EvalResponse(
            session_id=session.session_id,
            chunk=body.chunk,
            chunk_digest=body.chunk_digest,
            elements_digest=known.elements_digest,
            proof=known.proof,
        )
        return self._sign(response), evaluated

    def _answer(
        self,
        session: SessionRecord,
        request: Signed[EvalRequest],
        key: ServerKey,
        elements: bytes,
        evaluated: bytes,
    ) -> ChunkRecord:
        body = request.body
        context = b"pair" + session.session_id + u32(body.chunk)
        proof = bdleq.prove(
            context,
            key.private_key,
            key.cert.body.pk,
            elements,
            evaluated,
            self._random_bytes(32),
        )
        record = ChunkRecord(
            chunk_digest=body.chunk_digest,
            request_signature=request.signature,
            elements_digest=hashlib.sha256(evaluated).digest(),
            proof=proof,
        )
        stored = self._ledger.record_chunk(session.session_id, body.chunk, record)
        if stored.chunk_digest != body.chunk_digest:
            # Two different requests for one chunk raced; the ledger kept the other.
            self._check_repeat(session, request, stored)
        return stored

    def _check_repeat(
        self, session: SessionRecord, request: Signed[EvalRequest], known: ChunkRecord
    ) -> None:
        body = request.body
        if known.chunk_digest != body.chunk_digest:
            first = replace(body, chunk_digest=known.chunk_digest)
            self._keep_evidence(
                Evidence(
                    kind="two-messages",
                    accused=session.client,
                    session_id=session.session_id,
                    messages=(
                        SignedBytes(body.NAME, first.encode(), known.request_signature),
                        SignedBytes(body.NAME, body.encode(), request.signature),
                    ),
                )
            )
            raise PeerProtocolError(
                f"chunk {body.chunk} was asked before with other elements",
                slug="two-messages",
                detail={"chunk": body.chunk},
            )
        repeats = self._ledger.count_repeat(session.session_id, body.chunk)
        if repeats > MAX_REPEATS:
            raise RefusedError(
                f"chunk {body.chunk} was answered {MAX_REPEATS} times again already",
                slug="repeated-too-often",
                detail={"chunk": body.chunk},
            )

    # ---- GetTable, Close, Status

    def get_table(self, caller: Caller, request: Signed[GetTable]) -> bytes:
        """
        A page of at most 32,768 tags, beginning at tag `from_`.

        Raises:
            PeerProtocolError: Signature, version, or a start beyond the table.
        """
        body = request.body
        session = self._session_for(caller, body.session_id, request)
        answer = session.answer.hello.body
        if body.table_version != answer.table_version or body.from_ >= answer.bucket:
            raise PeerProtocolError(
                f"the list of this session is version {answer.table_version} "
                f"with {answer.bucket:,} tags"
            )
        key = self._key_of(session)
        table = self._tables.padded(key, answer.table_version, answer.bucket, answer.tag_length)
        start = body.from_ * answer.tag_length
        return table[start : start + PAGE_TAGS * answer.tag_length]

    def close(self, caller: Caller, request: Signed[Close]) -> Signed[Close]:
        """
        Sign the receipt when both sides saw the same; a repeat gives the same receipt.

        Raises:
            PeerProtocolError: Not everything was answered, or the transcripts differ.
        """
        body = request.body
        session = self._session_for(caller, body.session_id, request)
        if session.receipt is not None and session.receipt.body == body:
            return session.receipt
        server_next(_state_of(session), Close)
        hello, answer = session.client_hello.body, session.answer.hello.body
        records = self._ledger.chunks(session.session_id)
        expected = chunk_count(hello.bucket)
        if len(records) != expected or body.chunks != expected:
            raise PeerProtocolError(
                f"close: {len(records)} of {expected} chunks are answered, "
                f"the client counts {body.chunks}"
            )
        digests = (
            _digests(session.session_id, chunk, record) for chunk, record in enumerate(records)
        )
        if transcript_of(hello, answer, digests, answer.table_digest)[-1] != body.transcript:
            raise PeerProtocolError("close: the transcripts of the two sides differ")
        receipt = self._sign(body)
        self._ledger.close_session(session.session_id, receipt, request.signature)
        return receipt

    def status(self, caller: Caller) -> Status:
        """What is left for this caller, and under which rules."""
        rules = self._rules()
        limits = rules.limits(caller.name)
        now_ms = self._now_ms()
        epoch = epoch_of(now_ms // 1000, rules.roster.epoch_seconds)
        usage = self._ledger.usage(caller.name, epoch)
        return Status(
            roster_serial=rules.roster.serial,
            roster_hash=rules.roster_hash,
            profile=rules.profile,
            bucket_limit=limits.bucket,
            budget=limits.budget,
            sessions=limits.sessions,
            budget_left=max(0, limits.budget - usage.elements),
            sessions_left=max(0, limits.sessions - usage.sessions),
            epoch_ends=epoch_bounds(epoch, rules.roster.epoch_seconds)[1],
            time_ms=now_ms,
        )

    # ---- shared

    def _session_for(
        self, caller: Caller, session_id: bytes, message: Signed[Structure]
    ) -> SessionRecord:
        """The open session that this caller owns, after the signature was checked."""
        session = self._ledger.session(session_id)
        if session is None or session.client != caller.name:
            # The same words for both: a stranger learns nothing about others' sessions.
            raise PeerProtocolError("no such session", slug="session-ended")
        rules = self._rules()
        check_call(rules, caller, message)
        rules.limits(caller.name)  # a policy that has changed since counts at once
        now_ms = self._now_ms()
        if now_ms // 1000 >= session.answer.hello.body.key_cert.not_after:
            raise RefusedError("the period of this session has ended", slug="period-ended")
        if now_ms >= session.opened_ms + SESSION_LIFE_MS:
            raise RefusedError("the session has expired after 24 h", slug="session-ended")
        if not isinstance(message.body, Close):
            server_next(_state_of(session), type(message.body))
        return session

    def _key_of(self, session: SessionRecord) -> ServerKey:
        cert = session.answer.hello.body.key_cert
        return self._keys.of(cert.client, cert.epoch, cert.profile_digest)

    def _sign(self, body: S) -> Signed[S]:
        return Signed(body, self._signer.sign(body.NAME, body.encode()))


def _state_of(session: SessionRecord) -> ServerState:
    return ServerState.OPEN if session.receipt is None else ServerState.CLOSED


def _check_elements(body: EvalRequest, elements: bytes, expected: int) -> None:
    if len(elements) != expected * ELEMENT_LENGTH:
        raise PeerProtocolError(
            f"chunk {body.chunk}: expected {expected} x {ELEMENT_LENGTH} bytes, "
            f"got {len(elements)}",
            detail={"chunk": body.chunk, "index": len(elements) // ELEMENT_LENGTH},
        )
    if chunk_digest_of(body.chunk, elements) != body.chunk_digest:
        raise PeerProtocolError(
            f"chunk {body.chunk}: the elements do not fit the signed digest",
            detail={"chunk": body.chunk},
        )


def _digests(session_id: bytes, chunk: int, record: ChunkRecord) -> ChunkDigests:
    request = EvalRequest(session_id=session_id, chunk=chunk, chunk_digest=record.chunk_digest)
    response = EvalResponse(
        session_id=session_id,
        chunk=chunk,
        chunk_digest=record.chunk_digest,
        elements_digest=record.elements_digest,
        proof=record.proof,
    )
    return ChunkDigests.of(request, response)

# SPDX-License-Identifier: Apache-2.0
"""
Whether evidence proves what it says, from its bytes and a roster alone (docs/protocol.md, 4).

Nothing is taken from whoever accuses: a message counts by the signature of the accused, the
elements by the digests that the accused has signed, and the proof is computed anew. So evidence
can't be made up, only be incomplete.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from psi.crypto import bdleq
from psi.crypto.signing import verify_signature
from psi.crypto.voprf import ELEMENT_LENGTH, check_elements
from psi.encoding import u32
from psi.errors import CryptoError, DeserializeError, PeerProtocolError, PsiError, VerifyError
from psi.protocol.evidence import Evidence, SignedBytes
from psi.protocol.messages import (
    ClientHello,
    EvalRequest,
    EvalResponse,
    KeyCert,
    Principal,
    Roster,
    ServerHello,
)
from psi.protocol.sizes import chunk_count, chunk_size
from psi.protocol.structure import Structure
from psi.protocol.transcript import chunk_digest_of, session_id_of

__all__ = ["Finding", "judge"]

S = TypeVar("S", bound=Structure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What evidence proves, in a sentence, and the roster whose keys it was checked with."""

    text: str
    roster: Roster


def judge(evidence: Evidence, rosters: Sequence[Roster]) -> Finding:
    """
    What evidence proves.

    Args:
        evidence: Well formed, nothing of it believed.
        rosters: Verified, of one alliance; the first in which all signatures hold counts.

    Raises:
        PsiError: It proves nothing (`does-not-hold`), with the first thing that does not fit.
    """
    checks = {
        "bad-proof": _bad_proof,
        "two-keys": _two_keys,
        "two-messages": _two_messages,
    }
    check = checks.get(evidence.kind)
    if check is None:
        raise _not("a list is not signed page by page, so nobody else can be shown what came")
    reason = f"no roster that is here lists {evidence.accused}"
    for roster in rosters:
        entries = {entry.name: entry for entry in roster.principals}
        if evidence.accused not in entries:
            continue
        try:
            return Finding(text=check(evidence, entries), roster=roster)
        except VerifyError as error:
            # Another roster may list the key that signed it.
            reason = error.message
    raise _not(reason)


def _bad_proof(evidence: Evidence, entries: dict[str, Principal]) -> str:
    _expect(evidence, ClientHello, ServerHello, KeyCert, EvalRequest, EvalResponse)
    hello_bytes, answer_bytes, cert_bytes, request_bytes, response_bytes = evidence.messages
    accused = evidence.accused
    hello = _decoded(ClientHello, hello_bytes)
    accuser = entries.get(hello.client)
    if accuser is None:
        raise VerifyError(f"the roster does not list {hello.client}", slug="bad-signature")
    key = entries[accused].identity_key
    for message, signer in (
        (hello_bytes, accuser.identity_key),
        (answer_bytes, key),
        (cert_bytes, key),
        (request_bytes, accuser.identity_key),
        (response_bytes, key),
    ):
        _verify(signer, message)
    answer = _decoded(ServerHello, answer_bytes)
    cert = _decoded(KeyCert, cert_bytes)
    request = _decoded(EvalRequest, request_bytes)
    response = _decoded(EvalResponse, response_bytes)
    if hello.server != accused or (cert.server, cert.client) != (accused, hello.client):
        raise _not(f"the run is not one of {hello.client} with {accused}")
    if answer.session_id is None or answer.key_cert != cert:
        raise _not("the key is not the one of the run")
    session_id = session_id_of(hello, replace(answer, session_id=None))
    ids = {session_id, answer.session_id, request.session_id, response.session_id}
    if ids != {evidence.session_id}:
        raise _not("the messages are not of one run")
    elements = evidence.attachments.get("elements", b"")
    evaluated = evidence.attachments.get("evaluated", b"")
    chunk = response.chunk
    if request.chunk != chunk or chunk >= chunk_count(hello.bucket):
        raise _not("request and answer are not of one part")
    digests = {request.chunk_digest, response.chunk_digest}
    if digests != {chunk_digest_of(chunk, elements)} or (
        len(elements) != chunk_size(hello.bucket, chunk) * ELEMENT_LENGTH
    ):
        raise _not("the elements are not those that were asked and answered")
    if hashlib.sha256(evaluated).digest() != response.elements_digest:
        raise _not(f"the evaluated elements are not those that {accused} has signed for")
    part = f"part {chunk + 1} of {chunk_count(hello.bucket)}"
    if _fits(session_id, chunk, cert.pk, elements, evaluated, response.proof):
        raise _not(f"the answer to {part} fits the key; it shows no fault of {accused}")
    return f"{accused} signed the key, the run and its answer to {part}; {_DOES_NOT_FIT}"


_DOES_NOT_FIT: Final = "the answer does not fit the key"


def _fits(
    session_id: bytes, chunk: int, key: bytes, elements: bytes, evaluated: bytes, proof: bytes
) -> bool:
    try:
        check_elements(elements)
    except DeserializeError:
        raise _not("the client asked with what is no element, which must be refused") from None
    if len(evaluated) != len(elements):
        return False
    try:
        bdleq.verify(b"pair" + session_id + u32(chunk), key, elements, evaluated, proof)
    except CryptoError:
        return False
    return True


def _two_keys(evidence: Evidence, entries: dict[str, Principal]) -> str:
    _expect(evidence, KeyCert, KeyCert)
    accused = evidence.accused
    first, second = (_decoded(KeyCert, message) for message in evidence.messages)
    for message in evidence.messages:
        _verify(entries[accused].identity_key, message)
    place = (accused, first.client, first.epoch)
    if any((cert.server, cert.client, cert.epoch) != place for cert in (first, second)):
        raise _not("the two keys are not for one member and one period")
    if first == second:
        raise _not("the two keys are the same")
    return f"{accused} signed two different keys for {first.client} in period {first.epoch}"


def _two_messages(evidence: Evidence, entries: dict[str, Principal]) -> str:
    kind: type[EvalRequest | EvalResponse] = EvalRequest
    if evidence.messages and evidence.messages[0].name == EvalResponse.NAME:
        kind = EvalResponse
    _expect(evidence, kind, kind)
    accused = evidence.accused
    first, second = (_decoded(kind, message) for message in evidence.messages)
    for message in evidence.messages:
        _verify(entries[accused].identity_key, message)
    place = (evidence.session_id, first.chunk)
    if any((message.session_id, message.chunk) != place for message in (first, second)):
        raise _not("the two messages are not for one place of one run")
    if first == second:
        raise _not("the two messages are the same")
    return f"{accused} signed two different messages for part {first.chunk + 1} of one run"


def _expect(evidence: Evidence, *kinds: type[Structure]) -> None:
    names = [kind.NAME for kind in kinds]
    if [message.name for message in evidence.messages] != names:
        raise _not(f"expected the messages {', '.join(names)}")


def _decoded(kind: type[S], message: SignedBytes) -> S:
    try:
        return kind.decode(message.encoding)
    except PeerProtocolError as error:
        raise _not(error.message) from None


def _verify(key: bytes, message: SignedBytes) -> None:
    verify_signature(key, message.name, message.encoding, message.signature)


def _not(reason: str) -> PsiError:
    return PsiError(reason, slug="does-not-hold")

# SPDX-License-Identifier: Apache-2.0
"""Evidence that proves a fault, and everything that a false accuser could change in it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from protocol.support import CLIENT, OTHER, SERVER, SIGNERS, Pair, make_roster, sign, values

from psi.crypto.voprf import blind_evaluate, derive_key_pair
from psi.errors import PeerProtocolError, PsiError
from psi.protocol.blame import judge
from psi.protocol.evidence import Evidence, SignedBytes
from psi.protocol.messages import ClientHello, EvalRequest, EvalResponse, KeyCert, ServerHello

ROSTER = make_roster()


def evaluated_elsewhere(pair: Pair, *, honest: bool = False) -> Evidence:
    """What the client keeps when a server answers one part with another key."""
    session = pair.open()
    request, elements = session.request(0)
    response, evaluated = pair.server.evaluate(pair.caller, request, elements)
    body = response.body
    if not honest:
        other = derive_key_pair(b"\1" * 32, b"evil").private_key
        evaluated = blind_evaluate(other, elements)
        body = replace(body, elements_digest=hashlib.sha256(evaluated).digest())
    response = sign(SIGNERS[SERVER], body)
    if not honest:
        with pytest.raises(PeerProtocolError, match="does not fit its signed key"):
            session.receive_answer(request, elements, response, evaluated)
        (evidence,) = pair.client_evidence
        return evidence
    messages = (session.hello, session.answer.hello, session.answer.key_cert, request, response)
    return Evidence(
        kind="bad-proof",
        accused=SERVER,
        session_id=session.session_id,
        messages=tuple(SignedBytes.of(message) for message in messages),
        attachments={"elements": elements, "evaluated": evaluated},
    )


@pytest.fixture(scope="module")
def bad_proof() -> Evidence:
    return evaluated_elsewhere(Pair(values(0, 5), values(3, 5)))


def test_answer_with_another_key_expect_the_server_is_to_blame(bad_proof: Evidence) -> None:
    finding = judge(bad_proof, [ROSTER])
    assert finding.text == (
        "beta-bank signed the key, the run and its answer to part 1 of 1; "
        "the answer does not fit the key"
    )
    assert finding.roster is ROSTER


def test_honest_answer_expect_no_blame() -> None:
    evidence = evaluated_elsewhere(Pair(values(0, 5), values(3, 5)), honest=True)
    with pytest.raises(PsiError, match="fits the key; it shows no fault of beta-bank") as caught:
        judge(evidence, [ROSTER])
    assert caught.value.outcome.exit_code == 5


def at(position: int, message: SignedBytes) -> Callable[[Evidence], Evidence]:
    """Replace one message."""

    def change(evidence: Evidence) -> Evidence:
        messages = list(evidence.messages)
        messages[position] = message
        return replace(evidence, messages=tuple(messages))

    return change


def resigned(position: int, who: str, **changes: object) -> Callable[[Evidence], Evidence]:
    """One message with other fields, signed by whoever can sign it."""
    kinds = (ClientHello, ServerHello, KeyCert, EvalRequest, EvalResponse)

    def change(evidence: Evidence) -> Evidence:
        body = kinds[position].decode(evidence.messages[position].encoding)
        body = replace(body, **changes)  # type: ignore[arg-type]  # any field
        return at(position, SignedBytes.of(sign(SIGNERS[who], body)))(evidence)

    return change


def attached(**changes: bytes) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, attachments={**evidence.attachments, **changes})


FORGERIES: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "hello of another bucket": (resigned(0, CLIENT, bucket=2048), "not of one run"),
    "hello to another server": (resigned(0, CLIENT, server=OTHER), "is not one of acme-corp"),
    "hello of a stranger": (resigned(0, OTHER), "signature does not hold"),
    "answer that the client made": (resigned(1, CLIENT), "signature does not hold"),
    "key that the client made": (resigned(2, CLIENT), "signature does not hold"),
    "another key of the server": (resigned(2, SERVER, epoch=1), "not the one of the run"),
    "request of another part": (resigned(3, CLIENT, chunk=1), "not of one part"),
    "request of another run": (resigned(3, CLIENT, session_id=bytes(32)), "not of one run"),
    "other elements": (attached(elements=bytes(32 * 1024)), "those that were asked"),
    "other evaluated elements": (attached(evaluated=bytes(32)), "has signed for"),
    "no attachment": (lambda e: replace(e, attachments={}), "those that were asked"),
    "another run": (lambda e: replace(e, session_id=bytes(32)), "not of one run"),
    "another accused": (lambda e: replace(e, accused=OTHER), "signature does not hold"),
    "nobody accused": (lambda e: replace(e, accused="nobody"), "no roster that is here lists"),
    "one message less": (
        lambda e: replace(e, messages=e.messages[:-1]),
        "expected the messages ClientHello",
    ),
    "message that is none": (
        at(4, SignedBytes("EvalResponse", b"\0", bytes(64))),
        "signature does not hold",
    ),
    "kind that can't be shown": (
        lambda e: replace(e, kind="list-differs"),
        "not signed page by page",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_evidence_expect_it_proves_nothing(bad_proof: Evidence, name: str) -> None:
    change, reason = FORGERIES[name]
    with pytest.raises(PsiError, match=reason) as caught:
        judge(change(bad_proof), [ROSTER])
    assert caught.value.slug == "does-not-hold"


def test_roster_that_lists_other_keys_expect_an_earlier_one_counts(bad_proof: Evidence) -> None:
    renewed = replace(
        ROSTER,
        serial=ROSTER.serial + 1,
        principals=tuple(
            replace(entry, identity_key=bytes(32)) if entry.name == SERVER else entry
            for entry in ROSTER.principals
        ),
    )
    with pytest.raises(PsiError, match="signature does not hold"):
        judge(bad_proof, [renewed])
    assert judge(bad_proof, [renewed, ROSTER]).roster is ROSTER


def two_keys(**changes: object) -> Evidence:
    pair = Pair(values(0, 5), values(3, 5))
    cert = pair.open().answer.key_cert.body
    other = replace(cert, **{"pk": pair.random_bytes(32), **changes})  # type: ignore[arg-type]
    return Evidence(
        kind="two-keys",
        accused=SERVER,
        session_id=b"",
        messages=tuple(SignedBytes.of(sign(SIGNERS[SERVER], each)) for each in (cert, other)),
    )


def test_two_keys_of_one_period_expect_blame() -> None:
    assert "beta-bank signed two different keys for acme-corp" in judge(two_keys(), [ROSTER]).text


@pytest.mark.parametrize("changes", [{"epoch": 1}, {"client": OTHER}, {"server": OTHER}])
def test_keys_of_two_places_expect_no_blame(changes: dict[str, object]) -> None:
    with pytest.raises(PsiError, match="not for one member and one period"):
        judge(two_keys(**changes), [ROSTER])


def test_one_key_twice_expect_no_blame() -> None:
    evidence = two_keys()
    with pytest.raises(PsiError, match="the two keys are the same"):
        judge(replace(evidence, messages=(evidence.messages[0],) * 2), [ROSTER])


def two_messages(**changes: object) -> Evidence:
    first = EvalRequest(session_id=b"\7" * 32, chunk=2, chunk_digest=bytes(32))
    second = replace(first, **{"chunk_digest": b"\1" * 32, **changes})  # type: ignore[arg-type]
    return Evidence(
        kind="two-messages",
        accused=CLIENT,
        session_id=b"\7" * 32,
        messages=tuple(SignedBytes.of(sign(SIGNERS[CLIENT], each)) for each in (first, second)),
    )


def test_two_messages_at_one_place_expect_blame() -> None:
    text = judge(two_messages(), [ROSTER]).text
    assert text == "acme-corp signed two different messages for part 3 of one run"


@pytest.mark.parametrize("changes", [{"chunk": 1}, {"session_id": bytes(32)}])
def test_messages_at_two_places_expect_no_blame(changes: dict[str, object]) -> None:
    with pytest.raises(PsiError, match="not for one place of one run"):
        judge(two_messages(**changes), [ROSTER])


def test_message_that_somebody_else_signed_expect_no_blame() -> None:
    evidence = two_messages()
    forged = replace(evidence.messages[1], signature=evidence.messages[0].signature)
    with pytest.raises(PsiError, match="signature does not hold"):
        judge(replace(evidence, messages=(evidence.messages[0], forged)), [ROSTER])

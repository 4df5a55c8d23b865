# SPDX-License-Identifier: Apache-2.0
"""
A server that breaks one rule at a time, holding all its own keys: the client finds each.

Every row of the tables names a rule of docs/protocol.md section 4, what the server does instead,
and the slug under which the client must refuse. No row may end in a result.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from protocol.support import CLIENT, OTHER, SERVER, SIGNERS, Pair, rows, sign, values

from psi.crypto import bdleq
from psi.crypto.voprf import blind_evaluate, derive_key_pair
from psi.encoding import u32
from psi.errors import PsiError
from psi.protocol.client import ClientSession
from psi.protocol.messages import ClientHello, EvalResponse, KeyCert, ServerAnswer, Signed
from psi.protocol.sizes import EPOCH_OFFSET_S
from psi.protocol.transcript import session_id_of

WEEK = 604_800
EVIL = SIGNERS[SERVER]
STRANGER = SIGNERS[OTHER]
GENERATOR = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")


def with_hello(pair: "Recording", answer: ServerAnswer, **changes: object) -> ServerAnswer:
    """A ServerHello that the server itself signs, with a fitting session id."""
    hello = pair.hello_sent.body
    body = replace(answer.hello.body, session_id=None, **changes)  # type: ignore[arg-type]
    body = replace(body, session_id=session_id_of(hello, body))
    cert_signature = EVIL.sign(KeyCert.NAME, body.key_cert.encode())
    return ServerAnswer(hello=sign(EVIL, body), key_cert_signature=cert_signature)


def with_cert(pair: "Recording", answer: ServerAnswer, **changes: object) -> ServerAnswer:
    cert = replace(answer.key_cert.body, **changes)  # type: ignore[arg-type]
    return with_hello(pair, answer, key_cert=cert)


def other_epoch(pair: "Recording", answer: ServerAnswer, step: int) -> ServerAnswer:
    cert = answer.key_cert.body
    return with_cert(
        pair,
        answer,
        epoch=cert.epoch + step,
        not_before=cert.not_before + step * WEEK,
        not_after=cert.not_after + step * WEEK,
    )


HelloFault = Callable[["Recording", ServerAnswer], ServerAnswer]

HELLO_FAULTS: dict[str, tuple[HelloFault, str]] = {
    "hello signed by another member": (
        lambda _p, a: replace(a, hello=sign(STRANGER, a.hello.body)),
        "bad-signature",
    ),
    "hello changed after signing": (
        lambda _p, a: replace(a, hello=Signed(replace(a.hello.body, bucket=2048), bytes(64))),
        "bad-signature",
    ),
    "signature cut short": (
        lambda _p, a: replace(a, hello=Signed(a.hello.body, a.hello.signature[:63])),
        "bad-signature",
    ),
    "key certificate signed by another member": (
        lambda _p, a: replace(
            a, key_cert_signature=STRANGER.sign(KeyCert.NAME, a.key_cert.body.encode())
        ),
        "bad-signature",
    ),
    "session id of something else": (
        lambda _p, a: replace(a, hello=sign(EVIL, replace(a.hello.body, session_id=bytes(32)))),
        "malformed",
    ),
    "session id left out": (
        lambda _p, a: replace(a, hello=sign(EVIL, replace(a.hello.body, session_id=None))),
        "malformed",
    ),
    "another client certificate": (
        lambda p, a: with_hello(p, a, spki_client=bytes(32)),
        "malformed",
    ),
    "another server certificate": (
        lambda p, a: with_hello(p, a, spki_server=bytes(32)),
        "malformed",
    ),
    "clock six minutes ahead": (
        lambda p, a: with_hello(p, a, time_ms=a.hello.body.time_ms + 360_000),
        "clock-skew",
    ),
    "bucket above its roster limit": (
        lambda p, a: with_hello(p, a, bucket=2**21, tag_length=9),
        "malformed",
    ),
    "size that is no bucket": (lambda p, a: with_hello(p, a, bucket=1025), "malformed"),
    "shorter tags": (lambda p, a: with_hello(p, a, tag_length=7), "malformed"),
    "longer tags": (lambda p, a: with_hello(p, a, tag_length=16), "malformed"),
    "key for another client": (lambda p, a: with_cert(p, a, client=OTHER), "malformed"),
    "key of another server": (lambda p, a: with_cert(p, a, server=OTHER), "malformed"),
    "key of the last period": (lambda p, a: other_epoch(p, a, -1), "period-ended"),
    "key of the next period": (lambda p, a: other_epoch(p, a, 1), "malformed"),
    "key valid for longer": (
        lambda p, a: with_cert(p, a, not_after=a.key_cert.body.not_after + 1),
        "malformed",
    ),
    "key that is the identity": (lambda p, a: with_cert(p, a, pk=bytes(32)), "malformed"),
    "key that is no element": (lambda p, a: with_cert(p, a, pk=b"\xff" * 32), "malformed"),
    "key for other matching rules": (
        lambda p, a: with_cert(p, a, profile_digest=bytes(32)),
        "rules-differ",
    ),
}


class Recording(Pair):
    """Remembers the hello, so that faults can compute fitting session ids."""

    hello_sent: Signed[ClientHello]

    def open(self, fault: HelloFault | None = None) -> ClientSession:
        session = self.session()
        self.hello_sent = session.hello
        answer = self.server.open_session(self.caller, session.hello)
        session.receive_hello(fault(self, answer) if fault else answer, self.now_ms)
        return session


@pytest.mark.parametrize("name", HELLO_FAULTS)
def test_server_hello_with_one_fault_is_refused(name: str) -> None:
    """No key is pinned and no session opens."""
    fault, slug = HELLO_FAULTS[name]
    pair = Recording(values(0, 10), values(0, 10))
    with pytest.raises(PsiError) as error:
        pair.open(fault)
    assert error.value.slug == slug
    assert pair.pins.kept == {}


def test_server_hello_after_the_faults_are_taken_away_is_accepted() -> None:
    """The helper that forges hellos makes an acceptable one when nothing is changed."""
    pair = Recording(values(0, 10), values(0, 10))
    assert pair.open(with_hello).missing_parts == [0]


def test_second_key_in_one_period_is_refused_and_kept_as_evidence() -> None:
    """Two signed KeyCerts of one epoch prove the fault on their own."""
    pair = Recording(values(0, 10), values(0, 10))
    pair.open()
    pair.ledger = type(pair.ledger)()
    pair.master = b"\x66" * 32
    pair.server = pair.start_server()
    with pytest.raises(PsiError) as error:
        pair.open()
    assert error.value.slug == "two-messages"
    (evidence,) = pair.client_evidence
    assert evidence.kind == "two-keys"
    assert evidence.accused == SERVER
    first, second = (KeyCert.decode(message.encoding) for message in evidence.messages)
    assert first.epoch == second.epoch
    assert first.pk != second.pk


@pytest.mark.parametrize("cover", [{"profile_digest": bytes(32)}, {"not_after": 1}])
def test_second_key_is_evidence_whatever_else_is_wrong_with_it(cover: dict[str, object]) -> None:
    """Other rules or another end do not hide it."""
    pair = Recording(values(0, 10), values(0, 10))
    pair.open()
    with pytest.raises(PsiError) as error:
        pair.open(lambda p, a: with_cert(p, a, pk=GENERATOR, **cover))
    assert error.value.slug == "two-messages"
    assert [evidence.kind for evidence in pair.client_evidence] == ["two-keys"]


def test_key_pinned_from_an_identity_that_was_enrolled_anew_is_no_evidence() -> None:
    """A pin that does not verify under the roster's key was another principal's promise."""
    pair = Recording(values(0, 10), values(0, 10))
    pair.open()
    old = pair.pins.kept[SERVER]
    stranger = replace(old, signature=STRANGER.sign(KeyCert.NAME, old.body.encode()))
    pair.pins.kept[SERVER] = replace(stranger, body=replace(old.body, pk=GENERATOR))
    assert pair.open().missing_parts == [0]
    assert pair.client_evidence == []


def test_key_of_an_earlier_period_than_pinned_is_refused() -> None:
    """A clock set back does not bring an old key back."""
    pair = Recording(values(0, 10), values(0, 10))
    pair.now_ms += WEEK * 1000
    pair.open()
    pair.now_ms -= WEEK * 1000
    with pytest.raises(PsiError) as error:
        pair.open()
    assert error.value.slug == "malformed"


Answer = tuple[Signed[EvalResponse], bytes]


class Forger:
    """Makes answers that a dishonest server could sign, for chunk 0 of a real session."""

    def __init__(self) -> None:
        self.pair = Pair(values(0, 5000), values(0, 10))
        self.session = self.pair.open()
        self.request, self.elements = self.session.request(0)
        self.honest, self.evaluated = self.pair.server.evaluate(
            self.pair.caller, self.request, self.elements
        )
        self.key = self.pair.server._keys.of(
            CLIENT, self.session.answer.key_cert.body.epoch, self.pair.server_profile.digest()
        )
        self.context = b"pair" + self.session.session_id + u32(0)

    def signed(self, evaluated: bytes, **changes: object) -> Answer:
        body = replace(
            self.honest.body,
            elements_digest=hashlib.sha256(evaluated).digest(),
            **changes,  # type: ignore[arg-type]
        )
        return sign(EVIL, body), evaluated

    def proved(self, private: bytes, public: bytes, evaluated: bytes, context: bytes) -> bytes:
        return bdleq.prove(context, private, public, self.elements, evaluated, bytes(32))

    def swapped(self) -> bytes:
        changed = rows(self.evaluated)
        changed[[7, 8]] = changed[[8, 7]]
        return changed.tobytes()

    def replaced(self, position: int, element: bytes) -> bytes:
        start = position * 32
        return self.evaluated[:start] + element + self.evaluated[start + 32 :]

    def other_key(self) -> Answer:
        pair = derive_key_pair(b"\x55" * 32, b"evil")
        evaluated = blind_evaluate(pair.private_key, self.elements)
        proof = self.proved(pair.private_key, pair.public_key, evaluated, self.context)
        return self.signed(evaluated, proof=proof)

    def other_context(self, context: bytes) -> Answer:
        proof = self.proved(self.key.private_key, self.key.cert.body.pk, self.evaluated, context)
        return self.signed(self.evaluated, proof=proof)


BAD_ANSWERS: dict[str, tuple[Callable[[Forger], Answer], str]] = {
    "another key, proved under that key": (Forger.other_key, "bad-proof"),
    "one element changed": (lambda f: f.signed(f.replaced(4095, GENERATOR)), "bad-proof"),
    "two elements swapped": (lambda f: f.signed(f.swapped()), "bad-proof"),
    "an identity element": (lambda f: f.signed(f.replaced(9, bytes(32))), "bad-proof"),
    "an element that is not canonical": (
        lambda f: f.signed(f.replaced(9, b"\xff" * 32)),
        "bad-proof",
    ),
    "a proof with one bit changed": (
        lambda f: f.signed(
            f.evaluated, proof=bytes([f.honest.body.proof[0] ^ 1]) + f.honest.body.proof[1:]
        ),
        "bad-proof",
    ),
    "a proof of zeros": (lambda f: f.signed(f.evaluated, proof=bytes(64)), "bad-proof"),
    "a proof with a scalar above l": (
        lambda f: f.signed(f.evaluated, proof=f.honest.body.proof[:32] + b"\xff" * 32),
        "bad-proof",
    ),
    "the proof of another part": (
        lambda f: f.other_context(f.context[:-4] + u32(1)),
        "bad-proof",
    ),
    "the proof of another session": (
        lambda f: f.other_context(b"pair" + bytes(32) + u32(0)),
        "bad-proof",
    ),
    "an answer for another part": (lambda f: f.signed(f.evaluated, chunk=1), "malformed"),
    "an answer for another session": (
        lambda f: f.signed(f.evaluated, session_id=bytes(32)),
        "malformed",
    ),
    "an answer to other elements": (
        lambda f: f.signed(f.evaluated, chunk_digest=bytes(32)),
        "malformed",
    ),
    "elements that do not fit the digest": (lambda f: (f.honest, f.swapped()), "malformed"),
    "one element too few": (lambda f: f.signed(f.evaluated[:-32]), "malformed"),
    "one element too many": (lambda f: f.signed(f.evaluated + GENERATOR), "malformed"),
    "half an element": (lambda f: f.signed(f.evaluated[:-16]), "malformed"),
    "a signature of another member": (
        lambda f: (sign(STRANGER, f.honest.body), f.evaluated),
        "bad-signature",
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_answer_with_one_fault_is_refused(name: str) -> None:
    """The part stays missing, a false proof leaves evidence, and the honest answer still fits."""
    fault, slug = BAD_ANSWERS[name]
    forger = Forger()
    response, evaluated = fault(forger)
    with pytest.raises(PsiError) as error:
        forger.session.receive_answer(forger.request, forger.elements, response, evaluated)
    assert error.value.slug == slug
    assert 0 in forger.session.missing_parts
    kinds = [evidence.kind for evidence in forger.pair.client_evidence]
    assert kinds == (["bad-proof"] if slug == "bad-proof" else [])
    forger.session.receive_answer(forger.request, forger.elements, forger.honest, forger.evaluated)
    assert 0 not in forger.session.missing_parts


def test_evidence_of_a_bad_proof_holds_what_a_third_party_needs() -> None:
    """Hellos, key, request and response as signed, and both batches."""
    forger = Forger()
    response, evaluated = forger.other_key()
    with pytest.raises(PsiError, match=r"part 1 of 2 does not fit its signed key; no result"):
        forger.session.receive_answer(forger.request, forger.elements, response, evaluated)
    (evidence,) = forger.pair.client_evidence
    names = [message.name for message in evidence.messages]
    assert names == ["ClientHello", "ServerHello", "KeyCert", "EvalRequest", "EvalResponse"]
    assert evidence.attachments == {"elements": forger.elements, "evaluated": evaluated}
    assert forger.evaluated.hex() not in repr(evidence)


TABLE_FAULTS: dict[str, Callable[[bytes, int], bytes]] = {
    "one tag short": lambda table, n: table[:-n],
    "one byte short": lambda table, _n: table[:-1],
    "one tag more": lambda table, n: table + b"\xff" * n,
    "two tags swapped": lambda table, n: table[n : 2 * n] + table[:n] + table[2 * n :],
    "a tag twice": lambda table, n: table[:n] + table[:n] + table[2 * n :],
    "a changed tag": lambda table, n: table[:-n] + b"\xff" * n,
    "nothing": lambda _table, _n: b"",
}


@pytest.mark.parametrize("resigned", [False, True], ids=["digest of the true list", "own digest"])
@pytest.mark.parametrize("name", TABLE_FAULTS)
def test_table_with_one_fault_is_refused(name: str, resigned: bool) -> None:
    """Even when the server signed the digest of its faulty list, order and length are checked."""
    pair = Recording(values(0, 10), values(0, 10))
    probe = pair.open()
    request = probe.request_table(0)
    table = pair.server.get_table(pair.caller, request)
    faulty = TABLE_FAULTS[name](table, probe.answer.hello.body.tag_length)
    session = pair.open(
        (lambda p, a: with_hello(p, a, table_digest=hashlib.sha256(faulty).digest()))
        if resigned
        else None
    )
    if resigned and name == "a changed tag":
        session.receive_table([faulty])  # ascending and as signed: a set, if not the true one
        return
    with pytest.raises(PsiError) as error:
        session.receive_table([faulty])
    assert error.value.slug == "list-differs"


def test_receipt_that_was_not_signed_by_the_server_is_refused() -> None:
    """Without the server's own signature over the same transcript there is no result."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    pair.ask_all(session)
    pair.fetch(session)
    close = session.close()
    for receipt, slug in (
        (close, "bad-signature"),
        (sign(STRANGER, close.body), "bad-signature"),
        (sign(EVIL, replace(close.body, transcript=bytes(32))), "malformed"),
        (sign(EVIL, replace(close.body, chunks=9)), "malformed"),
    ):
        with pytest.raises(PsiError) as error:
            session.receive_receipt(receipt)
        assert error.value.slug == slug
    assert pair.finish(session) == pair.client_values


def test_epoch_offset_is_a_monday() -> None:
    """Weeks begin on Monday 00:00 UTC."""
    assert EPOCH_OFFSET_S == 4 * 86_400

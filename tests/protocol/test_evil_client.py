# SPDX-License-Identifier: Apache-2.0
"""
A client that breaks one rule at a time, with its own valid keys: the server finds each.

A refused call charges nothing beyond what was charged before, and the honest session that it
disturbs still ends with the right result.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from protocol.support import CLIENT, OTHER, SERVER, SIGNERS, SPKI, Pair, make_roster, sign, values

from psi.errors import PsiError, RefusedError
from psi.protocol import server
from psi.protocol.admission import Caller
from psi.protocol.ledger import Limits
from psi.protocol.messages import ClientHello, Close, EvalRequest, Signed
from psi.protocol.sizes import EPOCH_OFFSET_S
from psi.protocol.transcript import chunk_digest_of

EVIL = SIGNERS[CLIENT]
HelloFault = Callable[[Pair], Signed[ClientHello]]

HELLO_FAULTS: dict[str, tuple[HelloFault, str]] = {
    "another client's name": (lambda p: p.hello(client=OTHER), "malformed"),
    "another server's name": (lambda p: p.hello(server=OTHER), "malformed"),
    "its own name as server": (lambda p: p.hello(server=CLIENT), "malformed"),
    "a version of the future": (lambda p: p.hello(version=2), "version-differs"),
    "another client certificate": (lambda p: p.hello(spki_client=bytes(32)), "malformed"),
    "another server certificate": (lambda p: p.hello(spki_server=bytes(32)), "malformed"),
    "a signature of another member": (
        lambda p: sign(SIGNERS[OTHER], p.hello().body),
        "bad-signature",
    ),
    "a hello changed after signing": (
        lambda p: Signed(replace(p.hello().body, bucket=2048), p.hello().signature),
        "bad-signature",
    ),
    "another roster": (lambda p: p.hello(roster_hash=bytes(32)), "roster-older"),
    "other matching rules": (lambda p: p.hello(profile_digest=bytes(32)), "rules-differ"),
    "a clock six minutes back": (lambda p: p.hello(time_ms=p.now_ms - 360_000), "clock-skew"),
    "a clock six minutes ahead": (lambda p: p.hello(time_ms=p.now_ms + 360_000), "clock-skew"),
    "a size that is no bucket": (lambda p: p.hello(bucket=1025), "malformed"),
    "an empty bucket": (lambda p: p.hello(bucket=0), "malformed"),
    "a bucket above its limit": (lambda p: p.hello(bucket=2**21), "set-too-large"),
}


@pytest.mark.parametrize("name", HELLO_FAULTS)
def test_client_hello_with_one_fault_is_refused_and_not_charged(name: str) -> None:
    """Nothing is charged, stored or blamed."""
    fault, slug = HELLO_FAULTS[name]
    pair = Pair(values(0, 10), values(0, 10))
    with pytest.raises(PsiError) as error:
        pair.server.open_session(pair.caller, fault(pair))
    assert error.value.slug == slug
    assert pair.ledger.sessions == {}
    assert pair.ledger.used == {}
    assert pair.server_evidence == []


@pytest.mark.parametrize("minutes", [-4, 4])
def test_clock_four_minutes_off_is_accepted(minutes: int) -> None:
    """Five minutes are allowed."""
    pair = Pair(values(0, 10), values(0, 10))
    hello = pair.hello(time_ms=pair.now_ms + minutes * 60_000)
    assert pair.server.open_session(pair.caller, hello).hello.body.bucket == 1024


def test_nonce_used_twice_is_refused_for_ten_minutes() -> None:
    """A second hello with the nonce of a session is a replay that was tampered with."""
    pair = Pair(values(0, 10), values(0, 10))
    first = pair.hello()
    pair.server.open_session(pair.caller, first)
    pair.now_ms += 1000
    with pytest.raises(PsiError, match="nonce"):
        pair.server.open_session(
            pair.caller, pair.hello(nonce=first.body.nonce, time_ms=pair.now_ms)
        )


def test_client_that_was_removed_from_the_roster_is_refused_at_once() -> None:
    """Also in the middle of a session."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)
    pair.roster = replace(
        pair.roster,
        principals=tuple(p for p in pair.roster.principals if p.name != CLIENT),
    )
    with pytest.raises(RefusedError) as error:
        pair.server.evaluate(pair.caller, request, elements)
    assert error.value.slug == "not-a-member"


Chunk = tuple[Signed[EvalRequest], bytes]


def asked(pair: Pair, elements: bytes, chunk: int = 0, **changes: object) -> Chunk:
    """A signed request with a fitting digest for any bytes."""
    session_id = next(iter(pair.ledger.sessions))
    body = EvalRequest(
        session_id=session_id, chunk=chunk, chunk_digest=chunk_digest_of(chunk % 2**32, elements)
    )
    return sign(EVIL, replace(body, **changes)), elements  # type: ignore[arg-type]


def put(elements: bytes, position: int, element: bytes) -> bytes:
    return elements[: position * 32] + element + elements[position * 32 + 32 :]


CHUNK_FAULTS: dict[str, tuple[Callable[[Pair, bytes], Chunk], str]] = {
    "the identity": (lambda p, e: asked(p, put(e, 5, bytes(32))), "malformed"),
    "not canonical": (lambda p, e: asked(p, put(e, 5, b"\xff" * 32)), "malformed"),
    "a negative element": (lambda p, e: asked(p, put(e, 5, b"\1" + bytes(31))), "malformed"),
    "an element of 31 bytes": (lambda p, e: asked(p, e[:-1]), "malformed"),
    "an element of 33 bytes": (lambda p, e: asked(p, e + b"\0"), "malformed"),
    "no element": (lambda p, _e: asked(p, b""), "malformed"),
    "4,097 elements": (lambda p, e: asked(p, e + e[:32]), "malformed"),
    "one element twice": (lambda p, e: asked(p, put(e, 6, e[5 * 32 : 6 * 32])), "malformed"),
    "a chunk beyond the bucket": (lambda p, e: asked(p, e, chunk=2), "malformed"),
    "a chunk beyond everything": (lambda p, e: asked(p, e, chunk=2**64 - 1), "malformed"),
    "another digest": (lambda p, e: asked(p, e, chunk_digest=bytes(32)), "malformed"),
    "the elements of another chunk": (
        lambda p, e: asked(p, e, chunk_digest=chunk_digest_of(1, e)),
        "malformed",
    ),
    "another session": (lambda p, e: asked(p, e, session_id=bytes(32)), "session-ended"),
    "another member's signature": (
        lambda p, e: (sign(SIGNERS[SERVER], asked(p, e)[0].body), e),
        "bad-signature",
    ),
}


@pytest.mark.parametrize("name", CHUNK_FAULTS)
def test_chunk_with_one_fault_is_refused_and_not_recorded(name: str) -> None:
    """The session goes on afterwards as if nothing had been sent."""
    fault, slug = CHUNK_FAULTS[name]
    pair = Pair(values(0, 5000), values(4990, 20))
    session = pair.open()
    _, elements = session.request(0)
    charged = dict(pair.ledger.used)
    with pytest.raises(PsiError) as error:
        pair.server.evaluate(pair.caller, *fault(pair, elements))
    assert error.value.slug == slug
    assert pair.ledger.answered == {}
    assert pair.ledger.used == charged
    assert pair.server_evidence == []
    pair.ask_all(session)
    pair.fetch(session)
    assert pair.finish(session) == pair.client_values[4990:]


def test_bad_element_is_named_by_its_index() -> None:
    """One bad element among 4,096 is found where it is."""
    pair = Pair(values(0, 5000), values(0, 1))
    session = pair.open()
    _, elements = session.request(0)
    with pytest.raises(PsiError) as error:
        pair.server.evaluate(pair.caller, *asked(pair, put(elements, 4001, b"\xff" * 32)))
    assert error.value.detail == {"index": 4001, "chunk": 0}


def test_two_different_chunks_at_one_index_are_evidence() -> None:
    """Equivocation is refused, and both signed requests are kept."""
    pair = Pair(values(0, 5000), values(0, 1))
    session = pair.open()
    request, elements = session.request(0)
    pair.server.evaluate(pair.caller, request, elements)
    other = put(elements, 0, session.request(1)[1][:32])
    with pytest.raises(PsiError) as error:
        pair.server.evaluate(pair.caller, *asked(pair, other))
    assert error.value.slug == "two-messages"
    (evidence,) = pair.server_evidence
    assert (evidence.kind, evidence.accused) == ("two-messages", CLIENT)
    first, second = (EvalRequest.decode(message.encoding) for message in evidence.messages)
    assert (first.session_id, first.chunk) == (second.session_id, second.chunk)
    assert first.chunk_digest != second.chunk_digest
    for message in evidence.messages:
        body = EvalRequest.decode(message.encoding)
        assert sign(EVIL, body).signature == message.signature


def test_session_of_another_member_can_not_be_used() -> None:
    """The answer is the same as for a session that does not exist."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)
    stranger = Caller(name=OTHER, spki=SPKI[OTHER])
    with pytest.raises(PsiError) as stolen:
        pair.server.evaluate(stranger, sign(SIGNERS[OTHER], request.body), elements)
    missing = asked(pair, elements, session_id=bytes(32))
    with pytest.raises(PsiError) as unknown:
        pair.server.evaluate(pair.caller, *missing)
    assert (stolen.value.slug, str(stolen.value)) == (unknown.value.slug, str(unknown.value))


def test_table_beyond_its_end_or_of_another_version_is_refused() -> None:
    """The page must lie in the list of the session."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    body = session.request_table(0).body
    for fault in (replace(body, from_=1024), replace(body, table_version=2)):
        with pytest.raises(PsiError) as error:
            pair.server.get_table(pair.caller, sign(EVIL, fault))
        assert error.value.slug == "malformed"
    with pytest.raises(PsiError) as error:
        pair.server.get_table(pair.caller, sign(SIGNERS[OTHER], body))
    assert error.value.slug == "bad-signature"


def test_close_too_early_or_with_another_transcript_is_refused() -> None:
    """The receipt is signed only when all chunks are answered and both saw the same."""
    pair = Pair(values(0, 5000), values(0, 10))
    session = pair.open()
    pair.ask(session, 1)
    early = Close(session_id=session.session_id, transcript=bytes(32), chunks=2)
    with pytest.raises(PsiError, match="0 of 2 chunks"):
        pair.server.close(pair.caller, sign(EVIL, early))
    pair.ask_all(session)
    pair.fetch(session)
    true = session.close().body
    for fault, text in (
        (replace(true, transcript=bytes(32)), "transcripts"),
        (replace(true, chunks=1), "chunks"),
    ):
        with pytest.raises(PsiError, match=text):
            pair.server.close(pair.caller, sign(EVIL, fault))
    assert pair.finish(session) == pair.client_values[:10]


def test_session_after_close_answers_nothing_more() -> None:
    """Nothing but the receipt, and the list that the result needs."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)
    pair.ask_all(session)
    pair.fetch(session)
    pair.finish(session)
    for call in (
        lambda: pair.server.evaluate(pair.caller, request, elements),
        lambda: pair.server.close(
            pair.caller, sign(EVIL, replace(session.own_close.body, transcript=bytes(32)))
        ),
    ):
        with pytest.raises(PsiError):
            call()


def test_elements_are_checked_before_any_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad element at the end costs the server a decoding, not 4,096 multiplications."""
    pair = Pair(values(0, 5000), values(0, 1))
    session = pair.open()
    _, elements = session.request(0)

    def never(*_: object) -> bytes:
        raise AssertionError("the key met an element of a bad chunk")

    monkeypatch.setattr(server, "blind_evaluate", never)
    with pytest.raises(PsiError) as error:
        pair.server.evaluate(pair.caller, *asked(pair, put(elements, 4095, b"\xff" * 32)))
    assert error.value.slug == "malformed"


def test_policy_that_says_no_since_the_session_opened_counts_at_once() -> None:
    """Also for what was paid already."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)

    def refuse(_: str) -> Limits:
        raise RefusedError("the policy says no")

    rules = pair.rules()
    pair.server._rules = lambda: replace(rules, limits=refuse)
    with pytest.raises(RefusedError) as error:
        pair.server.evaluate(pair.caller, request, elements)
    assert error.value.slug == "policy-refused"


@pytest.mark.parametrize("hours", [24, 24 * 7])
def test_session_after_its_life_is_refused(hours: int) -> None:
    """24 hours, or the end of the period, whichever comes first."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)
    pair.now_ms += hours * 3_600_000
    with pytest.raises(RefusedError) as error:
        pair.server.evaluate(pair.caller, request, elements)
    assert error.value.slug == ("session-ended" if hours == 24 else "period-ended")


def test_rules_changed_within_a_period_wait_for_the_next() -> None:
    """A KeyCert holds the rules that it was made under; another one would be a second key."""
    pair = Pair(values(0, 10), values(0, 10))
    pair.open()
    pair.server_profile = replace(pair.server_profile, fold_https=0)
    with pytest.raises(RefusedError) as error:
        pair.server.open_session(
            pair.caller, pair.hello(profile_digest=pair.server_profile.digest())
        )
    assert error.value.slug == "rules-differ"
    renews_at = int(error.value.detail["renews_at"])
    assert (renews_at - EPOCH_OFFSET_S) % 604_800 == 0


def test_master_that_was_lost_waits_for_the_next_period() -> None:
    """A second key for one period would look like equivocation, so there is none."""
    pair = Pair(values(0, 10), values(0, 10))
    pair.open()
    pair.master = b"\x77" * 32
    pair.server = pair.start_server()
    with pytest.raises(RefusedError) as error:
        pair.open()
    assert error.value.slug == "state-damaged"


def test_limits_of_the_roster_count_for_the_bucket() -> None:
    """The bucket that is sent is compared, not the set."""
    pair = Pair(values(0, 1025), values(0, 10), roster=make_roster(bucket_limit=1024))
    with pytest.raises(PsiError) as error:
        pair.open()
    assert error.value.slug == "set-too-large"

# SPDX-License-Identifier: Apache-2.0
"""Every reason to refuse, from a server's error to what the asking person reads."""

import re
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport.support import Member, Running, channel, eval_request, trusted

from psi.errors import (
    SLUGS,
    DeserializeError,
    LimitError,
    PeerProtocolError,
    PsiError,
    RefusedError,
    UnreachableError,
    VerifyError,
)
from psi.proto.v1.refusal_pb2 import Refusal
from psi.transport.client import PeerChannel
from psi.transport.faults import Parties, failed_answer, refused, seen_from_here
from psi.transport.refusals import METADATA_KEY, STATUS, Received, read_refusal, refusal_of

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
ROSTER = trusted(ACME, BETA)
PARTIES = Parties(
    own="acme-corp",
    peer="beta-bank",
    contact="soc@beta.example",
    address="beta.example:9497",
    roster_serial=6,
    alliance="cti-north",
    epoch_seconds=604_800,
)
# Monday 2026-11-30 00:00 UTC, and 3 days and 4 hours before it.
RENEWS_AT = 1_795_996_800
NOW_S = RENEWS_AT - 3 * 86_400 - 4 * 3_600


@pytest.fixture(scope="module")
def beta() -> Iterator[Running]:
    with Running(BETA, ROSTER) as running:
        yield running


@pytest.fixture
def to_beta(beta: Running) -> Iterator[PeerChannel]:
    with channel(ACME, ROSTER, beta.address, busy_patience_s=0.0) as opened:
        yield opened


def evaluate_against(beta: Running, to_beta: PeerChannel, error: Exception) -> PsiError:
    """What the client sees when the server's answerer raises this."""

    def fail(*_: object) -> None:
        raise error

    beta.answerer.before = fail
    with pytest.raises(PsiError) as caught:
        to_beta.evaluate(eval_request(2), bytes(32))
    return caught.value


@pytest.mark.parametrize("slug", sorted(STATUS))
def test_refusal_of_every_slug_arrives_under_its_own_name(
    slug: str, beta: Running, to_beta: PeerChannel
) -> None:
    """Over a real connection; but for what is the peer's own trouble, or about our certificate."""
    error = evaluate_against(beta, to_beta, PsiError("secret text", slug=slug))
    assert error.slug == seen_from_here(slug)
    assert (error.slug == slug) or slug in {
        "storage-fault",
        "disk-full",
        "state-damaged",
        "peer-cert-expired",
        "peer-cert-foreign",
        "peer-cert-other",
    }
    assert "secret" not in f"{error.message} {error.hint}"
    assert error.hint


@pytest.mark.parametrize("slug", sorted(set(SLUGS) - set(STATUS)))
def test_refusal_of_a_slug_that_does_not_travel_arrives_as_peer_failed(
    slug: str, beta: Running, to_beta: PeerChannel
) -> None:
    """A server's own trouble leaves it as INTERNAL without a reason."""
    error = evaluate_against(beta, to_beta, PsiError("secret text", slug=slug))
    assert isinstance(error, UnreachableError)
    assert error.slug == "peer-failed"
    assert error.message == "beta-bank could not answer; the fault is on its side (INTERNAL)"


def test_failure_that_is_a_bug_sends_nothing_of_its_text(
    beta: Running, to_beta: PeerChannel, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither to the peer nor to the log, which says where it was."""
    error = evaluate_against(beta, to_beta, KeyError("evil.example.net"))
    assert error.slug == "peer-failed"
    assert "evil" not in caplog.text
    assert "unexpected KeyError in /psi.proto.v1.Pairwise/Evaluate" in caplog.text
    # The logger that `serve --log-format` formats and escapes.
    assert {record.name for record in caplog.records} == {"overlap"}
    assert beta.refusals[-1] == ("acme-corp", "/psi.proto.v1.Pairwise/Evaluate", "bug")


def test_refusal_with_detail_carries_its_numbers(beta: Running, to_beta: PeerChannel) -> None:
    """An element that is not canonical: which one, in which chunk."""
    bad = DeserializeError("secret text", index=17)
    bad.detail["chunk"] = 2
    error = evaluate_against(beta, to_beta, bad)
    assert isinstance(error, PeerProtocolError)
    assert error.detail == {"chunk": 2, "index": 17}
    assert error.message == "beta-bank refuses a message of ours as malformed (part 3)"


def test_refusals_table_and_texts_cover_each_other() -> None:
    """No slug travels that the other side has no words for."""
    for slug in STATUS:
        assert refused(Received(slug, {}), PARTIES, NOW_S).slug == seen_from_here(slug)


def refusal(slug: str, **detail: int) -> PsiError:
    return refused(Received(slug, detail), PARTIES, NOW_S)


def test_refused_budget_of_checks_reads_as_in_the_manual() -> None:
    """Both forms of an exhausted budget, and when it renews."""
    error = refusal("budget-exhausted", sessions=8, sessions_used=8, renews_at=RENEWS_AT)
    assert isinstance(error, LimitError)
    assert error.message == "the budget with beta-bank is used up: 8 of 8 checks this week"
    assert error.hint == (
        "it renews Mon 2026-11-30 00:00 UTC (in 3 days 4 h); beta-bank can raise it"
    )
    error = refusal("budget-exhausted", sessions=8, sessions_used=3, left=9_952, needed=14_336)
    assert error.message == (
        "the budget with beta-bank is used up: 9,952 indicators left, 14,336 needed"
    )
    assert error.outcome.exit_code == 4


@pytest.mark.parametrize(
    ("slug", "detail", "message"),
    [
        ("roster-older", {"serial": 7}, "beta-bank uses roster 7, you have 6"),
        ("roster-older", {"serial": 6}, "beta-bank uses another roster than your 6"),
        (
            "not-a-member",
            {"serial": 7},
            "roster 7 at beta-bank does not list acme-corp with this certificate",
        ),
        (
            "clock-skew",
            {"skew_s": 372},
            "your clock and beta-bank's differ by 6 min 12 s; 5 min are allowed",
        ),
        ("policy-refused", {}, "beta-bank's policy does not let acme-corp check"),
        (
            "period-ended",
            {},
            "beta-bank's period ended during the run; its answers so far are void",
        ),
        (
            "set-too-large",
            {"limit": 131_072},
            "beta-bank allows acme-corp at most 131,072 indicators a check",
        ),
        (
            "busy",
            {"retry_after_ms": 11_001},
            "beta-bank has no time to answer now; it asks to come back in 12 s",
        ),
    ],
)
def test_refused_reads_as_in_the_manual(slug: str, detail: dict[str, int], message: str) -> None:
    """The wording of docs/errors.md."""
    assert refusal(slug, **detail).message == message


def test_refused_roster_hint_says_who_is_behind() -> None:
    """The side with the lower serial updates."""
    assert str(refusal("roster-older", serial=7).hint).startswith("`overlap roster update`")
    assert str(refusal("roster-older", serial=5).hint).startswith(
        "ask beta-bank (soc@beta.example)"
    )


@given(
    st.sampled_from(sorted(STATUS)),
    st.dictionaries(
        st.sampled_from(list(Refusal.DESCRIPTOR.fields_by_name)[1:]), st.integers(0, 2**64 - 1)
    ),
)
def test_refused_with_any_numbers_is_an_error_of_ours(slug: str, detail: dict[str, int]) -> None:
    """A peer can send any number; dates and spans of all of them can be said."""
    error = refused(Received(slug, detail), PARTIES, NOW_S)
    assert error.slug == seen_from_here(slug)
    assert len(error.message) + len(error.hint or "") < 400


@given(
    st.sampled_from(sorted(STATUS)),
    st.dictionaries(st.text(max_size=20), st.one_of(st.integers(), st.text(max_size=9))),
)
def test_refusal_of_any_detail_reads_back_what_has_a_field(
    slug: str, detail: dict[str, int | str]
) -> None:
    """Numbers that have a field travel, all else stays here."""
    detail["renews_at"] = RENEWS_AT
    detail["left"] = -1
    code, text, data = refusal_of(PsiError("secret", slug=slug, detail=detail))
    assert text == slug
    assert data is not None
    received = read_refusal(code, ((METADATA_KEY, data),))
    assert received is not None
    assert received.slug == slug
    assert received.detail["renews_at"] == RENEWS_AT
    assert "left" not in received.detail


@given(st.binary(max_size=1200), st.sampled_from(list(grpc.StatusCode)))
def test_read_refusal_of_any_bytes_is_none_or_of_the_table(
    data: bytes, code: grpc.StatusCode
) -> None:
    """Whatever a peer puts there."""
    received = read_refusal(code, ((METADATA_KEY, data),))
    assert received is None or STATUS[received.slug] is code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Refusal(slug="budget-exhausted").SerializeToString(), grpc.StatusCode.UNAVAILABLE),
        (Refusal(slug="no-such-slug").SerializeToString(), grpc.StatusCode.UNAVAILABLE),
        (Refusal(slug="unlock-failed").SerializeToString(), grpc.StatusCode.INTERNAL),
        (Refusal(slug="busy").SerializeToString() + bytes(2_000), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_read_refusal_that_does_not_fit_its_code_is_none(
    data: bytes, code: grpc.StatusCode
) -> None:
    """A slug comes with its own code, and only those of the table come at all."""
    assert read_refusal(code, ((METADATA_KEY, data),)) is None
    assert read_refusal(code, (("other-bin", data),)) is None


def test_retry_after_of_any_number_is_a_minute_at_most() -> None:
    """A peer can't make us wait for ever."""
    assert Received("busy", {"retry_after_ms": 2**63}).retry_after_s == 60.0
    assert Received("busy", {}).retry_after_s == 0.0


@pytest.mark.parametrize(
    ("code", "cls", "slug"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, PeerProtocolError, "malformed"),
        (grpc.StatusCode.UNIMPLEMENTED, PeerProtocolError, "malformed"),
        (grpc.StatusCode.UNKNOWN, UnreachableError, "peer-failed"),
        (grpc.StatusCode.ABORTED, UnreachableError, "peer-failed"),
    ],
)
def test_failed_answer_without_a_reason_says_whose_side(
    code: grpc.StatusCode, cls: type[PsiError], slug: str
) -> None:
    """A status alone, or with a slug that this version does not know."""
    error = failed_answer(code, PARTIES)
    assert type(error) is cls
    assert error.slug == slug


def test_classes_of_refusals_are_those_of_their_reasons() -> None:
    """So that callers can tell rules, faults and silence apart."""
    assert isinstance(refusal("bad-signature"), VerifyError)
    assert isinstance(refusal("policy-refused"), RefusedError)
    assert isinstance(refusal("busy"), UnreachableError)
    assert isinstance(refusal("two-messages"), PeerProtocolError)
    assert all(re.fullmatch("[a-z-]{1,64}", slug) for slug in STATUS)

# SPDX-License-Identifier: Apache-2.0
"""What a client does about silence, and how it names it; time passes only by waiting."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from transport.support import (
    CountingAnswerer,
    FakeWaiter,
    Member,
    Running,
    channel,
    eval_request,
    hello,
    now_ms,
    status,
    trusted,
)

from psi.errors import PsiError, RefusedError, UnreachableError, UsageError
from psi.protocol.admission import Caller
from psi.transport.client import PeerChannel
from psi.transport.seams import Answerer
from psi.transport.waiting import ThreadWaiter, backoff_s

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
ROSTER = trusted(ACME, BETA)


@pytest.fixture
def beta() -> Iterator[Running]:
    with Running(BETA, ROSTER) as running:
        yield running


def free_address() -> str:
    """Where nobody listens any more."""
    with Running(BETA, ROSTER) as running:
        return running.address


def failing(times: int, error: PsiError) -> Callable[[str, Caller], None]:
    """Fails the first few calls."""
    left = itertools.count(times, -1)

    def before(_method: str, _caller: Caller) -> None:
        if next(left) > 0:
            raise error

    return before


def test_call_to_nobody_says_where_why_and_how_often() -> None:
    """Refused connections for as long as patience lasts."""
    address = free_address()
    waiter = FakeWaiter()
    with (
        channel(ACME, ROSTER, address, waiter=waiter) as to_beta,
        pytest.raises(UnreachableError) as caught,
    ):
        to_beta.status()
    n_tries = len(waiter.waits) + 1
    waited = int(sum(waiter.waits))
    assert caught.value.slug == "unreachable"
    assert caught.value.message == (
        f"beta-bank does not answer at {address}: connection refused, {n_tries} tries in {waited} s"
    )
    assert caught.value.hint == (
        "`overlap ping beta-bank` shows how far it gets; contact soc@beta-bank.example"
    )
    assert 12 <= waited <= 20
    assert caught.value.outcome.exit_code == 6


def test_call_to_nobody_without_patience_is_tried_once() -> None:
    """And says so in the singular."""
    with (
        channel(ACME, ROSTER, free_address(), patience_s=0.0) as to_beta,
        pytest.raises(UnreachableError, match="connection refused, 1 try in 0 s"),
    ):
        to_beta.status()


def test_call_to_a_peer_that_had_answered_says_since_when_and_in_which_part() -> None:
    """The server goes away between two calls."""
    waiter = FakeWaiter()
    with Running(BETA, ROSTER) as running:
        opened = channel(ACME, ROSTER, running.address, waiter=waiter)
        to_beta = opened.__enter__()
        to_beta.open_session(hello())
    with pytest.raises(UnreachableError) as caught:
        to_beta.evaluate(eval_request(1), bytes(32))
    opened.__exit__(None, None, None)
    waited = int(sum(waiter.waits))
    assert caught.value.slug == "stalled"
    assert caught.value.message == (
        f"beta-bank stopped answering in part 2 of 4, {waited} s ago; state is kept"
    )
    assert caught.value.hint == "run the same command again; nothing is charged twice"


def test_call_during_a_restart_of_the_peer_is_answered() -> None:
    """Killed and started again on the same port, while the client waits."""
    first = Running(BETA, ROSTER)
    again: list[Running] = []

    class Restarting(ThreadWaiter):
        def wait(self, seconds: float) -> None:
            if not again:
                again.append(Running(BETA, ROSTER, listen=first.address))
            super().wait(seconds)

    with channel(ACME, ROSTER, first.address, waiter=Restarting()) as to_beta:
        assert to_beta.status() == status()
        first.server.stop(0)
        assert to_beta.status() == status()
    again[0].server.stop(0)
    assert len(again[0].answerer.calls) == 1


def test_call_put_off_by_the_peer_sends_the_same_bytes_when_told(beta: Running) -> None:
    """Busy twice, with a time to come back; then answered."""
    beta.answerer.before = failing(
        2, RefusedError("x", slug="busy", detail={"retry_after_ms": 12_000})
    )
    waiter = FakeWaiter()
    with channel(ACME, ROSTER, beta.address, waiter=waiter) as to_beta:
        to_beta.evaluate(eval_request(1), bytes(64))
        assert waiter.waits == [12.0, 12.0]
        assert beta.answerer.requests == [(eval_request(1), bytes(64))] * 3
        assert to_beta.sent_bytes % 3 == 0


def test_call_put_off_for_ever_is_given_up_as_busy(beta: Running) -> None:
    """After the patience for that, which is longer than that for silence."""
    beta.answerer.before = failing(
        10**9, RefusedError("x", slug="busy", detail={"retry_after_ms": 40_000})
    )
    waiter = FakeWaiter()
    with (
        channel(ACME, ROSTER, beta.address, waiter=waiter, busy_patience_s=90.0) as to_beta,
        pytest.raises(UnreachableError) as caught,
    ):
        to_beta.status()
    assert waiter.waits == [40.0, 40.0]
    assert caught.value.slug == "busy"


def test_call_to_a_peer_whose_disk_recovers_is_answered(beta: Running) -> None:
    """Storage trouble of a peer is waited for, without a time of its own."""
    beta.answerer.before = failing(3, PsiError("x", slug="disk-full"))
    waiter = FakeWaiter()
    with channel(ACME, ROSTER, beta.address, waiter=waiter) as to_beta:
        assert to_beta.status() == status()
    assert len(waiter.waits) == 3


def test_call_that_the_peer_fails_is_tried_three_times(beta: Running) -> None:
    """Some broken connections look like that, but so do bugs."""
    beta.answerer.before = failing(10**9, PsiError("x", slug="bug"))
    with channel(ACME, ROSTER, beta.address) as to_beta, pytest.raises(PsiError) as caught:
        to_beta.status()
    assert caught.value.slug == "peer-failed"
    assert len(beta.answerer.calls) == 3


def test_call_that_was_refused_is_not_repeated(beta: Running) -> None:
    """A rule does not change by asking again."""
    beta.answerer.before = failing(1, RefusedError("x", slug="policy-refused"))
    waiter = FakeWaiter()
    with (
        channel(ACME, ROSTER, beta.address, waiter=waiter) as to_beta,
        pytest.raises(RefusedError, match="beta-bank's policy does not let acme-corp check"),
    ):
        to_beta.status()
    assert waiter.waits == []


def test_call_not_answered_within_its_deadline_says_so(beta: Running) -> None:
    """The server works on, the client does not wait."""
    release = threading.Event()
    beta.answerer.before = lambda _method, _caller: (release.wait(30), None)[1]
    with (
        channel(ACME, ROSTER, beta.address, deadline_s=1.2, patience_s=0.0) as to_beta,
        pytest.raises(UnreachableError, match=r"no answer within 1\.2 s, 1 try"),
    ):
        to_beta.status()
    release.set()


def test_cancel_while_waiting_ends_the_call() -> None:
    """From another thread, without waiting any longer."""
    waiting = threading.Event()

    class Telling(ThreadWaiter):
        def wait(self, seconds: float) -> None:
            waiting.set()
            super().wait(3600)

    with channel(ACME, ROSTER, free_address(), waiter=Telling()) as to_beta:
        assert error_when_cancelled(to_beta, waiting).slug == "not-finished"


def test_cancel_while_the_peer_works_ends_the_call(beta: Running) -> None:
    """A call in flight is given up."""
    entered, release = threading.Event(), threading.Event()

    def block(_method: str, _caller: Caller) -> None:
        entered.set()
        release.wait(30)

    beta.answerer.before = block
    with channel(ACME, ROSTER, beta.address, waiter=ThreadWaiter()) as to_beta:
        assert error_when_cancelled(to_beta, entered).slug == "not-finished"
        with pytest.raises(UnreachableError, match="were ended from here"):
            to_beta.status()
    release.set()


def error_when_cancelled(to_beta: PeerChannel, when: threading.Event) -> PsiError:
    caught: list[PsiError] = []

    def call() -> None:
        try:
            to_beta.status()
        except PsiError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert when.wait(10)
    to_beta.cancel()
    thread.join(10)
    assert not thread.is_alive()
    return caught[0]


def test_calls_from_many_threads_share_one_channel(beta: Running) -> None:
    """Four in flight, each with its own answer."""
    with channel(ACME, ROSTER, beta.address, waiter=ThreadWaiter()) as to_beta:
        answers: dict[int, bytes] = {}

        def ask(chunk: int) -> None:
            answers[chunk] = to_beta.evaluate(eval_request(chunk), bytes([chunk]) * 32)[1]

        threads = [threading.Thread(target=ask, args=(chunk,)) for chunk in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {chunk: bytes([chunk]) * 32 for chunk in range(4)}


def test_call_under_a_proxy_of_the_environment_goes_straight(
    beta: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC alone would follow it, even to the loopback."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with channel(ACME, ROSTER, beta.address, patience_s=0.0) as to_beta:
        assert to_beta.status() == status()


def test_channel_to_a_peer_without_an_address_says_so() -> None:
    """A member that only asks."""
    entry = replace(ROSTER.principal("beta-bank"), address="")
    with pytest.raises(RefusedError, match="beta-bank has no address in roster 6") as caught:
        PeerChannel(peer=entry, identity=ACME, trusted=ROSTER, now_ms=now_ms)
    assert caught.value.slug == "no-address"


@pytest.mark.parametrize("address", ["unix:/tmp/socket:1", "xds:///beta:1", "beta", "beta:0", ":1"])
def test_channel_to_an_address_of_another_form_is_refused(address: str) -> None:
    """gRPC knows many kinds of names; a member's address is HOST:PORT."""
    with pytest.raises(UsageError):
        channel(ACME, ROSTER, address).__enter__()


def test_channel_to_a_peer_without_a_certificate_is_refused() -> None:
    """Without a root of ours grpc would take the machine's."""
    bare = replace(ROSTER, certificates={ACME.spki: ACME.certificate_der})
    with pytest.raises(PsiError, match="has no certificate of beta-bank"):
        channel(ACME, bare, "127.0.0.1:9").__enter__()


def test_backoff_doubles_to_a_bound() -> None:
    """From a quarter of a second to eight, and never all of it at once."""
    for failures, longest in ((1, 0.25), (2, 0.5), (5, 4.0), (6, 8.0), (7, 8.0), (10**6, 8.0)):
        for _ in range(20):
            assert longest / 2 <= backoff_s(failures) <= longest


def test_answerer_of_tests_is_an_answerer() -> None:
    """What stands for the real one in these tests has its form."""
    answerer: Answerer = CountingAnswerer()
    assert answerer.status(Caller(name="acme-corp", spki=ACME.spki)) == status()

# SPDX-License-Identifier: Apache-2.0
"""A server's life: its port, its roster, how much it takes on, and how it ends."""

import threading
from dataclasses import replace

import pytest
from transport.support import (
    CountingAnswerer,
    FakeWaiter,
    Member,
    Running,
    channel,
    eval_request,
    now_ms,
    status,
    trusted,
)

from psi.errors import LocalProtocolError, PsiError, RefusedError, TransportError, UsageError
from psi.protocol.admission import Caller
from psi.transport.client import PeerChannel
from psi.transport.server import PairwiseGrpcServer
from psi.transport.slots import Slots

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
CITY = Member.make("city-hospital")
ROSTER = trusted(ACME, BETA, CITY)


def server(listen: str, identity: Member = BETA) -> PairwiseGrpcServer:
    return PairwiseGrpcServer(
        answerer=CountingAnswerer(),
        rosters=lambda: ROSTER,
        identities=lambda: identity,
        listen=listen,
        now_ms=now_ms,
    )


def test_start_on_a_port_in_use_is_refused() -> None:
    """Never two servers on one port, each with half of the calls."""
    with Running(BETA, ROSTER) as running:
        second = server(running.address)
        with pytest.raises(RefusedError) as caught:
            second.start()
        second.stop(0)
    assert caught.value.slug == "port-in-use"
    assert running.address in caught.value.message


def test_start_with_keys_that_tls_does_not_take_is_not_called_a_port_in_use() -> None:
    """Else people look for what listens there, while their keys or the roster are at fault."""
    mixed = replace(BETA, tls_key_pem=ACME.tls_key_pem)
    broken = server("127.0.0.1:0", mixed)
    with pytest.raises(TransportError, match="roster 6") as caught:
        broken.start()
    broken.stop(0)
    assert caught.value.slug == "bad-roster"


@pytest.mark.parametrize("listen", ["unix:/tmp/socket", "9497", "", "127.0.0.1:70000"])
def test_start_on_no_address_is_refused(listen: str) -> None:
    """HOST:PORT and nothing else."""
    with pytest.raises(UsageError):
        server(listen).start()


def test_start_twice_is_a_mistake_and_stop_before_start_is_not() -> None:
    """A server is used once."""
    never = server("127.0.0.1:0")
    never.stop(0)
    with Running(BETA, ROSTER) as running, pytest.raises(LocalProtocolError):
        running.server.start()


def test_stop_lets_calls_in_flight_finish() -> None:
    """Within the grace; new calls are refused."""
    entered, release = threading.Event(), threading.Event()

    def block(_method: str, _caller: Caller) -> None:
        entered.set()
        release.wait(30)

    answers = []
    with Running(BETA, ROSTER) as running, channel(ACME, ROSTER, running.address) as to_beta:
        running.answerer.before = block
        call = threading.Thread(target=lambda: answers.append(to_beta.status()))
        call.start()
        assert entered.wait(10)
        stop = threading.Thread(target=running.server.stop, args=(30.0,))
        stop.start()
        with (
            channel(CITY, ROSTER, running.address, patience_s=0.0) as late,
            pytest.raises(PsiError) as caught,
        ):
            wait_until_refused(late)
        release.set()
        call.join(10)
        stop.join(10)
    assert caught.value.slug in ("unreachable", "stalled")
    assert answers == [status()]


def wait_until_refused(late: PeerChannel) -> None:
    """The stop begins in another thread, at any time."""
    for _ in range(1000):
        late.look()
        late.get_roster()


def test_get_roster_newer_than_ours_is_refused_with_our_serial() -> None:
    """The server is behind; the client can say so."""
    with (
        Running(BETA, ROSTER) as running,
        channel(ACME, ROSTER, running.address) as to_beta,
        pytest.raises(RefusedError) as caught,
    ):
        to_beta.get_roster(7)
    assert caught.value.slug == "roster-older"
    assert caught.value.detail == {"serial": 6}


def test_evaluations_over_the_limit_are_put_off() -> None:
    """One slot: the second chunk is told to come back, and is answered then."""
    entered, release = threading.Event(), threading.Event()

    def block(_method: str, _caller: Caller) -> None:
        entered.set()
        release.wait(30)

    waiter = FakeWaiter()
    waiter.on_wait = release.set
    with (
        Running(BETA, ROSTER, evaluations=1) as running,
        channel(ACME, ROSTER, running.address) as first,
        channel(CITY, ROSTER, running.address, waiter=waiter) as second,
    ):
        running.answerer.before = block
        call = threading.Thread(target=first.evaluate, args=(eval_request(), bytes(32)))
        call.start()
        assert entered.wait(10)
        second.evaluate(eval_request(), bytes(32))
        call.join(10)
        assert ("city-hospital", "/psi.proto.v1.Pairwise/Evaluate", "busy") in running.refusals
    assert waiter.waits[0] == 0.25


def test_slots_of_one_caller_are_a_share_of_all() -> None:
    """One client's four leave room for others, and every slot is given back."""
    slots = Slots(total=5, each=4)
    with slots.slot("a"), slots.slot("a"), slots.slot("a"), slots.slot("a"):
        with pytest.raises(RefusedError) as caught, slots.slot("a"):
            pass
        assert caught.value.detail == {"retry_after_ms": 250}
        with slots.slot("b"), pytest.raises(RefusedError), slots.slot("c"):
            pass
        with slots.slot("c"):
            pass
    with slots.slot("a"):
        pass


def test_slot_of_work_that_fails_is_given_back() -> None:
    """An error of the answerer frees its slot."""
    slots = Slots(total=1)
    for _ in range(3):
        with pytest.raises(KeyError), slots.slot("a"):
            raise KeyError

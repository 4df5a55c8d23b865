# SPDX-License-Identifier: Apache-2.0
"""Every call between two honest members, over real connections on the loopback."""

from collections.abc import Iterator

import pytest
from transport.support import (
    Member,
    Running,
    channel,
    close,
    eval_request,
    get_table,
    hello,
    server_hello,
    status,
    trusted,
)

from psi.protocol.admission import Caller
from psi.protocol.messages import EvalResponse
from psi.transport.client import PeerChannel
from psi.trust.rosters import trusted_roster

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
ROSTER = trusted(ACME, BETA)
ELEMENTS = bytes(range(256)) * 16 * 32


@pytest.fixture(scope="module")
def beta() -> Iterator[Running]:
    with Running(BETA, ROSTER) as running:
        yield running


@pytest.fixture
def to_beta(beta: Running) -> Iterator[PeerChannel]:
    with channel(ACME, ROSTER, beta.address) as opened:
        yield opened


def test_open_session_between_members_carries_both_signatures(
    beta: Running, to_beta: PeerChannel
) -> None:
    """The hello arrives as it was sent, from the caller that TLS knows; so does the answer."""
    assert to_beta.open_session(hello()) == server_hello()
    assert beta.answerer.requests[-1] == hello()
    assert beta.answerer.calls[-1] == ("open_session", Caller(name="acme-corp", spki=ACME.spki))


def test_evaluate_of_a_full_chunk_carries_all_elements(beta: Running, to_beta: PeerChannel) -> None:
    """4096 elements there and back."""
    response, elements = to_beta.evaluate(eval_request(3), ELEMENTS)
    assert elements == ELEMENTS[::-1]
    assert isinstance(response.body, EvalResponse)
    assert response.body.chunk == 3
    assert beta.answerer.requests[-1] == (eval_request(3), ELEMENTS)


def test_get_table_close_and_status_between_members_arrive(
    beta: Running, to_beta: PeerChannel
) -> None:
    """The other calls."""
    assert to_beta.get_table(get_table(32_768)) == b"\x18" * 900
    assert beta.answerer.requests[-1] == get_table(32_768)
    assert to_beta.close(close()).body == close().body
    assert to_beta.status() == status()


def test_get_roster_of_a_member_verifies_under_the_alliance_key(to_beta: PeerChannel) -> None:
    """What a client that is behind fetches is the roster with all its certificates."""
    got = to_beta.get_roster(ROSTER.roster.serial)
    again = trusted_roster(
        ROSTER.alliance_key, got.roster.encode(), got.signature, got.certificates
    )
    assert again == ROSTER


def test_byte_counters_after_a_call_are_the_sizes_of_the_messages(to_beta: PeerChannel) -> None:
    """Sizes of messages, 32 bytes an element and little more."""
    to_beta.evaluate(eval_request(), ELEMENTS)
    assert 0 < to_beta.sent_bytes - len(ELEMENTS) < 300
    assert 0 < to_beta.received_bytes - len(ELEMENTS) < 300

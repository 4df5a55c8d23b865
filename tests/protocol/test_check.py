# SPDX-License-Identifier: Apache-2.0
"""A whole check between honest sides: what comes out, what is charged, what a repeat costs."""

import hypothesis
import hypothesis.strategies as st
import pytest
from protocol.support import CLIENT, EPOCH_SECONDS, NOW_MS, Pair, make_roster, values

from psi.crypto.blinding import BlindForm
from psi.errors import LimitError, LocalProtocolError, PsiError, RefusedError
from psi.protocol.ledger import Usage
from psi.protocol.messages import ServerAnswer, Signed
from psi.protocol.sizes import epoch_of

EPOCH = epoch_of(NOW_MS // 1000, EPOCH_SECONDS)


@pytest.mark.parametrize(
    ("n_client", "n_server", "shared"),
    [(1, 1, 0), (1, 1, 1), (5, 3, 2), (1024, 1, 1), (1025, 300, 299), (5000, 1500, 700)],
)
def test_check_between_honest_sides_equals_plain_intersection(
    n_client: int, n_server: int, shared: int
) -> None:
    """The result is the intersection, in the order of the client's set."""
    pair = Pair(values(0, n_client), values(n_client - shared, n_server))
    assert pair.run() == pair.client_values[n_client - shared :]


@pytest.mark.parametrize("form", BlindForm)
def test_check_in_either_form_of_blinding_gives_the_same(form: BlindForm) -> None:
    """Same wire, same F: the server answers both alike, and real and dummy values work in both."""
    pair = Pair(values(0, 4200), values(4000, 300), form=form)
    assert pair.run() == pair.client_values[4000:]


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=30, unique=True),
    st.lists(st.binary(min_size=1, max_size=40), max_size=30, unique=True),
)
def test_check_of_any_values_equals_plain_intersection(
    client: list[bytes], server: list[bytes]
) -> None:
    """Whatever the values are, and in whatever order."""
    assert Pair(client, server).run() == [value for value in client if value in set(server)]


def test_parts_in_any_order_give_the_same_transcript() -> None:
    """Chunks may come in any order; both sides still sign one transcript."""
    receipts = []
    for order in ([0, 1, 2], [2, 0, 1]):
        pair = Pair(values(0, 9000), values(8990, 20))
        session = pair.open()
        for chunk in order:
            pair.ask(session, chunk)
        pair.fetch(session)
        assert pair.finish(session) == pair.client_values[8990:]
        receipts.append(session.receipt.body.chunks)
    assert receipts == [3, 3]


def test_open_session_when_repeated_gives_the_same_answer_and_one_charge() -> None:
    """A lost answer is given again, byte for byte, and the bucket is charged once."""
    pair = Pair(values(0, 10), values(0, 10))
    hello = pair.hello()
    first = pair.server.open_session(pair.caller, hello)
    again = pair.start_server().open_session(pair.caller, hello)
    assert again == first
    assert pair.ledger.usage(CLIENT, EPOCH) == Usage(elements=1024, sessions=1)


def test_chunk_when_repeated_is_identical_and_free_eight_times() -> None:
    """The ninth repeat is refused; nothing but the count of repeats changes."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    request, elements = session.request(0)
    first = pair.server.evaluate(pair.caller, request, elements)
    for _ in range(8):
        assert pair.start_server().evaluate(pair.caller, request, elements) == first
    with pytest.raises(RefusedError) as error:
        pair.server.evaluate(pair.caller, request, elements)
    assert error.value.slug == "repeated-too-often"
    assert pair.ledger.usage(CLIENT, EPOCH) == Usage(elements=1024, sessions=1)


def test_session_continued_after_both_sides_were_killed_gives_the_same_result() -> None:
    """The stored messages are fed to a new session on the same seed; nothing is charged again."""
    pair = Pair(values(0, 9000), values(4000, 100))
    session = pair.open()
    stored: list[tuple[int, Signed, bytes]] = []  # type: ignore[type-arg]
    for chunk in (0, 2):
        request, elements = session.request(chunk)
        response, evaluated = pair.server.evaluate(pair.caller, request, elements)
        stored.append((chunk, response, evaluated))
    answer: ServerAnswer = session.answer

    pair.server = pair.start_server()
    resumed = pair.session(session.hello)
    resumed.receive_hello(answer, pair.now_ms + 3_600_000)
    for chunk, response, evaluated in stored:
        request, elements = resumed.request(chunk)
        resumed.receive_answer(request, elements, response, evaluated)
    assert resumed.missing_parts == [1]
    pair.ask_all(resumed)
    pair.fetch(resumed)
    assert pair.finish(resumed) == pair.client_values[4000:4100]
    assert pair.ledger.usage(CLIENT, EPOCH).sessions == 1


def test_close_when_repeated_gives_the_same_receipt() -> None:
    """The receipt may be asked for again, by a client that lost it."""
    pair = Pair(values(0, 10), values(5, 10))
    session = pair.open()
    pair.ask_all(session)
    pair.fetch(session)
    close = session.close()
    assert pair.server.close(pair.caller, close) == pair.start_server().close(pair.caller, close)


def test_receipt_that_was_lost_does_not_lose_the_run() -> None:
    """The client died between Close and its result: it fetches the list again and has both."""
    pair = Pair(values(0, 10), values(5, 10))
    session = pair.open()
    request, elements = session.request(0)
    response, evaluated = pair.server.evaluate(pair.caller, request, elements)
    session.receive_answer(request, elements, response, evaluated)
    pair.fetch(session)
    pair.server.close(pair.caller, session.close())

    resumed = pair.session(session.hello)
    resumed.receive_hello(session.answer, pair.now_ms)
    resumed.receive_answer(*resumed.request(0), response, evaluated)
    pair.fetch(resumed)
    assert pair.finish(resumed) == pair.client_values[5:]


def test_budget_when_used_up_refuses_and_says_when_it_renews() -> None:
    """Two checks fit the budget of this roster, the third does not, over a restart too."""
    pair = Pair(values(0, 10), values(0, 10), roster=make_roster(budget=2048))
    pair.run()
    pair.run()
    pair.server = pair.start_server()
    with pytest.raises(LimitError) as error:
        pair.open()
    assert error.value.slug == "budget-exhausted"
    assert error.value.detail["left"] == 0
    assert int(error.value.detail["renews_at"]) % EPOCH_SECONDS == 345_600
    assert pair.ledger.usage(CLIENT, EPOCH) == Usage(elements=2048, sessions=2)
    pair.now_ms += EPOCH_SECONDS * 1000
    assert pair.run() == pair.client_values


def test_checks_when_their_number_is_used_up_refuses() -> None:
    """The number of checks is limited apart from the indicators."""
    pair = Pair(values(0, 10), values(0, 10), roster=make_roster(sessions=1))
    pair.run()
    with pytest.raises(LimitError, match="1 of 1 checks"):
        pair.open()


def test_table_version_of_an_open_session_stays_when_the_set_changes() -> None:
    """A session sees the list that it was promised, not a newer one."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    pair.tables.current = 2
    pair.ask_all(session)
    pair.fetch(session)
    assert pair.finish(session) == pair.client_values


def test_status_charges_and_changes_nothing() -> None:
    """Asking what is left leaves it as it is."""
    pair = Pair(values(0, 10), values(0, 10), roster=make_roster(budget=4096, sessions=4))
    pair.run()
    status = pair.server.status(pair.caller)
    assert (status.budget_left, status.sessions_left) == (3072, 3)
    assert pair.server.status(pair.caller) == status


def test_client_session_used_out_of_order_is_refused() -> None:
    """A session is driven in one order; our own mistakes are named as ours."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.session()
    for misuse in (
        lambda: session.request(0),
        session.close,
        session.matching_rows,
        lambda: session.receipt,
        lambda: session.own_close,
        lambda: session.session_id,
    ):
        with pytest.raises(LocalProtocolError):
            misuse()
    session = pair.open()
    with pytest.raises(LocalProtocolError):
        session.receive_hello(session.answer, pair.now_ms)
    with pytest.raises(LocalProtocolError, match="before everything"):
        session.close()
    with pytest.raises(LocalProtocolError, match="not the one of the hello"):
        pair.session(pair.hello(bucket=2048)).__class__(
            session._terms, pair.hello(bucket=2048), session._blinding
        )


def test_reprs_show_no_value_and_no_secret() -> None:
    """What is printed by accident tells nothing."""
    pair = Pair(values(0, 10), values(0, 10))
    session = pair.open()
    key = pair.server._keys.of(CLIENT, EPOCH, pair.server_profile.digest())
    tags = pair.tables.latest(key)
    shown = "".join(map(repr, (session._blinding, session._terms, key, tags)))
    assert "host-1" not in shown
    assert pair.seed.hex() not in shown
    assert repr(pair.seed) not in shown
    assert repr(key.private_key) not in shown
    assert repr(tags.tags) not in shown


def test_error_without_a_row_in_the_table_of_slugs_is_a_mistake() -> None:
    """A slug that docs do not know cannot be raised."""
    with pytest.raises(AssertionError):
        PsiError("something", slug="no-such-slug")

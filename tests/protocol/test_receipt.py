# SPDX-License-Identifier: Apache-2.0
"""A receipt that holds, what a member could change in it, and receipts that differ."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from protocol.support import CLIENT, OTHER, SERVER, SIGNERS, Pair, make_roster, sign, values

from psi.errors import PsiError
from psi.protocol.receipt import FIELDS, Receipt, differences, verify_receipt

ROSTER = make_roster()


def finished() -> tuple[Receipt, Receipt]:
    """The client's and the server's receipt of one run."""
    pair = Pair(values(0, 5), values(3, 5))
    session = pair.open()
    pair.ask_all(session)
    pair.fetch(session)
    pair.finish(session)
    record = pair.ledger.session(session.session_id)
    assert record is not None
    assert record.receipt is not None
    assert record.closed_by_client is not None
    ours = Receipt(
        client_hello=session.hello,
        server_hello=session.answer.hello,
        key_cert=session.answer.key_cert,
        close_by_client=session.own_close,
        close_by_server=session.receipt,
    )
    theirs = Receipt(
        client_hello=record.client_hello,
        server_hello=record.answer.hello,
        key_cert=record.answer.key_cert,
        close_by_client=record.closed_by_client,
        close_by_server=record.receipt,
    )
    return ours, theirs


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    return finished()[0]


def test_receipts_of_both_sides_expect_23_equal_fields_that_hold() -> None:
    ours, theirs = finished()
    assert ours == theirs
    assert differences(ours, theirs) == []
    assert len(FIELDS) == len(ours.fields()) == 23
    assert verify_receipt(theirs, [ROSTER]) is ROSTER


def test_receipts_of_two_runs_expect_what_differs() -> None:
    ours, other = finished()
    later = replace(
        other,
        client_hello=sign(SIGNERS[CLIENT], replace(other.client_hello.body, bucket=2048)),
        close_by_server=sign(SIGNERS[SERVER], replace(other.close_by_server.body, chunks=9)),
    )
    found = differences(ours, later)
    assert [(each.field, each.first, each.second) for each in found] == [
        ("client_hello.bucket", 1024, 2048),
        ("close.chunks", 1, 9),
    ]


def changed(message: str, who: str, **fields: object) -> Callable[[Receipt], Receipt]:
    """One message with other fields, signed by whoever can sign it."""

    def change(receipt: Receipt) -> Receipt:
        body = replace(getattr(receipt, message).body, **fields)
        return replace(receipt, **{message: sign(SIGNERS[who], body)})

    return change


def both_closes(**fields: object) -> Callable[[Receipt], Receipt]:
    def change(receipt: Receipt) -> Receipt:
        return changed("close_by_server", SERVER, **fields)(
            changed("close_by_client", CLIENT, **fields)(receipt)
        )

    return change


FORGERIES: dict[str, tuple[Callable[[Receipt], Receipt], str]] = {
    "hello of another size": (changed("client_hello", CLIENT, bucket=2048), "not of one run"),
    "answer with more budget": (changed("server_hello", SERVER, budget_left=1), "not of one run"),
    "another key": (changed("key_cert", SERVER, epoch=1), "not the one of the run"),
    "close by a stranger": (changed("close_by_client", OTHER), "signature does not hold"),
    "close by the client alone": (changed("close_by_server", CLIENT), "signature does not hold"),
    "another transcript of one side": (
        changed("close_by_client", CLIENT, transcript=bytes(32)),
        "closed with different transcripts",
    ),
    "close of another run": (both_closes(session_id=bytes(32)), "is another one"),
    "more parts than fit": (both_closes(chunks=2), "2 parts were closed, 1 belong"),
    "hello signed by somebody else": (changed("client_hello", OTHER), "signature does not hold"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_receipt_that_was_changed_expect_it_does_not_hold(receipt: Receipt, name: str) -> None:
    change, reason = FORGERIES[name]
    with pytest.raises(PsiError, match=reason) as caught:
        verify_receipt(change(receipt), [ROSTER])
    assert (caught.value.slug, caught.value.outcome.exit_code) == ("does-not-hold", 5)


def test_roster_without_the_two_expect_it_does_not_hold(receipt: Receipt) -> None:
    empty = replace(ROSTER, principals=())
    with pytest.raises(PsiError, match="no roster that is here lists both acme-corp and beta-bank"):
        verify_receipt(receipt, [empty])
    assert verify_receipt(receipt, [empty, ROSTER]) is ROSTER


def test_roster_of_another_period_expect_it_does_not_hold(receipt: Receipt) -> None:
    with pytest.raises(PsiError, match="not for one period"):
        verify_receipt(receipt, [replace(ROSTER, epoch_seconds=86_400)])

# SPDX-License-Identifier: Apache-2.0
"""What the ledger promises to the protocol, in one process."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    NOW_MS,
    SIGNATURE,
    allowing,
    chunk_record,
    client_hello,
    digest,
    key_cert,
    opened,
    receipt,
    session,
    tamper,
)

from psi.errors import LimitError, PeerProtocolError, RefusedError, StorageError
from psi.protocol.ledger import Ledger, SessionRecord, Usage
from psi.protocol.messages import Signed
from psi.protocol.sizes import NONCE_MEMORY_MS
from psi.store.ledger import USED_UP, SqliteLedger

NOTHING = Usage(elements=0, sessions=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.create(path, LEDGER_ID)
    yield ledger
    ledger.close()


def reopened(ledger: SqliteLedger, path: Path) -> SqliteLedger:
    ledger.close()
    return SqliteLedger.open(path, LEDGER_ID, EPOCH)


def test_ledger_is_what_the_protocol_asks_for(ledger: SqliteLedger) -> None:
    seam: Ledger = ledger
    assert seam.usage("acme", EPOCH) == NOTHING


# ---- budgets


def test_open_session_charges_the_bucket_and_keeps_the_record(
    ledger: SqliteLedger, path: Path
) -> None:
    hello = client_hello("n1", bucket=1280)
    record = ledger.open_session(hello.body, EPOCH, allowing(hello))
    again = reopened(ledger, path)
    assert again.usage("acme", EPOCH) == Usage(elements=1280, sessions=1)
    assert again.session(record.session_id) == record
    assert again.session_of(hello.body.digest()) == record
    assert again.usage("acme", EPOCH + 1) == NOTHING
    assert again.usage("city", EPOCH) == NOTHING
    again.verify()
    again.close()


def test_open_session_with_the_same_hello_charges_once(ledger: SqliteLedger) -> None:
    hello = client_hello("n1")
    first = ledger.open_session(hello.body, EPOCH, allowing(hello))

    def never(usage: Usage) -> SessionRecord:
        raise AssertionError("a stored hello is answered from the store")

    assert ledger.open_session(hello.body, EPOCH, never) == first
    assert ledger.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)


def test_open_session_over_the_budget_records_nothing(ledger: SqliteLedger) -> None:
    opened(ledger, "n1")
    hello = client_hello("n2")
    with pytest.raises(LimitError, match="1 of 1 checks used"):
        ledger.open_session(hello.body, EPOCH, allowing(hello, sessions=1))
    assert ledger.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)
    assert ledger.session_of(hello.body.digest()) is None


def test_open_session_with_a_used_nonce_is_refused(ledger: SqliteLedger) -> None:
    opened(ledger, "n1")
    other = client_hello("n1", bucket=1280)
    with pytest.raises(PeerProtocolError, match="nonce was used before"):
        ledger.open_session(other.body, EPOCH, allowing(other))
    assert ledger.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)
    opened(ledger, "n1", client="city")  # another client's nonces are its own


def test_nonce_seen_looks_back_to_the_given_time(ledger: SqliteLedger) -> None:
    record = opened(ledger, "n1")
    nonce = record.client_hello.body.nonce
    assert ledger.nonce_seen("acme", nonce, NOW_MS)
    assert not ledger.nonce_seen("acme", nonce, NOW_MS + 1)
    assert not ledger.nonce_seen("city", nonce, 0)


def test_budget_for_three_when_eight_threads_ask_opens_exactly_three(
    ledger: SqliteLedger,
) -> None:
    start = Barrier(8)

    def ask(number: int) -> bool:
        hello = client_hello(f"n{number}")
        start.wait()
        try:
            ledger.open_session(hello.body, EPOCH, allowing(hello, budget=3 * 1024))
        except LimitError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 3
    assert ledger.usage("acme", EPOCH) == Usage(elements=3 * 1024, sessions=3)


def test_same_hello_from_eight_threads_is_charged_once(ledger: SqliteLedger) -> None:
    hello = client_hello("n1")
    start = Barrier(8)

    def ask(_: int) -> SessionRecord:
        start.wait()
        return ledger.open_session(hello.body, EPOCH, allowing(hello))

    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(ask, range(8)))
    assert all(record == records[0] for record in records)
    assert ledger.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)


def test_budget_over_restarts_counts_everything(ledger: SqliteLedger, path: Path) -> None:
    for number in range(3):
        ledger = reopened(ledger, path)
        hello = client_hello(f"n{number}")
        ledger.open_session(hello.body, EPOCH, allowing(hello, budget=3 * 1024))
    ledger = reopened(ledger, path)
    hello = client_hello("one more")
    with pytest.raises(LimitError):
        ledger.open_session(hello.body, EPOCH, allowing(hello, budget=3 * 1024))
    assert ledger.exhausted_epoch is None
    ledger.close()


# ---- lost ledgers


def test_open_when_the_file_is_lost_starts_the_epoch_used_up(
    ledger: SqliteLedger, path: Path
) -> None:
    ledger.close()
    path.unlink()
    lost = SqliteLedger.open(path, LEDGER_ID, EPOCH)
    hello = client_hello("n1")
    assert lost.usage("acme", EPOCH) == USED_UP
    assert lost.usage("acme", EPOCH - 1) == USED_UP  # a clock that is set back finds nothing free
    assert lost.usage("acme", EPOCH + 1) == NOTHING
    with pytest.raises(LimitError):
        lost.open_session(hello.body, EPOCH, allowing(hello, budget=2**40, sessions=2**40))
    lost = reopened(lost, path)  # found now, and still used up
    assert lost.exhausted_epoch == EPOCH
    assert lost.usage("acme", EPOCH) == USED_UP
    lost.verify()
    lost.close()


@pytest.mark.parametrize("left", ["nothing", "no tables"])
def test_open_when_the_file_is_empty_starts_the_epoch_used_up(path: Path, left: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    if left == "no tables":
        lose_the_log(path)
    ledger = SqliteLedger.open(path, LEDGER_ID, EPOCH)
    assert ledger.usage("acme", EPOCH) == USED_UP
    ledger.close()


def lose_the_log(path: Path) -> None:
    """What is left when the log with the tables is lost: a first page that says WAL."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size > 0


def test_open_when_the_id_differs_sets_it_aside_and_starts_used_up(
    ledger: SqliteLedger, path: Path
) -> None:
    opened(ledger, "n1")
    ledger.close()
    other = SqliteLedger.open(path, bytes(16), EPOCH)
    assert other.usage("acme", EPOCH) == USED_UP
    assert other.session_of(client_hello("n1").body.digest()) is None
    other.close()
    aside = path.with_name("ledger.sqlite3.set-aside-1")
    kept = SqliteLedger.open(aside, LEDGER_ID, EPOCH)
    assert kept.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)
    kept.close()
    SqliteLedger.open(path, LEDGER_ID, EPOCH).close()  # nor is a second one lost
    assert path.with_name("ledger.sqlite3.set-aside-2").exists()


def test_create_when_it_exists_takes_ours_and_refuses_another(
    ledger: SqliteLedger, path: Path
) -> None:
    opened(ledger, "n1")
    ledger.close()
    again = SqliteLedger.create(path, LEDGER_ID)
    assert again.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)
    again.close()
    with pytest.raises(StorageError, match="another identity"):
        SqliteLedger.create(path, bytes(16))


def test_exhaust_after_a_restore_never_goes_back(ledger: SqliteLedger) -> None:
    ledger.exhaust(EPOCH)
    ledger.exhaust(EPOCH - 3)
    assert ledger.exhausted_epoch == EPOCH
    assert ledger.usage("acme", EPOCH) == USED_UP


# ---- certificates


def test_issue_key_cert_keeps_the_first_of_an_epoch(ledger: SqliteLedger, path: Path) -> None:
    first, second = key_cert(text="first"), key_cert(text="second")
    assert ledger.key_cert("acme", EPOCH) is None
    assert ledger.issue_key_cert(first) == first
    assert ledger.issue_key_cert(second) == first
    assert ledger.issue_key_cert(key_cert(epoch=EPOCH + 1)) == key_cert(epoch=EPOCH + 1)
    ledger = reopened(ledger, path)
    assert ledger.key_cert("acme", EPOCH) == first
    assert ledger.key_cert("city", EPOCH) is None
    ledger.close()


# ---- chunks and receipts


def test_record_chunk_when_recorded_before_returns_the_first(ledger: SqliteLedger) -> None:
    session_id = opened(ledger, "n1").session_id
    first, second = chunk_record("first"), chunk_record("second")
    assert ledger.chunk(session_id, 0) is None
    assert ledger.record_chunk(session_id, 0, first) == first
    assert ledger.record_chunk(session_id, 0, second) == first
    assert ledger.chunk(session_id, 0) == first
    assert ledger.chunk(session_id, 1) is None


def test_record_chunk_of_one_chunk_from_eight_threads_agrees(ledger: SqliteLedger) -> None:
    session_id = opened(ledger, "n1").session_id
    start = Barrier(8)

    def record(number: int) -> bytes:
        start.wait()
        return ledger.record_chunk(session_id, 0, chunk_record(f"{number}")).chunk_digest

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(record, range(8)))) == 1


@pytest.mark.parametrize("call", ["record_chunk", "count_repeat", "close_session"])
def test_calls_for_a_session_that_was_forgotten_are_refused(
    ledger: SqliteLedger, call: str
) -> None:
    session_id = digest("never opened")
    with pytest.raises(RefusedError) as refused:
        if call == "record_chunk":
            ledger.record_chunk(session_id, 0, chunk_record("x"))
        elif call == "count_repeat":
            ledger.count_repeat(session_id, 0)
        else:
            ledger.close_session(session_id, receipt(session_id), SIGNATURE)
    assert refused.value.slug == "session-ended"


def test_count_repeat_counts_over_restarts(ledger: SqliteLedger, path: Path) -> None:
    session_id = opened(ledger, "n1").session_id
    ledger.record_chunk(session_id, 0, chunk_record("x"))
    assert [ledger.count_repeat(session_id, 0) for _ in range(3)] == [1, 2, 3]
    ledger = reopened(ledger, path)
    assert ledger.count_repeat(session_id, 0) == 4
    assert ledger.chunk(session_id, 0) == chunk_record("x")
    ledger.close()


@pytest.mark.parametrize(
    ("recorded", "expected"), [((), 0), ((0, 1, 2), 3), ((2, 0, 1), 3), ((1, 2), 0), ((0, 2, 3), 1)]
)
def test_chunks_gives_what_has_no_gap_from_zero(
    ledger: SqliteLedger, recorded: tuple[int, ...], expected: int
) -> None:
    session_id = opened(ledger, "n1").session_id
    for chunk in recorded:
        ledger.record_chunk(session_id, chunk, chunk_record(f"{chunk}"))
    assert ledger.chunks(session_id) == [chunk_record(f"{chunk}") for chunk in range(expected)]


def test_close_session_adds_the_receipt_and_keeps_the_first(
    ledger: SqliteLedger, path: Path
) -> None:
    record = opened(ledger, "n1")
    assert ledger.session(record.session_id) == record
    first = receipt(record.session_id)
    ledger.close_session(record.session_id, first, SIGNATURE)
    second = Signed(replace(first.body, chunks=2), SIGNATURE)
    ledger.close_session(record.session_id, second, SIGNATURE)
    closed = replace(record, receipt=first, closed_by_client=first)
    assert ledger.session(record.session_id) == closed
    ledger = reopened(ledger, path)
    closed = replace(record, receipt=first, closed_by_client=first)
    assert ledger.session(record.session_id) == closed
    ledger.close()


def test_session_when_another_process_closed_it_shows_the_receipt(
    ledger: SqliteLedger, path: Path
) -> None:
    record = opened(ledger, "n1")
    assert ledger.session(record.session_id) == record  # remembered from here on
    other = SqliteLedger.open(path, LEDGER_ID, EPOCH)
    other.close_session(record.session_id, receipt(record.session_id), SIGNATURE)
    other.close()
    found = ledger.session(record.session_id)
    assert found is not None
    assert found.receipt == receipt(record.session_id)


# ---- versions of the frozen set


def test_set_version_counts_changes_of_the_set(ledger: SqliteLedger, path: Path) -> None:
    sets = [digest("a"), digest("a"), digest("b"), digest("a")]
    assert [ledger.set_version(name, 1) for name in sets] == [1, 1, 2, 3]
    ledger = reopened(ledger, path)
    assert ledger.set_version(digest("a"), 1) == 3
    ledger.close()


def test_set_digest_is_that_of_the_version(ledger: SqliteLedger) -> None:
    ledger.set_version(digest("a"), 1)
    ledger.set_version(digest("b"), 1)
    assert ledger.set_digest(1) == digest("a")
    assert ledger.set_digest(2) == digest("b")
    assert ledger.set_digest(3) is None


def test_versions_in_use_are_those_of_the_sessions_of_an_epoch(ledger: SqliteLedger) -> None:
    for version, nonce in ((3, "n1"), (4, "n2"), (5, "n3")):
        hello = client_hello(nonce)
        record = session(hello, version=version)
        ledger.open_session(hello.body, EPOCH, giving(record))
        if version == 4:
            ledger.close_session(record.session_id, receipt(record.session_id), SIGNATURE)
    assert ledger.versions_in_use("acme", EPOCH) == {3, 4, 5}
    assert ledger.versions_in_use("acme", EPOCH + 1) == frozenset()
    assert ledger.versions_in_use("city", EPOCH) == frozenset()


def giving(record: SessionRecord) -> Callable[[Usage], SessionRecord]:
    return lambda usage: record


# ---- ended epochs


def test_forget_before_drops_the_epoch_and_keeps_its_sum(ledger: SqliteLedger, path: Path) -> None:
    record = opened(ledger, "n1")
    ledger.record_chunk(record.session_id, 0, chunk_record("x"))
    ledger.close_session(record.session_id, receipt(record.session_id), SIGNATURE)
    ledger.issue_key_cert(key_cert())
    late_ms = NOW_MS + NONCE_MEMORY_MS + 1

    ledger.forget_before(EPOCH, late_ms)
    assert ledger.session(record.session_id) is not None

    ledger.forget_before(EPOCH + 1, NOW_MS + NONCE_MEMORY_MS)
    assert ledger.session(record.session_id) is not None, "its nonce is still remembered"
    assert ledger.key_cert("acme", EPOCH) is None
    ledger.verify()

    ledger.forget_before(EPOCH + 1, late_ms)
    ledger = reopened(ledger, path)
    assert ledger.session(record.session_id) is None
    assert ledger.chunk(record.session_id, 0) is None
    assert ledger.usage("acme", EPOCH) == Usage(elements=1024, sessions=1)
    ledger.verify()
    ledger.close()


# ---- verify


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage SET elements = 0",
        "UPDATE usage SET client = 'city'",
        "UPDATE sessions SET bucket = 1",
        "UPDATE sessions SET answer_signature = zeroblob(64)",
        "UPDATE sessions SET hello = zeroblob(10)",
        "UPDATE sessions SET client = CAST(x'ff41' AS TEXT)",
        "UPDATE chunks SET proof = zeroblob(64)",
        "UPDATE receipts SET signature = zeroblob(64)",
        "UPDATE key_certs SET encoding = zeroblob(3)",
        "UPDATE sets SET set_digest = zeroblob(32)",
        "UPDATE meta SET value = zeroblob(16)",
        "UPDATE sessions SET digest = zeroblob(16)",
    ],
)
def test_open_when_a_value_is_flipped_names_the_damage(
    ledger: SqliteLedger, path: Path, statement: str
) -> None:
    full(ledger)
    ledger.close()
    tamper(path, statement)
    with pytest.raises(StorageError, match="is damaged: a row of") as damage:
        SqliteLedger.open(path, LEDGER_ID, EPOCH)
    assert damage.value.slug == "state-damaged"
    assert damage.value.hint is not None
    assert "used up" in damage.value.hint


@pytest.mark.parametrize("table", ["usage", "sessions"])
def test_open_when_a_row_is_missing_finds_that_the_sum_differs(
    ledger: SqliteLedger, path: Path, table: str
) -> None:
    full(ledger)
    ledger.close()
    tamper(path, f"DELETE FROM {table}")
    with pytest.raises(StorageError, match="acme was charged in period 2961 is not the sum"):
        SqliteLedger.open(path, LEDGER_ID, EPOCH)


def full(ledger: SqliteLedger) -> None:
    """A ledger with something in every table."""
    record = opened(ledger, "n1")
    ledger.record_chunk(record.session_id, 0, chunk_record("x"))
    ledger.close_session(record.session_id, receipt(record.session_id), SIGNATURE)
    ledger.issue_key_cert(key_cert())
    ledger.set_version(digest("set"), 5)

# SPDX-License-Identifier: Apache-2.0
"""Whatever the order of calls, restarts and losses, the sums and the first records hold."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    NOW_MS,
    SIGNATURE,
    chunk_record,
    client_hello,
    receipt,
    session,
)

from psi.errors import LimitError, RefusedError
from psi.protocol.ledger import ChunkRecord, SessionRecord, Usage
from psi.protocol.sizes import NONCE_MEMORY_MS
from psi.store.ledger import USED_UP, SqliteLedger

CLIENTS = ("acme", "city")
EPOCHS = (EPOCH, EPOCH + 1)
BUDGET = 4096

clients = st.sampled_from(CLIENTS)
nonces = st.integers(0, 5)
chunks = st.integers(0, 3)
epochs = st.sampled_from(EPOCHS)  # in any order: clocks jump, also back


class LedgerMachine(RuleBasedStateMachine):
    """Compares a ledger with a model of dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "state" / "ledger.sqlite3"
        self.ledger = SqliteLedger.create(self.path, LEDGER_ID)
        self.lost()

    def lost(self) -> None:
        self.sessions: dict[tuple[str, int], SessionRecord] = {}
        self.epoch_of: dict[tuple[str, int], int] = {}
        self.chunks: dict[tuple[str, int, int], ChunkRecord] = {}
        self.repeats: dict[tuple[str, int, int], int] = {}
        self.charged = {(client, epoch): 0 for client in CLIENTS for epoch in EPOCHS}
        self.checks = dict(self.charged)
        self.closed: set[tuple[str, int]] = set()

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(client=clients, nonce=nonces, epoch=epochs, bucket=st.sampled_from([1024, 1280]))
    def open_session(self, client: str, nonce: int, epoch: int, bucket: int) -> None:
        at = client, nonce
        known = self.sessions.get(at)
        # One hello for each nonce: what another hello with it meets has a test of its own.
        hello = known.client_hello if known else client_hello(f"n{nonce}", client, bucket)
        usage = self.ledger.usage(client, epoch)

        def make(given: Usage) -> SessionRecord:
            assert given == usage
            if given.elements + bucket > BUDGET:
                raise LimitError("over the budget")
            return session(hello, epoch=epoch)

        try:
            record = self.ledger.open_session(hello.body, epoch, make)
        except LimitError:
            assert known is None
            assert usage == USED_UP or self.charged[client, epoch] + bucket > BUDGET
            return
        if known is not None:
            assert (record.session_id, record.answer) == (known.session_id, known.answer)
            return
        self.sessions[at], self.epoch_of[at] = record, epoch
        self.charged[client, epoch] += bucket
        self.checks[client, epoch] += 1

    @rule(client=clients, nonce=nonces, chunk=chunks, text=st.sampled_from("ab"))
    def record_chunk(self, client: str, nonce: int, chunk: int, text: str) -> None:
        known = self.sessions.get((client, nonce))
        session_id = known.session_id if known else bytes(32)
        try:
            stored = self.ledger.record_chunk(session_id, chunk, chunk_record(text))
        except RefusedError:
            assert known is None
            return
        assert stored == self.chunks.setdefault((client, nonce, chunk), chunk_record(text))

    @rule(client=clients, nonce=nonces, chunk=chunks)
    def repeat(self, client: str, nonce: int, chunk: int) -> None:
        at = client, nonce, chunk
        if at in self.chunks:
            self.repeats[at] = self.repeats.get(at, 0) + 1
            session_id = self.sessions[client, nonce].session_id
            assert self.ledger.count_repeat(session_id, chunk) == self.repeats[at]

    @rule(client=clients, nonce=nonces)
    def close_session(self, client: str, nonce: int) -> None:
        if (client, nonce) in self.sessions:
            session_id = self.sessions[client, nonce].session_id
            self.ledger.close_session(session_id, receipt(session_id), SIGNATURE)
            self.closed.add((client, nonce))

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = SqliteLedger.open(self.path, LEDGER_ID, EPOCH)

    @rule()
    def forget_the_first_epoch(self) -> None:
        self.ledger.forget_before(EPOCH + 1, NOW_MS + NONCE_MEMORY_MS + 1)
        gone = {at for at, epoch in self.epoch_of.items() if epoch == EPOCH}
        for at in gone:
            del self.sessions[at], self.epoch_of[at]
        for chunk in [chunk for chunk in self.chunks if chunk[:2] in gone]:
            del self.chunks[chunk]
            self.repeats.pop(chunk, None)
        self.closed -= gone

    @rule(exhausted=st.booleans())
    def lose_the_file(self, exhausted: bool) -> None:
        self.ledger.close()
        self.path.unlink()
        self.lost()
        running = EPOCH if exhausted else EPOCH - 1
        self.ledger = SqliteLedger.open(self.path, LEDGER_ID, running)

    @invariant()
    def sums_are_what_was_opened(self) -> None:
        self.ledger.verify()
        exhausted = self.ledger.exhausted_epoch
        for client, epoch in self.charged:
            expected = Usage(
                elements=self.charged[client, epoch], sessions=self.checks[client, epoch]
            )
            if exhausted is not None and epoch <= exhausted:
                expected = USED_UP
            assert self.ledger.usage(client, epoch) == expected
            assert self.charged[client, epoch] <= BUDGET

    @invariant()
    def records_are_the_first_ones(self) -> None:
        for (client, nonce), record in self.sessions.items():
            found = self.ledger.session(record.session_id)
            assert found is not None
            assert found.answer == record.answer
            assert (found.receipt is not None) == ((client, nonce) in self.closed)
            kept = [self.chunks.get((client, nonce, chunk)) for chunk in range(4)]
            assert [self.ledger.chunk(record.session_id, chunk) for chunk in range(4)] == kept
            without_gap = kept[: kept.index(None)] if None in kept else kept
            assert self.ledger.chunks(record.session_id) == without_gap


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)

# SPDX-License-Identifier: Apache-2.0
"""A whole check on real state, in which both sides start anew between any two messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from protocol.support import CLIENT, NOW_MS, SERVER, Pair, values
from unit.store.support import LEDGER_ID, digest

from psi.crypto.blinding import Blinding
from psi.crypto.sealing import Sealer
from psi.crypto.voprf import pack
from psi.errors import LimitError, RefusedError
from psi.protocol.client import ClientSession
from psi.protocol.ledger import Usage
from psi.protocol.sizes import epoch_of
from psi.store.client_state import open_client_state
from psi.store.ledger import SqliteLedger
from psi.store.pins import SqlitePins
from psi.store.runs import PeerRun, RunStore, UnfinishedRun
from psi.store.tables import TableStore

EPOCH = epoch_of(NOW_MS // 1000, 604_800)
MINE = values(0, 4200)  # two chunks
THEIRS = values(4190, 60)
BOTH = MINE[4190:]
# Run begun, hello answered, two chunks answered, table fetched, receipt received.
STEPS = 6


class CrashError(Exception):
    """The client dies here."""


class Stored(Pair):
    """The pair of the protocol's tests, with its state on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: list[SqliteLedger | TableStore] = []
        SqliteLedger.create(folder / "server" / "ledger.sqlite3", LEDGER_ID).close()
        super().__init__(MINE, THEIRS)
        self.restart_server()

    def restart_server(self) -> None:
        self.stop_server()
        ledger = SqliteLedger.open(self.folder / "server" / "ledger.sqlite3", LEDGER_ID, EPOCH)
        tables = TableStore(self.folder / "server" / "lists", ledger)
        self.stores = [tables, ledger]
        tables.publish(*pack(self.server_values), self.server_profile.digest())
        self.ledger = ledger  # type: ignore[assignment]  # the test's type is the one in memory
        self.tables = tables  # type: ignore[assignment]
        self.server = self.start_server()

    def stop_server(self) -> None:
        for store in self.stores:
            store.close()

    def open_server_session(self, session: ClientSession) -> None:
        try:
            answer = self.server.open_session(self.caller, session.hello)
        except RefusedError as busy:
            if busy.slug != "busy":
                raise
            self.stores[0].wait_idle()  # type: ignore[union-attr]
            answer = self.server.open_session(self.caller, session.hello)
        session.receive_hello(answer, self.now_ms)

    @contextmanager
    def client_process(self) -> Iterator[PeerRun]:
        database = open_client_state(self.folder / "client" / "client.sqlite3")
        self.pins = SqlitePins(database)  # type: ignore[assignment]
        sealer = Sealer(digest("key of the home"), CLIENT)
        try:
            with RunStore(database, self.folder / "client" / "runs", sealer).locked(SERVER) as run:
                yield run
        finally:
            database.close()

    def check(self, crash_at: int | None = None) -> list[bytes]:
        """One process that begins or continues the run, and dies at a step."""
        step = 0

        def passed() -> None:
            nonlocal step
            self.restart_server()
            if step == crash_at:
                raise CrashError
            step += 1

        with self.client_process() as run:
            session = self.resumed(run)
            if session is None:
                session = self.session()
                data, offsets = pack(self.client_values)
                bucket = session.hello.body.bucket
                blinding = Blinding(
                    data=data, offsets=offsets, bucket=bucket, session_seed=self.seed
                )
                run.begin(session.hello, self.seed, blinding.set_fingerprint(), self.now_ms)
                passed()
            if not session_is_open(session):
                self.open_server_session(session)
                passed()
                run.keep_answer(session.answer)
            for chunk in session.missing_parts:
                request, elements = session.request(chunk)
                response, evaluated = self.server.evaluate(self.caller, request, elements)
                session.receive_answer(request, elements, response, evaluated)
                passed()
                run.keep_part(response, evaluated)
                self.restart_server()
            self.fetch(session)
            passed()
            found = self.finish(session)
            passed()
            run.erase()
            return found

    def resumed(self, run: PeerRun) -> ClientSession | None:
        kept = run.load(self.now_ms)
        if kept is None:
            return None
        assert isinstance(kept, UnfinishedRun)
        assert kept.session_seed == self.seed
        session = self.session(kept.hello)
        if kept.answer is not None:
            session.receive_hello(kept.answer, self.now_ms)
        for chunk in kept.answered_parts:
            part = run.part(chunk)
            assert part is not None
            session.receive_answer(*session.request(chunk), part.response, part.evaluated)
        return session


def session_is_open(session: ClientSession) -> bool:
    try:
        return session.answer is not None
    except Exception:  # noqa: BLE001  # whatever the session says when it is not
        return False


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Stored]:
    pair = Stored(tmp_path)
    yield pair
    pair.stop_server()


@pytest.mark.parametrize("crash_at", range(STEPS))
def test_check_that_died_at_a_step_continues_and_is_charged_once(
    pair: Stored, crash_at: int
) -> None:
    with pytest.raises(CrashError):
        pair.check(crash_at)
    assert pair.check() == BOTH
    assert pair.ledger.usage(CLIENT, EPOCH) == Usage(elements=5120, sessions=1)
    with pair.client_process() as run:
        assert run.load(pair.now_ms) is None


def test_check_that_dies_again_and_again_is_charged_once(pair: Stored) -> None:
    for _ in range(4):  # each process comes one step further than the one before
        with pytest.raises(CrashError):
            pair.check(crash_at=1)
    assert pair.check() == BOTH
    assert pair.ledger.usage(CLIENT, EPOCH) == Usage(elements=5120, sessions=1)


def test_check_after_the_ledger_was_lost_is_refused(pair: Stored) -> None:
    assert pair.check() == BOTH
    pair.stop_server()
    (pair.folder / "server" / "ledger.sqlite3").unlink()
    pair.restart_server()
    with pytest.raises(LimitError) as refused:
        pair.check()
    assert refused.value.slug == "budget-exhausted"

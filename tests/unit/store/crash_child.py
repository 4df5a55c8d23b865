# SPDX-License-Identifier: Apache-2.0
"""
A process that dies by SIGKILL at a named point, or works until it is killed; not a test itself.

    python crash_child.py POINT STATE_FOLDER
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    NOW_MS,
    allowing,
    chunk_record,
    client_hello,
    digest,
    session,
)

from psi.crypto.sealing import Sealer
from psi.errors import LimitError
from psi.protocol.ledger import SessionRecord, Usage
from psi.store import runs as runs_module
from psi.store._rows import Table
from psi.store.client_state import open_client_state
from psi.store.ledger import SqliteLedger
from psi.store.runs import RunStore

HELLO = client_hello("n1")
SEED = digest("a session seed")
SEALER = Sealer(digest("key of the home"), "acme")


def die(*_args: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL can't be survived")


def say(text: str) -> None:
    print(text, flush=True)


def open_ledger(state: Path) -> SqliteLedger:
    return SqliteLedger.open(state / "ledger.sqlite3", LEDGER_ID, EPOCH)


def die_at_commit(ledger: SqliteLedger) -> None:
    def watch(statement: str) -> None:
        if statement == "COMMIT":
            die()

    ledger._database._connection.set_trace_callback(watch)


def in_make(state: Path) -> None:
    open_ledger(state).open_session(HELLO.body, EPOCH, die)


def before_commit(state: Path) -> None:
    ledger = open_ledger(state)

    def make(usage: Usage) -> SessionRecord:
        die_at_commit(ledger)
        return session(HELLO)

    ledger.open_session(HELLO.body, EPOCH, make)


def before_answer(state: Path) -> None:
    open_ledger(state).open_session(HELLO.body, EPOCH, allowing(HELLO))
    die()


def before_chunk_commit(state: Path) -> None:
    ledger = open_ledger(state)
    record = ledger.open_session(HELLO.body, EPOCH, allowing(HELLO))
    die_at_commit(ledger)
    ledger.record_chunk(record.session_id, 0, chunk_record("x"))


def before_chunk_answer(state: Path) -> None:
    ledger = open_ledger(state)
    record = ledger.open_session(HELLO.body, EPOCH, allowing(HELLO))
    ledger.record_chunk(record.session_id, 0, chunk_record("x"))
    die()


def until_killed(state: Path) -> None:
    """Open sessions and answer chunks for ever; a line is an answer, said after its record."""
    ledger = open_ledger(state)
    for number in range(10**9):
        hello = client_hello(f"n{number}")
        record = ledger.open_session(hello.body, EPOCH, allowing(hello))
        ledger.record_chunk(record.session_id, 0, chunk_record(f"{number}"))
        say(f"{number} {record.session_id.hex()}")


def ask_for_three(state: Path) -> None:
    """One of several processes on one ledger, whose budget has room for three."""
    ledger = open_ledger(state)
    sys.stdin.readline()
    for number in range(3):
        hello = client_hello(f"{os.getpid()} {number}")
        try:
            ledger.open_session(hello.body, EPOCH, allowing(hello, sessions=3))
        except LimitError:
            say("refused")
        else:
            say("opened")


def runs(state: Path) -> RunStore:
    return RunStore(open_client_state(state / "client.sqlite3"), state / "runs", SEALER)


def begin_before_row(state: Path) -> None:
    with patch.object(Table, "insert", die), runs(state).locked("beta") as run:
        run.begin(HELLO, SEED, digest("f"), NOW_MS)


def begin_after_row(state: Path) -> None:
    with runs(state).locked("beta") as run:
        run.begin(HELLO, SEED, digest("f"), NOW_MS)
        die()


def erase_before_key(state: Path) -> None:
    with runs(state).locked("beta") as run:
        run.begin(HELLO, SEED, digest("f"), NOW_MS)
        with patch.object(runs_module, "erase", die):
            run.erase()


def hold_the_lock(state: Path) -> None:
    with runs(state).locked("beta"):
        say("held")
        signal.pause()


POINTS: dict[str, Callable[[Path], None]] = {
    point.__name__: point
    for point in (
        in_make,
        before_commit,
        before_answer,
        before_chunk_commit,
        before_chunk_answer,
        until_killed,
        ask_for_three,
        begin_before_row,
        begin_after_row,
        erase_before_key,
        hold_the_lock,
    )
}

if __name__ == "__main__":
    POINTS[sys.argv[1]](Path(sys.argv[2]))

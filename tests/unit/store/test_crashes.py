# SPDX-License-Identifier: Apache-2.0
"""Real processes die by SIGKILL at every point that matters; what is found after it is whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit.store import crash_child
from unit.store.crash_child import HELLO, SEED
from unit.store.support import EPOCH, LEDGER_ID, NOW_MS, allowing, chunk_record

from psi.protocol.ledger import SessionRecord, Usage
from psi.store.ledger import SqliteLedger
from psi.store.runs import UnfinishedRun

NOTHING = Usage(elements=0, sessions=0)
ONE = Usage(elements=1024, sessions=1)
TESTS = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    SqliteLedger.create(state / "ledger.sqlite3", LEDGER_ID).close()
    return state


@contextmanager
def child(point: str, state: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    process = subprocess.Popen(
        [sys.executable, crash_child.__file__, point, str(state)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed_at(point: str, state: Path) -> None:
    with child(point, state) as process:
        assert process.wait(60) == -signal.SIGKILL


def reopened(state: Path) -> SqliteLedger:
    """The ledger as the next process finds it; opening checks all of it."""
    return SqliteLedger.open(state / "ledger.sqlite3", LEDGER_ID, EPOCH)


@pytest.mark.parametrize("point", ["in_make", "before_commit"])
def test_open_session_killed_before_the_record_has_charged_nothing(state: Path, point: str) -> None:
    killed_at(point, state)
    ledger = reopened(state)
    assert ledger.usage("acme", EPOCH) == NOTHING
    assert ledger.session_of(HELLO.body.digest()) is None
    ledger.open_session(HELLO.body, EPOCH, allowing(HELLO, budget=1024))
    assert ledger.usage("acme", EPOCH) == ONE
    ledger.verify()
    ledger.close()


def test_open_session_killed_after_the_record_answers_the_same_for_free(state: Path) -> None:
    killed_at("before_answer", state)
    ledger = reopened(state)
    stored = ledger.session_of(HELLO.body.digest())
    assert stored is not None
    assert ledger.usage("acme", EPOCH) == ONE

    def never(usage: Usage) -> SessionRecord:
        raise AssertionError("it was charged before")

    assert ledger.open_session(HELLO.body, EPOCH, never) == stored
    assert ledger.usage("acme", EPOCH) == ONE
    ledger.close()


@pytest.mark.parametrize(
    ("point", "recorded"), [("before_chunk_commit", False), ("before_chunk_answer", True)]
)
def test_record_chunk_killed_beside_the_record_is_whole_or_absent(
    state: Path, point: str, recorded: bool
) -> None:
    killed_at(point, state)
    ledger = reopened(state)
    opened = ledger.session_of(HELLO.body.digest())
    assert opened is not None
    found = ledger.chunk(opened.session_id, 0)
    assert found == (chunk_record("x") if recorded else None)
    # A resend gets the recorded answer, or makes the first record now; either is free.
    other = chunk_record("another")
    stored = ledger.record_chunk(opened.session_id, 0, other)
    assert stored == (chunk_record("x") if recorded else other)
    assert ledger.usage("acme", EPOCH) == ONE
    ledger.close()


@pytest.mark.parametrize("answers", [1, 7, 40])
def test_ledger_killed_while_it_works_has_every_answer_that_was_given(
    state: Path, answers: int
) -> None:
    with child("until_killed", state) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(answers)]
        process.kill()
        lines += process.stdout.readlines()
    ledger = reopened(state)
    for line in lines:
        number, _, session_id = line.strip().partition(" ")
        assert ledger.chunks(bytes.fromhex(session_id)) == [chunk_record(number)]
    usage = ledger.usage("acme", EPOCH)
    # At most one session was charged whose answer was not given any more.
    assert usage.sessions in (len(lines), len(lines) + 1)
    assert usage.elements == usage.sessions * 1024
    ledger.verify()
    ledger.close()


def test_budget_for_three_over_four_processes_opens_exactly_three(state: Path) -> None:
    with (
        child("ask_for_three", state) as a,
        child("ask_for_three", state) as b,
        child("ask_for_three", state) as c,
        child("ask_for_three", state) as d,
    ):
        processes = (a, b, c, d)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = "".join(process.communicate(timeout=60)[0] for process in processes).split()
    assert (said.count("opened"), said.count("refused")) == (3, 9)
    ledger = reopened(state)
    assert ledger.usage("acme", EPOCH) == Usage(elements=3 * 1024, sessions=3)
    ledger.close()


# ---- the asking side


@pytest.mark.parametrize("point", ["begin_before_row", "erase_before_key"])
def test_run_killed_between_row_and_key_leaves_no_seed(state: Path, point: str) -> None:
    killed_at(point, state)
    assert (state / "runs" / "beta.key").exists()
    with crash_child.runs(state).locked("beta") as run:
        assert run.load(NOW_MS) is None
    assert not (state / "runs" / "beta.key").exists()


def test_run_killed_after_begin_is_continued(state: Path) -> None:
    killed_at("begin_after_row", state)
    with crash_child.runs(state).locked("beta") as run:
        found = run.load(NOW_MS)
    assert isinstance(found, UnfinishedRun)
    assert (found.hello, found.session_seed) == (HELLO, SEED)


def test_lock_of_a_killed_process_is_free(state: Path) -> None:
    waited: list[str] = []
    with child("hold_the_lock", state) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait(60)
        with crash_child.runs(state).locked("beta", lambda: waited.append("waiting")):
            pass
    assert waited == []

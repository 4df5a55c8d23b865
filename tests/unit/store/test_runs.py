# SPDX-License-Identifier: Apache-2.0
"""An unfinished run is found again as it was left, and its seed is gone when it has ended."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.store.support import (
    NOW_MS,
    client_hello,
    digest,
    eval_response,
    server_answer,
    tamper,
)

from psi.crypto.sealing import Sealer
from psi.errors import KeyFileError, LocalProtocolError, StorageError
from psi.protocol.sizes import SESSION_LIFE_MS
from psi.store.client_state import open_client_state
from psi.store.database import Database
from psi.store.runs import DroppedRun, PeerRun, RunStore, UnfinishedRun

SEED = digest("a session seed")
HELLO = client_hello("n1")
SEALER = Sealer(digest("key of the home"), "acme")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def database(state: Path) -> Iterator[Database]:
    database = open_client_state(state / "client.sqlite3")
    yield database
    database.close()


@pytest.fixture
def runs(database: Database, state: Path) -> RunStore:
    return RunStore(database, state / "runs", SEALER)


def begin(run: PeerRun) -> None:
    run.begin(HELLO, SEED, digest("fingerprint"), NOW_MS)


def restarted(state: Path, sealer: Sealer = SEALER) -> RunStore:
    """The store of another process of the same home."""
    return RunStore(open_client_state(state / "client.sqlite3"), state / "runs", sealer)


def files_of(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in state.rglob("*") if path.is_file()}


def test_load_without_a_run_is_none(runs: RunStore) -> None:
    with runs.locked("beta") as run:
        assert run.load(NOW_MS) is None


def test_load_after_a_restart_gives_everything_that_was_kept(
    runs: RunStore, database: Database, state: Path
) -> None:
    answer = server_answer(HELLO.body)
    session_id = answer.hello.body.session_id
    assert session_id is not None
    with runs.locked("beta") as run:
        begin(run)
        run.keep_answer(answer)
        for chunk in (2, 0):
            run.keep_part(eval_response(session_id, chunk), bytes([chunk]) * 64)
    database.close()
    with restarted(state).locked("beta") as run:
        assert run.load(NOW_MS) == UnfinishedRun(
            hello=HELLO,
            session_seed=SEED,
            set_fingerprint=digest("fingerprint"),
            started_ms=NOW_MS,
            answer=answer,
            answered_parts=(0, 2),
        )
        part = run.part(2)
        assert part is not None
        assert part.response == eval_response(session_id, 2)
        assert part.evaluated == bytes([2]) * 64
        assert run.part(1) is None


def test_keep_part_when_kept_before_keeps_the_first(runs: RunStore) -> None:
    with runs.locked("beta") as run:
        begin(run)
        run.keep_part(eval_response(digest("s"), 0), b"first")
        run.keep_part(eval_response(digest("s"), 0), b"second")
        part = run.part(0)
        assert part is not None
        assert part.evaluated == b"first"


def test_runs_with_two_peers_are_apart(runs: RunStore) -> None:
    with runs.locked("beta") as run, runs.locked("city") as other:
        begin(run)
        assert other.load(NOW_MS) is None
        other.begin(client_hello("n2"), digest("other seed"), digest("f"), NOW_MS)
        run.erase()
        found = other.load(NOW_MS)
        assert isinstance(found, UnfinishedRun)
        assert found.session_seed == digest("other seed")


def test_begin_when_there_is_a_run_is_refused(runs: RunStore) -> None:
    with runs.locked("beta") as run:
        begin(run)
        with pytest.raises(LocalProtocolError):
            begin(run)
        assert isinstance(run.load(NOW_MS), UnfinishedRun)


def test_erase_leaves_neither_seed_nor_key_nor_row(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
        sealed_key = (state / "runs" / "beta.key").read_bytes()
        kept = files_of(state)
        assert any(sealed_key in data for data in kept.values())
        assert any(digest("fingerprint") in data for data in kept.values())
        run.erase()
        assert run.load(NOW_MS) is None
        left = files_of(state)
    for gone in (SEED, sealed_key, digest("fingerprint"), HELLO.body.encode()):
        assert not any(gone in data for data in left.values())
    assert "beta.key" not in left


def test_seed_is_in_no_file_while_the_run_is_unfinished(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
    for data in files_of(state).values():
        assert SEED not in data
        assert SEED.hex().encode() not in data


def test_load_after_24_hours_erases_the_run(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
        assert isinstance(run.load(NOW_MS + SESSION_LIFE_MS - 1), UnfinishedRun)
        dropped = run.load(NOW_MS + SESSION_LIFE_MS)
        assert dropped == DroppedRun(peer="beta", bucket=1024, started_ms=NOW_MS)
        assert run.load(NOW_MS) is None
    assert not (state / "runs" / "beta.key").exists()


def test_load_when_the_key_is_gone_drops_the_run(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
        (state / "runs" / "beta.key").unlink()
        assert isinstance(run.load(NOW_MS), DroppedRun)
        assert run.load(NOW_MS) is None


def test_load_when_only_the_key_was_written_erases_it(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        (state / "runs" / "beta.key").write_bytes(b"left by a crash")
        (state / "runs" / "beta.key").chmod(0o600)
        assert run.load(NOW_MS) is None
    assert not (state / "runs" / "beta.key").exists()


def test_load_with_another_key_of_the_home_is_explained(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
    with restarted(state, Sealer(digest("another"), "acme")).locked("beta") as run:
        with pytest.raises(StorageError, match="does not open") as damage:
            run.load(NOW_MS)
        assert damage.value.slug == "state-damaged"
        assert damage.value.hint == "`overlap check beta --new` gives it up"
        run.erase()
        assert run.load(NOW_MS) is None


def test_load_when_the_key_is_a_link_is_refused(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run:
        begin(run)
        key = state / "runs" / "beta.key"
        key.rename(state / "elsewhere")
        key.symlink_to(state / "elsewhere")
        with pytest.raises(KeyFileError, match="is a symbolic link") as refused:
            run.load(NOW_MS)
        assert refused.value.slug == "open-permissions"


def test_run_keys_can_not_be_swapped_between_peers(runs: RunStore, state: Path) -> None:
    with runs.locked("beta") as run, runs.locked("city") as other:
        begin(run)
        other.begin(client_hello("n2"), digest("other seed"), digest("f"), NOW_MS)
        beta, city = state / "runs" / "beta.key", state / "runs" / "city.key"
        beta.write_bytes(city.read_bytes())
        with pytest.raises(StorageError):
            run.load(NOW_MS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET set_fingerprint = zeroblob(32)",
        "UPDATE runs SET sealed_seed = zeroblob(73)",
        "UPDATE answers SET key_cert_signature = zeroblob(64)",
    ],
)
def test_load_when_a_value_is_flipped_names_the_damage(
    runs: RunStore, state: Path, statement: str
) -> None:
    with runs.locked("beta") as run:
        begin(run)
        run.keep_answer(server_answer(HELLO.body))
        tamper(state / "client.sqlite3", statement)
        with pytest.raises(StorageError, match="is damaged") as damage:
            run.load(NOW_MS)
        assert damage.value.slug == "state-damaged"
        run.erase()
        assert run.load(NOW_MS) is None


def test_part_when_its_elements_are_flipped_is_ours_not_the_peers_fault(
    runs: RunStore, state: Path
) -> None:
    with runs.locked("beta") as run:
        begin(run)
        run.keep_part(eval_response(digest("s"), 0), bytes(64))
        tamper(state / "client.sqlite3", "UPDATE parts SET evaluated = x'01'")
        with pytest.raises(StorageError, match="is damaged"):
            run.part(0)


def test_drop_expired_tells_what_it_erased_and_leaves_the_rest(runs: RunStore, state: Path) -> None:
    for peer, age_ms in (("beta", SESSION_LIFE_MS), ("city", 0), ("delta", SESSION_LIFE_MS)):
        with runs.locked(peer) as run:
            run.begin(client_hello(peer), SEED, digest("f"), NOW_MS - age_ms)
    with runs.locked("delta"):  # another process works on it, and will find out itself
        dropped = restarted(state).drop_expired(NOW_MS)
    assert dropped == [DroppedRun(peer="beta", bucket=1024, started_ms=NOW_MS - SESSION_LIFE_MS)]
    with runs.locked("city") as run:
        assert isinstance(run.load(NOW_MS), UnfinishedRun)
    assert [run.peer for run in runs.drop_expired(NOW_MS)] == ["delta"]


def test_locked_when_another_holds_it_waits_and_says_so(runs: RunStore, state: Path) -> None:
    waiting, order = threading.Event(), []

    def second() -> None:
        with restarted(state).locked("beta", waiting.set) as run:
            order.append("second")
            assert isinstance(run.load(NOW_MS), UnfinishedRun)

    thread = threading.Thread(target=second)
    with runs.locked("beta") as run:
        thread.start()
        assert waiting.wait(30)
        begin(run)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_locked_when_free_does_not_say_that_it_waits(runs: RunStore) -> None:
    said: list[str] = []
    with runs.locked("beta", lambda: said.append("waiting")):
        pass
    with runs.locked("beta", lambda: said.append("waiting")):
        pass
    assert said == []


def test_repr_of_a_run_shows_no_secret(runs: RunStore) -> None:
    with runs.locked("beta") as run:
        begin(run)
        found = run.load(NOW_MS)
    assert str(SEED) not in repr(found)

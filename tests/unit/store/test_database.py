# SPDX-License-Identifier: Apache-2.0
"""One SQLite file: whom it is open to, what its failures say, and that nothing raw gets out."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    allowing,
    chunk_record,
    client_hello,
    key_cert,
    opened,
)

from psi.errors import KeyFileError, PsiError, StorageError
from psi.protocol.messages import KeyCert
from psi.store import database as database_module
from psi.store._rows import Table, decoded
from psi.store.client_state import open_client_state
from psi.store.database import Database, Schema
from psi.store.ledger import SqliteLedger

SCHEMA = Schema(
    mark=b"TEST",
    version=2,
    loss="nothing is lost",
    statements="CREATE TABLE things (name TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT",
)
THINGS = Table("things", ("name",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "things.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, SCHEMA)
    yield database
    database.close()


def names(database: Database) -> list[str]:
    return [str(row[0]) for row in THINGS.select(database, "1 ORDER BY name")]


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        THINGS.insert(connection, name)


# ---- settings and permissions


def test_new_database_syncs_every_commit_and_is_private(database: Database, path: Path) -> None:
    with database.read() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
    add(database, "a")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {f"things.sqlite3{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o606])
def test_open_when_others_may_read_is_refused(database: Database, path: Path, mode: int) -> None:
    database.close()
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"open to other users \\(mode {mode:04o}\\)") as refused:
        Database(path, SCHEMA)
    assert refused.value.slug == "open-permissions"


def test_open_in_a_folder_open_to_others_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o755)
    with pytest.raises(KeyFileError, match="mode 0755"):
        Database(path, SCHEMA)
    assert not path.exists()


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_open_through_a_link_is_refused(
    database: Database, path: Path, tmp_path: Path, linked: str
) -> None:
    database.close()
    target = path if linked == "file" else path.parent
    target.rename(tmp_path / "elsewhere")
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="is a symbolic link") as refused:
        Database(path, SCHEMA)
    assert refused.value.slug == "open-permissions"


def test_open_of_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    path.parent.chmod(0o700)
    with pytest.raises(StorageError, match=r"cannot use .*: Is a directory"):
        Database(path, SCHEMA)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_open_of_another_users_file_is_refused(database: Database, path: Path) -> None:
    database.close()
    os.chown(path, 65_534, 65_534)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        Database(path, SCHEMA)


# ---- transactions


def test_write_when_the_body_raises_records_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        THINGS.insert(connection, "a")
        raise KeyError
    assert names(database) == []
    add(database, "b")
    assert names(database) == ["b"]


def test_write_when_sqlite_refuses_raises_ours_and_records_nothing(database: Database) -> None:
    add(database, "a")
    constraint = pytest.raises(StorageError, match="SQLITE_CONSTRAINT")
    with constraint as failed, database.write() as connection:
        THINGS.insert(connection, "b")
        THINGS.insert(connection, "a")
    assert failed.value.slug == "storage-fault"
    assert names(database) == ["a"]


def test_read_inside_write_sees_what_was_written(database: Database) -> None:
    with database.write() as connection:
        THINGS.insert(connection, "a")
        assert names(database) == ["a"]


def test_write_from_eight_threads_loses_nothing(database: Database) -> None:
    start = threading.Barrier(8)

    def work(worker: int) -> None:
        start.wait()
        for number in range(20):
            add(database, f"{worker}-{number}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(names(database)) == 160


def test_data_version_tells_of_other_writers_only(database: Database, path: Path) -> None:
    before = database.data_version()
    add(database, "a")
    assert database.data_version() == before
    other = Database(path, SCHEMA)
    add(other, "b")
    other.close()
    assert database.data_version() != before
    assert names(database) == ["a", "b"]


def test_fold_leaves_deleted_rows_in_no_file(database: Database, path: Path) -> None:
    add(database, "to be forgotten")
    with database.write() as connection:
        connection.execute("DELETE FROM things")
    database.fold()
    for file in path.parent.iterdir():
        assert b"to be forgotten" not in file.read_bytes()


def test_fold_gives_the_space_of_deleted_rows_back(database: Database, path: Path) -> None:
    before = path.stat().st_size
    for number in range(300):
        add(database, f"{number:0500d}")
    database.fold()
    assert path.stat().st_size > before + 150_000
    with database.write() as connection:
        connection.execute("DELETE FROM things")
    database.fold()
    assert path.stat().st_size < before + 20_000


# ---- failures


@pytest.mark.parametrize(("free_bytes", "slug"), [(0, "disk-full"), (2**30, "storage-fault")])
def test_open_when_the_log_can_not_be_made_says_whether_space_is_why(
    path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, slug: str
) -> None:
    path.parent.mkdir(mode=0o700)
    path.with_name("things.sqlite3-wal").mkdir()
    space = os.statvfs_result((4096, 4096, 2**20, 0, free_bytes // 4096, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: space)
    with pytest.raises(StorageError) as refused:
        Database(path, SCHEMA)
    assert refused.value.slug == slug


def test_open_where_there_is_no_write_ahead_log_is_explained(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    # A database in memory has no write-ahead log either.
    monkeypatch.setattr(sqlite3, "connect", lambda _path, **options: connect(":memory:", **options))
    with pytest.raises(StorageError, match="does not support SQLite's write-ahead log"):
        Database(path, SCHEMA)


def test_decoded_of_other_bytes_is_damage(database: Database) -> None:
    with pytest.raises(StorageError, match="a stored KeyCert can't be read") as damage:
        decoded(KeyCert, b"other bytes", database)
    assert damage.value.slug == "state-damaged"


def test_select_of_a_value_that_became_null_is_damage(database: Database) -> None:
    add(database, "a")
    with pytest.raises(StorageError, match="is not as it was written"):
        Table("(SELECT NULL AS name, digest FROM things)", ("name",)).select(database, "1")


def test_repr_names_the_file(database: Database) -> None:
    assert repr(database) == "Database(things.sqlite3)"


def test_write_when_there_is_no_space_says_so_and_recovers(database: Database, path: Path) -> None:
    with database.read() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageError) as full:
        for number in range(1000):
            add(database, f"{number:0500d}")
    assert full.value.slug == "disk-full"
    assert full.value.message == (
        f"cannot record this run: no space in {path.parent}; nothing was answered or sent"
    )
    assert full.value.hint == "free space, run it again"
    recorded = names(database)
    with database.read() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    add(database, "again")
    assert names(database) == sorted([*recorded, "again"])


def test_write_when_another_process_holds_it_is_explained(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.0)
    database, other = Database(path, SCHEMA), Database(path, SCHEMA)
    with other.write(), pytest.raises(StorageError, match="held by another process"):
        add(database, "a")
    add(database, "a")
    database.close()
    other.close()


def test_use_after_close_is_ours(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(StorageError, match=r"cannot use .*ProgrammingError"):
        names(database)


def test_write_when_it_became_read_only_is_explained(database: Database, path: Path) -> None:
    with database.read() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="read-only"):
        add(database, "a")


def changed(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(statement)
        connection.close()

    return change


def zeroed(start: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[start : start + 64] = bytes(64)
        path.write_bytes(data)

    return change


def garbled(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "slug", "text"),
    [
        (garbled(b"NOT NULL", b"NOT N\xffLL"), "state-damaged", "SQLite can't read it"),
        (garbled(b"PRIMARY KEY", b"           "), "state-damaged", "SQLite can't read it"),
        (garbled(b" NOT NULL", b"         "), "state-damaged", "its tables are not those"),
        (zeroed(0), "state-damaged", "it is not a database"),
        (zeroed(100), "state-damaged", "SQLite can't read it"),
        (changed("PRAGMA user_version = 3"), "storage-fault", "newer overlap (format 3, this one"),
        (changed("PRAGMA user_version = 1"), "state-damaged", "format 1 was never released"),
        (changed("PRAGMA application_id = 7"), "state-damaged", "not the file that belongs there"),
        (changed("DROP TABLE things"), "state-damaged", "its tables are not those"),
        (changed("CREATE TABLE more (x)"), "state-damaged", "its tables are not those"),
        (lambda path: path.write_bytes(b"a text file, " * 99), "state-damaged", "not a database"),
    ],
)
def test_open_of_a_damaged_file_names_the_damage(
    database: Database, path: Path, change: Callable[[Path], None], slug: str, text: str
) -> None:
    add(database, "a")
    database.close()
    change(path)
    with pytest.raises(StorageError) as refused:
        Database(path, SCHEMA)
    assert refused.value.slug == slug
    assert text in refused.value.message
    assert refused.value.hint is not None


def test_open_of_the_file_of_another_kind_is_refused(path: Path) -> None:
    open_client_state(path).close()
    with pytest.raises(StorageError, match="not the file that belongs there"):
        SqliteLedger.open(path, LEDGER_ID, EPOCH)


@pytest.fixture(scope="module")
def whole_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "state" / "ledger.sqlite3"
    ledger = SqliteLedger.create(path, LEDGER_ID)
    record = opened(ledger, "n1")
    ledger.record_chunk(record.session_id, 0, chunk_record("x"))
    ledger.issue_key_cert(key_cert())
    ledger.close()
    return path


@given(position=st.integers(0, 2**30), flip=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_open_of_a_ledger_with_a_flipped_byte_is_refused_or_has_lost_nothing(
    whole_ledger: Path, tmp_path_factory: pytest.TempPathFactory, position: int, flip: int
) -> None:
    data = bytearray(whole_ledger.read_bytes())
    # Most bytes of a file this small are unused: look at the others.
    used = [at for at, byte in enumerate(data) if byte]
    data[used[position % len(used)]] ^= flip
    path = tmp_path_factory.mktemp("flipped") / "state" / "ledger.sqlite3"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        ledger = SqliteLedger.open(path, LEDGER_ID, EPOCH)
    except PsiError as error:
        assert error.slug in {"state-damaged", "storage-fault"}
        return
    hello = client_hello("n1")
    usage = ledger.usage("acme", EPOCH)
    # Unused bytes may differ; a budget may not shrink, and no answer may be lost or changed.
    assert usage.elements >= 1024
    if ledger.exhausted_epoch is None:
        record = ledger.open_session(hello.body, EPOCH, allowing(hello, budget=0))
        assert ledger.chunk(record.session_id, 0) == chunk_record("x")
        assert ledger.key_cert("acme", EPOCH) == key_cert()
    ledger.close()

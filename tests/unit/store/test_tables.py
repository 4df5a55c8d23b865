# SPDX-License-Identifier: Apache-2.0
"""Tags are built in the background, survive restarts and damage, and go with their epoch."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    SIGNATURE,
    client_hello,
    digest,
    key_cert,
    receipt,
    session,
)

from psi.crypto.voprf import evaluate, pack
from psi.errors import RefusedError, StorageError
from psi.protocol.messages import Signed
from psi.protocol.server_keys import ServerKey
from psi.protocol.sizes import bucket_for
from psi.protocol.tables import FrozenTags, Tables
from psi.store import tables as tables_module
from psi.store.ledger import SqliteLedger
from psi.store.tables import TableStore

A = [b"ip:192.0.2.%d" % number for number in range(100)]
B = [b"domain:%d.example" % number for number in range(37)]


def key(client: str = "acme", epoch: int = EPOCH, scalar: int = 5) -> ServerKey:
    return ServerKey(
        private_key=scalar.to_bytes(32, "little"),
        pad_key=bytes(32),
        cert=key_cert(client, epoch, f"pk {scalar}"),
    )


def expected(texts: list[bytes], at: ServerKey) -> bytes:
    data, offsets = pack(texts)
    return evaluate(at.private_key, data, offsets, prefix=at.prefix, length=16)


def publish(store: TableStore, texts: list[bytes], rules: str = "profile") -> int:
    return store.publish(*pack(texts), digest(rules))


def built(store: TableStore, at: ServerKey) -> FrozenTags:
    with pytest.raises(RefusedError):
        store.latest(at)
    store.wait_idle()
    return store.latest(at)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lists"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.create(tmp_path / "state" / "ledger.sqlite3", LEDGER_ID)
    yield ledger
    ledger.close()


@pytest.fixture
def store(folder: Path, ledger: SqliteLedger) -> Iterator[TableStore]:
    store = TableStore(folder, ledger)
    yield store
    store.close()


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def use(ledger: SqliteLedger, version: int, nonce: str) -> bytes:
    """Open a session that was promised this version."""
    hello = client_hello(nonce)
    record = session(hello, version=version)
    ledger.open_session(hello.body, EPOCH, lambda usage: record)
    return record.session_id


def test_store_is_what_the_protocol_asks_for(store: TableStore) -> None:
    seam: Tables = store
    with pytest.raises(RefusedError) as busy:  # nothing is published yet
        seam.latest(key())
    assert (busy.value.slug, busy.value.detail) == ("busy", {"retry_after_ms": 10_000})


@pytest.mark.parametrize("n_values", [0, 1, 6, 7, 8, 15, 100])
def test_latest_when_asked_again_gives_the_tags_of_every_value(
    store: TableStore, monkeypatch: pytest.MonkeyPatch, n_values: int
) -> None:
    monkeypatch.setattr(tables_module, "SLICE_VALUES", 7)
    assert publish(store, A[:n_values]) == 1
    with pytest.raises(RefusedError, match="the list for this check is being prepared") as busy:
        store.latest(key())
    assert busy.value.slug == "busy"
    assert busy.value.detail == {"retry_after_ms": 200}
    store.wait_idle()
    assert store.latest(key()) == FrozenTags(version=1, tags=expected(A[:n_values], key()))


def test_latest_of_offsets_that_begin_inside_the_data_is_the_same(store: TableStore) -> None:
    data, offsets = pack(A)
    store.publish(data, offsets[40:], digest("profile"))
    assert built(store, key()).tags == expected(A[40:], key())


def test_latest_for_two_clients_and_epochs_differs(store: TableStore) -> None:
    publish(store, A)
    keys = [key(), key("city", scalar=6), key(epoch=EPOCH + 1, scalar=7)]
    assert [built(store, at).tags for at in keys] == [expected(A, at) for at in keys]


def test_retry_estimate_is_of_the_bucket_and_of_nobody_else(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the size of the set nor who else is waiting can be read from it."""
    go = threading.Event()
    store._us_per_value = 40.0

    def blocked(*args: object, **kwargs: object) -> bytes:
        assert go.wait(30)
        return bytes(16)

    monkeypatch.setattr(tables_module, "evaluate", blocked)
    delays = []
    for n_values in (17_000, 20_480):  # both are shown as 20,480
        publish(store, [b"ip:%d" % number for number in range(n_values)])
        for client in ("acme", "city", "dock"):
            with pytest.raises(RefusedError) as busy:
                store.latest(key(client))
            delays.append(busy.value.detail["retry_after_ms"])
    assert delays == [819] * 6  # 40 us each
    go.set()


@pytest.mark.parametrize("n_values", [1, 1023, 1024, 1025, 1200])
def test_list_takes_as_many_evaluations_as_its_bucket(
    store: TableStore, monkeypatch: pytest.MonkeyPatch, n_values: int
) -> None:
    """When a list is ready does not tell the set's size."""
    done: list[int] = []

    def counted(*args: object, **kwargs: object) -> bytes:
        made = evaluate(*args, **kwargs)  # type: ignore[arg-type]
        done.append(len(made) // 16)
        return made

    monkeypatch.setattr(tables_module, "evaluate", counted)
    texts = [b"ip:%d" % number for number in range(n_values)]
    publish(store, texts)
    assert built(store, key()).tags == expected(texts, key())
    assert sum(done) == bucket_for(n_values)


def test_publish_counts_versions_over_restarts(
    store: TableStore, folder: Path, ledger: SqliteLedger
) -> None:
    assert [publish(store, texts) for texts in (A, A, B, A)] == [1, 1, 2, 3]
    again = TableStore(folder, ledger)
    assert publish(again, A) == 3
    again.close()


def test_latest_after_a_restart_reads_the_file(
    store: TableStore, folder: Path, ledger: SqliteLedger
) -> None:
    publish(store, A)
    tags = built(store, key())
    file = folder / f"{EPOCH}-acme-1.tags"
    assert stored(folder) == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600
    again = TableStore(folder, ledger)
    publish(again, A)
    assert again.latest(key()) == tags
    again.close()


@pytest.mark.parametrize("damage", ["first bit", "last bit", "shorter", "empty", "longer"])
def test_latest_when_the_file_is_damaged_builds_it_again(
    store: TableStore, folder: Path, ledger: SqliteLedger, damage: str
) -> None:
    publish(store, A)
    tags = built(store, key())
    file = folder / f"{EPOCH}-acme-1.tags"
    data = bytearray(file.read_bytes())
    if damage.endswith("bit"):
        data[0 if damage == "first bit" else -1] ^= 1
    shape = {"shorter": data[:-16], "empty": data[:0], "longer": data + bytes(16)}
    file.write_bytes(shape.get(damage, data))
    again = TableStore(folder, ledger)
    publish(again, A)
    assert built(again, key()) == tags
    assert again.version(key(), 1) == tags
    again.close()
    assert file.read_bytes()[32:] == tags.tags


def test_latest_when_the_file_is_of_another_key_builds_it_again(
    store: TableStore, folder: Path, ledger: SqliteLedger
) -> None:
    publish(store, A)
    built(store, key(scalar=5))
    again = TableStore(folder, ledger)
    publish(again, A)
    assert built(again, key(scalar=6)).tags == expected(A, key(scalar=6))
    again.close()


def test_latest_when_the_key_has_other_matching_rules_builds_it_again(
    store: TableStore, folder: Path, ledger: SqliteLedger
) -> None:
    publish(store, A)
    built(store, key())
    body = replace(key().cert.body, profile_digest=digest("other rules"))
    other = replace(key(), cert=Signed(body, SIGNATURE))
    again = TableStore(folder, ledger)
    publish(again, A, "other rules")
    assert built(again, other).tags == expected(A, other)
    again.close()


def test_latest_when_set_and_key_are_of_different_rules_is_put_off(store: TableStore) -> None:
    """A reload replaces the one before the other; in between nothing may be promised."""
    publish(store, A, "new rules")
    for _ in range(2):
        with pytest.raises(RefusedError) as busy:
            store.latest(key())
        assert busy.value.slug == "busy"
        store.wait_idle()


def test_version_of_an_older_set_is_kept_for_its_session(
    store: TableStore, folder: Path, ledger: SqliteLedger
) -> None:
    publish(store, A)
    first = built(store, key())
    session_id = use(ledger, 1, "n1")
    for version, texts in ((2, B), (3, A[:50]), (4, B[:7])):
        assert publish(store, texts) == version
        built(store, key())
    # Beside the one in use the two newest stay: a session may just be opening on the older one.
    assert stored(folder) == [f"{EPOCH}-acme-{version}.tags" for version in (1, 3, 4)]
    again = TableStore(folder, ledger)
    publish(again, B[:7])
    assert again.version(key(), 1) == first
    again.close()

    # It may get lost on its way.
    ledger.close_session(session_id, receipt(session_id), SIGNATURE)
    publish(store, A[:3])
    built(store, key())
    assert stored(folder) == [f"{EPOCH}-acme-{version}.tags" for version in (1, 4, 5)]


@pytest.mark.parametrize("version", [1, 7])
def test_version_that_is_gone_is_a_storage_error(
    store: TableStore, folder: Path, ledger: SqliteLedger, version: int
) -> None:
    publish(store, A)
    built(store, key())
    publish(store, B)
    (folder / f"{EPOCH}-acme-1.tags").write_bytes(b"damaged")
    again = TableStore(folder, ledger)
    publish(again, B)
    with pytest.raises(StorageError, match=f"list {version} in") as gone:
        again.version(key(), version)
    assert gone.value.slug == "state-damaged"
    again.close()


def test_prepare_builds_before_the_first_question(store: TableStore) -> None:
    publish(store, A)
    assert store.prepare(key()) is False
    store.wait_idle()
    assert store.prepare(key()) is True
    assert store.latest(key()).tags == expected(A, key())


def test_publish_while_building_drops_what_is_not_finished(
    store: TableStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, started = threading.Event(), threading.Event()
    slices: list[int] = []

    def blocked(private_key: bytes, data: bytes, offsets: object, **kwargs: object) -> bytes:
        slices.append(len(data))
        started.set()
        assert go.wait(30)
        return evaluate(private_key, data, offsets, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(tables_module, "SLICE_VALUES", 10)
    monkeypatch.setattr(tables_module, "evaluate", blocked)
    publish(store, A)
    for client in ("acme", "city"):
        with pytest.raises(RefusedError):
            store.latest(key(client))
    assert started.wait(30)
    assert publish(store, B) == 2
    go.set()
    assert built(store, key()).version == 2
    store.wait_idle()
    assert stored(folder) == [f"{EPOCH}-acme-2.tags"]
    assert slices.count(len(b"".join(A))) == 1, "the rest of the old set was not evaluated"


def test_forget_before_deletes_files_memory_and_work_of_ended_epochs(
    store: TableStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, A)
    old, new = key(), key(epoch=EPOCH + 1)
    built(store, old)
    built(store, new)
    (folder / "notes").write_text("not ours", encoding="utf-8")
    store.forget_before(EPOCH + 1)
    assert stored(folder) == [f"{EPOCH + 1}-acme-1.tags", "notes"]
    assert store.latest(new).tags == expected(A, new)
    with pytest.raises(RefusedError):  # not from memory either
        store.latest(old)
    store.wait_idle()


def test_forget_before_while_building_leaves_no_file(
    store: TableStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, started = threading.Event(), threading.Event()

    def blocked(*args: object, **kwargs: object) -> bytes:
        started.set()
        assert go.wait(30)
        return bytes(16 * len(A))

    monkeypatch.setattr(tables_module, "evaluate", blocked)
    publish(store, A)
    with pytest.raises(RefusedError):
        store.latest(key())
    assert started.wait(30)
    store.forget_before(EPOCH + 1)
    go.set()
    store.close()
    assert stored(folder) == []


def test_latest_when_the_disk_is_full_says_so_and_tries_again(
    store: TableStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = StorageError("no space", slug="disk-full")

    def refuse(*args: object) -> None:
        raise full

    publish(store, A)
    with monkeypatch.context() as patched:
        patched.setattr(tables_module, "write_private", refuse)
        with pytest.raises(RefusedError):
            store.latest(key())
        store.wait_idle()
        with pytest.raises(StorageError) as failed:
            store.latest(key())
        assert failed.value.slug == "disk-full"
    assert built(store, key()).tags == expected(A, key())


def test_new_store_removes_what_a_crash_left_unfinished(folder: Path, ledger: SqliteLedger) -> None:
    folder.mkdir(mode=0o700, parents=True)
    (folder / f".{EPOCH}-acme-1.tags.0123.tmp").write_bytes(b"half")
    TableStore(folder, ledger).close()
    assert stored(folder) == []


def test_many_threads_asking_build_once(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*args: object, **kwargs: object) -> bytes:
        made = evaluate(*args, **kwargs)  # type: ignore[arg-type]
        calls.append(len(made) // 16)
        return made

    monkeypatch.setattr(tables_module, "evaluate", counted)
    publish(store, A)
    start = threading.Barrier(8)
    found: list[FrozenTags] = []

    def ask() -> None:
        start.wait()
        if not store.prepare(key()):
            store.wait_idle()
        found.append(store.latest(key()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {tags.tags for tags in found} == {expected(A, key())}
    assert len(found) == 8
    assert sum(calls) == bucket_for(len(A))


def test_reprs_show_no_tag_and_no_value(store: TableStore) -> None:
    publish(store, A)
    tags = built(store, key())
    for shown in (repr(tags), repr(store), repr(store._set)):
        assert "192.0.2" not in shown
        assert str(tags.tags[:8])[2:-1] not in shown

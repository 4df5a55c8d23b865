# SPDX-License-Identifier: Apache-2.0
"""The pinned certificate of a server never goes back and is never replaced within its epoch."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.store.support import EPOCH, key_cert, tamper

from psi.errors import StorageError
from psi.store.client_state import open_client_state
from psi.store.database import Database
from psi.store.pins import SqlitePins


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "client.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_client_state(path)
    yield database
    database.close()


def test_pin_is_found_after_a_restart(database: Database, path: Path) -> None:
    pins = SqlitePins(database)
    assert pins.newest("beta") is None
    pins.pin(key_cert())
    database.close()
    again = open_client_state(path)
    assert SqlitePins(again).newest("beta") == key_cert()
    assert SqlitePins(again).newest("city") is None
    again.close()


def test_pin_of_a_later_epoch_replaces_and_of_an_earlier_one_does_not(database: Database) -> None:
    pins = SqlitePins(database)
    for epoch in (EPOCH, EPOCH + 1, EPOCH - 1):
        pins.pin(key_cert(epoch=epoch))
    assert pins.newest("beta") == key_cert(epoch=EPOCH + 1)


def test_pin_of_a_second_certificate_keeps_the_first(database: Database) -> None:
    pins = SqlitePins(database)
    pins.pin(key_cert(text="first"))
    pins.pin(key_cert(text="second"))
    assert pins.newest("beta") == key_cert(text="first")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b"])), min_size=1))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_newest_is_the_first_certificate_of_the_highest_epoch(
    tmp_path_factory: pytest.TempPathFactory, pinned: list[tuple[int, str]]
) -> None:
    database = open_client_state(tmp_path_factory.mktemp("pins") / "state" / "client.sqlite3")
    pins = SqlitePins(database)
    for epoch, text in pinned:
        pins.pin(key_cert(epoch=epoch, text=text))
    highest = max(epoch for epoch, _ in pinned)
    first = next(text for epoch, text in pinned if epoch == highest)
    assert pins.newest("beta") == key_cert(epoch=highest, text=first)
    database.close()


def test_newest_when_a_value_is_flipped_names_the_damage(database: Database, path: Path) -> None:
    SqlitePins(database).pin(key_cert())
    tamper(path, "UPDATE pins SET epoch = epoch - 1")
    with pytest.raises(StorageError, match="'pins' is not as it was written") as damage:
        SqlitePins(database).newest("beta")
    assert damage.value.slug == "state-damaged"

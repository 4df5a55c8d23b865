# SPDX-License-Identifier: Apache-2.0
"""The epoch master moves forward, durably, and never back."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from unit.trust.support import EPOCH, World, each_flip, refused

from psi.crypto.keys import next_master
from psi.trust.home import Home
from psi.trust.master import create_master, load_master
from psi.trust.unlock import UnlockSource

FILE = "state/master.sealed"
ALLIANCE = "cti-north"


@pytest.fixture
def home(world: World) -> Home:
    world.init("acme-corp")
    home = world.home("acme-corp")
    create_master(home, world.unlock, ALLIANCE, EPOCH)
    return home


@pytest.fixture
def unlock(world: World) -> UnlockSource:
    return world.unlock


def test_load_master_in_the_same_epoch_returns_the_same(home: Home, unlock: UnlockSource) -> None:
    master = load_master(home, unlock, ALLIANCE, EPOCH)
    assert len(master) == 32
    assert load_master(home, unlock, ALLIANCE, EPOCH) == master


def test_load_master_in_later_epochs_follows_the_ratchet(home: Home, unlock: UnlockSource) -> None:
    master = load_master(home, unlock, ALLIANCE, EPOCH)
    assert load_master(home, unlock, ALLIANCE, EPOCH + 1) == next_master(master)
    expected = next_master(next_master(next_master(master)))
    assert load_master(home, unlock, ALLIANCE, EPOCH + 3) == expected


def test_load_master_of_an_earlier_epoch_refuses_and_keeps_the_later(
    home: Home, unlock: UnlockSource
) -> None:
    later = load_master(home, unlock, ALLIANCE, EPOCH + 2)
    with refused("clock-skew", f"period {EPOCH}", f"period {EPOCH + 2}", "timedatectl"):
        load_master(home, unlock, ALLIANCE, EPOCH)
    assert load_master(home, unlock, ALLIANCE, EPOCH + 2) == later


def test_load_master_of_a_later_epoch_wipes_the_sealed_old_one(
    home: Home, unlock: UnlockSource, world: World
) -> None:
    kept = world.root / "second-name"
    kept.hardlink_to(home.path / FILE)
    size = kept.stat().st_size
    load_master(home, unlock, ALLIANCE, EPOCH)
    assert any(kept.read_bytes())
    load_master(home, unlock, ALLIANCE, EPOCH + 1)
    assert kept.read_bytes() == bytes(size)


def test_load_master_when_the_new_one_cant_be_recorded_gives_none(
    home: Home, unlock: UnlockSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A master that is used before it is durable could be lost with answers already given."""
    before = load_master(home, unlock, ALLIANCE, EPOCH)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with refused("disk-full"):
            load_master(home, unlock, ALLIANCE, EPOCH + 1)
    assert load_master(home, unlock, ALLIANCE, EPOCH) == before
    assert load_master(home, unlock, ALLIANCE, EPOCH + 1) == next_master(before)


def test_load_master_from_several_threads_ratchets_once(home: Home, unlock: UnlockSource) -> None:
    """As `serve` and `check` do, which share a home."""
    expected = next_master(load_master(home, unlock, ALLIANCE, EPOCH))
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(load_master, home, unlock, ALLIANCE, EPOCH + 1) for _ in range(16)]
    assert {future.result() for future in futures} == {expected}


def test_create_master_twice_keeps_the_first(home: Home, unlock: UnlockSource) -> None:
    master = load_master(home, unlock, ALLIANCE, EPOCH)
    create_master(home, unlock, ALLIANCE, EPOCH + 5)
    assert load_master(home, unlock, ALLIANCE, EPOCH) == master


def test_masters_of_two_homes_differ(world: World) -> None:
    world.joined("acme-corp", "beta-bank")
    masters = {
        load_master(world.home(name), world.unlock, ALLIANCE, EPOCH)
        for name in ("acme-corp", "beta-bank")
    }
    assert len(masters) == 2


@pytest.mark.parametrize("attempt", [load_master, create_master])
def test_master_of_another_alliance_refuses(
    home: Home,
    unlock: UnlockSource,
    attempt: Callable[[Home, UnlockSource, str, int], object],
) -> None:
    with refused("state-damaged", FILE):
        attempt(home, unlock, "cti-south", EPOCH)


def test_load_master_after_flips_never_passes(home: Home, unlock: UnlockSource) -> None:
    attempt = lambda: load_master(home, unlock, ALLIANCE, EPOCH)  # noqa: E731
    assert each_flip(home.path / FILE, attempt) == []


def test_load_master_when_missing_open_or_linked_refuses(
    home: Home, unlock: UnlockSource, world: World
) -> None:
    path = home.path / FILE
    path.chmod(0o640)
    with refused("open-permissions", "mode 0640"):
        load_master(home, unlock, ALLIANCE, EPOCH)
    path.chmod(0o600)
    path.rename(world.root / "real")
    with refused("state-damaged", "missing"):
        load_master(home, unlock, ALLIANCE, EPOCH)
    path.symlink_to(world.root / "real")
    with refused("open-permissions", "symbolic link"):
        load_master(home, unlock, ALLIANCE, EPOCH)

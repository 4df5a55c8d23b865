# SPDX-License-Identifier: Apache-2.0
"""A home is whole, private and of one kind, or it is none."""

import fcntl
import os
from pathlib import Path

import pytest
from unit.trust.support import World, refused

from psi.trust.formats import LockRecord
from psi.trust.home import Home, default_home, find_home, new_home

LOCK = LockRecord(kind="key-file", home_key=b"x")


def test_open_without_a_home_names_the_next_step(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with refused("no-home", f"no overlap home at {path}", "`overlap init NAME`"):
            Home.open(path)


def test_open_of_a_home_that_was_not_finished_refuses(tmp_path: Path) -> None:
    class CrashError(Exception):
        pass

    path = tmp_path / "home"
    with pytest.raises(CrashError), new_home(path, "principal", "acme-corp", LOCK):
        raise CrashError
    with refused("no-home"):
        Home.open(path)
    with refused("home-exists", "cut short"), new_home(path, "principal", "acme-corp", LOCK):
        pass


def test_new_home_in_an_empty_folder_closes_it_to_others(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir(mode=0o755)
    with new_home(path, "principal", "acme-corp", LOCK):
        pass
    home = Home.open(path)
    assert (home.kind, home.name, home.lock) == ("principal", "acme-corp", LOCK)
    for folder in (path, home.identity, home.alliance, home.state, home.audit, home.results):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert {home.evidence.name, home.cache.name, home.requests.name} == {
        "evidence",
        "cache",
        "requests",
    }
    assert home.policy_path == path / "policy.toml"
    assert home.config_path == path / "overlap.toml"


def test_new_home_over_a_home_a_file_or_a_full_folder_refuses(tmp_path: Path) -> None:
    path = tmp_path / "home"
    with new_home(path, "principal", "acme-corp", LOCK):
        pass
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for taken in (path, tmp_path, tmp_path / "file", tmp_path / "dangling"):
        with refused("home-exists"), new_home(taken, "principal", "acme-corp", LOCK):
            pass


def test_new_home_at_a_link_to_an_empty_folder_refuses(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    link = tmp_path / "link"
    with refused("open-permissions", "symbolic link"), new_home(link, "principal", "a", LOCK):
        pass


def test_open_of_the_other_kind_says_which_it_is(world: World) -> None:
    world.init("acme-corp")
    world.create()
    with refused("no-home", "the home of a member, not of an alliance"):
        Home.open(world.root / "acme-corp" / "home", "alliance")
    with refused("no-home", "the home of an alliance, not of a member"):
        Home.open(world.root / "stick")


@pytest.mark.parametrize("folder", ["", "identity", "state", "alliance", "evidence"])
def test_open_when_a_folder_is_open_to_others_refuses(world: World, folder: str) -> None:
    world.init("acme-corp")
    path = world.root / "acme-corp" / "home"
    (path / folder).chmod(0o755)
    with refused("open-permissions", f"{folder or path} can be read", "mode 0755"):
        Home.open(path)


def test_open_when_the_home_or_a_folder_is_a_link_refuses(world: World) -> None:
    world.init("acme-corp")
    path = world.root / "acme-corp" / "home"
    link = world.root / "link"
    link.symlink_to(path)
    with refused("open-permissions", "symbolic link"):
        Home.open(link)
    (path / "state").rename(world.root / "elsewhere")
    (path / "state").symlink_to(world.root / "elsewhere")
    with refused("open-permissions", "state is a symbolic link"):
        Home.open(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "overlap-home/2"}', "\xff"])
def test_open_when_home_json_is_damaged_refuses(world: World, text: str) -> None:
    world.init("acme-corp")
    path = world.root / "acme-corp" / "home"
    (path / "home.json").write_bytes(text.encode("latin-1"))
    with refused("state-damaged", "home.json"):
        Home.open(path)


def test_locked_keeps_another_descriptor_out(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    other = os.open(home.path, os.O_RDONLY)
    try:
        with home.locked(), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)


def test_find_home_prefers_option_then_environment_then_xdg(tmp_path: Path) -> None:
    environment = {"OVERLAP_HOME": "/srv/a", "XDG_DATA_HOME": "/srv/data"}
    assert find_home(tmp_path, environment) == tmp_path
    assert find_home(None, environment) == Path("/srv/a")
    assert find_home(None, {"XDG_DATA_HOME": "/srv/data"}) == Path("/srv/data/overlap")
    for relative in ({}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "data"}):
        assert default_home(relative) == Path.home() / ".local/share/overlap"


def test_locked_when_the_home_is_gone_is_no_bug(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    home.path.rename(world.root / "elsewhere")
    with refused("state-damaged", f"{home.path} is missing"), home.locked():
        pass


def test_new_home_below_a_file_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "folder" / "home"
    with refused("storage-fault", "cannot make"), new_home(path, "principal", "a", LOCK):
        pass

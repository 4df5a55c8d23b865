# SPDX-License-Identifier: Apache-2.0
"""`overlap init`: all of a home or nothing, and a request that holds no secret."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from unit.trust.support import NOW_MS, World, refused

from psi.app.init import initialise
from psi.crypto.sealing import ARGON2ID_MIN
from psi.crypto.signing import verification_code
from psi.trust.config import Config
from psi.trust.home import Home
from psi.trust.identity import load_identity
from psi.trust.policy import DEFAULT_POLICY, Policy
from psi.trust.requests import parse_request
from psi.trust.unlock import KeyFileUnlock, PassphraseUnlock


def test_initialise_makes_a_home_an_unlock_file_and_a_request(world: World) -> None:
    report = world.init("acme-corp", address="overlap.acme.example:9500")
    assert isinstance(world.unlock, KeyFileUnlock)
    assert (report.unlock_file, report.unlock_made) == (world.unlock.path, True)
    assert report.request_file == world.request("acme-corp")
    home = world.home("acme-corp")
    identity = load_identity(home, world.unlock)
    assert report.code == verification_code(identity.signer.public_key)
    assert parse_request(report.request_file.read_bytes(), "x").code == report.code
    assert home.policy_path.read_text() == DEFAULT_POLICY
    Policy.load(home.policy_path)
    assert Config.load(home.config_path).listen == "[::]:9500"


def test_initialise_without_an_address_stays_on_loopback(world: World) -> None:
    world.init("acme-corp", address="")
    assert Config.load(world.home("acme-corp").config_path).listen == "127.0.0.1:9497"


def test_initialise_twice_uses_the_unlock_file_that_is_there(world: World) -> None:
    world.init("acme-corp")
    report = world.init("beta-bank")
    assert not report.unlock_made
    load_identity(world.home("acme-corp"), world.unlock)
    load_identity(world.home("beta-bank"), world.unlock)


def test_initialise_with_a_passphrase_makes_no_unlock_file(world: World) -> None:
    world.unlock = PassphraseUnlock(b"correct horse", ARGON2ID_MIN)
    report = world.init("acme-corp")
    assert (report.unlock_file, report.unlock_made) == (None, False)
    assert load_identity(world.home("acme-corp"), world.unlock).name == "acme-corp"


def test_initialise_closes_every_file_of_the_home(world: World) -> None:
    before = os.umask(0)
    try:
        world.init("acme-corp")
    finally:
        os.umask(before)
    for path in world.home("acme-corp").path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Acme-Corp"}, "name: expected 1 to 63 lower-case"),
        ({"name": "../evil"}, "name: expected"),
        ({"roles": ("boss",)}, "role: expected member"),
        ({"roles": ()}, "got none"),
        ({"roles": ("operator", "member")}, "neither member nor key holder"),
        ({"address": "acme"}, "address: expected HOST:PORT"),
        ({"address": "a.b:0"}, "a port from 1 to 65535"),
        ({"contact": "a\nb"}, "contact: expected"),
    ],
)
def test_initialise_with_bad_input_makes_nothing(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    arguments: dict[str, Any] = {"name": "acme-corp", **changes}
    with refused("usage", words):
        initialise(
            tmp_path / "home",
            unlock=KeyFileUnlock(tmp_path / "unlock.key"),
            now_ms=NOW_MS,
            request_directory=tmp_path,
            **arguments,
        )
    assert list(tmp_path.iterdir()) == []


def test_initialise_over_a_home_or_a_full_folder_refuses(world: World) -> None:
    world.init("acme-corp")
    home = world.root / "acme-corp" / "home"
    before = (home / "home.json").read_bytes()
    for path in (home, world.root):
        with refused("home-exists", str(path)):
            initialise(
                path,
                "beta-bank",
                unlock=world.unlock,
                now_ms=NOW_MS,
                request_directory=world.root,
            )
    assert (home / "home.json").read_bytes() == before
    assert not (world.root / "beta-bank.request.json").exists()


def test_initialise_over_a_request_file_refuses_before_it_makes_anything(tmp_path: Path) -> None:
    (tmp_path / "acme-corp.request.json").symlink_to(tmp_path / "none")
    with refused("output-exists", "acme-corp.request.json is there already"):
        initialise(
            tmp_path / "home",
            "acme-corp",
            unlock=KeyFileUnlock(tmp_path / "unlock.key"),
            now_ms=NOW_MS,
            request_directory=tmp_path,
        )
    assert len(list(tmp_path.iterdir())) == 1


def test_initialise_with_an_unlock_file_inside_the_home_refuses(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for path in (tmp_path / "home" / "unlock.key", tmp_path / "link" / "unlock.key"):
        with refused("usage", "can't be inside the home that it opens"):
            initialise(
                tmp_path / "home",
                "acme-corp",
                unlock=KeyFileUnlock(path),
                now_ms=NOW_MS,
                request_directory=tmp_path,
            )


def test_initialise_with_an_open_unlock_file_refuses(world: World) -> None:
    world.init("acme-corp")
    assert isinstance(world.unlock, KeyFileUnlock)
    world.unlock.path.chmod(0o644)
    with refused("open-permissions", "mode 0644"):
        world.init("beta-bank")


def test_initialise_cut_short_at_any_write_leaves_no_home(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up at the n-th file, for every n, until it all fits."""
    real = os.fsync
    left = 0

    def fsync(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    n_failed = 0
    for n_writes in range(100):
        left = n_writes
        folder = f"try-{n_writes}"
        try:
            with refused("disk-full"):
                world.init("acme-corp", folder=folder)
        except pytest.fail.Exception:
            break
        n_failed += 1
        home = world.root / folder / "home"
        # What is durable before the marker is no home; with it, all the rest is there.
        if (home / "home.json").exists():
            left = 100
            assert load_identity(Home.open(home), world.unlock).name == "acme-corp"
        else:
            with refused("no-home"):
                Home.open(home)
    left = 100
    assert n_failed >= 10
    assert load_identity(world.home(folder), world.unlock).name == "acme-corp"

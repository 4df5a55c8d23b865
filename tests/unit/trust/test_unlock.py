# SPDX-License-Identifier: Apache-2.0
"""A home opens with its own unlock file or passphrase and with nothing else."""

import os
from pathlib import Path

import pytest
from unit.trust.support import NOW_MS, World, each_flip, refused

from psi.app.init import initialise
from psi.crypto.sealing import ARGON2ID_MIN
from psi.errors import UsageError
from psi.trust.home import Home
from psi.trust.identity import load_identity
from psi.trust.unlock import (
    KeyFileUnlock,
    PassphraseUnlock,
    UnlockSource,
    find_unlock_file,
    open_sealer,
)

TEXT = "this home does not open with that passphrase or unlock file"
PHRASE = PassphraseUnlock(b"correct horse", ARGON2ID_MIN)


def make(world: World, unlock: UnlockSource) -> Home:
    path = world.root / "home"
    initialise(path, "acme-corp", unlock=unlock, now_ms=NOW_MS, request_directory=world.root)
    return Home.open(path)


def test_unlock_file_is_64_hexadecimal_digits_for_us_alone(tmp_path: Path) -> None:
    unlock = KeyFileUnlock(tmp_path / "new" / "folder" / "unlock.key")
    assert unlock.ensure()
    assert len(bytes.fromhex(unlock.path.read_text())) == 32
    assert unlock.path.stat().st_mode & 0o777 == 0o600
    assert unlock.path.parent.stat().st_mode & 0o777 == 0o700
    before = unlock.key()
    assert not unlock.ensure()
    assert unlock.key() == before


def test_ensure_when_another_process_made_the_file_meanwhile_takes_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that was sealed under the file which is replaced would be locked for ever."""
    unlock = KeyFileUnlock(tmp_path / "config" / "unlock.key")
    # Both look before either writes.
    looks, really = [False, False], os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: looks.pop() if looks else really(path))
    assert unlock.ensure()
    first = unlock.path.read_bytes()
    assert not unlock.ensure()
    assert unlock.path.read_bytes() == first


def test_ensure_where_no_folder_can_be_made_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused("storage-fault", f"cannot make {tmp_path / 'file' / 'config'}"):
        KeyFileUnlock(tmp_path / "file" / "config" / "unlock.key").ensure()


def test_open_sealer_with_the_unlock_file_opens_what_was_sealed(world: World) -> None:
    home = make(world, world.unlock)
    sealed = open_sealer(home, world.unlock).seal("seed", b"secret")
    assert open_sealer(home, world.unlock).unseal("seed", sealed) == b"secret"


def test_open_sealer_with_another_unlock_file_refuses(world: World) -> None:
    home = make(world, world.unlock)
    other = KeyFileUnlock(world.root / "other.key")
    other.ensure()
    with refused("unlock-failed", TEXT, "restore unlock.key from its backup"):
        open_sealer(home, other)


def test_open_sealer_with_the_passphrase_opens_and_with_another_refuses(world: World) -> None:
    home = make(world, PHRASE)
    assert load_identity(home, PassphraseUnlock(b"correct horse")).name == "acme-corp"
    for wrong in (b"Correct horse", b"correct horse ", b"\x00"):
        with refused("unlock-failed", TEXT):
            open_sealer(home, PassphraseUnlock(wrong))


def test_open_sealer_with_the_other_kind_says_what_to_use(world: World) -> None:
    home = make(world, world.unlock)
    with refused("unlock-failed", TEXT, "--unlock-file"):
        open_sealer(home, PHRASE)
    (world.root / "second").mkdir()
    home = make(World(world.root / "second"), PHRASE)
    with refused("unlock-failed", TEXT, "--passphrase"):
        open_sealer(home, world.unlock)


@pytest.mark.parametrize(
    ("field", "value"),
    [("passes", "0"), ("passes", "17"), ("memory_bytes", "1"), ("memory_bytes", "1073741825")],
)
def test_open_sealer_when_the_stored_cost_is_absurd_refuses_before_paying_it(
    world: World, field: str, value: str
) -> None:
    home = make(world, PHRASE)
    marker = home.path / "home.json"
    stored = {"passes": ARGON2ID_MIN.passes, "memory_bytes": ARGON2ID_MIN.memory_bytes}[field]
    text = marker.read_text()
    assert f'"{field}": {stored}' in text
    marker.write_text(text.replace(f'"{field}": {stored}', f'"{field}": {value}'))
    with refused("state-damaged", "cost"):
        open_sealer(Home.open(home.path), PHRASE)


def test_open_when_any_byte_of_home_json_was_changed_opens_no_other_home(world: World) -> None:
    """What still opens is the same home: letter case of hex digits, white space."""
    home = make(world, world.unlock)
    sealed = open_sealer(home, world.unlock).seal("seed", b"secret")

    def attempt() -> bytes:
        changed = Home.open(home.path)
        return open_sealer(changed, world.unlock).unseal("seed", sealed)

    passed = each_flip(home.path / "home.json", attempt)
    assert all(plaintext == b"secret" for _, plaintext in passed)
    assert len(passed) < 5


def test_unlock_file_when_missing_malformed_or_open_refuses(world: World) -> None:
    home = make(world, world.unlock)
    assert isinstance(world.unlock, KeyFileUnlock)
    path = world.unlock.path
    key = path.read_text()
    for text in ("", "00", key + "00", "x" * 64, key[:30] + " " + key[30:], "\xff" * 64):
        path.write_text(text, encoding="latin-1")
        with refused("unlock-failed", "64 hexadecimal digits"):
            open_sealer(home, world.unlock)
    path.write_text(key.upper())
    open_sealer(home, world.unlock)
    path.chmod(0o644)
    with refused("open-permissions", "mode 0644"):
        open_sealer(home, world.unlock)
    path.rename(world.root / "real")
    path.symlink_to(world.root / "real")
    with refused("open-permissions", "symbolic link"):
        open_sealer(home, world.unlock)
    path.unlink()
    with refused("unlock-failed", f"no unlock file at {path}"):
        open_sealer(home, world.unlock)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_unlock_file_of_another_user_refuses(world: World) -> None:
    home = make(world, world.unlock)
    assert isinstance(world.unlock, KeyFileUnlock)
    os.chown(world.unlock.path, 12_345, -1)
    with refused("open-permissions", "another user"):
        open_sealer(home, world.unlock)


def test_passphrase_when_empty_refuses() -> None:
    with pytest.raises(UsageError):
        PassphraseUnlock(b"")


def test_repr_of_a_passphrase_does_not_show_it(world: World) -> None:
    unlock = PassphraseUnlock(b"correct horse", ARGON2ID_MIN)
    open_sealer(make(world, unlock), unlock)
    assert "horse" not in repr(unlock)
    assert "bytes" not in repr(unlock).replace("memory_bytes", "")


def test_find_unlock_file_prefers_option_then_environment_then_xdg() -> None:
    environment = {"OVERLAP_UNLOCK_FILE": "/run/unlock", "XDG_CONFIG_HOME": "/srv/config"}
    assert find_unlock_file(Path("x"), environment) == Path("x")
    assert find_unlock_file(None, environment) == Path("/run/unlock")
    xdg = {"XDG_CONFIG_HOME": "/srv/config"}
    assert find_unlock_file(None, xdg) == Path("/srv/config/overlap/unlock.key")
    for relative in ({}, {"XDG_CONFIG_HOME": "config"}):
        assert find_unlock_file(None, relative) == Path.home() / ".config/overlap/unlock.key"

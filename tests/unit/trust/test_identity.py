# SPDX-License-Identifier: Apache-2.0
"""An identity comes back as it was made, or not at all."""

import os
from dataclasses import replace

import pytest
from unit.trust.support import World, each_flip, refused

from psi.crypto.signing import verify_signature
from psi.trust.certificates import spki_hash
from psi.trust.identity import load_identity, own_request
from psi.trust.requests import parse_request
from psi.trust.unlock import KeyFileUnlock

KEYS, REQUEST = "identity/keys.sealed", "identity/request.json"


def test_load_identity_returns_what_the_request_says(world: World) -> None:
    world.init("acme-corp", roles=("member", "keyholder"))
    identity = load_identity(world.home("acme-corp"), world.unlock)
    enrol = parse_request(world.request("acme-corp").read_bytes(), "x").enrol
    assert identity.name == enrol.name == "acme-corp"
    assert identity.roles == enrol.roles == ("member", "keyholder")
    assert (identity.address, identity.contact) == (enrol.address, enrol.contact)
    assert identity.certificate_der == enrol.certificate
    assert identity.spki == spki_hash(enrol.certificate)
    assert len(identity.ledger_id) == 16
    for signer, key in (
        (identity.signer, enrol.identity_key),
        (identity.log_signer, enrol.log_key),
    ):
        verify_signature(key, "Roster", b"x", signer.sign("Roster", b"x"))


def test_two_identities_share_no_key(world: World) -> None:
    world.init("acme-corp")
    world.init("acme-corp", folder="twin")
    one = load_identity(world.home("acme-corp"), world.unlock)
    other = load_identity(world.home("twin"), world.unlock)
    keys = [
        key
        for who in (one, other)
        for key in (who.signer.public_key, who.log_signer.public_key, who.spki, who.ledger_id)
    ]
    assert len(set(keys)) == 8


def test_repr_of_an_identity_shows_no_key(world: World) -> None:
    world.init("acme-corp")
    identity = load_identity(world.home("acme-corp"), world.unlock)
    assert "PRIVATE" not in repr(identity)
    assert "signer" not in repr(identity)


def test_load_identity_with_another_unlock_file_refuses(world: World) -> None:
    world.init("acme-corp")
    other = KeyFileUnlock(world.root / "other.key")
    other.ensure()
    with refused("unlock-failed"):
        load_identity(world.home("acme-corp"), other)


def test_load_identity_when_the_keys_are_empty_refuses(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    with refused("state-damaged", f"{KEYS} was changed or is damaged", "backup"):
        (home.path / KEYS).write_bytes(b"")
        load_identity(home, world.unlock)


def test_load_identity_after_flips_in_the_keys_never_passes(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    assert each_flip(home.path / KEYS, lambda: load_identity(home, world.unlock)) == []


def test_load_identity_after_flips_in_the_request_is_the_same_or_refused(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    enrol = own_request(home).enrol
    passed = each_flip(
        home.path / REQUEST, lambda: (load_identity(home, world.unlock), own_request(home).enrol)
    )
    for _, result in passed:
        assert isinstance(result, tuple)
        assert result[1] == enrol


def test_load_identity_with_files_of_another_home_refuses(world: World) -> None:
    """Both open with the same unlock file, and have the same name."""
    world.init("acme-corp")
    world.init("acme-corp", folder="twin")
    home, twin = world.home("acme-corp"), world.home("twin")
    for file in (KEYS, REQUEST):
        kept = (home.path / file).read_bytes()
        (home.path / file).write_bytes((twin.path / file).read_bytes())
        with refused("state-damaged"):
            load_identity(home, world.unlock)
        (home.path / file).write_bytes(kept)
    load_identity(home, world.unlock)


def test_own_request_of_another_name_refuses(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    with refused("state-damaged", REQUEST):
        own_request(replace(home, name="beta-bank"))


@pytest.mark.parametrize("file", [KEYS, REQUEST, "home.json"])
def test_load_identity_when_a_file_is_open_or_linked_refuses(world: World, file: str) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    path = home.path / file
    path.chmod(0o644)
    with refused("open-permissions", f"{file} can be read by other users (mode 0644); not used"):
        load_identity(world.home("acme-corp"), world.unlock)
    path.chmod(0o600)
    path.rename(world.root / "real")
    path.symlink_to(world.root / "real")
    with refused("open-permissions", f"{file} is a symbolic link"):
        load_identity(world.home("acme-corp"), world.unlock)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_load_identity_when_a_file_is_another_users_refuses(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    os.chown(home.path / KEYS, 12_345, -1)
    with refused("open-permissions", f"{KEYS} belongs to another user"):
        load_identity(home, world.unlock)


def test_load_identity_when_a_file_is_missing_refuses(world: World) -> None:
    world.init("acme-corp")
    home = world.home("acme-corp")
    (home.path / KEYS).unlink()
    with refused("state-damaged", f"{KEYS} is missing"):
        load_identity(home, world.unlock)


def test_no_file_of_a_home_holds_a_secret_in_the_clear(world: World) -> None:
    world.joined("acme-corp")
    home = world.home("acme-corp")
    identity = load_identity(home, world.unlock)
    der_of_key = identity.tls_key_pem.split(b"\n")[1]
    for path in [*world.root.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert b"PRIVATE" not in data
            assert der_of_key not in data

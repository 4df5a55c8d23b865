# SPDX-License-Identifier: Apache-2.0
"""New keys through the roster: what waits, when the home switches, what a crash leaves."""

from pathlib import Path

import pytest
from unit.trust.support import DAY, NOW_MS, NOW_S, World, refused

from psi.app import alliance
from psi.app.roster import update
from psi.trust.home import Home
from psi.trust.identity import Identity, load_identity, own_request
from psi.trust.roster_store import RosterStore
from psi.trust.rotation import RotationKind, kind_of, pending_request, rotate, settle

LATER_MS = NOW_MS + 30 * DAY * 1000


def identity(world: World, name: str = "acme") -> Identity:
    """The identity in use."""
    return load_identity(world.home(name), world.unlock)


def switch(world: World, name: str = "acme") -> bool:
    """What every use case does when it opens a home."""
    home = world.home(name)
    return settle(home, world.unlock, RosterStore(home).current())


def list_request(world: World, *, new_identity: bool = False, take: str = "acme") -> None:
    """The operator lists the waiting request; a member takes the roster."""
    request = pending_request(world.home("acme"))
    assert request is not None
    file = world.root / "next.json"
    file.write_bytes(request.to_file())
    home = world.alliance_home()
    items = alliance.read_requests(home, [file], LATER_MS, new_identity=new_identity)
    alliance.enroll(home, world.unlock, items, now_ms=LATER_MS, out_directory=world.root)
    update(world.home(take), world.root / "cti-north.roster.json")


def test_rotation_expect_old_keys_until_a_roster_lists_the_new_ones(world: World) -> None:
    world.joined("acme", "beta")
    old = identity(world)
    request = rotate(world.home("acme"), world.unlock, "tls", LATER_MS)
    assert request.certificate.spki != old.spki
    assert request.enrol.identity_key == old.signer.public_key
    assert not switch(world)
    assert identity(world).spki == old.spki
    list_request(world)
    entry = RosterStore(world.home("acme")).current().principal("acme")
    assert entry.certificates == (request.certificate.spki, old.spki)
    assert identity(world).spki == old.spki, "until somebody opens the home for use"
    assert switch(world)
    new = identity(world)
    assert new.spki == request.certificate.spki
    assert new.log_signer.public_key == old.log_signer.public_key
    assert new.ledger_id == old.ledger_id
    assert not switch(world)
    assert sorted(path.name for path in world.home("acme").identity.iterdir()) == [
        "keys.sealed",
        "request.json",
    ]


def test_rotation_again_expect_the_same_request(world: World) -> None:
    world.joined("acme")
    home = world.home("acme")
    first = rotate(home, world.unlock, "tls", NOW_MS)
    assert rotate(home, world.unlock, "tls", LATER_MS).enrol == first.enrol
    assert kind_of(home, first) == "tls"
    with refused("usage", "a rotation of another kind waits"):
        rotate(home, world.unlock, "identity", NOW_MS)
    after_expiry = first.certificate.not_after * 1000 + 1000
    assert rotate(home, world.unlock, "tls", after_expiry).enrol != first.enrol


def test_request_of_a_rotation_at_the_same_moment_expect_it_is_newer(world: World) -> None:
    world.joined("acme")
    request = rotate(world.home("acme"), world.unlock, "tls", NOW_MS - 5)
    assert request.enrol.time_ms > own_request(world.home("acme")).enrol.time_ms


def test_identity_rotation_expect_a_new_code_that_must_be_allowed(world: World) -> None:
    world.joined("acme", "beta")
    old = identity(world)
    home = world.home("acme")
    request = rotate(home, world.unlock, "identity", LATER_MS)
    assert kind_of(home, request) == "identity"
    assert request.enrol.identity_key != old.signer.public_key
    assert request.enrol.log_key == old.log_signer.public_key
    with refused("bad-request", "another identity key", "--new-identity"):
        list_request(world)
    list_request(world, new_identity=True)
    entry = RosterStore(home).current().principal("acme")
    assert entry.certificates == (request.certificate.spki,), "the old certificate goes too"
    assert switch(world)
    assert identity(world).signer.public_key == request.enrol.identity_key


def test_new_identity_under_the_key_of_another_expect_refused(world: World) -> None:
    world.joined("acme", "beta")
    world.init("other", folder="thief")
    home = world.alliance_home()
    items = alliance.read_requests(home, [world.root / "thief" / "other.request.json"], NOW_MS)
    assert [item.new_identity for item in items] == [False]


@pytest.mark.parametrize("kind", ["tls", "identity"])
def test_rotation_before_joining_expect_the_new_keys_join(world: World, kind: RotationKind) -> None:
    world.create()
    world.init("acme")
    request = rotate(world.home("acme"), world.unlock, kind, LATER_MS)
    world.request("acme").write_bytes(request.to_file())
    world.enroll("acme", now_s=LATER_MS // 1000)
    report = world.join("acme", now_s=LATER_MS // 1000)
    assert report.certificate_not_after == request.certificate.not_after
    assert identity(world).spki == request.certificate.spki
    assert pending_request(world.home("acme")) is None


def test_rotation_that_was_not_enrolled_expect_the_old_keys_join(world: World) -> None:
    world.create()
    world.init("acme")
    world.enroll("acme")
    old = identity(world)
    rotate(world.home("acme"), world.unlock, "tls", NOW_MS)
    world.join("acme")
    assert identity(world).spki == old.spki
    assert pending_request(world.home("acme")) is not None


class CutShortError(Exception):
    """The power fails here."""


@pytest.mark.parametrize("writes", range(5))
def test_switch_cut_short_expect_keys_that_open_and_a_switch_that_finishes(
    world: World, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    world.joined("acme")
    request = rotate(world.home("acme"), world.unlock, "tls", LATER_MS)
    list_request(world)
    left = writes

    def counted(name: str) -> None:
        original = getattr(Home, name)

        def step(home: Home, *arguments: object, **named: object) -> None:
            nonlocal left
            if left == 0:
                raise CutShortError
            left -= 1
            original(home, *arguments, **named)

        monkeypatch.setattr(Home, name, step)

    counted("write")
    counted("remove")
    if writes < 4:
        with pytest.raises(CutShortError):
            switch(world)
    else:
        assert switch(world)
    monkeypatch.undo()
    assert (identity(world).spki == request.certificate.spki) == (writes > 0)
    switch(world)
    assert identity(world).spki == request.certificate.spki
    assert not world.home("acme").has("identity/next.sealed")
    assert not world.home("acme").has("identity/next-request.json")


@pytest.mark.parametrize("file", ["next.sealed", "next-request.json"])
def test_waiting_file_that_was_changed_expect_not_used(world: World, file: str) -> None:
    world.joined("acme")
    rotate(world.home("acme"), world.unlock, "tls", LATER_MS)
    list_request(world)
    path: Path = world.home("acme").identity / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with refused("state-damaged", file):
        switch(world)
        identity(world)


def test_roster_with_another_new_certificate_expect_no_switch(world: World) -> None:
    world.joined("acme", "beta")
    rotate(world.home("acme"), world.unlock, "tls", LATER_MS)
    alliance.set_limits(
        world.alliance_home(), world.unlock, "acme", sessions=3, out_directory=world.root
    )
    update(world.home("acme"), world.root / "cti-north.roster.json")
    assert not switch(world)
    assert identity(world).certificate_der == own_request(world.home("acme")).enrol.certificate
    assert own_request(world.home("acme")).enrol.time_ms == NOW_S * 1000

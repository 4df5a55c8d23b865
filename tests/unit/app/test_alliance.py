# SPDX-License-Identifier: Apache-2.0
"""`overlap alliance`: who gets on the roster, who does not, and what a cut-short run leaves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.trust.support import DAY, NOW_MS, NOW_S, WEEK, World, each_flip, refused

from psi.app import alliance
from psi.crypto.signing import Signer
from psi.errors import StorageError
from psi.protocol.messages import Enrol
from psi.trust.alliance_key import load_alliance_key
from psi.trust.certificates import make_certificate, make_tls_key, spki_hash
from psi.trust.identity import load_identity
from psi.trust.requests import parse_request, sign_request
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import read_roster_file
from psi.trust.unlock import KeyFileUnlock

YEAR = 365 * DAY


def again(world: World, who: str, /, *, now_s: int = NOW_S, **changes: Any) -> None:
    """Replace a request file by one of the same identity, made at `now_s`."""
    signer = load_identity(world.home(who), world.unlock).signer
    enrol = parse_request(world.request(who).read_bytes(), "x").enrol
    changed: Enrol = replace(enrol, time_ms=now_s * 1000, **changes)
    world.request(who).write_bytes(sign_request(changed, signer))


def test_create_alliance_begins_with_roster_0_without_entries(world: World) -> None:
    report = alliance.create_alliance(
        world.root / "stick", "cti-north", unlock=world.unlock, board="board.example:9497"
    )
    trusted = alliance.show(world.alliance_home())
    roster = trusted.roster
    assert (roster.alliance, roster.serial, roster.previous) == ("cti-north", 0, None)
    assert (roster.epoch_seconds, roster.board) == (WEEK, "board.example:9497")
    assert roster.principals == ()
    assert report.code == trusted.code
    assert (report.name, report.unlock_made) == ("cti-north", True)


def test_two_alliances_have_two_keys(world: World) -> None:
    world.create("cti-north", "one")
    world.create("cti-north", "two")
    codes = {alliance.show(world.alliance_home(folder)).code for folder in ("one", "two")}
    assert len(codes) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "CTI"}, "name: expected"),
        ({"board": "board"}, "board: expected HOST:PORT"),
        ({"period_s": 0}, "period: expected 1 to 2^32 seconds, got 0"),
    ],
)
def test_create_alliance_with_bad_input_makes_nothing(
    world: World, changes: dict[str, Any], words: str
) -> None:
    arguments: dict[str, Any] = {"name": "cti-north", "unlock": world.unlock, **changes}
    with refused("usage", words):
        alliance.create_alliance(world.root / "stick", **arguments)
    assert list(world.root.iterdir()) == []


def test_create_alliance_over_a_home_refuses(world: World) -> None:
    world.create()
    with refused("home-exists"):
        world.create()


def test_enroll_lists_the_requests_with_the_default_limits(world: World) -> None:
    world.create()
    for name in ("beta-bank", "acme-corp"):
        world.init(name)
    report = world.enroll("beta-bank", "acme-corp", roles=("keyholder", "member"))
    assert (report.serial, report.n_members, report.n_key_holders, report.n_operators) == (
        1,
        2,
        2,
        0,
    )
    trusted = RosterStore(world.alliance_home()).current()
    assert [entry.name for entry in trusted.roster.principals] == ["acme-corp", "beta-bank"]
    enrol = parse_request(world.request("acme-corp").read_bytes(), "x").enrol
    entry = trusted.principal("acme-corp")
    assert (entry.identity_key, entry.log_key) == (enrol.identity_key, enrol.log_key)
    assert entry.certificates == (spki_hash(enrol.certificate),)
    assert entry.roles == ("member", "keyholder")
    assert (entry.bucket_limit, entry.budget, entry.sessions) == (131_072, 524_288, 8)
    assert entry.not_before == NOW_S - 3_600
    assert entry.not_after == NOW_S + 10 * YEAR


def test_enroll_writes_a_join_file_each_and_the_roster(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.init("cti-ops", roles=("operator",))
    report = world.enroll("acme-corp", "cti-ops")
    assert report.join_files == (
        world.root / "acme-corp.join.json",
        world.root / "cti-ops.join.json",
    )
    assert report.roster_file == world.root / "cti-north.roster.json"
    kept = RosterStore(world.alliance_home()).current()
    for file in report.join_files:
        joined = read_roster_file(file.read_bytes(), "x", "overlap-join/1")
        assert joined.roster == kept.roster
    handed_out = read_roster_file(report.roster_file.read_bytes(), "x", "overlap-roster-file/1")
    assert handed_out.signature == kept.signature
    assert (report.n_members, report.n_operators) == (1, 1)


def test_enroll_of_more_chains_the_rosters(world: World) -> None:
    world.create()
    home = world.alliance_home()
    world.init("acme-corp")
    world.enroll("acme-corp")
    first = RosterStore(home).current()
    world.init("beta-bank")
    assert world.enroll("beta-bank").serial == 2
    second = RosterStore(home).current()
    assert second.roster.previous == first.hash
    assert second.principal("acme-corp") == first.principal("acme-corp")


def test_enroll_again_with_the_same_requests_writes_the_same_files(world: World) -> None:
    world.create()
    world.init("acme-corp")
    first = world.enroll("acme-corp")
    written = first.join_files[0].read_bytes()
    first.join_files[0].unlink()
    assert world.enroll("acme-corp", now_s=NOW_S + 3_600) == first
    assert first.join_files[0].read_bytes() == written


def test_enroll_cut_short_before_the_files_are_out_is_finished_by_repeating(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    world.init("acme-corp")

    def full(path: Path, data: bytes) -> None:
        raise StorageError("no space", slug="disk-full")

    with monkeypatch.context() as patched:
        patched.setattr(alliance, "write_plain", full)
        with refused("disk-full"):
            world.enroll("acme-corp")
    stored = RosterStore(world.alliance_home()).current()
    assert stored.lists("acme-corp")
    report = world.enroll("acme-corp")
    assert report.serial == stored.roster.serial == 1
    joined = read_roster_file(report.join_files[0].read_bytes(), "x", "overlap-join/1")
    assert joined.signature == stored.signature


def test_read_requests_shows_what_would_be_listed_and_changes_nothing(world: World) -> None:
    home = world.create()
    report = world.init("acme-corp", roles=("member", "auditor"))
    pending = alliance.read_requests(home, [world.request("acme-corp")], NOW_MS)
    assert [(p.name, p.roles, p.code, p.update) for p in pending] == [
        ("acme-corp", ("member", "auditor"), report.code, False)
    ]
    assert pending[0].address == "acme-corp.example:9497"
    assert alliance.show(home).roster.serial == 0


def test_request_with_a_role_outside_the_set_gets_only_those_inside(world: World) -> None:
    home = world.create()
    world.init("acme-corp")
    again(world, "acme-corp", roles=("emperor", "member"))
    pending = alliance.read_requests(home, [world.request("acme-corp")], NOW_MS)
    assert pending[0].roles == ("member",)
    again(world, "acme-corp", roles=("emperor",))
    with refused("usage", "role: expected at least one"):
        world.enroll("acme-corp")


def test_enroll_as_operator_and_member_refuses(world: World) -> None:
    world.create()
    world.init("acme-corp")
    with refused("usage", "neither member nor key holder"):
        world.enroll("acme-corp", roles=("operator", "member"))


def test_request_whose_certificate_has_expired_refuses(world: World) -> None:
    world.create()
    world.init("acme-corp")
    with refused("bad-request", "expired 1 days ago"):
        world.enroll("acme-corp", now_s=NOW_S + YEAR + DAY + 10)
    with refused("bad-request", "becomes valid in"):
        world.enroll("acme-corp", now_s=NOW_S - DAY)


def test_request_that_was_changed_refuses(world: World) -> None:
    world.create()
    world.init("acme-corp")
    text = world.request("acme-corp").read_text()
    world.request("acme-corp").write_text(text.replace('"signature": "', '"signature": "00'))
    with refused("bad-request"):
        world.enroll("acme-corp")


def test_request_file_that_is_missing_or_another_file_refuses(world: World) -> None:
    home = world.create()
    with refused("state-damaged", "missing"):
        alliance.read_requests(home, [world.root / "none"], NOW_MS)
    world.init("acme-corp")
    world.enroll("acme-corp")
    with refused("bad-request", "another format"):
        alliance.read_requests(home, [world.root / "acme-corp.join.json"], NOW_MS)


def test_two_requests_for_one_name_refuse(world: World) -> None:
    """Together, and one after the other."""
    home = world.create()
    world.init("acme-corp")
    world.init("acme-corp", folder="twin")
    twin = world.root / "twin" / "acme-corp.request.json"
    with refused("bad-request", "the same name or with the same key"):
        alliance.read_requests(home, [world.request("acme-corp"), twin], NOW_MS)
    world.enroll("acme-corp")
    with refused("bad-request", "another identity key in roster 1", "--new-identity"):
        alliance.read_requests(home, [twin], NOW_MS)


def test_request_with_a_key_that_is_listed_for_another_name_refuses(world: World) -> None:
    home = world.create()
    world.init("acme-corp")
    world.init("beta-bank")
    world.enroll("beta-bank")
    beta = parse_request(world.request("beta-bank").read_bytes(), "x").enrol
    again(world, "acme-corp", log_key=beta.identity_key)
    with refused("bad-request", "a key that roster 1 lists for beta-bank"):
        alliance.read_requests(home, [world.request("acme-corp")], NOW_MS)


def test_one_identity_under_a_second_name_refuses(world: World) -> None:
    home = world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    alias = make_certificate("acme-two", make_tls_key(), NOW_S)
    again(world, "acme-corp", name="acme-two", certificate=alias)
    with refused("bad-request", "lists for acme-corp", "one identity has one name"):
        alliance.read_requests(home, [world.request("acme-corp")], NOW_MS)


def test_update_changes_address_and_keeps_role_limits_and_beginning(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp", roles=("member", "keyholder"))
    home = world.alliance_home()
    alliance.set_limits(home, world.unlock, "acme-corp", sessions=20, out_directory=world.root)
    before = alliance.show(home).principal("acme-corp")
    again(world, "acme-corp", now_s=NOW_S + DAY, address="moved.example:9497")
    pending = alliance.read_requests(home, [world.request("acme-corp")], (NOW_S + DAY) * 1000)
    assert pending[0].update
    assert world.enroll("acme-corp", now_s=NOW_S + DAY).serial == 3
    after = alliance.show(home).principal("acme-corp")
    assert after == replace(before, address="moved.example:9497")


def test_update_with_a_new_certificate_keeps_the_last_one_beside_it(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    home = world.alliance_home()
    ders = [alliance.show(home).certificates_of("acme-corp")[0]]
    for n in (1, 2):
        now_s = NOW_S + n * DAY
        ders.insert(0, make_certificate("acme-corp", make_tls_key(), now_s))
        again(world, "acme-corp", now_s=now_s, certificate=ders[0])
        world.enroll("acme-corp", now_s=now_s)
        assert alliance.show(home).certificates_of("acme-corp") == ders[:2]


def test_update_with_a_new_certificate_for_the_old_key_refuses(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    pem = load_identity(world.home("acme-corp"), world.unlock).tls_key_pem
    again(world, "acme-corp", certificate=make_certificate("acme-corp", pem, NOW_S + DAY - 7))
    with refused("bad-request", "has the key of its old one", "keys rotate"):
        world.enroll("acme-corp", now_s=NOW_S + DAY)


def test_older_request_of_a_listed_identity_refuses(world: World) -> None:
    """Who keeps an old request file must not be able to set an old address again."""
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    old = world.request("acme-corp").read_bytes()
    again(world, "acme-corp", now_s=NOW_S + 60, address="moved.example:9497")
    world.enroll("acme-corp")
    world.request("acme-corp").write_bytes(old)
    with refused("bad-request", "older than the one that was enrolled last"):
        world.enroll("acme-corp")


def test_older_request_of_a_removed_identity_refuses(world: World) -> None:
    """Whoever kept it could bring back an address or a TLS key that was given up."""
    world.create()
    world.init("acme-corp")
    old = world.request("acme-corp").read_bytes()
    again(world, "acme-corp", now_s=NOW_S + 9, address="new.example:9497")
    world.enroll("acme-corp")
    alliance.remove(world.alliance_home(), world.unlock, "acme-corp", out_directory=world.root)
    newest = world.request("acme-corp").read_bytes()
    world.request("acme-corp").write_bytes(old)
    with refused("bad-request", "older than the one that was enrolled last"):
        world.enroll("acme-corp")
    world.request("acme-corp").write_bytes(newest)
    assert world.enroll("acme-corp").n_members == 1


def test_request_made_in_the_future_refuses(world: World) -> None:
    """Once enrolled, no honest request of that identity would be newer."""
    world.create()
    world.init("acme-corp")
    again(world, "acme-corp", now_s=NOW_S + DAY + 1)
    with refused("bad-request", "ahead of this clock", "timedatectl"):
        world.enroll("acme-corp")
    again(world, "acme-corp", now_s=(2**64 - 1) // 1000)
    with refused("bad-request", "ahead of this clock"):
        world.enroll("acme-corp")
    again(world, "acme-corp", now_s=NOW_S + DAY)
    assert world.enroll("acme-corp").n_members == 1


def test_enroll_after_the_roster_has_changed_checks_again(world: World) -> None:
    home = world.create()
    world.init("acme-corp")
    world.init("acme-corp", folder="twin")
    twin = world.root / "twin" / "acme-corp.request.json"
    pending = alliance.read_requests(home, [twin], NOW_MS)
    world.enroll("acme-corp")
    with refused("bad-request", "another identity key"):
        alliance.enroll(home, world.unlock, pending, now_ms=NOW_MS, out_directory=world.root)


def test_set_limits_changes_those_given_and_no_other(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.init("beta-bank")
    world.enroll("acme-corp", "beta-bank")
    home = world.alliance_home()
    before = alliance.show(home)
    report = alliance.set_limits(
        home, world.unlock, "acme-corp", bucket_limit=2048, out_directory=world.root
    )
    assert report.serial == 2
    trusted = read_roster_file(report.roster_file.read_bytes(), "x", "overlap-roster-file/1")
    expected = replace(before.principal("acme-corp"), bucket_limit=2048)
    assert trusted.principal("acme-corp") == expected
    assert trusted.principal("beta-bank") == before.principal("beta-bank")
    same = alliance.set_limits(
        home, world.unlock, "acme-corp", bucket_limit=2048, out_directory=world.root
    )
    assert same.serial == 2


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"bucket_limit": 1023}, "set size: expected 1024 to 67108864, got 1023"),
        ({"bucket_limit": 2**26 + 1}, "set size"),
        ({"budget": -1}, "indicators: expected 0"),
        ({"sessions": 10_001}, "checks: expected 0 to 10000"),
    ],
)
def test_set_limits_out_of_range_refuses(world: World, limits: dict[str, int], words: str) -> None:
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    with refused("usage", words):
        alliance.set_limits(
            world.alliance_home(), world.unlock, "acme-corp", out_directory=world.root, **limits
        )


def test_set_limits_or_remove_of_an_unknown_name_refuses(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.enroll("acme-corp")
    home = world.alliance_home()
    with refused("unknown-peer", "did you mean acme-corp?"):
        alliance.set_limits(home, world.unlock, "acme", out_directory=world.root)
    with refused("unknown-peer", "no member zeta in roster 1"):
        alliance.remove(home, world.unlock, "zeta", out_directory=world.root)


def test_remove_takes_the_entry_and_its_certificate_off(world: World) -> None:
    world.create()
    world.init("acme-corp")
    world.init("beta-bank")
    world.enroll("acme-corp", "beta-bank")
    report = alliance.remove(
        world.alliance_home(), world.unlock, "acme-corp", out_directory=world.root
    )
    assert (report.serial, report.n_members) == (2, 1)
    trusted = read_roster_file(report.roster_file.read_bytes(), "x", "overlap-roster-file/1")
    assert not trusted.lists("acme-corp")
    assert len(trusted.certificates) == 1
    assert world.enroll("acme-corp").serial == 3


def test_alliance_key_with_another_unlock_file_refuses(world: World) -> None:
    home = world.create()
    other = KeyFileUnlock(world.root / "other.key")
    other.ensure()
    with refused("unlock-failed", "the alliance key is lost"):
        load_alliance_key(home, other)
    with refused("unlock-failed"):
        alliance.enroll(home, other, [], now_ms=NOW_MS, out_directory=world.root)


def test_alliance_key_after_flips_never_passes(world: World) -> None:
    home = world.create()
    signer = load_alliance_key(home, world.unlock)
    assert isinstance(signer, Signer)
    assert signer.public_key == alliance.show(home).alliance_key
    passed = each_flip(
        home.identity / "alliance.sealed", lambda: load_alliance_key(home, world.unlock)
    )
    assert passed == []

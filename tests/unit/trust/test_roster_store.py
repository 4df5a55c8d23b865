# SPDX-License-Identifier: Apache-2.0
"""Which roster a home takes: its own alliance's, newer, and never back."""

from dataclasses import replace

import pytest
from unit.trust.support import WEEK, World, each_flip, refused

from psi.crypto.signing import Signer
from psi.protocol.messages import Roster
from psi.trust.home import Home
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, sign_roster

SIGNER, OTHER = Signer(bytes(32)), Signer(bytes([1]) * 32)
FIRST = Roster(
    alliance="cti-north",
    serial=4,
    previous=None,
    epoch_seconds=WEEK,
    board="",
    principals=(),
)


def signed(body: Roster, signer: Signer = SIGNER) -> TrustedRoster:
    return sign_roster(body, signer, ())


def after(trusted: TrustedRoster, board: str = "new.example:1") -> Roster:
    body = trusted.roster
    return replace(body, serial=body.serial + 1, previous=trusted.hash, board=board)


@pytest.fixture
def home(world: World) -> Home:
    world.init("acme-corp")
    return world.home("acme-corp")


@pytest.fixture
def store(home: Home) -> RosterStore:
    store = RosterStore(home)
    store.found(signed(FIRST))
    return store


def test_current_before_joining_says_how_to(home: Home) -> None:
    store = RosterStore(home)
    assert not store.joined
    assert store.alliance_key() is None
    with refused("not-joined", "belongs to no alliance yet", "`overlap join FILE`"):
        store.current()
    with refused("not-joined"):
        store.adopt(signed(FIRST))


def test_current_after_founding_returns_the_roster(store: RosterStore, home: Home) -> None:
    for asked in (store, RosterStore(home)):
        assert asked.joined
        assert asked.alliance_key() == SIGNER.public_key
        assert asked.current().roster == FIRST


def test_adopt_of_the_next_one_puts_it_in_force_and_keeps_the_old(
    store: RosterStore, home: Home
) -> None:
    second = signed(after(store.current()))
    old = (home.alliance / "roster-4.json").read_bytes()
    assert store.adopt(second).roster.serial == 5
    assert RosterStore(home).current().roster == second.roster
    assert (home.alliance / "roster-4.json").read_bytes() == old
    assert (home.alliance / "roster-5.json").exists()


def test_adopt_of_a_much_later_one_is_possible(store: RosterStore) -> None:
    later = replace(FIRST, serial=40, previous=bytes(32))
    assert store.adopt(signed(later)).roster.serial == 40


def test_adopt_of_the_same_one_changes_nothing(store: RosterStore, home: Home) -> None:
    before = (home.alliance / "roster.json").stat().st_ino
    assert store.adopt(signed(FIRST)).roster == FIRST
    assert (home.alliance / "roster.json").stat().st_ino == before


def test_adopt_of_an_older_one_refuses(store: RosterStore) -> None:
    first = store.current()
    store.adopt(signed(after(first)))
    with refused("bad-roster", "roster 4 is older than roster 5, which this home has"):
        store.adopt(first)
    with refused("bad-roster", "older"):
        store.found(first)
    assert store.current().roster.serial == 5


def test_adopt_of_another_one_with_the_same_serial_refuses(store: RosterStore) -> None:
    with refused("bad-roster", "differs from the roster 4", "two different rosters"):
        store.adopt(signed(replace(FIRST, board="evil.example:1")))


def test_adopt_of_a_next_one_that_follows_another_refuses(store: RosterStore) -> None:
    fork = replace(after(store.current()), previous=bytes(32))
    with refused("bad-roster", "roster 5 does not follow the roster 4"):
        store.adopt(signed(fork))
    with refused("bad-roster", "does not follow"):
        store.adopt(signed(replace(fork, previous=None)))


@pytest.mark.parametrize("changes", [{"epoch_seconds": 86_400}, {"alliance": "cti-south"}])
def test_adopt_of_one_that_changes_what_is_fixed_refuses(
    store: RosterStore, changes: dict[str, object]
) -> None:
    body = after(store.current())
    with refused("bad-roster", "which are fixed"):
        store.adopt(signed(replace(body, **changes)))  # type: ignore[arg-type]  # either field


def test_adopt_of_another_alliances_refuses(store: RosterStore) -> None:
    stranger = signed(after(store.current()), OTHER)
    for attempt in (store.adopt, store.found, store.check_alliance):
        with refused("bad-roster", "another alliance's key", stranger.code):
            attempt(stranger)
    assert store.current().roster == FIRST


def test_adopt_of_a_forged_one_refuses(store: RosterStore) -> None:
    good = signed(after(store.current()))
    forged = replace(good, roster=replace(good.roster, board="evil.example:1"))
    for attempt in (store.adopt, store.found):
        with refused("bad-roster", "not signed with the alliance key"):
            attempt(forged)
    assert store.current().roster == FIRST


def test_current_sees_what_another_process_has_adopted(store: RosterStore, home: Home) -> None:
    assert store.current() is store.current()
    RosterStore(home).adopt(signed(after(store.current())))
    assert store.current().roster.serial == 5


def test_current_when_a_join_was_cut_short_is_not_joined(home: Home) -> None:
    store = RosterStore(home)
    store.found(signed(FIRST))
    (home.alliance / "roster.json").unlink()
    with refused("not-joined"):
        store.current()
    with refused("bad-roster", "another alliance's key"):
        store.found(signed(FIRST, OTHER))
    store.found(signed(FIRST))
    assert store.current().roster == FIRST


def test_current_when_the_file_is_another_alliances_refuses(store: RosterStore, home: Home) -> None:
    home.write("alliance/roster.json", signed(FIRST, OTHER).to_file())
    with refused("state-damaged", "not of the alliance that this home has joined"):
        store.current()


@pytest.mark.parametrize("file", ["alliance/roster.json", "alliance/alliance.json"])
def test_current_after_flips_is_the_same_or_refused(world: World, file: str) -> None:
    world.joined("acme-corp")
    home = world.home("acme-corp")
    before = RosterStore(home).current()
    passed = each_flip(home.path / file, lambda: RosterStore(home).current())
    for _, again in passed:
        assert isinstance(again, TrustedRoster)
        assert (again.roster, again.alliance_key) == (before.roster, before.alliance_key)


@pytest.mark.parametrize("file", ["alliance/roster.json", "alliance/alliance.json"])
def test_current_when_a_file_is_open_to_others_refuses(home: Home, file: str) -> None:
    RosterStore(home).found(signed(FIRST))
    (home.path / file).chmod(0o644)
    with refused("open-permissions", file):
        RosterStore(home).current()


def test_current_when_damaged_names_the_file(store: RosterStore, home: Home) -> None:
    (home.alliance / "roster.json").write_bytes(b"{}")
    with refused("state-damaged", "alliance/roster.json", "backup"):
        store.current()

# SPDX-License-Identifier: Apache-2.0
"""`overlap roster`: what is in force, and what a newer file changes."""

import pytest
from unit.trust.support import DAY, NOW_S, World, refused

from psi.app import alliance, roster
from psi.crypto.signing import verification_code


@pytest.fixture
def joined(world: World) -> World:
    return world.joined("acme-corp", "beta-bank")


def test_show_lists_every_entry_with_its_code(joined: World) -> None:
    view = roster.show(joined.home("acme-corp"))
    trusted = alliance.show(joined.alliance_home())
    assert (view.alliance, view.serial, view.hash) == ("cti-north", 1, trusted.hash)
    assert (view.code, view.board) == (trusted.code, "board.example:9497")
    assert [(item.entry.name, item.own) for item in view.entries] == [
        ("acme-corp", True),
        ("beta-bank", False),
    ]
    for item in view.entries:
        assert item.code == verification_code(item.entry.identity_key)
        assert item.certificates_not_after == (NOW_S + 365 * DAY,)


def test_show_of_one_name_returns_it_alone(joined: World) -> None:
    view = roster.show(joined.home("acme-corp"), "beta-bank")
    assert [item.entry.name for item in view.entries] == ["beta-bank"]
    with refused("unknown-peer", "did you mean beta-bank?"):
        roster.show(joined.home("acme-corp"), "beta")


def test_show_and_update_before_joining_refuse(world: World) -> None:
    world.create()
    world.init("acme-corp")
    report = world.enroll("acme-corp")
    with refused("not-joined"):
        roster.show(world.home("acme-corp"))
    with refused("not-joined"):
        roster.update(world.home("acme-corp"), report.roster_file)


def test_update_says_who_came_who_went_and_who_changed(joined: World) -> None:
    home, offline = joined.home("acme-corp"), joined.alliance_home()
    joined.init("delta-energy")
    joined.enroll("delta-energy")
    alliance.set_limits(offline, joined.unlock, "acme-corp", budget=1, out_directory=joined.root)
    last = alliance.remove(offline, joined.unlock, "beta-bank", out_directory=joined.root)
    assert roster.update(home, last.roster_file) == roster.UpdateReport(
        old_serial=1,
        serial=4,
        added=("delta-energy",),
        removed=("beta-bank",),
        changed=("acme-corp",),
        listed=True,
    )
    assert roster.show(home).serial == 4


def test_update_that_removes_us_is_adopted_and_says_so(joined: World) -> None:
    report = alliance.remove(
        joined.alliance_home(), joined.unlock, "acme-corp", out_directory=joined.root
    )
    update = roster.update(joined.home("acme-corp"), report.roster_file)
    assert (update.removed, update.listed) == (("acme-corp",), False)


def test_update_with_the_same_file_changes_nothing(joined: World) -> None:
    update = roster.update(joined.home("acme-corp"), joined.root / "cti-north.roster.json")
    assert (update.old_serial, update.serial) == (1, 1)
    assert (update.added, update.removed, update.changed) == ((), (), ())


def test_update_with_an_older_file_refuses_and_keeps_the_roster(joined: World) -> None:
    home = joined.home("acme-corp")
    file = joined.root / "cti-north.roster.json"
    old = file.read_bytes()
    joined.init("delta-energy")
    roster.update(home, joined.enroll("delta-energy").roster_file)
    file.write_bytes(old)
    with refused("bad-roster", "roster 1 is older than roster 2, which this home has"):
        roster.update(home, file)
    assert roster.show(home).serial == 2


def test_update_with_another_alliances_roster_refuses(joined: World) -> None:
    joined.create("cti-south", "other-stick")
    report = joined.enroll("acme-corp", folder="other-stick")
    with refused("bad-roster", "another alliance's key"):
        roster.update(joined.home("acme-corp"), report.roster_file)


def test_update_with_a_join_file_says_which_file_to_use(joined: World) -> None:
    with refused("bad-roster", "expected a roster file, got a join file"):
        roster.update(joined.home("acme-corp"), joined.root / "acme-corp.join.json")

# SPDX-License-Identifier: Apache-2.0
"""`overlap join`: only an alliance that lists this very identity, only once, never back."""

from dataclasses import replace

import pytest
from unit.trust.support import DAY, EPOCH, NOW_MS, NOW_S, WEEK, World, refused

from psi.app import join
from psi.protocol.sizes import epoch_of
from psi.trust.certificates import make_certificate, make_tls_key, validity
from psi.trust.identity import load_identity, own_request
from psi.trust.master import load_master
from psi.trust.requests import sign_request
from psi.trust.roster_store import RosterStore
from psi.trust.unlock import KeyFileUnlock

FILE = "acme-corp.join.json"


@pytest.fixture
def ready(world: World) -> World:
    """An alliance of three, enrolled, none of which has joined."""
    world.create()
    for name in ("acme-corp", "beta-bank"):
        world.init(name)
    world.init("cti-ops", roles=("operator",))
    world.enroll("acme-corp", "beta-bank", "cti-ops")
    return world


def test_read_join_shows_the_alliance_and_changes_nothing(ready: World) -> None:
    home = ready.home("acme-corp")
    pending = join.read_join(home, ready.root / FILE)
    assert pending.alliance == "cti-north"
    assert pending.code == RosterStore(ready.alliance_home()).current().code
    assert (pending.peers, pending.operators) == (("beta-bank",), ("cti-ops",))
    assert not RosterStore(home).joined
    assert list(home.alliance.iterdir()) == []


def test_accept_join_makes_the_home_a_member(ready: World) -> None:
    report = ready.join("acme-corp")
    home = ready.home("acme-corp")
    identity = load_identity(home, ready.unlock)
    assert (report.alliance, report.serial) == ("cti-north", 1)
    assert report.certificate_not_after == validity(identity.certificate_der)[1]
    assert (report.bucket_limit, report.budget, report.sessions) == (131_072, 524_288, 8)
    kept = RosterStore(ready.alliance_home()).current()
    assert RosterStore(home).current().hash == kept.hash
    assert RosterStore(home).alliance_key() == kept.alliance_key


def test_accept_join_makes_the_master_of_the_running_week(ready: World) -> None:
    assert epoch_of(NOW_S, WEEK) == EPOCH
    ready.join("acme-corp")
    home = ready.home("acme-corp")
    assert len(load_master(home, ready.unlock, "cti-north", EPOCH)) == 32
    with refused("clock-skew"):
        load_master(home, ready.unlock, "cti-north", EPOCH - 1)


def test_accept_join_twice_keeps_master_and_roster(ready: World) -> None:
    first = ready.join("acme-corp")
    home = ready.home("acme-corp")
    master = load_master(home, ready.unlock, "cti-north", EPOCH)
    assert ready.join("acme-corp", NOW_S + DAY) == first
    assert load_master(home, ready.unlock, "cti-north", EPOCH) == master


def test_accept_join_after_one_that_was_cut_short_keeps_the_master(ready: World) -> None:
    ready.join("acme-corp")
    home = ready.home("acme-corp")
    master = load_master(home, ready.unlock, "cti-north", EPOCH)
    (home.alliance / "roster.json").unlink()
    ready.join("acme-corp")
    assert load_master(home, ready.unlock, "cti-north", EPOCH) == master


def test_accept_join_again_makes_no_new_ledger(ready: World) -> None:
    """A lost ledger must begin with its budgets used up, which is for `serve` to see."""
    ready.join("acme-corp")
    ledger = ready.home("acme-corp").state / join.LEDGER_FILE
    assert ledger.exists()
    for file in ledger.parent.glob(f"{ledger.name}*"):
        file.unlink()
    ready.join("acme-corp")
    assert not ledger.exists()


def test_accept_join_again_makes_a_lost_master_anew(ready: World) -> None:
    ready.join("acme-corp")
    home = ready.home("acme-corp")
    lost = load_master(home, ready.unlock, "cti-north", EPOCH)
    (home.state / "master.sealed").unlink()
    with refused("state-damaged", "master.sealed is missing", "`overlap join FILE` again"):
        load_master(home, ready.unlock, "cti-north", EPOCH)
    ready.join("acme-corp")
    assert load_master(home, ready.unlock, "cti-north", EPOCH) != lost


def test_join_with_another_members_file_joins_all_the_same(ready: World) -> None:
    """A join file holds the whole roster and no secret; only who it lists counts."""
    home = ready.home("acme-corp")
    assert join.read_join(home, ready.root / "beta-bank.join.json").alliance == "cti-north"


def test_join_of_an_alliance_that_does_not_list_us_refuses(ready: World) -> None:
    ready.init("delta-energy")
    with refused("not-a-member", "roster 1 of cti-north does not list delta-energy"):
        join.read_join(ready.home("delta-energy"), ready.root / FILE)


def test_join_when_another_identity_has_our_name_refuses(ready: World) -> None:
    ready.init("acme-corp", folder="twin")
    with refused("bad-roster", "lists acme-corp with another identity key", "compare your code"):
        join.read_join(ready.home("twin"), ready.root / FILE)


def test_join_when_another_certificate_is_listed_refuses(ready: World) -> None:
    home = ready.home("acme-corp")
    signer = load_identity(home, ready.unlock).signer
    enrol = own_request(home).enrol
    other = make_certificate("acme-corp", make_tls_key(), NOW_S + 5)
    home.write("identity/request.json", sign_request(replace(enrol, certificate=other), signer))
    with refused("bad-roster", "lists acme-corp with another certificate"):
        join.read_join(home, ready.root / FILE)


def test_join_of_a_forged_file_refuses(ready: World) -> None:
    """The forger re-signs with its own key: the file holds, the code is another one."""
    home = ready.home("acme-corp")
    text = (ready.root / FILE).read_text()
    key = RosterStore(ready.alliance_home()).current().alliance_key.hex()
    (ready.root / FILE).write_text(text.replace(key, "11" * 32))
    with refused("bad-roster", "not signed with the alliance key"):
        join.read_join(home, ready.root / FILE)


def test_join_of_the_roster_file_says_which_file_to_use(ready: World) -> None:
    with refused("bad-roster", "expected a join file, got a roster file"):
        join.read_join(ready.home("acme-corp"), ready.root / "cti-north.roster.json")


def test_join_of_a_second_alliance_refuses(ready: World) -> None:
    ready.join("acme-corp")
    ready.create("cti-south", "other-stick")
    ready.enroll("acme-corp", folder="other-stick")
    home = ready.home("acme-corp")
    with refused("bad-roster", "another alliance's key", "from a second home"):
        join.read_join(home, ready.root / FILE)
    assert RosterStore(home).current().roster.alliance == "cti-north"


def test_join_with_an_older_file_than_the_roster_in_force_refuses(ready: World) -> None:
    old = (ready.root / FILE).read_bytes()
    ready.init("delta-energy")
    ready.enroll("delta-energy", "acme-corp")
    ready.join("acme-corp")
    (ready.root / FILE).write_bytes(old)
    with refused("bad-roster", "roster 1 is older than roster 2"):
        ready.join("acme-corp")
    assert RosterStore(ready.home("acme-corp")).current().roster.serial == 2


def test_join_with_an_expired_certificate_refuses(ready: World) -> None:
    with refused("own-cert-expired", "your certificate expired 2 days ago", "keys rotate"):
        ready.join("acme-corp", NOW_S + 367 * DAY + 5)
    assert not RosterStore(ready.home("acme-corp")).joined


def test_join_with_another_unlock_file_changes_nothing(ready: World) -> None:
    home = ready.home("acme-corp")
    pending = join.read_join(home, ready.root / FILE)
    other = KeyFileUnlock(ready.root / "other.key")
    other.ensure()
    with refused("unlock-failed"):
        join.accept_join(home, pending, other, NOW_MS)
    assert not RosterStore(home).joined
    assert not home.has("state/master.sealed")

# SPDX-License-Identifier: Apache-2.0
"""What `status` finds wrong with a home, the worst first."""

from pathlib import Path

import pytest
from unit.trust.support import DAY, NOW_S, World, refused

from psi.app import alliance
from psi.app.clock import Clock
from psi.app.keys import rotate_keys
from psi.app.roster import update
from psi.app.status import StatusReport, read_status
from psi.store.ledger import SqliteLedger
from psi.trust.home import Home


def status(world: World, now_s: int = NOW_S, peer: str | None = None) -> StatusReport:
    return read_status(world.home("acme"), peer, Clock(now_ms=lambda: now_s * 1000))


def findings(world: World, now_s: int = NOW_S) -> list[tuple[str, str]]:
    return [(each.level, each.text) for each in status(world, now_s).findings]


@pytest.fixture
def acme(world: World, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in an alliance with beta and an operator; the disk is large."""
    world.create()
    for name, roles in (("acme", ("member",)), ("beta", ("member",)), ("ops", ("operator",))):
        world.init(name, roles=roles)
    world.enroll("acme", "beta", "ops")
    world.join("acme")
    monkeypatch.setattr("psi.app.status.shutil.disk_usage", lambda _path: Space)
    return world.home("acme")


class Space:
    free = 10**12


def test_new_home_expect_nothing_wrong(world: World, acme: Home) -> None:
    report = status(world)
    assert report.findings == ()
    assert [peer.name for peer in report.peers] == ["beta"], "an operator is no peer to check with"
    assert (report.roster, report.period, report.log.records) == (1, 2968, 1)
    beta = report.peers[0]
    assert beta.limits is not None
    assert (beta.used_checks, beta.limits.checks, beta.left_with_it) == (0, 8, None)
    assert status(world, peer="beta").peers == report.peers
    with refused("unknown-peer", "did you mean beta?"):
        status(world, peer="betta")


def test_certificates_expect_warned_a_month_before_and_an_error_afterwards(
    world: World, acme: Home
) -> None:
    assert findings(world, NOW_S + 330 * DAY) == []
    soon = findings(world, NOW_S + 336 * DAY)
    assert [level for level, _ in soon] == ["warning", "warning"]
    assert soon[0][1].startswith("your certificate expires 2027-11-24, in 29 days")
    assert soon[1][1].startswith("the certificate of beta expires 2027-11-24")
    late = findings(world, NOW_S + 367 * DAY)
    assert [level for level, _ in late] == ["error", "error"]
    assert "`overlap keys rotate`" in late[0][1]


def test_several_faults_expect_errors_before_warnings(
    world: World, acme: Home, tmp_path: Path
) -> None:
    rotate_keys(acme, world.unlock, "tls", NOW_S * 1000, tmp_path)
    (acme.evidence / "bad-proof-1.json").write_text("{}")
    acme.policy_path.write_text("version = 2\n")
    (acme.path / "audit" / "log.jsonl").write_bytes(b"oops\n")
    found = findings(world)
    assert [level for level, _ in found] == ["error", "error", "warning", "warning"]
    assert found[0][1] == "policy.toml line 1: version: expected 1, got 2"
    assert found[1][1] == "the audit log was changed: record 1 was edited: its line can't be read"
    assert found[2][1].startswith("new keys wait")
    assert found[3][1].startswith("1 file of evidence")
    assert status(world).peers[0].limits is None, "without a policy nobody may ask"


def test_ledger_that_is_missing_or_lost_expect_an_error(world: World, acme: Home) -> None:
    path = acme.state / "ledger.sqlite3"
    ledger = SqliteLedger.look(path)
    assert ledger is not None
    ledger.exhaust(2968)
    ledger.close()
    assert findings(world)[0] == (
        "error",
        "the ledger was lost: nothing is answered until the next period",
    )
    for file in acme.state.glob("ledger.sqlite3*"):
        file.unlink()
    assert "the ledger is missing" in findings(world)[0][1]
    assert not path.exists(), "looking makes no ledger"


def test_little_space_expect_a_warning(
    world: World, acme: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Space, "free", 5 * 10**8)
    assert [text[:6] for _, text in findings(world)] == ["500 MB"]


def test_home_that_was_removed_from_the_roster_expect_an_error(world: World, acme: Home) -> None:
    alliance.remove(world.alliance_home(), world.unlock, "acme", out_directory=world.root)
    update(acme, world.root / "cti-north.roster.json")
    assert findings(world)[0] == ("error", "roster 2 does not list acme")

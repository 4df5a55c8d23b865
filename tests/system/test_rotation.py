# SPDX-License-Identifier: Apache-2.0
"""Keys are replaced while a server runs and a client has an unfinished run."""

import json
import signal
from pathlib import Path

import pytest
from system.support import FAULTY, Alliance

from psi.app.alliance import enroll, read_requests
from psi.app.clock import Clock
from psi.app.keys import rotate_keys
from psi.trust.home import Home
from psi.trust.rotation import RotationKind


def list_new_keys(alliance: Alliance, name: str, kind: RotationKind) -> Path:
    """A member makes new keys, and the operator lists them."""
    now_ms = Clock().now_ms()
    home = Home.open(alliance.home(name))
    report = rotate_keys(home, alliance.unlock, kind, now_ms, alliance.folder)
    pending = read_requests(
        alliance.alliance, [report.request_file], now_ms, new_identity=kind == "identity"
    )
    enroll(
        alliance.alliance, alliance.unlock, pending, now_ms=now_ms, out_directory=alliance.folder
    )
    return alliance.folder / "cti-test.roster.json"


def update(alliance: Alliance, name: str, roster: Path) -> None:
    """`overlap roster update`."""
    home = str(alliance.home(name))
    assert alliance.run("roster", "update", str(roster), "--home", home).code == 0


def spki_in_use(alliance: Alliance, name: str) -> str:
    """The key of the certificate that a home uses."""
    shown = alliance.run("keys", "show", "--home", str(alliance.home(name)), "--json").object
    return str(shown["certificate"]["spki"])


@pytest.mark.parametrize("kind", ["tls", "identity"])
def test_server_that_runs_switches_to_its_new_keys_without_a_restart(
    alliance: Alliance, kind: RotationKind
) -> None:
    """A check before, between and after; the same period, the same budget, no restart."""
    feed = alliance.feed("feed", ["evil.org", "worse.org"])
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen).object["count"] == 2
    before = spki_in_use(alliance, "beta-bank")
    roster = list_new_keys(alliance, "beta-bank", kind)
    assert alliance.check(feed, address=server.listen).object["count"] == 2
    assert spki_in_use(alliance, "beta-bank") == before, "nobody has the new roster yet"
    update(alliance, "acme-corp", roster)
    update(alliance, "beta-bank", roster)
    after = alliance.check(feed, address=server.listen)
    assert (after.code, after.object["count"]) == (0, 2), after.err
    assert spki_in_use(alliance, "beta-bank") != before
    server.wait_for("new keys are in use")
    assert after.object["budget"]["checks_left"] == 5
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("reloaded")
    assert alliance.check(feed, address=server.listen).code == 0
    assert server.stop() == 0


@pytest.mark.parametrize("kind", ["tls", "identity"])
def test_server_whose_home_was_switched_by_another_process_follows(
    alliance: Alliance, kind: RotationKind
) -> None:
    """A `ping` of the same home was first to open it with the new roster."""
    feed = alliance.feed("feed", ["evil.org"])
    server = alliance.serve("beta-bank", feed)
    roster = list_new_keys(alliance, "beta-bank", kind)
    update(alliance, "acme-corp", roster)
    update(alliance, "beta-bank", roster)
    alliance.run("ping", "acme-corp", *alliance.words("beta-bank"))
    result = alliance.check(feed, address=server.listen)
    assert (result.code, result.object["count"]) == (0, 1), result.err
    server.wait_for("new keys are in use")


def test_client_with_a_new_tls_key_continues_its_unfinished_run(alliance: Alliance) -> None:
    """The run is the identity's, not the certificate's."""
    ours = alliance.feed("ours", [f"host-{n}.evil.org" for n in range(9000)])
    server = alliance.serve("beta-bank", ours)
    fault = {"OVERLAP_TEST_FAULT": "kill-after-keep:2"}
    alliance.check(ours, address=server.listen, command=FAULTY, environment=fault)
    roster = list_new_keys(alliance, "acme-corp", "tls")
    update(alliance, "beta-bank", roster)
    update(alliance, "acme-corp", roster)
    result = alliance.check(ours, address=server.listen)
    assert (result.code, result.object["resumed"]) == (0, True), result.err


def test_client_with_a_new_identity_begins_anew_and_says_what_was_lost(
    alliance: Alliance,
) -> None:
    """What the old identity has signed holds no more; the peer is not blamed for it."""
    ours = alliance.feed("ours", [f"host-{n}.evil.org" for n in range(9000)])
    server = alliance.serve("beta-bank", ours)
    fault = {"OVERLAP_TEST_FAULT": "kill-after-keep:2"}
    alliance.check(ours, address=server.listen, command=FAULTY, environment=fault)
    roster = list_new_keys(alliance, "acme-corp", "identity")
    update(alliance, "beta-bank", roster)
    update(alliance, "acme-corp", roster)
    result = alliance.check(ours, address=server.listen)
    assert (result.code, result.object["resumed"]) == (0, False), result.err
    assert "was begun with keys that were replaced since" in result.err
    assert result.object["count"] == 9000


def test_client_that_takes_the_roster_from_its_peer_switches_during_the_check(
    alliance: Alliance,
) -> None:
    """The peer was first to have it; the same command uses the new keys at once."""
    feed = alliance.feed("feed", ["evil.org"])
    server = alliance.serve("beta-bank", feed)
    before = spki_in_use(alliance, "acme-corp")
    roster = list_new_keys(alliance, "acme-corp", "tls")
    update(alliance, "beta-bank", roster)
    result = alliance.check(feed, address=server.listen)
    assert (result.code, result.object["count"]) == (0, 1), result.err
    assert spki_in_use(alliance, "acme-corp") != before
    assert json.loads(result.out)["end"] == "done"

# SPDX-License-Identifier: Apache-2.0
"""Checks between real processes: what comes out, what each side sees, what failures say."""

import base64
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from system.support import FAULTY, Alliance, plain_values

from psi.app.alliance import set_limits

FEEDS = Path(__file__).parents[3] / "shared" / "data"


def hosts(first: int, count: int) -> list[str]:
    return [f"host-{number}.evil.org" for number in range(first, first + count)]


def budget_left(alliance: Alliance, address: str) -> tuple[int, int]:
    """(checks, indicators) that are left, as `ping` is told by the server."""
    words = ["ping", "beta-bank", *alliance.words("acme-corp"), "--address", address, "--json"]
    stages = {s["name"]: s["seen"] for s in alliance.run(*words).object["stages"]}
    numbers = [int(word) for word in stages["budget"].replace(",", "").split() if word.isdigit()]
    return numbers[0], numbers[2]


def test_check_of_messy_feeds_equals_plain_intersection(alliance: Alliance) -> None:
    """Defanged, re-cased, with ports, in two formats: the overlap is that of the canonical sets."""
    ours = alliance.feed(
        "ours",
        ["hxxps://Evil[.]org/a", "8.8.4.4:443", "MAIL[.]evil(dot)org", "# note", "x" * 64],
    )
    theirs = alliance.folder / "theirs.csv"
    theirs.write_text(
        "indicator,type\nhttp://evil.org/a,url\n8.8.4.4,ip\nmail.evil.org,domain\n1.1.1.1,ip\n"
    )
    server = alliance.serve("beta-bank", theirs)
    result = alliance.check(ours, address=server.listen)
    assert result.code == 0, result.err
    assert result.matches == plain_values(ours) & plain_values(theirs)
    assert result.object["count"] == 3
    assert result.object["proofs_verified"] is True
    sources = {m["value"]: m["sources"] for m in result.object["intersection"]}
    assert sources["8.8.4.4"] == [{"as_written": "8.8.4.4:443", "file": str(ours), "line": 2}]
    assert server.stop() == 0


@pytest.mark.parametrize("pair", ["signature-base volexity", "volexity avast"])
def test_check_of_real_feeds_equals_plain_intersection(alliance: Alliance, pair: str) -> None:
    """Real feeds, where they are at hand."""
    ours, theirs = (FEEDS / name for name in pair.split())
    if not ours.is_dir():
        pytest.skip("no real feeds beside the project")
    server = alliance.serve("beta-bank", theirs)
    result = alliance.check(ours, address=server.listen)
    assert result.code == 0, result.err
    expected = plain_values(ours) & plain_values(theirs)
    assert expected
    assert result.matches == expected


def test_one_indicator_against_one_indicator(alliance: Alliance) -> None:
    """The smallest check, with and without a match."""
    one = alliance.feed("one", ["evil.org"])
    other = alliance.feed("other", ["good.org"])
    server = alliance.serve("beta-bank", one)
    assert alliance.check(one, address=server.listen).object["count"] == 1
    empty = alliance.check(other, address=server.listen)
    assert (empty.code, empty.object["count"], empty.object["intersection"]) == (0, 0, [])


def test_peer_sees_and_keeps_nothing_of_the_clients_indicators(alliance: Alliance) -> None:
    """All bytes that the server receives, decrypted, and all files that it has written."""
    planted = {
        "canary-7f3a9b.evil.org": "domain:canary-7f3a9b.evil.org",
        "203.0.114.77": "ip:203.0.114.77",
        "http://evil.org/canary/5e1d": "url:http://evil.org/canary/5e1d",
        "ab12" * 16: "hex64:" + "ab12" * 16,
    }
    capture = alliance.folder / "received.bin"
    server = alliance.serve(
        "beta-bank",
        alliance.feed("theirs", ["203.0.114.77", *hosts(0, 50)]),
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": f"capture:{capture}"},
    )
    # In a folder that the server has no part in; what the client writes is not searched.
    result = alliance.check(alliance.feed("ours", planted), address=server.listen)
    assert result.object["count"] == 1
    server.stop()
    received = capture.read_bytes()
    assert len(received) > 1024 * 32, "the capture holds the blinded elements"
    seen = received + server.log.read_bytes()
    for path in alliance.home("beta-bank").rglob("*"):
        if path.is_file():
            seen += path.read_bytes()
    for raw, canonical in planted.items():
        for text in (raw, canonical):
            for form in spellings(text.encode()):
                assert form not in seen


def spellings(value: bytes) -> set[bytes]:
    """Raw, hex and base64 at each of its three alignments."""
    encoded = {base64.b64encode(bytes(n) + value)[4 if n else 0 : -4] for n in range(3)}
    return {value, value.hex().encode(), value.upper(), *encoded}


def test_server_killed_after_recording_and_restarted_finishes_without_a_second_charge(
    alliance: Alliance,
) -> None:
    """The ledger has the answer that was never sent; the same command continues the run."""
    ours, theirs = alliance.feed("ours", hosts(0, 9000)), alliance.feed("theirs", hosts(8000, 2000))
    dying = alliance.serve(
        "beta-bank",
        theirs,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-before-answer:2"},
    )
    broken = alliance.check(ours, address=dying.listen, flags=["--timeout", "2s"])
    assert broken.code == 6
    assert broken.error["error"] == "stalled"
    assert "nothing is charged twice" in broken.error["hint"]
    assert dying.stop() == -signal.SIGKILL
    again = alliance.serve("beta-bank", theirs, listen=dying.listen)
    result = alliance.check(ours, address=again.listen)
    assert result.code == 0, result.err
    assert result.object["resumed"] is True
    assert result.matches == plain_values(ours) & plain_values(theirs)
    assert budget_left(alliance, again.listen) == (7, 524_288 - 10_240)


def test_client_killed_in_the_middle_continues_from_what_it_has_kept(alliance: Alliance) -> None:
    """Parts that were paid for are not asked again."""
    ours, theirs = alliance.feed("ours", hosts(0, 9000)), alliance.feed("theirs", hosts(8000, 2000))
    server = alliance.serve("beta-bank", theirs)
    killed = alliance.check(
        ours,
        address=server.listen,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-after-keep:2"},
    )
    assert killed.code == -signal.SIGKILL
    result = alliance.check(ours, address=server.listen)
    assert result.object["resumed"] is True
    assert "2 of 3 parts are kept and paid for" in result.err
    assert result.object["bytes"]["sent"] < 5000 * 32
    assert result.matches == plain_values(ours) & plain_values(theirs)
    assert budget_left(alliance, server.listen) == (7, 524_288 - 10_240)


def test_run_with_a_changed_set_is_a_new_one_and_says_what_the_old_had_cost(
    alliance: Alliance,
) -> None:
    """A seed is never used for two sets."""
    theirs = alliance.feed("theirs", hosts(0, 100))
    server = alliance.serve("beta-bank", theirs)
    alliance.check(
        alliance.feed("ours", hosts(0, 2000)),
        address=server.listen,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-after-keep:1"},
    )
    result = alliance.check(alliance.feed("ours", hosts(1, 2000)), address=server.listen)
    assert result.object["resumed"] is False
    assert "was for another set" in result.err
    assert result.object["count"] == 99
    assert budget_left(alliance, server.listen)[0] == 6


def test_stopped_peer_is_named_and_the_run_continues_afterwards(alliance: Alliance) -> None:
    """SIGSTOP in the middle: the client says so in time, and goes on when the peer does."""
    ours, theirs = alliance.feed("ours", hosts(0, 9000)), alliance.feed("theirs", hosts(8000, 2000))
    server = alliance.serve(
        "beta-bank",
        theirs,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "stop-before-answer:2"},
    )
    broken = alliance.check(ours, address=server.listen, flags=["--timeout", "2s"])
    assert broken.error["error"] == "stalled"
    assert broken.code == 6
    server.process.send_signal(signal.SIGCONT)
    result = alliance.check(ours, address=server.listen)
    assert result.object["resumed"] is True
    assert result.matches == plain_values(ours) & plain_values(theirs)


def test_set_is_read_anew_on_sighup(alliance: Alliance) -> None:
    """The next check sees the new set; a set that can't be used leaves the old one."""
    theirs = alliance.feed("theirs", hosts(0, 10))
    ours = alliance.feed("ours", hosts(0, 20))
    server = alliance.serve("beta-bank", theirs)
    assert alliance.check(ours, address=server.listen).object["count"] == 10
    alliance.feed("theirs", hosts(0, 15))
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("reloaded: peers see")
    assert alliance.check(ours, address=server.listen).object["count"] == 15
    theirs.unlink()
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("not reloaded")
    assert alliance.check(ours, address=server.listen).object["count"] == 15
    assert server.stop() == 0


def test_budget_used_up_says_when_it_renews(make_alliance: Callable[..., Alliance]) -> None:
    """Over a restart of the server as well."""
    alliance = make_alliance(limits={"sessions": 1})
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen).code == 0
    server.stop()
    server = alliance.serve("beta-bank", feed)
    refused = alliance.check(feed, address=server.listen)
    assert refused.code == 4
    assert refused.error["error"] == "budget-exhausted"
    assert "1 of 1 checks this week" in refused.error["message"]
    assert "it renews Mon " in refused.error["hint"]
    assert isinstance(refused.error["renews_at"], (int, str))


def test_lost_ledger_is_a_used_up_budget(alliance: Alliance) -> None:
    """What was charged is not known any more, so nothing is answered in this period."""
    feed = alliance.feed("feed", hosts(0, 10))
    for file in alliance.home("beta-bank").glob("state/ledger.sqlite3*"):
        file.unlink()
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen).error["error"] == "budget-exhausted"


def test_set_over_the_limit_is_refused_before_anything_is_sent(
    make_alliance: Callable[..., Alliance],
) -> None:
    """Both when we ask and when we would serve."""
    alliance = make_alliance(limits={"bucket_limit": 1024})
    feed = alliance.feed("feed", hosts(0, 1100))
    refused = alliance.check(feed, address="127.0.0.1:9")
    assert refused.code == 4
    assert refused.error["error"] == "set-too-large"
    assert "1,100 indicators; cti-test allows acme-corp 1,024" in refused.error["message"]


def test_different_rules_are_named(alliance: Alliance) -> None:
    """Which rule, and what it is on each side."""
    policy = alliance.home("acme-corp") / "policy.toml"
    policy.write_text(policy.read_text().replace('expand_v4 = "none"', "expand_v4 = 24"))
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    refused = alliance.check(feed, address=server.listen)
    assert refused.code == 4
    assert refused.error["error"] == "rules-differ"
    assert "expand_v4 is 24 here, none at beta-bank" in refused.error["message"]


def test_peer_whose_policy_says_no_is_named(alliance: Alliance) -> None:
    """may_ask = false at the peer."""
    policy = alliance.home("beta-bank") / "policy.toml"
    policy.write_text(policy.read_text() + "\npeer.acme-corp = { may_ask = false }\n")
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    refused = alliance.check(feed, address=server.listen)
    assert (refused.code, refused.error["error"]) == (4, "policy-refused")


def test_peer_that_is_down_is_unreachable(alliance: Alliance) -> None:
    """Exit 6, with address, reason and tries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    feed = alliance.feed("feed", hosts(0, 10))
    refused = alliance.check(feed, address=address, flags=["--timeout", "1s"])
    assert (refused.code, refused.error["error"]) == (6, "unreachable")
    assert f"beta-bank does not answer at {address}: connection refused" in refused.error["message"]


def test_address_of_another_member_is_named(make_alliance: Callable[..., Alliance]) -> None:
    """The certificate of a third member, and that of another alliance's member."""
    alliance = make_alliance(names=("acme-corp", "beta-bank", "city-hospital"))
    other = make_alliance()
    feed = alliance.feed("feed", hosts(0, 10))
    city = alliance.serve("city-hospital", feed)
    refused = alliance.check(feed, address=city.listen)
    assert (refused.code, refused.error["error"]) == (3, "peer-cert-other")
    assert f"{city.listen} is city-hospital, not beta-bank" in refused.error["message"]
    foreign = other.serve("beta-bank", feed)
    refused = alliance.check(feed, address=foreign.listen)
    assert (refused.code, refused.error["error"]) == (3, "peer-cert-foreign")


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"", "nothing-to-check"),
        (b"10.0.0.1\n192.168.1.1\n", "nothing-to-check"),
        (b"\x00\x01\x02\x03" * 100, "file-damaged"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03K-", "file-damaged"),
        (None, "file-damaged"),
    ],
    ids=["empty", "reserved only", "binary", "cut gzip", "missing"],
)
def test_file_that_cannot_be_used_stops_before_anything_is_sent(
    alliance: Alliance, content: bytes | None, slug: str
) -> None:
    """A clear error, exit 1, and no traceback."""
    path = alliance.folder / "feed"
    if content is not None:
        path.write_bytes(content)
    refused = alliance.check(path, address="127.0.0.1:9")
    assert (refused.code, refused.error["error"]) == (1, slug)
    assert "Traceback" not in refused.err


def test_line_of_ten_megabytes_is_counted_and_the_rest_used(alliance: Alliance) -> None:
    """A damaged record is counted and named, nothing else is lost."""
    feed = alliance.folder / "feed.txt"
    feed.write_text("evil.org\n" + "a" * 10_000_000 + "\nworse.org\n")
    server = alliance.serve("beta-bank", alliance.feed("theirs", ["evil.org", "worse.org"]))
    result = alliance.check(feed, address=server.listen)
    assert result.object["count"] == 2
    assert "1 rejected" in result.err


def test_saved_result_and_receipt_are_private_and_whole(alliance: Alliance) -> None:
    """What the run leaves: two files, for us alone; no seed any more."""
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    result = alliance.check(feed, address=server.listen)
    (saved,) = (alliance.home("acme-corp") / "results").iterdir()
    assert saved.name.endswith(f"_beta-bank_{result.object['run']}")
    files = sorted(path.name for path in saved.iterdir())
    assert files == ["receipt.json", "result.json"]
    assert all(stat.S_IMODE((saved / name).stat().st_mode) == 0o600 for name in files)
    keys = list((alliance.home("acme-corp") / "state" / "runs").iterdir())
    assert [path.name for path in keys if path.suffix != ".lock"] == []


def test_no_save_leaves_nothing(alliance: Alliance) -> None:
    """Neither result nor receipt."""
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen, flags=["--no-save"]).code == 0
    assert list((alliance.home("acme-corp") / "results").iterdir()) == []


def test_dry_run_contacts_nobody(alliance: Alliance) -> None:
    """It says what would be learned and what it would cost."""
    feed = alliance.feed("feed", hosts(0, 10))
    result = alliance.check(feed, address="127.0.0.1:9", flags=["--dry-run"])
    assert result.code == 0
    assert "your set size rounded up to 1,024" in result.err


def test_wrong_address_does_not_cost_a_run_that_was_paid_for(
    make_alliance: Callable[..., Alliance],
) -> None:
    """Whoever answers there is not the peer; what the peer was paid for is kept."""
    alliance = make_alliance(names=("acme-corp", "beta-bank", "city-hospital"))
    ours, theirs = alliance.feed("ours", hosts(0, 9000)), alliance.feed("theirs", hosts(8000, 2000))
    server = alliance.serve("beta-bank", theirs)
    alliance.check(
        ours,
        address=server.listen,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-after-keep:2"},
    )
    city = alliance.serve("city-hospital", theirs)
    assert alliance.check(ours, address=city.listen).error["error"] == "peer-cert-other"
    assert alliance.check(ours, address="nonsense").code == 2
    result = alliance.check(ours, address=server.listen)
    assert result.object["resumed"] is True
    assert budget_left(alliance, server.listen)[0] == 7


def test_client_killed_after_the_receipt_still_gets_its_result(alliance: Alliance) -> None:
    """The server has closed the run; the same command finishes it without a charge."""
    feed = alliance.feed("feed", hosts(0, 100))
    server = alliance.serve("beta-bank", feed)
    killed = alliance.check(
        feed,
        address=server.listen,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-after-receipt:1"},
    )
    assert killed.code == -signal.SIGKILL
    result = alliance.check(feed, address=server.listen)
    assert (result.code, result.object["count"], result.object["resumed"]) == (0, 100, True)
    assert budget_left(alliance, server.listen)[0] == 7


def test_operator_can_not_check(make_alliance: Callable[..., Alliance]) -> None:
    """Only members ask: a role without indicators of its own learns none."""
    alliance = make_alliance(names=("acme-corp", "beta-bank"), roles={"acme-corp": ("operator",)})
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    refused = alliance.check(feed, address=server.listen)
    assert (refused.code, refused.error["error"]) == (4, "policy-refused")


def test_new_run_can_be_forced(alliance: Alliance) -> None:
    """`--new` gives the unfinished one up, and counts as another check."""
    ours, theirs = alliance.feed("ours", hosts(0, 9000)), alliance.feed("theirs", hosts(8000, 2000))
    server = alliance.serve("beta-bank", theirs)
    alliance.check(
        ours,
        address=server.listen,
        command=FAULTY,
        environment={"OVERLAP_TEST_FAULT": "kill-after-keep:1"},
    )
    result = alliance.check(ours, address=server.listen, flags=["--new"])
    assert result.object["resumed"] is False
    assert budget_left(alliance, server.listen)[0] == 6


def publish(alliance: Alliance, **limits: int) -> Path:
    """A newer roster, which the members do not have yet."""
    report = set_limits(
        alliance.alliance, alliance.unlock, "acme-corp", out_directory=alliance.folder, **limits
    )
    return report.roster_file


def test_client_that_is_behind_takes_the_peers_roster_and_goes_on(alliance: Alliance) -> None:
    """It verifies, adopts and tries once more."""
    feed = alliance.feed("feed", hosts(0, 10))
    newer = publish(alliance, sessions=5)
    words = ["roster", "update", str(newer), *alliance.words("beta-bank"), "--json"]
    assert alliance.run(*words).object["roster"] == 2
    server = alliance.serve("beta-bank", feed)
    result = alliance.check(feed, address=server.listen)
    assert (result.code, result.object["count"]) == (0, 10)
    assert "version 2 taken over from beta-bank" in result.err
    assert result.object["budget"]["checks_left"] == 4


def test_server_that_is_behind_is_named(alliance: Alliance) -> None:
    """The one with the older roster must update; nothing is charged."""
    feed = alliance.feed("feed", hosts(0, 10))
    server = alliance.serve("beta-bank", feed)
    newer = publish(alliance, sessions=5)
    alliance.run("roster", "update", str(newer), *alliance.words("acme-corp"))
    refused = alliance.check(feed, address=server.listen)
    assert (refused.code, refused.error["error"]) == (4, "roster-older")
    assert "beta-bank uses roster 1, you have 2" in refused.error["message"]
    # It takes effect at the running server without a signal.
    alliance.run("roster", "update", str(newer), *alliance.words("beta-bank"))
    assert alliance.check(feed, address=server.listen).code == 0


def test_roster_update_without_a_file_asks_the_peers(alliance: Alliance) -> None:
    """The first peer that has a newer one; none that answers is exit 6."""
    config = alliance.home("acme-corp") / "overlap.toml"
    feed = alliance.feed("feed", hosts(0, 10))
    newer = publish(alliance, sessions=5)
    alliance.run("roster", "update", str(newer), *alliance.words("beta-bank"))
    words = ["roster", "update", *alliance.words("acme-corp"), "--json"]
    alone = alliance.run(*words)
    assert (alone.code, alone.error["error"]) == (6, "unreachable")
    server = alliance.serve("beta-bank", feed)
    override = f'\npeer.beta-bank = {{ address = "{server.listen}" }}\n'
    config.write_text(config.read_text() + override)
    assert alliance.run(*words).object["roster"] == 2
    assert alliance.run(*words).object["from"] == 2

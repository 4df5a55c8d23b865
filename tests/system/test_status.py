# SPDX-License-Identifier: Apache-2.0
"""`overlap status` beside a server that runs, on both sides of a check."""

from system.support import Alliance


def test_status_after_checks_expect_budgets_both_ways(alliance: Alliance) -> None:
    feed = alliance.feed("feed", [f"host-{n}.evil.org" for n in range(2000)])
    server = alliance.serve("beta-bank", feed)
    for _ in range(2):
        assert alliance.check(feed, address=server.listen).code == 0
    ours, theirs = (
        alliance.run("status", "--home", str(alliance.home(name)), "--json").object
        for name in ("acme-corp", "beta-bank")
    )
    left = 524_288 - 2 * 2048
    assert [peer["left_with_it"] for peer in ours["peers"]] == [left]
    (asker,) = theirs["peers"]
    assert (asker["name"], asker["checks_used"], asker["indicators_used"]) == (
        "acme-corp",
        2,
        2 * 2048,
    )
    assert ours["log"]["unsigned"] == theirs["log"]["unsigned"] == 0
    shown = alliance.run("status", "acme-corp", "--home", str(alliance.home("beta-bank")))
    assert shown.code == 0
    assert "acme-corp has 6 checks and 520,192 indicators left with you" in shown.out
    text = alliance.run("status", "--home", str(alliance.home("acme-corp"))).out
    assert "you had 520,192 left with it" in text
    assert server.stop() == 0


def test_status_of_a_budget_that_is_nearly_used_up_expect_a_warning(alliance: Alliance) -> None:
    policy = alliance.home("beta-bank") / "policy.toml"
    policy.write_text(policy.read_text() + "peer.acme-corp = { checks = 1 }\n")
    feed = alliance.feed("feed", ["evil.org"])
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen).code == 0
    shown = alliance.run("status", "--home", str(alliance.home("beta-bank")))
    assert shown.code == 0
    assert "warning    acme-corp has 0 checks and 523,264 indicators left with you" in shown.out

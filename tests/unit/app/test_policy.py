# SPDX-License-Identifier: Apache-2.0
"""policy.toml checked against itself and the roster, and what it means for one peer."""

from pathlib import Path

import pytest
from unit.trust.support import World, refused

from psi.app.policy import check_policy, peer_terms, show_policy


def rewrite(world: World, old: str, new: str) -> None:
    """Change acme's policy."""
    path = world.home("acme").policy_path
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_check_of_the_default_policy_expect_it_holds(world: World) -> None:
    world.joined("acme", "beta")
    report = check_policy(world.home("acme"))
    assert report.warnings == ()
    assert report.policy.digest == show_policy(world.home("acme")).policy.digest


def test_check_of_a_broken_policy_expect_does_not_hold_with_the_line(world: World) -> None:
    world.joined("acme")
    rewrite(world, "min_set = 1 ", 'min_set = "one" ')
    with refused("does-not-hold", "policy.toml line 8: min_set: expected", "keeps the policy"):
        check_policy(world.home("acme"))
    with refused("bad-policy", "line 8"):
        show_policy(world.home("acme"))


def test_check_of_another_file_expect_that_one_is_read(world: World, tmp_path: Path) -> None:
    world.init("acme")
    other = tmp_path / "new.toml"
    with refused("does-not-hold", "new.toml"):
        check_policy(world.home("acme"), other)
    other.write_text('version = 1\nkinds = ["ip"]\npeer.nobody = { may_ask = false }\n')
    report = check_policy(world.home("acme"), other)
    assert (report.file, report.policy.kinds) == (other, frozenset({"ip"}))
    assert report.warnings == (), "without a roster nobody can be missing from it"


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            "# peer.city-hospital",
            "peer.betta",
            "peer.betta: roster 1 lists no betta; the entry has no effect",
        ),
        ("# peer.city-hospital", "peer.acme", "peer.acme is this home itself"),
        (
            "trusted_key_holders = []",
            'trusted_key_holders = ["beta"]',
            "group.trusted_key_holders: beta is no key holder in roster 1",
        ),
        (
            "indicators = 524288",
            "indicators = 1000",
            "limits: indicators 1,000 is less than set_size 131,072; "
            "a check of that size never fits",
        ),
    ],
)
def test_check_of_a_policy_that_is_odd_expect_a_warning(
    world: World, old: str, new: str, warning: str
) -> None:
    world.joined("acme", "beta")
    rewrite(world, old, new)
    assert check_policy(world.home("acme")).warnings == (warning,)


def test_terms_of_a_peer_expect_the_smaller_limit_each(world: World) -> None:
    world.joined("acme", "beta")
    rewrite(world, "# peer.city-hospital = { may_ask = false }", "peer.beta = { checks = 3 }")
    rewrite(world, "set_size = 131072", "set_size = 262144")
    terms = peer_terms(world.home("acme"), "beta")
    assert terms.refusal == ""
    assert (terms.limits.set_size, terms.limits.checks) == (131_072, 3)
    assert (terms.in_roster.checks, terms.ours.set_size) == (8, 262_144)


def test_terms_of_who_may_not_ask_expect_the_reason(world: World) -> None:
    world.create()
    for name, roles in (("acme", ("member",)), ("beta", ("member",)), ("ops", ("operator",))):
        world.init(name, roles=roles)
    world.enroll("acme", "beta", "ops")
    world.join("acme")
    rewrite(world, "# peer.city-hospital", "peer.beta")
    home = world.home("acme")
    assert peer_terms(home, "beta").refusal == "the policy says may_ask = false"
    assert peer_terms(home, "ops").refusal == "it is operator, and only members ask"
    assert peer_terms(home, "acme").refusal == "acme is this home"
    with refused("unknown-peer", "did you mean beta?"):
        peer_terms(home, "betta")

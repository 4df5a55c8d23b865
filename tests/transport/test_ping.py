# SPDX-License-Identifier: Apache-2.0
"""How far one gets with a peer, step by step; each step that can fail, failing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from transport.support import (
    PROFILE,
    YEAR_S,
    Member,
    Running,
    now_ms,
    now_s,
    status,
    trusted,
)

from psi.protocol.messages import Profile, Status
from psi.transport.ping import Stage, ping, rules_difference
from psi.transport.times import date, moment, span
from psi.trust.rosters import TrustedRoster

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
CITY = Member.make("city-hospital")
ROSTER = trusted(ACME, BETA, CITY)


@pytest.fixture
def beta() -> Iterator[Running]:
    with Running(BETA, ROSTER) as running:
        answer(running)
        yield running


def answer(running: Running, **changes: object) -> None:
    """What Status says: by default that all is well."""
    well = replace(status(), roster_hash=ROSTER.hash, time_ms=now_ms())
    said: Status = replace(well, **changes)  # type: ignore[arg-type]  # tests set any field
    running.answerer.answer_status = said


def stages(
    address: str,
    *,
    client: Member = ACME,
    roster: TrustedRoster = ROSTER,
    profile: Profile = PROFILE,
    needed: int = 0,
) -> list[Stage]:
    return list(
        ping(
            peer=roster.principal("beta-bank"),
            identity=client,
            trusted=roster,
            profile=profile,
            now_ms=now_ms,
            address=address,
            needed=needed,
        )
    )


def last(seen: list[Stage]) -> tuple[str, str, str]:
    """Name, slug and text of the step that failed; all before it went well."""
    assert all(stage.error is None for stage in seen[:-1])
    error = seen[-1].error
    assert error is not None
    return seen[-1].name, error.slug, seen[-1].text


def test_ping_of_a_peer_that_is_well_passes_all_stages(beta: Running) -> None:
    """The six steps of the manual, with what was seen."""
    seen = stages(beta.address)
    expires = date(now_s() + YEAR_S)
    assert [(stage.name, stage.text) for stage in seen] == [
        ("address", beta.address),
        ("connection", ""),
        ("certificate", f"to {expires}"),
        ("roster", "6"),
        ("matching rules", ""),
        (
            "budget",
            "7 of 8 checks and 509,952 of 524,288 indicators until Mon 2026-12-07 00:00 UTC",
        ),
    ]
    assert all(stage.error is None for stage in seen)


def test_ping_of_an_address_that_is_none_ends_there() -> None:
    """Before anything is tried."""
    assert last(stages("beta"))[:2] == ("address", "usage")


def test_ping_of_nobody_ends_at_the_connection() -> None:
    """Nobody listens there."""
    with Running(BETA, ROSTER) as running:
        address = running.address
    name, slug, text = last(stages(address))
    assert (name, slug) == ("connection", "unreachable")
    assert text == f"beta-bank does not answer at {address}: connection refused"


def test_ping_with_an_expired_certificate_ends_at_the_certificate() -> None:
    """Ours, theirs, another's, and one that the peer does not know."""
    old = Member.make("acme-corp", at_s=now_s() - 2 * YEAR_S)
    stranger = Member.make("zeta-gmbh")
    old_roster, other_roster = trusted(old, BETA), trusted(stranger, BETA)
    with Running(BETA, ROSTER) as running, Running(CITY, ROSTER) as city:
        seen = last(stages(running.address, client=old, roster=old_roster))
        assert seen[:2] == ("certificate", "own-cert-expired")
        seen = last(stages(city.address))
        assert seen[:2] == ("certificate", "peer-cert-other")
        seen = last(stages(running.address, client=stranger, roster=other_roster))
        assert seen[:2] == ("certificate", "not-a-member")
        assert running.answerer.calls == []


def test_ping_of_a_peer_with_another_roster_ends_there(beta: Running) -> None:
    """Who is behind."""
    answer(beta, roster_serial=7, roster_hash=bytes(32))
    assert last(stages(beta.address)) == (
        "roster",
        "roster-older",
        "beta-bank uses roster 7, you have 6",
    )


def test_ping_of_a_peer_with_another_clock_ends_there(beta: Running) -> None:
    """A step that is shown only then; five minutes are allowed, six are not."""
    answer(beta, time_ms=now_ms() - 4 * 60_000)
    assert [stage.name for stage in stages(beta.address)][-1] == "budget"
    answer(beta, time_ms=now_ms() + 361_000)
    name, slug, text = last(stages(beta.address))
    assert (name, slug) == ("clock", "clock-skew")
    assert text.startswith("your clock and beta-bank's differ by 6 min")


def test_ping_of_a_peer_with_other_rules_names_the_rule(beta: Running) -> None:
    """In the words of the manual."""
    ours = replace(PROFILE, expand_v4=24)
    name, slug, text = last(stages(beta.address, profile=ours))
    assert (name, slug) == ("matching rules", "rules-differ")
    assert text == "matching rules differ: expand_v4 is 24 here, none at beta-bank"


def test_ping_without_budget_ends_there(beta: Running) -> None:
    """No checks left, or too few indicators for the next one."""
    answer(beta, sessions_left=0)
    name, slug, text = last(stages(beta.address))
    assert (name, slug) == ("budget", "budget-exhausted")
    assert text == "the budget with beta-bank is used up: 8 of 8 checks this week"
    answer(beta, budget_left=9_952)
    assert stages(beta.address)[-1].error is None
    assert last(stages(beta.address, needed=14_336))[2] == (
        "the budget with beta-bank is used up: 9,952 indicators left, 14,336 needed"
    )


def test_rules_difference_names_every_rule() -> None:
    """All at once, so that one change mends it."""
    theirs = replace(PROFILE, version=2, fold_https=0, derive_host=1, expand_v4=28)
    assert rules_difference(PROFILE, theirs, "beta-bank") == (
        "matching rules differ: another version of the rules at beta-bank; "
        "fold_https is true here, false at beta-bank; "
        "derive_host is false here, true at beta-bank; "
        "expand_v4 is none here, 28 at beta-bank"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (17.9, "17 s"),
        (372, "6 min 12 s"),
        (3_600, "1 h"),
        (86_400, "1 day"),
        (-5, "0 s"),
    ],
)
def test_span_is_two_units_rounded_down(seconds: float, text: str) -> None:
    """17 s, 6 min 12 s, 3 days 4 h."""
    assert span(seconds) == text


def test_moment_of_any_number_is_a_date() -> None:
    """Peers send what they like."""
    assert moment(1_796_601_600) == "Mon 2026-12-07 00:00 UTC"
    assert moment(2**64 - 1) == "Fri 9999-12-31 23:59 UTC"
    assert date(-1) == "1970-01-01"

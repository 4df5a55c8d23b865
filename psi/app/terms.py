# SPDX-License-Identifier: Apache-2.0
"""Before a check: what the peer says of roster, rules and budget, and whether ours fit."""

from psi.app.events import Events
from psi.app.member import Member
from psi.errors import LimitError, PsiError, RefusedError
from psi.protocol.messages import Profile, Status
from psi.protocol.sizes import bucket_for
from psi.transport.client import PeerChannel
from psi.transport.times import moment, span
from psi.trust.rosters import trusted_roster

__all__ = ["adopt_newer_roster", "announce", "check_terms", "rules_difference"]


def adopt_newer_roster(member: Member, channel: PeerChannel, status: Status) -> bool:
    """
    Take the peer's roster when it is ahead of ours; whether there is a new one now.

    Raises:
        RefusedError: The peer is behind, and must update (`roster-older`).
        KeyFileError: What it sent does not hold, or contradicts ours (`bad-roster`).
    """
    ours = member.roster
    if status.roster_hash == ours.hash:
        return False
    peer = channel.parties.peer
    if status.roster_serial < ours.roster.serial:
        raise RefusedError(
            f"{peer} uses roster {status.roster_serial}, you have {ours.roster.serial}",
            slug="roster-older",
            hint=f"{channel.parties.ask_peer} to run `overlap roster update`",
        )
    received = channel.get_roster(status.roster_serial)
    member.rosters.adopt(
        trusted_roster(
            ours.alliance_key,
            received.roster.encode(),
            received.signature,
            received.certificates,
        )
    )
    return True


def check_terms(
    member: Member, channel: PeerChannel, status: Status, bucket: int, now_s: int
) -> None:
    """
    Refuse here what the peer would refuse, with more to say about it.

    Raises:
        RefusedError: The matching rules or the clocks differ.
        LimitError: The set or the budget (`set-too-large`, `budget-exhausted`).
    """
    peer = channel.parties.peer
    difference = rules_difference(member.profile, status.profile, peer)
    if difference is not None:
        raise RefusedError(
            difference, slug="rules-differ", hint="agree on one, change `rules` in policy.toml"
        )
    if bucket > status.bucket_limit:
        raise LimitError(
            f"your set, rounded up, has {bucket:,} indicators; "
            f"{peer} allows {member.name} {status.bucket_limit:,}",
            slug="set-too-large",
            hint="narrow it (`--kinds`, `--max-age`), or ask the operator for a higher limit",
        )
    if status.sessions_left == 0 or bucket > status.budget_left:
        raise budget_error(channel, status, bucket, now_s)


def budget_error(channel: PeerChannel, status: Status, bucket: int, now_s: int) -> PsiError:
    """The budget as a peer's Status tells it, and when it renews."""
    peer = channel.parties.peer
    if status.sessions_left == 0:
        used = f"{status.sessions:,} of {status.sessions:,} checks this {channel.parties.period}"
    else:
        used = f"{status.budget_left:,} indicators left, {bucket:,} needed"
    return LimitError(
        f"the budget with {peer} is used up: {used}",
        slug="budget-exhausted",
        hint=(
            f"it renews {moment(status.epoch_ends)} (in {span(status.epoch_ends - now_s)}); "
            f"{peer} can raise it"
        ),
        detail={"renews_at": status.epoch_ends, "left": status.budget_left, "needed": bucket},
    )


def rules_difference(ours: Profile, theirs: Profile, peer: str) -> str | None:
    """The first matching rule that differs, in words; None when all are the same."""
    if ours == theirs:
        return None
    if ours.version != theirs.version or ours.rules_digest != theirs.rules_digest:
        return (
            f"matching rules differ: version {ours.version} ({ours.rules_digest.hex()[:8]}) "
            f"here, {theirs.version} ({theirs.rules_digest.hex()[:8]}) at {peer}"
        )
    for name, words in (
        ("expand_v4", {0: "none"}),
        ("fold_https", {0: "false", 1: "true"}),
        ("derive_host", {0: "false", 1: "true"}),
    ):
        here, there = getattr(ours, name), getattr(theirs, name)
        if here != there:
            return (
                f"matching rules differ: {name} is {words.get(here, here)} here, "
                f"{words.get(there, there)} at {peer}"
            )
    raise AssertionError("two profiles differ in one of their five fields")


def announce(
    member: Member, peer: str, n_indicators: int, status: Status | None, events: Events
) -> None:
    """What either side will learn and what it costs, before anything is sent."""
    bucket = bucket_for(n_indicators)
    events.note(
        "",
        f"{peer} will learn: that {member.name} checked, "
        f"and your set size rounded up to {bucket:,}. No indicator.",
    )
    events.note(
        "",
        f"you will learn: which of your {n_indicators:,} indicators {peer} holds, "
        "and its set size rounded up.",
    )
    if status is None:
        events.note("", f"cost: {bucket:,} indicators and 1 check; {peer} was not contacted.")
        return
    events.note(
        "",
        f"cost: {bucket:,} of the {status.budget_left:,} indicators and 1 of the "
        f"{status.sessions_left:,} checks that you have until {moment(status.epoch_ends)}.",
    )

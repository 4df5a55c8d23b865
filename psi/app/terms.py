# SPDX-License-Identifier: Apache-2.0
"""Before a check: what the peer says of roster, rules and budget, and whether ours fit."""

from psi.app.events import Events
from psi.app.member import Member
from psi.app.roster import fetch_roster
from psi.errors import RefusedError
from psi.protocol.messages import Status
from psi.protocol.sizes import bucket_for
from psi.transport.client import PeerChannel
from psi.transport.faults import refused
from psi.transport.ping import budget_fault, rules_difference
from psi.transport.refusals import Received
from psi.transport.times import day

__all__ = ["adopt_newer_roster", "announce", "check_terms"]


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
    member.rosters.adopt(fetch_roster(channel, ours, status.roster_serial))
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
    parties = channel.parties
    if member.profile != status.profile:
        raise RefusedError(
            rules_difference(member.profile, status.profile, parties.peer),
            slug="rules-differ",
            hint="agree on one, change `rules` in policy.toml",
        )
    if bucket > status.bucket_limit:
        raise refused(Received("set-too-large", {"limit": status.bucket_limit}), parties, now_s)
    if error := budget_fault(status, bucket, parties, now_s):
        raise error


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
        f"{status.sessions_left:,} checks that you have until {day(status.epoch_ends)}.",
    )

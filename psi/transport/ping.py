# SPDX-License-Identifier: Apache-2.0
"""How far one gets with a peer, step by step, without asking for anything (`overlap ping`)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from psi.errors import PsiError, RefusedError, UnreachableError
from psi.protocol.messages import Principal, Profile, Status
from psi.protocol.sizes import CLOCK_TOLERANCE_MS
from psi.transport.client import PeerChannel
from psi.transport.faults import Parties, refused
from psi.transport.leaf import read_leaf
from psi.transport.probe import certificate_fault, not_accepted, own_fault
from psi.transport.refusals import Received
from psi.transport.seams import OwnIdentity, Trusted
from psi.transport.times import date, moment

__all__ = ["Stage", "budget_fault", "ping", "rules_difference"]

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: its name, what was seen, and the error if it is the last one that was reached."""

    name: str
    text: str = ""
    error: PsiError | None = None


def ping(
    *,
    peer: Principal,
    identity: OwnIdentity,
    trusted: Trusted,
    profile: Profile,
    now_ms: Callable[[], int],
    address: str | None = None,
    needed: int = 0,
) -> Iterator[Stage]:
    """
    Address, connection, certificate, roster, (clock,) matching rules, budget; charges nothing.

    The clock is a step only when it is wrong. The first step with an error is the last one.

    Args:
        peer: The roster's entry of whom we look at.
        profile: Our matching rules.
        now_ms: Unix milliseconds.
        address: HOST:PORT instead of the roster's.
        needed: Indicators that the next check would cost; 0 if that is not known.
    """
    name = "address"
    try:
        now_s = now_ms() // 1000
        channel = PeerChannel(
            peer=peer,
            identity=identity,
            trusted=trusted,
            now_ms=now_ms,
            address=address,
            patience_s=_PATIENCE_S,
            check_own_certificate=False,
        )
        with channel:
            parties = channel.parties
            yield Stage(name=name, text=parties.address)
            name = "connection"
            seen = channel.look()
            if seen.certificate is None:
                raise _unreachable(parties, seen.reason)
            yield Stage(name=name)
            name = "certificate"
            fault = own_fault(identity, trusted, now_s) or certificate_fault(
                seen.certificate, parties, trusted, now_s
            )
            if fault:
                raise fault
            if not seen.accepted:
                raise not_accepted(parties)
            yield Stage(name=name, text=f"to {date(read_leaf(seen.certificate).not_after)}")
            name = "roster"
            status = channel.status()
        if status.roster_hash != trusted.roster.digest():
            detail = {"serial": status.roster_serial}
            raise refused(Received("roster-older", detail), parties, now_s)
        yield Stage(name=name, text=str(status.roster_serial))
        name = "clock"
        skew_ms = abs(status.time_ms - now_ms())
        if skew_ms > CLOCK_TOLERANCE_MS:
            raise refused(Received("clock-skew", {"skew_s": skew_ms // 1000}), parties, now_s)
        name = "matching rules"
        if status.profile != profile:
            raise RefusedError(
                rules_difference(profile, status.profile, parties.peer),
                slug="rules-differ",
                hint="agree on one, change `rules` in policy.toml",
            )
        yield Stage(name=name)
        name = "budget"
        if error := budget_fault(status, needed, parties, now_s):
            raise error
        yield Stage(
            name=name,
            text=f"{status.sessions_left:,} of {status.sessions:,} checks and "
            f"{status.budget_left:,} of {status.budget:,} indicators "
            f"until {moment(status.epoch_ends)}",
        )
    except PsiError as error:
        yield Stage(name=name, text=error.message, error=error)


def rules_difference(ours: Profile, theirs: Profile, peer: str) -> str:
    """Which of the matching rules are not the same, in words."""
    parts = []
    if (ours.version, ours.rules_digest) != (theirs.version, theirs.rules_digest):
        parts.append(f"another version of the rules at {peer}")
    for name in ("fold_https", "derive_host", "expand_v4"):
        here, there = getattr(ours, name), getattr(theirs, name)
        if here != there:
            say = _prefix if name == "expand_v4" else _switch
            parts.append(f"{name} is {say(here)} here, {say(there)} at {peer}")
    return "matching rules differ: " + "; ".join(parts)


def _switch(value: int) -> str:
    return {0: "false", 1: "true"}.get(value, "unknown")


def _prefix(value: int) -> str:
    return str(value) if value else "none"


def budget_fault(status: Status, needed: int, parties: Parties, now_s: int) -> PsiError | None:
    """The refusal that this charge would meet, or None when what is left allows it."""
    if status.sessions_left and status.budget_left >= max(1, needed):
        return None
    detail = {
        "renews_at": status.epoch_ends,
        "left": status.budget_left,
        "needed": needed,
        "sessions": status.sessions,
        "sessions_used": max(0, status.sessions - status.sessions_left),
    }
    return refused(Received("budget-exhausted", detail), parties, now_s)


def _unreachable(parties: Parties, reason: str) -> PsiError:
    contact = f"contact {parties.contact}" if parties.contact else "contact its people"
    return UnreachableError(
        f"{parties.peer} does not answer at {parties.address}: {reason}", hint=contact
    )

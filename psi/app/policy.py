# SPDX-License-Identifier: Apache-2.0
"""`overlap policy`: does policy.toml hold, and what does it mean for one peer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from psi.errors import PsiError
from psi.trust.home import Home
from psi.trust.policy import Limits, Policy
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster

__all__ = ["PeerTerms", "PolicyReport", "check_policy", "peer_terms", "show_policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """A policy that can be used, and what a person should look at all the same."""

    file: Path
    policy: Policy
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTerms:
    """
    What one peer may ask of us: the smaller of our limits and the roster's.

    `refusal` says why it may not ask, empty if it may.
    """

    name: str
    refusal: str
    ours: Limits
    in_roster: Limits
    limits: Limits


def check_policy(home: Home, file: Path | None = None) -> PolicyReport:
    """
    Check a policy file, that of the home if none is named; changes nothing.

    Raises:
        PsiError: It can't be used (`does-not-hold`); key and line are named.
    """
    path = home.policy_path if file is None else file
    try:
        policy = Policy.load(path, draft=file is not None)
    except PsiError as error:
        if error.slug != "bad-policy":
            raise
        raise PsiError(
            error.message,
            slug="does-not-hold",
            hint="docs/policy.md lists the keys; a running server keeps the policy that it has",
        ) from error
    store = RosterStore(home)
    warnings = tuple(_warnings(policy, store.current(), home.name)) if store.joined else ()
    return PolicyReport(file=path, policy=policy, warnings=warnings)


def show_policy(home: Home) -> PolicyReport:
    """
    The policy of a home.

    Raises:
        PsiError: It can't be used (`bad-policy`).
    """
    policy = Policy.load(home.policy_path)
    return PolicyReport(file=home.policy_path, policy=policy, warnings=())


def peer_terms(home: Home, name: str) -> PeerTerms:
    """
    What one peer may ask of us.

    Raises:
        PsiError: The policy can't be used (`bad-policy`), the home has joined no alliance, or
            there is no such peer (`unknown-peer`).
    """
    policy = Policy.load(home.policy_path)
    entry = RosterStore(home).current().principal(name)
    rules = policy.peer(name)
    if name == home.name:
        refusal = f"{name} is this home"
    elif not rules.may_ask:
        refusal = "the policy says may_ask = false"
    elif "member" not in entry.roles:
        refusal = f"it is {' and '.join(entry.roles)}, and only members ask"
    else:
        refusal = ""
    in_roster = Limits(set_size=entry.bucket_limit, indicators=entry.budget, checks=entry.sessions)
    return PeerTerms(
        name=name,
        refusal=refusal,
        ours=rules.limits,
        in_roster=in_roster,
        limits=Limits(
            set_size=min(in_roster.set_size, rules.limits.set_size),
            indicators=min(in_roster.indicators, rules.limits.indicators),
            checks=min(in_roster.checks, rules.limits.checks),
        ),
    )


def _warnings(policy: Policy, trusted: TrustedRoster, own: str) -> Iterator[str]:
    """What can be meant, but is more often a mistake."""
    where = f"roster {trusted.roster.serial}"
    for name in policy.peers:
        if name == own:
            yield f"peer.{name} is this home itself"
        elif not trusted.lists(name):
            yield f"peer.{name}: {where} lists no {name}; the entry has no effect"
    for name in policy.group.trusted_key_holders:
        if name not in trusted.named("keyholder"):
            yield f"group.trusted_key_holders: {name} is no key holder in {where}"
    every = {"limits": policy.limits}
    every |= {f"peer.{name}": rules.limits for name, rules in policy.peers.items()}
    for key, limits in every.items():
        if limits.indicators < limits.set_size:
            yield (
                f"{key}: indicators {limits.indicators:,} is less than set_size "
                f"{limits.set_size:,}; a check of that size never fits"
            )

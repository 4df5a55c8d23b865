# SPDX-License-Identifier: Apache-2.0
"""`overlap policy`: does policy.toml hold, and what does it mean for one peer."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from psi.results.text import count, plural
from psi.trust.home import Home
from psi.trust.policy import Limits, Policy
from psi_cli._command import Group
from psi_cli._home import home_path
from psi_cli._settings import Settings, pass_settings

if TYPE_CHECKING:
    from psi.app.policy import PeerTerms, PolicyReport

__all__ = ["policy"]


@click.group(cls=Group)
def policy() -> None:
    """What leaves this house, and to whom: policy.toml."""


@policy.command(example="overlap policy check new-policy.toml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@pass_settings
def check(settings: Settings, *, file: Path | None) -> None:
    """
    Check a policy FILE, or the one of this home.

    Exit code 5 and the line that is wrong when it does not hold. Nothing is changed; a running
    server reads a new policy on SIGHUP.
    """
    from psi.app.policy import check_policy

    report = check_policy(Home.open(home_path(settings)), file)
    if settings.json:
        settings.screen.object("policy", {**_fields(report), "warnings": list(report.warnings)})
        return
    settings.screen.row("ok", f"{report.file.name}: {_summary(report.policy)}")
    settings.screen.row("digest", report.policy.digest.hex())
    for warning in report.warnings:
        settings.screen.failure("warning", warning)


@policy.command(example="overlap policy show beta-bank")
@click.argument("peer", required=False)
@pass_settings
def show(settings: Settings, *, peer: str | None) -> None:
    """
    Show the policy in force, or what PEER may ask of you.

    The limits of the roster count too; the smaller one wins.
    """
    from psi.app.policy import peer_terms, show_policy

    home = Home.open(home_path(settings))
    if peer is None:
        _show_all(settings, show_policy(home))
    else:
        _show_peer(settings, peer_terms(home, peer))


def _show_all(settings: Settings, report: "PolicyReport") -> None:
    screen, shown = settings.screen, report.policy
    if settings.json:
        screen.object("policy", _fields(report))
        return
    screen.row("kinds", ", ".join(sorted(shown.kinds)))
    screen.row("tlp_max", shown.tlp_max)
    screen.row("min_set", plural(shown.min_set, "indicator"))
    screen.row("rules", _rules(shown))
    screen.row("limits", _limits(shown.limits))
    for name, rules in sorted(shown.peers.items()):
        own = "" if rules.limits == shown.limits else f"; {_limits(rules.limits)}"
        screen.row("peer", f"{name}: may {'ask' if rules.may_ask else 'not ask'}{own}")
    group = shown.group
    holders = ", ".join(group.trusted_key_holders) or "nobody"
    screen.row("group", f"consent {group.consent}; key holders trusted: {holders}")
    screen.row("digest", shown.digest.hex())


def _show_peer(settings: Settings, terms: "PeerTerms") -> None:
    screen = settings.screen
    if settings.json:
        screen.object(
            "policy-peer",
            {
                "peer": terms.name,
                "may_ask": not terms.refusal,
                "limits": _limit_fields(terms.limits),
                "policy": _limit_fields(terms.ours),
                "roster": _limit_fields(terms.in_roster),
            },
        )
        return
    if terms.refusal:
        screen.row("refused", f"{terms.name} may not check against you: {terms.refusal}")
        return
    screen.row("may ask", f"{terms.name}: {_limits(terms.limits)}")
    screen.row("policy", _limits(terms.ours))
    screen.row("roster", _limits(terms.in_roster))


def _summary(shown: Policy) -> str:
    peers = plural(len(shown.peers), "peer") if shown.peers else "no peer"
    return f"{plural(len(shown.kinds), 'kind')}, {peers} with rules of their own"


def _limits(limits: Limits) -> str:
    return (
        f"{count(limits.set_size)} indicators a check; {count(limits.indicators)} indicators and"
        f" {plural(limits.checks, 'check')} a period"
    )


def _rules(shown: Policy) -> str:
    rules = shown.rules
    return (
        f"fold_https {str(rules.fold_https).lower()}, "
        f"derive_host {str(rules.derive_host).lower()}, expand_v4 {rules.expand_v4 or 'none'}"
    )


def _limit_fields(limits: Limits) -> dict[str, int]:
    return {
        "set_size": limits.set_size,
        "indicators": limits.indicators,
        "checks": limits.checks,
    }


def _fields(report: "PolicyReport") -> dict[str, object]:
    shown = report.policy
    return {
        "file": str(report.file),
        "digest": shown.digest.hex(),
        "kinds": sorted(shown.kinds),
        "tlp_max": shown.tlp_max,
        "min_set": shown.min_set,
        "rules": {
            "fold_https": shown.rules.fold_https,
            "derive_host": shown.rules.derive_host,
            "expand_v4": shown.rules.expand_v4,
        },
        "limits": _limit_fields(shown.limits),
        "peers": {
            name: {"may_ask": rules.may_ask, **_limit_fields(rules.limits)}
            for name, rules in sorted(shown.peers.items())
        },
        "group": {
            "consent": shown.group.consent,
            "trusted_key_holders": list(shown.group.trusted_key_holders),
            "releases": list(shown.group.releases),
            "min_members": shown.group.min_members,
            "at_least": list(shown.group.at_least),
            "runs_per_period": shown.group.runs_per_period,
        },
    }

# SPDX-License-Identifier: Apache-2.0
"""
policy.toml: what leaves this house (docs/policy.md).

The digest of the file's bytes stands in every receipt, so a policy is read once and kept with its
digest. Limits here are inside those of the roster: the smaller one counts.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from psi.errors import KeyFileError, PsiError, UsageError
from psi.indicators.kinds import DEFAULT_KINDS, KINDS, Kind, parse_kinds
from psi.indicators.profile import Profile
from psi.protocol.sizes import MAX_BUCKET
from psi.trust._toml import Table, open_toml
from psi.trust.files import read_guarded, read_plain
from psi.trust.names import check_name

__all__ = ["DEFAULT_POLICY", "GroupRules", "Limits", "PeerRules", "Policy"]

MAX_INDICATORS: Final = 2**32
MAX_CHECKS: Final = 10_000
MAX_MEMBERS: Final = 50  # of a group run, docs/protocol.md section 5

_KIND_NAMES: Final = ("hash", *KINDS)
_DEFAULT_KINDS: Final = tuple(kind for kind in KINDS if kind in DEFAULT_KINDS)
_TLP: Final = ("clear", "green", "amber", "amber+strict", "red")
_RELEASES: Final = ("histogram", "matrix-row", "true-sizes")

DEFAULT_POLICY: Final = """\
# policy.toml: what leaves this house; its digest stands in every receipt.
# After a change: `overlap policy check`, then `systemctl reload overlap`. These are the defaults.
version = 1

# cve must be asked for: the values are few enough to guess. "hash" stands for every length.
kinds   = ["ip", "cidr", "domain", "url", "email", "hash", "jarm", "ja4"]
tlp_max = "amber"      # amber+strict and red stay out
min_set = 1            # take part only with this many indicators of our own

# Both sides of a check need the same rules. expand_v4 is "none", 24 or 28.
rules   = { fold_https = true, derive_host = false, expand_v4 = "none" }

# What one peer may ask in one period; the roster's limits count too, the smaller one wins.
limits  = { set_size = 131072, indicators = 524288, checks = 8 }

# consent = "auto" agrees to group runs inside these lines. Trust at least one key holder that you
# know, yourself included: with none, no run is agreed to.
group   = { consent = "ask", trusted_key_holders = [], releases = ["histogram"], \
min_members = 3, at_least = [2, 3], runs_per_period = 3 }

# For one peer: may_ask, and any key of limits.
# peer.city-hospital = { may_ask = false }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer may ask: indicators in one check, indicators and checks in one period."""

    set_size: int
    indicators: int
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRules:
    """What holds for one peer."""

    may_ask: bool
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRules:
    """Inside which lines this house takes part in group runs."""

    consent: str
    trusted_key_holders: tuple[str, ...]
    releases: tuple[str, ...]
    min_members: int
    at_least: tuple[int, ...]
    runs_per_period: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A checked policy; `digest` is the SHA-256 of the file's bytes."""

    kinds: frozenset[Kind]
    tlp_max: str
    min_set: int
    rules: Profile
    limits: Limits
    group: GroupRules
    peers: Mapping[str, PeerRules]
    digest: bytes

    @classmethod
    def load(cls, path: Path, *, draft: bool = False) -> "Policy":
        """
        Read and check a policy file.

        Args:
            path: Where it is.
            draft: It is not to be used: it may be a link, and others may write it too.

        Raises:
            KeyFileError: It is a link, or others can change it (`open-permissions`).
            PsiError: It is missing, or something in it is not as it must be (`bad-policy`).
        """
        try:
            data = read_plain(path) if draft else read_guarded(path)
        except KeyFileError as error:
            if error.slug == "open-permissions":
                raise
            raise PsiError(error.message, slug="bad-policy", hint=_HINT) from None
        return cls.parse(data, path.name)

    @classmethod
    def parse(cls, data: bytes, shown: str = "policy.toml") -> "Policy":
        """
        Check the bytes of a policy file.

        Raises:
            PsiError: Something is not as it must be (`bad-policy`); key and line are named.
        """
        top = open_toml(data, shown, "bad-policy", _HINT)
        top.whole("version", 0, 1, 1)
        limits = _limits(top.table("limits"), _DEFAULT_LIMITS)
        policy = cls(
            kinds=parse_kinds(top.words("kinds", _DEFAULT_KINDS, _KIND_NAMES)),
            tlp_max=top.choice("tlp_max", "amber", _TLP),
            min_set=top.whole("min_set", 1, 1, MAX_BUCKET),
            rules=_rules(top.table("rules")),
            limits=limits,
            group=_group(top.table("group")),
            peers=_peers(top.table("peer"), limits),
            digest=hashlib.sha256(data).digest(),
        )
        top.close()
        if not policy.kinds:
            raise top.error("kinds", "expected at least one kind")
        return policy

    def peer(self, name: str) -> PeerRules:
        """What holds for a peer: its own entry, else that everyone may ask within `limits`."""
        return self.peers.get(name, PeerRules(may_ask=True, limits=self.limits))


_HINT: Final = "the old policy stays in force; `overlap policy check`"
_DEFAULT_LIMITS: Final = Limits(set_size=131_072, indicators=524_288, checks=8)


def _limits(table: Table, default: Limits) -> Limits:
    limits = _limit_keys(table, default)
    table.close()
    return limits


def _limit_keys(table: Table, default: Limits) -> Limits:
    return Limits(
        set_size=table.whole("set_size", default.set_size, 1, MAX_BUCKET),
        indicators=table.whole("indicators", default.indicators, 1, MAX_INDICATORS),
        checks=table.whole("checks", default.checks, 1, MAX_CHECKS),
    )


def _rules(table: Table) -> Profile:
    expand = table.one_of("expand_v4", "none", ("none", 24, 28))
    rules = Profile(
        fold_https=table.flag("fold_https", True),
        derive_host=table.flag("derive_host", False),
        expand_v4=expand if isinstance(expand, int) else 0,
    )
    table.close()
    return rules


def _group(table: Table) -> GroupRules:
    holders = table.words("trusted_key_holders", ())
    for name in holders:
        _check_peer(table, "trusted_key_holders", name)
    group = GroupRules(
        consent=table.choice("consent", "ask", ("ask", "auto")),
        trusted_key_holders=holders,
        releases=table.words("releases", ("histogram",), _RELEASES),
        min_members=table.whole("min_members", 3, 3, MAX_MEMBERS),
        at_least=table.wholes("at_least", (2, 3), 2, MAX_MEMBERS),
        runs_per_period=table.whole("runs_per_period", 3, 1, MAX_CHECKS),
    )
    table.close()
    return group


def _peers(table: Table, limits: Limits) -> Mapping[str, PeerRules]:
    peers = {}
    for name in table.names():
        _check_peer(table, name, name)
        entry = table.table(name)
        peers[name] = PeerRules(
            may_ask=entry.flag("may_ask", True), limits=_limit_keys(entry, limits)
        )
        entry.close()
    return MappingProxyType(peers)


def _check_peer(table: Table, key: str, name: str) -> None:
    try:
        check_name("name", name)
    except UsageError as error:
        raise table.error(key, error.message.removeprefix("name: ")) from None

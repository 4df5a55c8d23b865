# SPDX-License-Identifier: Apache-2.0
"""
What a finished check gives its client: which of its own indicators the server also holds.

It holds indicators, so the reprs show none of them. Nothing of the peer is in it but its name,
its bucket and what it promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from psi.errors import LocalProtocolError
from psi.indicators.set import Source
from psi.indicators.tlp import Tlp

__all__ = ["DEFAULT_TLP", "CheckResult", "Match", "Sizes", "Source"]

# How far a result may travel where its own sources do not say: it names what a peer holds.
DEFAULT_TLP: Final = Tlp.AMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One indicator that both hold: its kind, canonical value and the client's own sources."""

    kind: str
    value: str = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)

    @property
    def tlp(self) -> Tlp:
        """The strictest marking of its sources; `Tlp.NONE` when all are unmarked."""
        return max(
            (Tlp.parse(source.tlp) for source in self.sources if source.tlp), default=Tlp.NONE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Set sizes in indicators; of the server only the bucket is known."""

    client: int
    client_bucket: int
    server_bucket: int
    client_by_kind: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    One finished check, matches in the order of the client's set.

    `run` is the first 10 hex digits of `session`; `profile` the digest of the matching rules in
    hex; times are RFC 3339 in UTC; `bytes` has `sent` and `received`; `budget` has
    `indicators_left`, `checks_left` and `renews_at`; `seconds` are durations by step.

    Raises:
        LocalProtocolError: The counts by kind are not those of the matches.
    """

    client: str
    server: str
    run: str
    session: str
    profile: str
    started_at: str
    ended_at: str
    end: str
    sizes: Sizes
    matches: Sequence[Match] = field(repr=False)
    by_kind: Mapping[str, int]
    proofs_verified: bool
    parts: int
    bytes: Mapping[str, int]
    budget: Mapping[str, int | str]
    resumed: bool
    seconds: Mapping[str, float]

    def __post_init__(self) -> None:
        # Not the kinds themselves: that would make every match once, and they may be many.
        if len(self.matches) != sum(self.by_kind.values()):
            raise LocalProtocolError(
                f"a result of {len(self.matches)} matches has other counts by kind"
            )

    @property
    def count(self) -> int:
        """How many of the client's indicators the server also holds."""
        return len(self.matches)

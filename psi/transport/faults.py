# SPDX-License-Identifier: Apache-2.0
"""
What a failed call means to the person who asked: refusals and statuses as `PsiError`.

The texts are ours: of what a peer sent, only a slug of the closed table and numbers get in. Names
and contacts are those of our own roster.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from psi.errors import (
    LimitError,
    PeerProtocolError,
    PsiError,
    RefusedError,
    UnreachableError,
    VerifyError,
)
from psi.transport.refusals import Received
from psi.transport.times import moment, span

__all__ = ["AGAIN", "Parties", "failed_answer", "refused", "seen_from_here"]

AGAIN: Final = "run the same command again; nothing is charged twice"
_WEEK_S: Final = 604_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who talks to whom, for texts; everything from our own roster and configuration."""

    own: str
    peer: str
    contact: str
    address: str
    roster_serial: int
    alliance: str
    epoch_seconds: int

    @property
    def ask_peer(self) -> str:
        """`ask beta-bank (soc@beta.example)`."""
        return f"ask {self.peer}" + (f" ({self.contact})" if self.contact else "")

    @property
    def period(self) -> str:
        """What people call an epoch."""
        return "week" if self.epoch_seconds == _WEEK_S else "period"


def seen_from_here(slug: str) -> str:
    """
    The slug under which we report a peer's refusal.

    What is an own trouble of the peer is `peer-failed` here; what the peer finds wrong with the
    other side's certificate is about ours.
    """
    return _OTHER_SIDE.get(slug, slug)


def refused(received: Received, parties: Parties, now_s: int) -> PsiError:
    """The error for a refusal that came with a valid slug."""
    slug = seen_from_here(received.slug)
    cls, text, hint = _ROWS[slug]
    detail = dict(received.detail)
    words = _Words(parties, detail, now_s)
    return cls(text(words), slug=slug, hint=hint(words), detail=detail)


def failed_answer(code: grpc.StatusCode, parties: Parties) -> PsiError:
    """The error for a status without a refusal that we understand, other than silence."""
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
        return PeerProtocolError(
            f"{parties.peer} does not understand a message of this version",
            hint="compare `overlap --version` on both sides",
        )
    return UnreachableError(
        f"{parties.peer} could not answer; the fault is on its side ({code.name})",
        slug="peer-failed",
        hint=f"{parties.ask_peer}; {AGAIN}",
    )


_OTHER_SIDE: Final[Mapping[str, str]] = {
    "storage-fault": "peer-failed",
    "disk-full": "peer-failed",
    "state-damaged": "peer-failed",
    "peer-cert-expired": "own-cert-expired",
    "peer-cert-foreign": "not-a-member",
    "peer-cert-other": "not-a-member",
}


@dataclass(frozen=True, slots=True)
class _Words:
    """What the texts below are made of."""

    parties: Parties
    detail: Mapping[str, int]
    now_s: int

    @property
    def peer(self) -> str:
        return self.parties.peer

    @property
    def renewal(self) -> str:
        at = self.detail.get("renews_at")
        if at is None:
            return f"it renews with the next {self.parties.period}"
        return f"it renews {moment(at)} (in {span(at - self.now_s)})"

    @property
    def part(self) -> str:
        chunk = self.detail.get("chunk")
        return "" if chunk is None else f" (part {chunk + 1})"


def _budget(w: _Words) -> str:
    used, allowed = w.detail.get("sessions_used"), w.detail.get("sessions")
    left, needed = w.detail.get("left"), w.detail.get("needed")
    text = f"the budget with {w.peer} is used up"
    if used is not None and allowed is not None and used >= allowed:
        return f"{text}: {used:,} of {allowed:,} checks this {w.parties.period}"
    if left is not None and needed is not None:
        return f"{text}: {left:,} indicators left, {needed:,} needed"
    return text


def _too_large(w: _Words) -> str:
    limit = w.detail.get("limit")
    most = "fewer indicators" if limit is None else f"at most {limit:,} indicators"
    return f"{w.peer} allows {w.parties.own} {most} a check"


def _roster(w: _Words) -> str:
    theirs, ours = w.detail.get("serial"), w.parties.roster_serial
    if theirs is None or theirs == ours:
        return f"{w.peer} uses another roster than your {ours}"
    return f"{w.peer} uses roster {theirs}, you have {ours}"


def _roster_hint(w: _Words) -> str:
    if w.detail.get("serial", w.parties.roster_serial) < w.parties.roster_serial:
        return f"{w.parties.ask_peer} to run `overlap roster update`"
    return "`overlap roster update` (from the board, or a FILE); else ask the operator"


def _not_a_member(w: _Words) -> str:
    serial = w.detail.get("serial")
    which = "the roster" if serial is None else f"roster {serial}"
    return f"{which} at {w.peer} does not list {w.parties.own} with this certificate"


def _clock(w: _Words) -> str:
    skew = w.detail.get("skew_s")
    if skew is None:
        return f"your clock and {w.peer}'s differ by more than the 5 min that are allowed"
    return f"your clock and {w.peer}'s differ by {span(skew)}; 5 min are allowed"


def _busy(w: _Words) -> str:
    wait_ms = w.detail.get("retry_after_ms")
    when = "" if not wait_ms else f"; it asks to come back in {span(-(-wait_ms // 1000))}"
    return f"{w.peer} has no time to answer now{when}"


def _hint(text: str) -> Callable[[_Words], str]:
    return lambda _: text


def _ask(text: str = "") -> Callable[[_Words], str]:
    return lambda w: w.parties.ask_peer + text


_Row = tuple[type[PsiError], Callable[[_Words], str], Callable[[_Words], str]]

# Every slug that `seen_from_here` gives, docs/errors.md: class, text, hint.
_ROWS: Final[Mapping[str, _Row]] = {
    "malformed": (
        PeerProtocolError,
        lambda w: f"{w.peer} refuses a message of ours as malformed{w.part}",
        _hint("compare `overlap --version` on both sides; do not repeat it"),
    ),
    "version-differs": (
        PeerProtocolError,
        lambda w: f"{w.peer} speaks another version of the protocol",
        _hint("compare `overlap --version` on both sides; update the older one"),
    ),
    "session-ended": (
        RefusedError,
        lambda w: f"{w.peer} has ended this run",
        _hint("run it with `--new`; it counts as a new check"),
    ),
    "period-ended": (
        RefusedError,
        lambda w: f"{w.peer}'s period ended during the run; its answers so far are void",
        _hint("run it again; it counts in the new period"),
    ),
    "repeated-too-often": (
        RefusedError,
        lambda w: f"{w.peer} has answered the same message too often{w.part}",
        _hint("run it with `--new`; it counts as a new check"),
    ),
    "own-cert-expired": (
        RefusedError,
        lambda w: f"your certificate is outside its time by {w.peer}'s clock",
        _hint("`overlap keys show`, `timedatectl`; if it has expired, `overlap keys rotate`"),
    ),
    "not-a-member": (
        RefusedError,
        _not_a_member,
        _hint("`overlap roster update` (from the board, or a FILE); else ask the operator"),
    ),
    "roster-older": (RefusedError, _roster, _roster_hint),
    "rules-differ": (
        RefusedError,
        lambda w: f"matching rules differ between here and {w.peer}",
        lambda w: (
            f"`overlap ping {w.peer}` names them; agree on one, change `rules` in policy.toml"
        ),
    ),
    "policy-refused": (
        RefusedError,
        lambda w: f"{w.peer}'s policy does not let {w.parties.own} check",
        _ask(),
    ),
    "clock-skew": (RefusedError, _clock, _hint("`timedatectl` on both sides")),
    "set-too-large": (
        LimitError,
        _too_large,
        _hint("narrow it (`--kinds`, `--max-age`), or ask the operator for a higher limit"),
    ),
    "budget-exhausted": (
        LimitError,
        _budget,
        lambda w: f"{w.renewal}; {w.peer} can raise it",
    ),
    "bad-signature": (
        VerifyError,
        lambda w: f"{w.peer} finds that our signature does not hold",
        _hint("compare `overlap roster show` on both sides"),
    ),
    "bad-proof": (
        VerifyError,
        lambda w: f"{w.peer} finds that a proof of ours does not hold{w.part}",
        _ask(" and the operator; do not repeat it"),
    ),
    "list-differs": (
        PeerProtocolError,
        lambda w: f"{w.peer} finds that a list of ours does not fit its signed digest",
        _ask(" and the operator; do not repeat it"),
    ),
    "two-messages": (
        PeerProtocolError,
        lambda w: f"{w.peer} holds another message of ours for the same place{w.part}",
        _hint("is this home in use twice, or restored from a backup? run it with `--new`"),
    ),
    "peer-failed": (
        UnreachableError,
        lambda w: f"{w.peer} can't record at the moment, so it does not answer",
        _ask(f"; {AGAIN}"),
    ),
    "busy": (UnreachableError, _busy, _hint(AGAIN)),
}

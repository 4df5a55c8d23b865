# SPDX-License-Identifier: Apache-2.0
"""
Who may ask what: the checks of a ClientHello in the order of docs/protocol.md section 4.

Caller, version, names, SPKIs, signature come first; only then is a stored answer looked up, and
only after that come nonce, roster, rules, clock, size and budget. Nothing is charged before all
of it holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psi.crypto.signing import verify_signature
from psi.errors import LimitError, PeerProtocolError, RefusedError
from psi.protocol.ledger import Ledger, Limits, Usage
from psi.protocol.messages import (
    PROTOCOL_VERSION,
    ClientHello,
    Principal,
    Profile,
    Roster,
    Signed,
)
from psi.protocol.server_keys import ServerKey
from psi.protocol.sizes import CLOCK_TOLERANCE_MS, NONCE_MEMORY_MS, is_bucket
from psi.protocol.structure import Structure

__all__ = ["Admission", "Caller", "Rules", "check_call", "principal_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who the transport has authenticated: a roster name and the SPKI of its certificate."""

    name: str
    spki: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The roster, policy and limits in force; replaced as a whole, never changed."""

    roster: Roster
    roster_hash: bytes
    policy_hash: bytes
    profile: Profile
    own_spkis: frozenset[bytes]
    limits: Callable[[str], Limits]  # raises RefusedError for a peer that may not ask


def principal_of(roster: Roster, name: str) -> Principal:
    """
    The roster's entry of a name.

    Raises:
        RefusedError: The roster does not list it (`not-a-member`).
    """
    for principal in roster.principals:
        if principal.name == name:
            return principal
    raise RefusedError(
        f"roster {roster.serial} does not list this caller",
        slug="not-a-member",
        detail={"serial": roster.serial},
    )


def check_call(rules: Rules, caller: Caller, message: Signed[Structure]) -> None:
    """
    Check that a message was signed by the identity key of its authenticated caller.

    Raises:
        VerifyError: The signature does not hold.
        RefusedError: The caller is no longer in the roster.
    """
    principal = principal_of(rules.roster, caller.name)
    body = message.body
    verify_signature(principal.identity_key, body.NAME, body.encode(), message.signature)


@dataclass(frozen=True, slots=True)
class Admission:
    """The checks of one ClientHello by the server `name`."""

    name: str
    rules: Rules
    caller: Caller

    def check_origin(self, hello: Signed[ClientHello]) -> None:
        """
        Caller, version, names, SPKIs and signature.

        Raises:
            PeerProtocolError, VerifyError: One of them is wrong.
        """
        body = hello.body
        if body.client != self.caller.name:
            raise PeerProtocolError("the hello names another client than the connection")
        if body.version != PROTOCOL_VERSION:
            raise PeerProtocolError(
                f"version {body.version} is not {PROTOCOL_VERSION}", slug="version-differs"
            )
        if body.server != self.name or body.client == self.name:
            raise PeerProtocolError("the hello is not addressed to this server")
        if body.spki_client != self.caller.spki or body.spki_server not in self.rules.own_spkis:
            raise PeerProtocolError("the hello names other certificates than the connection")
        check_call(self.rules, self.caller, hello)

    def check_terms(self, body: ClientHello, now_ms: int, ledger: Ledger) -> None:
        """
        Nonce, roster, policy, profile, clock and the client's bucket limit.

        Raises:
            PeerProtocolError: A nonce that was used, or a size that is no bucket.
            RefusedError: roster-older, policy-refused, rules-differ, clock-skew, set-too-large.
        """
        if ledger.nonce_seen(body.client, body.nonce, now_ms - NONCE_MEMORY_MS):
            raise PeerProtocolError("the hello's nonce was used before")
        rules = self.rules
        if body.roster_hash != rules.roster_hash:
            raise RefusedError(
                "the two rosters differ",
                slug="roster-older",
                detail={"serial": rules.roster.serial},
            )
        limits = rules.limits(body.client)
        if body.profile_digest != rules.profile.digest():
            raise RefusedError("matching rules differ", slug="rules-differ")
        skew_ms = abs(now_ms - body.time_ms)
        if skew_ms > CLOCK_TOLERANCE_MS:
            raise RefusedError(
                f"the clocks differ by {skew_ms // 1000} s, 300 s are allowed",
                slug="clock-skew",
                detail={"skew_s": skew_ms // 1000},
            )
        if not is_bucket(body.bucket):
            raise PeerProtocolError(f"{body.bucket:,} is no set size of the protocol")
        if body.bucket > limits.bucket:
            raise LimitError(
                f"a check has at most {limits.bucket:,} indicators, this one has {body.bucket:,}",
                slug="set-too-large",
                detail={"limit": limits.bucket},
            )

    def check_budget(self, charge: int, usage: Usage, key: ServerKey) -> int:
        """
        What is left of the budget after this charge, in the epoch of `key`.

        Raises:
            LimitError: The epoch's budget or number of checks does not allow it.
        """
        limits = self.rules.limits(self.caller.name)
        left = limits.budget - usage.elements
        # A ledger that was lost counts as used up without end.
        used = min(usage.sessions, limits.sessions)
        if usage.sessions >= limits.sessions or charge > left:
            raise LimitError(
                f"the budget of this period: {used} of {limits.sessions} checks used, "
                f"{max(0, left):,} indicators left, {charge:,} needed",
                slug="budget-exhausted",
                detail={
                    "renews_at": key.cert.body.not_after,
                    "left": max(0, left),
                    "needed": charge,
                    "sessions": limits.sessions,
                    "sessions_used": used,
                },
            )
        return left - charge

# SPDX-License-Identifier: Apache-2.0
"""An opened home: who we are, whom we trust, what we allow; where every use case starts."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from psi.crypto.sealing import Sealer
from psi.errors import PsiError, RefusedError
from psi.indicators.profile import Profile as RulesProfile
from psi.protocol.admission import Rules
from psi.protocol.ledger import Limits
from psi.protocol.messages import Principal, Profile
from psi.trust.certificates import read_certificate
from psi.trust.config import Config
from psi.trust.home import Home
from psi.trust.identity import Identity, load_identity, own_request
from psi.trust.master import load_master
from psi.trust.policy import Policy
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster
from psi.trust.rotation import settle
from psi.trust.unlock import UnlockSource, open_sealer

__all__ = ["Member", "profile_message"]


def profile_message(profile: RulesProfile) -> Profile:
    """The matching rules as the structure whose digest both sides compare."""
    return Profile(
        version=profile.version,
        fold_https=int(profile.fold_https),
        derive_host=int(profile.derive_host),
        expand_v4=profile.expand_v4,
        rules_digest=profile.rules_digest,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One principal in its alliance, with its policy and configuration as they are now."""

    home: Home
    unlock: UnlockSource = field(repr=False)
    sealer: Sealer = field(repr=False)
    identity: Identity
    rosters: RosterStore
    policy: Policy
    config: Config

    @classmethod
    def open(cls, path: Path, unlock: UnlockSource) -> "Member":
        """
        Open a home that has joined an alliance.

        Raises:
            KeyFileError: no-home, open-permissions, unlock-failed, not-joined, state-damaged.
            PsiError: bad-policy, bad-config.
        """
        home = Home.open(path)
        sealer = open_sealer(home, unlock)
        rosters = RosterStore(home)
        settle(home, unlock, rosters.current())
        return cls(
            home=home,
            unlock=unlock,
            sealer=sealer,
            identity=load_identity(home, unlock),
            rosters=rosters,
            policy=Policy.load(home.policy_path),
            config=Config.load(home.config_path),
        )

    def renewed(self) -> "Member":
        """The same, with the new keys once the roster in force lists them (`keys rotate`)."""
        settle(self.home, self.unlock, self.roster)
        # Another process of this home may have made the switch.
        if own_request(self.home).certificate.spki == self.identity.spki:
            return self
        return replace(self, identity=load_identity(self.home, self.unlock))

    @property
    def name(self) -> str:
        """Our name in the roster."""
        return self.identity.name

    @property
    def roster(self) -> TrustedRoster:
        """The roster in force; read again when its file has changed."""
        return self.rosters.current()

    @property
    def principal(self) -> Principal:
        """
        Our own entry.

        Raises:
            RefusedError: The roster no longer lists us (`not-a-member`).
        """
        roster = self.roster
        if not roster.lists(self.name):
            raise RefusedError(
                f"roster {roster.roster.serial} of {roster.roster.alliance} "
                f"does not list {self.name}",
                slug="not-a-member",
                hint="`overlap roster update` (from the board, or a FILE); else ask the operator",
            )
        return roster.principal(self.name)

    @property
    def rules_profile(self) -> RulesProfile:
        """The matching rules that our policy asks for."""
        rules = self.policy.rules
        return RulesProfile(
            fold_https=rules.fold_https,
            derive_host=rules.derive_host,
            expand_v4=rules.expand_v4,
        )

    @property
    def profile(self) -> Profile:
        """The same as a protocol structure."""
        return profile_message(self.rules_profile)

    def master(self, epoch: int) -> bytes:
        """The master of an epoch; earlier ones are erased (`psi.trust.master`)."""
        return load_master(self.home, self.unlock, self.roster.roster.alliance, epoch)

    def require_valid_certificate(self, now_s: int) -> None:
        """
        Look at our own certificate before anyone else does.

        Raises:
            PsiError: It has expired (`own-cert-expired`).
        """
        certificate = read_certificate(self.identity.certificate_der, slug="state-damaged")
        if now_s > certificate.not_after:
            raise PsiError(
                "your certificate has expired; no peer will accept it",
                slug="own-cert-expired",
                hint="`overlap keys rotate`, then send the new request to the operator",
            )

    def rules(self) -> Rules:
        """What the answering side goes by: the roster in force and this policy."""
        trusted = self.roster
        return Rules(
            roster=trusted.roster,
            roster_hash=trusted.hash,
            policy_hash=self.policy.digest,
            profile=self.profile,
            own_spkis=frozenset(trusted.principal(self.name).certificates),
            limits=lambda client: self._limits(trusted, client),
        )

    def _limits(self, trusted: TrustedRoster, client: str) -> Limits:
        peer = self.policy.peer(client)
        listed = trusted.principal(client) if trusted.lists(client) else None
        # The client of a check is a member: operators and auditors learn nothing from members.
        if not peer.may_ask or listed is None or "member" not in listed.roles:
            raise RefusedError(f"the policy does not let {client} check", slug="policy-refused")
        return Limits(
            bucket=min(listed.bucket_limit, peer.limits.set_size),
            budget=min(listed.budget, peer.limits.indicators),
            sessions=min(listed.sessions, peer.limits.checks),
        )

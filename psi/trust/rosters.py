# SPDX-License-Identifier: Apache-2.0
"""
The roster as it travels: signed, with its certificates beside it (docs/protocol.md, section 3).

A `TrustedRoster` is only as good as its alliance key: `read_roster_file` shows that the file fits
the key that it names itself. Whose key that is, two people have compared (join), or the home
remembers (`psi.trust.roster_store`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal

from psi.crypto.signing import SIGNATURE_LENGTH, Signer, verification_code, verify_signature
from psi.errors import KeyFileError, PeerProtocolError, UsageError, VerifyError
from psi.protocol.messages import Principal, Roster
from psi.trust.certificates import read_certificate
from psi.trust.formats import RosterFile, read_json, unhex, write_json
from psi.trust.names import ROLES, did_you_mean

__all__ = ["RosterFormat", "TrustedRoster", "read_roster_file", "sign_roster", "trusted_roster"]

RosterFormat = Literal["overlap-roster-file/1", "overlap-join/1"]

_SLUG: Final = "bad-roster"
# One, or two while a certificate is being replaced.
MAX_CERTIFICATES: Final = 2


@dataclass(frozen=True)
class TrustedRoster:
    """
    A roster, the alliance key that it is checked against, and the certificates that it lists.

    `certificates` maps the SHA-256 of a SubjectPublicKeyInfo to one DER certificate; it holds
    exactly those that the roster lists.
    """

    alliance_key: bytes
    roster: Roster
    signature: bytes
    certificates: Mapping[bytes, bytes]

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the roster's encoding, 32 bytes."""
        return self.roster.digest()

    @property
    def code(self) -> str:
        """The alliance's verification code, six groups of five digits."""
        return verification_code(self.alliance_key)

    @cached_property
    def _by_name(self) -> Mapping[str, Principal]:
        return MappingProxyType({entry.name: entry for entry in self.roster.principals})

    def principal(self, name: str) -> Principal:
        """
        The entry of a principal.

        Raises:
            UsageError: There is none (`unknown-peer`).
        """
        entry = self._by_name.get(name)
        if entry is None:
            raise UsageError(
                f"no member {ascii(name)[1:-1][:63]} in roster {self.roster.serial}"
                f"{did_you_mean(name, self._by_name)}",
                slug="unknown-peer",
                hint="`overlap roster show`, `overlap roster update`",
            )
        return entry

    def lists(self, name: str) -> bool:
        """Whether there is an entry of that name."""
        return name in self._by_name

    def certificates_of(self, name: str) -> list[bytes]:
        """The DER certificates of a principal, newest first; raises what `principal` raises."""
        return [self.certificates[spki] for spki in self.principal(name).certificates]

    def named(self, role: str) -> tuple[str, ...]:
        """The names of the principals with a role, sorted."""
        return tuple(entry.name for entry in self.roster.principals if role in entry.roles)

    def verify(self) -> None:
        """
        Check the signature, the entries and the certificates; the time is not looked at.

        Raises:
            KeyFileError: Something does not hold (`bad-roster`).
        """
        self._verify_signature()
        roster, where = self.roster, self._where
        _check_entries(roster, where)
        for entry in roster.principals:
            for spki in entry.certificates:
                if spki not in self.certificates:
                    raise _bad(f"{where} comes without the certificate of {entry.name}")
                certificate = read_certificate(self.certificates[spki], slug=_SLUG)
                if (certificate.spki, certificate.principal) != (spki, entry.name):
                    raise _bad(f"{where}: the certificate of {entry.name} is another's")

    def _verify_signature(self) -> None:
        try:
            verify_signature(self.alliance_key, Roster.NAME, self.roster.encode(), self.signature)
        except VerifyError:
            raise _bad(f"{self._where} is not signed with the alliance key") from None

    @property
    def _where(self) -> str:
        return f"roster {self.roster.serial} of {self.roster.alliance}"

    def to_file(self, kind: RosterFormat = "overlap-roster-file/1") -> bytes:
        """The bytes of a roster file or a join file; they hold no secret."""
        listed = (spki for entry in self.roster.principals for spki in entry.certificates)
        return write_json(
            RosterFile(
                format=kind,
                alliance_key=self.alliance_key.hex(),
                roster=self.roster.encode(),
                signature=self.signature.hex(),
                certificates=[self.certificates[spki] for spki in listed],
            )
        )


def trusted_roster(
    alliance_key: bytes, roster: bytes, signature: bytes, certificates: Iterable[bytes]
) -> TrustedRoster:
    """
    A verified roster from the parts in which it travels.

    Args:
        alliance_key: 32 bytes; the one that the home remembers, unless this is its first roster.
        roster: The encoding.
        signature: 64 bytes.
        certificates: DER; those that the roster does not list are left out. None is looked at
            before the signature holds.

    Raises:
        KeyFileError: Something does not hold (`bad-roster`).
    """
    try:
        body = Roster.decode(roster)
    except PeerProtocolError as error:
        raise _bad(error.message) from None
    TrustedRoster(alliance_key, body, signature, {})._verify_signature()
    listed = {spki for entry in body.principals for spki in entry.certificates}
    by_spki: dict[bytes, bytes] = {}
    for der in certificates:
        try:
            spki = read_certificate(der, slug=_SLUG).spki
        except KeyFileError:
            # Whoever passes a roster on could else make it useless. A listed one is missed below.
            continue
        if spki in listed and by_spki.setdefault(spki, der) != der:
            raise _bad(f"roster {body.serial} comes with two certificates for one key")
    trusted = TrustedRoster(alliance_key, body, signature, MappingProxyType(by_spki))
    trusted.verify()
    return trusted


def sign_roster(roster: Roster, signer: Signer, certificates: Iterable[bytes]) -> TrustedRoster:
    """A roster signed with the alliance key; its own mistakes are refused as a stranger's are."""
    encoding = roster.encode()
    signature = signer.sign(Roster.NAME, encoding)
    return trusted_roster(signer.public_key, encoding, signature, certificates)


def read_roster_file(data: bytes, shown: str, kind: RosterFormat) -> TrustedRoster:
    """
    Read a roster file or a join file and verify it under the alliance key that it names.

    Args:
        data: The bytes of the file.
        shown: Its name in messages.
        kind: Which of the two it must be.

    Raises:
        KeyFileError: It is no such file, or something in it does not hold (`bad-roster`).
    """
    file = read_json(data, RosterFile, shown, slug=_SLUG)
    if file.format != kind:
        wanted = {"overlap-join/1": "join", "overlap-roster-file/1": "roster"}
        raise KeyFileError(
            f"{shown}: expected a {wanted[kind]} file, got a {wanted[file.format]} file",
            slug=_SLUG,
            hint="`overlap join` takes NAME.join.json, "
            "`overlap roster update` ALLIANCE.roster.json",
        )
    key = unhex(file.alliance_key, 32, f"{shown}: alliance_key", slug=_SLUG)
    signature = unhex(file.signature, SIGNATURE_LENGTH, f"{shown}: signature", slug=_SLUG)
    return trusted_roster(key, file.roster, signature, file.certificates)


def _check_entries(roster: Roster, where: str) -> None:
    """The rules of docs/protocol.md section 3 that a well-formed roster may still break."""
    if not 1 <= roster.epoch_seconds <= 2**32:
        raise _bad(f"{where}: expected a period of 1 to 2^32 seconds")
    names = [entry.name for entry in roster.principals]
    if names != sorted(set(names)):
        raise _bad(f"{where}: expected each name once and in order")
    keys = [key for entry in roster.principals for key in (entry.identity_key, entry.log_key)]
    if len(keys) != len(set(keys)):
        raise _bad(f"{where}: two of its keys are the same")
    certificates = [spki for entry in roster.principals for spki in entry.certificates]
    if len(certificates) != len(set(certificates)):
        raise _bad(f"{where}: two of its certificates have the same key")
    for entry in roster.principals:
        if not entry.roles or not set(entry.roles) <= set(ROLES):
            raise _bad(f"{where}: {entry.name} has a role outside {', '.join(ROLES)}, or none")
        if not 1 <= len(entry.certificates) <= MAX_CERTIFICATES:
            raise _bad(f"{where}: {entry.name} has {len(entry.certificates)} certificates")
        if entry.not_before >= entry.not_after:
            raise _bad(f"{where}: {entry.name} is never valid")


def _bad(message: str) -> KeyFileError:
    return KeyFileError(message, slug=_SLUG, hint="ask the operator for the current roster file")

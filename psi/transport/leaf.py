# SPDX-License-Identifier: Apache-2.0
"""Which certificate is whose: the roster decides, by the hash of the key (docs/protocol.md, 3)."""

import functools

from psi.protocol.messages import Roster
from psi.transport.seams import Trusted
from psi.trust.certificates import Certificate, read_certificate

__all__ = ["certificates_of", "is_valid_at", "listed_for", "read_leaf"]


@functools.lru_cache(maxsize=512)
def read_leaf(der: bytes) -> Certificate:
    """
    What a peer's certificate says, read once; that it is listed is not checked.

    Raises:
        KeyFileError: It is not one that a member could have (`peer-cert-foreign`).
    """
    return read_certificate(der, slug="peer-cert-foreign")


def is_valid_at(certificate: Certificate, unix_s: int) -> bool:
    """Whether the certificate's window holds this second."""
    return certificate.not_before <= unix_s <= certificate.not_after


def listed_for(roster: Roster, spki: bytes) -> str | None:
    """The principal that the roster lists this key for, if any."""
    for principal in roster.principals:
        if spki in principal.certificates:
            return principal.name
    return None


def certificates_of(trusted: Trusted, name: str | None = None) -> tuple[bytes, ...]:
    """The certificates in DER that the roster lists, of one principal or of all."""
    return tuple(
        trusted.certificates[spki]
        for principal in trusted.roster.principals
        if name is None or principal.name == name
        for spki in principal.certificates
        if spki in trusted.certificates
    )

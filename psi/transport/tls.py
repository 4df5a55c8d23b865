# SPDX-License-Identifier: Apache-2.0
"""
TLS credentials of both sides (docs/protocol.md, section 3).

There is no certification authority: each certificate is its own root. A server trusts the
certificates of the roster, a client the one or two of the server it calls. That is a first sieve;
a certificate that one rostered member made for another's name passes it and is refused by
`psi.transport.auth`.
"""

from collections.abc import Callable

import grpc
from cryptography import x509
from cryptography.x509.oid import NameOID

from psi.errors import TransportError
from psi.transport.leaf import certificates_of
from psi.transport.seams import OwnIdentity, Trusted
from psi.trust.certificates import to_pem

__all__ = ["client_credentials", "server_credentials"]


def server_credentials(
    identities: Callable[[], OwnIdentity], rosters: Callable[[], Trusted]
) -> grpc.ServerCredentials:
    """
    Credentials that require a certificate of the roster in force when a connection begins.

    Args:
        identities: Asked for every connection too, so that a new certificate needs no restart.

    Raises:
        TransportError: The roster lists no certificate at all.
    """
    # One entry: what the configuration was made from. grpc calls us on every new connection, and
    # reading 100 certificates each time would be work for whoever connects.
    made: list[tuple[Trusted, OwnIdentity, grpc.ServerCertificateConfiguration]] = []

    def configuration() -> grpc.ServerCertificateConfiguration:
        # The roster first: one that lists our new certificate is what makes us switch to it.
        trusted = rosters()
        identity = identities()
        if made and made[0][0] is trusted and made[0][1] is identity:
            return made[0][2]
        own = (identity.tls_key_pem, to_pem(identity.certificate_der))
        fresh = grpc.ssl_server_certificate_configuration([own], _roots(trusted))
        made[:] = [(trusted, identity, fresh)]
        return fresh

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=True
    )


def client_credentials(
    identity: OwnIdentity, trusted: Trusted, server: str
) -> grpc.ChannelCredentials:
    """
    Credentials for calls to one server of the roster, and to no other.

    Raises:
        TransportError: The roster lists no certificate of that server.
    """
    return grpc.ssl_channel_credentials(
        root_certificates=_roots(trusted, server),
        private_key=identity.tls_key_pem,
        certificate_chain=to_pem(identity.certificate_der),
    )


def _roots(trusted: Trusted, name: str | None = None) -> bytes:
    """The certificates of one principal, or of all, as roots in PEM."""
    roots = b"".join(
        to_pem(der)
        for principal in trusted.roster.principals
        if name is None or principal.name == name
        for der in certificates_of(trusted, principal.name)
        if _has_own_subject(der, principal.name)
    )
    if not roots:
        # Without roots of ours grpc would take the machine's.
        raise TransportError(
            f"roster {trusted.roster.serial} has no certificate of {name or 'any member'}",
            slug="bad-roster",
            hint="`overlap roster update`; else ask the operator",
        )
    return roots


def _has_own_subject(der: bytes, principal: str) -> bool:
    # The TLS library finds a root by its subject. A member whose certificate bore another's would
    # be found in the other's place, and so lock the other out of every server (tried).
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])
    return x509.load_der_x509_certificate(der).subject == own

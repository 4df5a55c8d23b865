# SPDX-License-Identifier: Apache-2.0
"""
Who calls: decided anew for every call, from the connection and the roster in force.

The TLS library has checked that the caller holds the key of the certificate. Here the key must be
the one that the roster lists for the name in the certificate, within both windows of time, so a
member that was removed is refused on its open connections too.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from psi.errors import RefusedError
from psi.protocol.admission import Caller, principal_of
from psi.transport.leaf import is_valid_at, listed_for, read_leaf
from psi.transport.seams import Trusted

__all__ = ["Authenticator"]

_TLS_1_3: Final = (b"TLSv1.3",)


class Authenticator:
    """Turns what grpc knows of a connection into a caller of the roster, or refuses."""

    def __init__(self, rosters: Callable[[], Trusted], now_ms: Callable[[], int]) -> None:
        """`now_ms`: Unix milliseconds."""
        self._rosters = rosters
        self._now_ms = now_ms

    def caller(self, connection: Mapping[str, Iterable[bytes]]) -> Caller:
        """
        The caller of a connection (`grpc.ServicerContext.auth_context()`).

        Raises:
            RefusedError, KeyFileError: TLS below 1.3, no certificate or none of a member
                (`peer-cert-foreign`), one outside its window (`peer-cert-expired`), a key that is
                listed for another name (`peer-cert-other`) or not at all, or an entry outside its
                window (`not-a-member`).
        """
        if tuple(connection.get("ssl_tls_version", ())) != _TLS_1_3:
            raise _foreign("expected TLS 1.3")
        certificates = tuple(connection.get("x509_pem_cert", ()))
        if len(certificates) != 1:
            raise _foreign(f"expected one certificate, got {len(certificates)}")
        leaf = read_leaf(_der_of(certificates[0]))
        roster = self._rosters().roster
        now_s = self._now_ms() // 1000
        owner = listed_for(roster, leaf.spki)
        if owner is not None and owner != leaf.principal:
            raise RefusedError(f"a certificate of {owner} for another name", slug="peer-cert-other")
        principal = principal_of(roster, leaf.principal)
        if owner is None or not principal.not_before <= now_s < principal.not_after:
            raise RefusedError(
                f"roster {roster.serial} does not list this certificate of {principal.name}",
                slug="not-a-member",
                detail={"serial": roster.serial},
            )
        if not is_valid_at(leaf, now_s):
            raise RefusedError(
                f"the certificate of {principal.name} is outside its window of time",
                slug="peer-cert-expired",
            )
        return Caller(name=principal.name, spki=leaf.spki)


def _der_of(pem: bytes) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    except ValueError:
        raise _foreign("expected a certificate in PEM") from None


def _foreign(reason: str) -> RefusedError:
    return RefusedError(reason, slug="peer-cert-foreign")

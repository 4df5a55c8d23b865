# SPDX-License-Identifier: Apache-2.0
"""What the transport needs of its neighbours, as types: our identity, the roster, who answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from psi.protocol.admission import Caller
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    Roster,
    ServerAnswer,
    Signed,
    Status,
)

__all__ = ["Answerer", "OwnIdentity", "RosterFile", "Trusted"]


class OwnIdentity(Protocol):
    """Our own name and TLS key (`psi.trust.identity.Identity`)."""

    @property
    def name(self) -> str:
        """Our name in the roster."""
        ...

    @property
    def tls_key_pem(self) -> bytes:
        """The private key of our certificate, PKCS 8 in PEM; secret."""
        ...

    @property
    def certificate_der(self) -> bytes:
        """Our certificate, X.509 in DER."""
        ...


class Trusted(Protocol):
    """A roster whose signature has been checked (`psi.trust.rosters.TrustedRoster`)."""

    @property
    def roster(self) -> Roster:
        """The list of members."""
        ...

    @property
    def signature(self) -> bytes:
        """The alliance's signature of it, 64 bytes."""
        ...

    @property
    def certificates(self) -> Mapping[bytes, bytes]:
        """SPKI hash to certificate in DER; counts only where the roster lists the hash."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFile:
    """A roster as a peer sent it: nothing of it has been checked but its form."""

    roster: Roster
    signature: bytes
    certificates: tuple[bytes, ...]


class Answerer(Protocol):
    """
    The answering side, called from many threads (`psi.protocol.server.PairwiseServer`).

    Every method may raise any `PsiError`; `psi.transport.refusals` says what of it travels.
    """

    def open_session(self, caller: Caller, hello: Signed[ClientHello]) -> ServerAnswer:
        """The hello, and the signature of its KeyCert."""
        ...

    def evaluate(
        self, caller: Caller, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        """The response and the evaluated elements, n * 32 bytes."""
        ...

    def get_table(self, caller: Caller, request: Signed[GetTable]) -> bytes:
        """One page of tags."""
        ...

    def close(self, caller: Caller, request: Signed[Close]) -> Signed[Close]:
        """The receipt."""
        ...

    def status(self, caller: Caller) -> Status:
        """What is left for this caller."""
        ...

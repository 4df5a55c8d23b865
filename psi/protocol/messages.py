# SPDX-License-Identifier: Apache-2.0
"""
The structures of a pairwise check and of the roster, field by field (docs/protocol.md, section 9).

Field order is encoding order. Times named `time_ms` are Unix milliseconds, `not_before` and
`not_after` Unix seconds (`not_after` exclusive). A `spki` is the SHA-256 of a DER
SubjectPublicKeyInfo.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar

from psi.protocol.structure import B32, B64, Name, Structure, Text

__all__ = [
    "PROTOCOL_VERSION",
    "ClientHello",
    "Close",
    "Enrol",
    "EvalRequest",
    "EvalResponse",
    "GetTable",
    "KeyCert",
    "Principal",
    "Profile",
    "Roster",
    "ServerAnswer",
    "ServerHello",
    "Signed",
    "Status",
]

PROTOCOL_VERSION: Final = 1

S_co = TypeVar("S_co", bound=Structure, covariant=True)


@dataclass(frozen=True, slots=True)
class Signed(Generic[S_co]):
    """A structure and the Ed25519 signature beside it, 64 bytes; not verified by existing."""

    body: S_co
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Structure):
    """The matching rules: everything that changes an indicator's bytes."""

    NAME: ClassVar[str] = "Profile"
    version: int
    fold_https: int
    derive_host: int
    expand_v4: int
    rules_digest: B32


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Structure):
    """One entry of the roster; `bucket_limit` and `budget` count indicators, `sessions` checks."""

    NAME: ClassVar[str] = "Principal"
    name: Name
    roles: tuple[Text, ...]
    address: Text
    contact: Text
    identity_key: B32
    log_key: B32
    certificates: tuple[B32, ...]
    not_before: int
    not_after: int
    bucket_limit: int
    budget: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster(Structure):
    """The signed list of members; `epoch_seconds` never changes in the life of an alliance."""

    NAME: ClassVar[str] = "Roster"
    alliance: Name
    serial: int
    previous: B32 | None
    epoch_seconds: int
    board: Text
    principals: tuple[Principal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol(Structure):
    """A request to be listed, signed by its own identity key."""

    NAME: ClassVar[str] = "Enrol"
    name: Name
    roles: tuple[Text, ...]
    address: Text
    contact: Text
    identity_key: B32
    log_key: B32
    certificate: bytes
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCert(Structure):
    """The server's promise: in this epoch, for this client, it answers with the key of `pk`."""

    NAME: ClassVar[str] = "KeyCert"
    server: Name
    client: Name
    epoch: int
    pk: B32
    not_before: int
    not_after: int
    profile_digest: B32


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello(Structure):
    """The client opens a session for one set, of which it tells the bucket."""

    NAME: ClassVar[str] = "ClientHello"
    version: int
    client: Name
    server: Name
    roster_hash: B32
    policy_hash: B32
    profile_digest: B32
    bucket: int
    nonce: B32
    time_ms: int
    spki_client: B32
    spki_server: B32


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello(Structure):
    """The server's answer; `session_id` is absent only while the id is being computed."""

    NAME: ClassVar[str] = "ServerHello"
    session_id: B32 | None
    key_cert: KeyCert
    policy_hash: B32
    bucket: int
    tag_length: int
    table_version: int
    table_digest: B32
    budget_left: int
    nonce: B32
    time_ms: int
    spki_client: B32
    spki_server: B32


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """The signed ServerHello, and beside it the signature of the KeyCert that it holds."""

    hello: Signed[ServerHello]
    key_cert_signature: bytes

    @property
    def key_cert(self) -> Signed[KeyCert]:
        """The certificate as it was signed."""
        return Signed(self.hello.body.key_cert, self.key_cert_signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRequest(Structure):
    """Beside one chunk of blinded elements."""

    NAME: ClassVar[str] = "EvalRequest"
    session_id: B32
    chunk: int
    chunk_digest: B32


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalResponse(Structure):
    """Beside one chunk of evaluated elements."""

    NAME: ClassVar[str] = "EvalResponse"
    session_id: B32
    chunk: int
    chunk_digest: B32
    elements_digest: B32
    proof: B64


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTable(Structure):
    """Asks for a page of the server's tags, beginning at tag `from_`."""

    NAME: ClassVar[str] = "GetTable"
    session_id: B32
    table_version: int
    from_: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Structure):
    """The last value of the transcript; signed by both sides it is the receipt."""

    NAME: ClassVar[str] = "Close"
    session_id: B32
    transcript: B32
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a client may know before it asks; reading it charges and changes nothing."""

    roster_serial: int
    roster_hash: bytes
    profile: Profile
    bucket_limit: int
    budget: int
    sessions: int
    budget_left: int
    sessions_left: int
    epoch_ends: int
    time_ms: int

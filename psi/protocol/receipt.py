# SPDX-License-Identifier: Apache-2.0
"""
The receipt of a check: what both sides have signed, verified and compared without either.

Both sides hold the same five messages. The last value of the transcript, which both Close messages
carry, covers everything that was sent; so two receipts that are equal here are of one run that
went the same way on both sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from psi.crypto.signing import verify_signature
from psi.errors import PsiError, VerifyError
from psi.protocol.messages import (
    ClientHello,
    Close,
    KeyCert,
    Roster,
    ServerHello,
    Signed,
)
from psi.protocol.sizes import chunk_count, epoch_bounds, is_bucket, tag_length
from psi.protocol.structure import Structure
from psi.protocol.transcript import session_id_of

__all__ = ["FIELDS", "Difference", "Receipt", "differences", "verify_receipt"]

_CLIENT_HELLO: Final = (
    *("version", "client", "server", "roster_hash", "policy_hash", "profile_digest"),
    *("bucket", "nonce", "time_ms", "spki_client", "spki_server"),
)
_SERVER_HELLO: Final = (
    *("session_id", "key_cert", "policy_hash", "bucket", "tag_length", "table_version"),
    *("table_digest", "budget_left", "nonce", "time_ms"),
)
_CLOSE: Final = ("transcript", "chunks")
# Every signed field once; that the two hellos name the same certificates is verified.
FIELDS: Final = (
    *(f"client_hello.{name}" for name in _CLIENT_HELLO),
    *(f"server_hello.{name}" for name in _SERVER_HELLO),
    *(f"close.{name}" for name in _CLOSE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The five signed messages; not verified by existing."""

    client_hello: Signed[ClientHello]
    server_hello: Signed[ServerHello]
    key_cert: Signed[KeyCert]
    close_by_client: Signed[Close]
    close_by_server: Signed[Close]

    @property
    def run(self) -> str:
        """The first ten hex digits of the session's id."""
        return (self.server_hello.body.session_id or b"").hex()[:10]

    def fields(self) -> dict[str, int | str]:
        """The value of each of `FIELDS`; bytes in hex, the key certificate as its digest."""
        bodies: dict[str, Structure] = {
            "client_hello": self.client_hello.body,
            "server_hello": self.server_hello.body,
            "close": self.close_by_server.body,
        }
        values = {}
        for field in FIELDS:
            message, _, name = field.partition(".")
            values[field] = _plain(getattr(bodies[message], name))
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that two receipts do not share."""

    field: str
    first: int | str
    second: int | str


def differences(first: Receipt, second: Receipt) -> list[Difference]:
    """The fields of `FIELDS` in which two receipts differ, in their order."""
    ours, theirs = first.fields(), second.fields()
    return [
        Difference(field=field, first=ours[field], second=theirs[field])
        for field in FIELDS
        if ours[field] != theirs[field]
    ]


def verify_receipt(receipt: Receipt, rosters: Sequence[Roster]) -> Roster:
    """
    The roster with whose keys all five signatures hold, after the messages were compared.

    Args:
        rosters: Verified, of one alliance; the one that the hello names is tried first.

    Raises:
        PsiError: Something does not hold (`does-not-hold`), with the first thing that does not.
    """
    for fault in _faults(receipt):
        raise _not(fault)
    hello = receipt.client_hello.body
    named = sorted(rosters, key=lambda roster: roster.digest() != hello.roster_hash)
    reason = f"no roster that is here lists both {hello.client} and {hello.server}"
    for roster in named:
        keys = {entry.name: entry.identity_key for entry in roster.principals}
        if hello.client not in keys or hello.server not in keys:
            continue
        try:
            _verify_signatures(receipt, keys[hello.client], keys[hello.server])
        except VerifyError as error:
            reason = error.message
            continue
        _check_sizes(receipt, roster)
        return roster
    raise _not(reason)


def _faults(receipt: Receipt) -> Iterator[str]:
    hello, answer = receipt.client_hello.body, receipt.server_hello.body
    cert, close = receipt.key_cert.body, receipt.close_by_client.body
    if answer.session_id != session_id_of(hello, replace(answer, session_id=None)):
        yield "the two hellos are not of one run"
    if answer.key_cert != cert:
        yield "the key is not the one of the run"
    if (cert.server, cert.client) != (hello.server, hello.client):
        yield "the key is for others"
    if (answer.spki_client, answer.spki_server) != (hello.spki_client, hello.spki_server):
        yield "the two sides saw different certificates"
    if cert.profile_digest != hello.profile_digest:
        yield "the key was made under other matching rules"
    if close != receipt.close_by_server.body:
        yield "the two sides closed with different transcripts"
    if close.session_id != answer.session_id:
        yield "the run that was closed is another one"
    if not (is_bucket(hello.bucket) and is_bucket(answer.bucket)):
        yield "a set size is none that a check uses"
    elif answer.tag_length != tag_length(hello.bucket, answer.bucket):
        yield "the tag length does not fit the set sizes"
    elif close.chunks != chunk_count(hello.bucket):
        yield f"{close.chunks} parts were closed, {chunk_count(hello.bucket)} belong to the size"


def _check_sizes(receipt: Receipt, roster: Roster) -> None:
    cert = receipt.key_cert.body
    if (cert.not_before, cert.not_after) != epoch_bounds(cert.epoch, roster.epoch_seconds):
        raise _not("the key is not for one period")
    if not cert.not_before <= receipt.server_hello.body.time_ms // 1000 < cert.not_after:
        raise _not("the run is not in the period of its key")


def _verify_signatures(receipt: Receipt, client_key: bytes, server_key: bytes) -> None:
    messages: tuple[tuple[bytes, Signed[Structure]], ...] = (
        (client_key, receipt.client_hello),
        (server_key, receipt.server_hello),
        (server_key, receipt.key_cert),
        (client_key, receipt.close_by_client),
        (server_key, receipt.close_by_server),
    )
    for key, message in messages:
        verify_signature(key, message.body.NAME, message.body.encode(), message.signature)


def _plain(value: object) -> int | str:
    match value:
        case int() | str():
            return value
        case bytes():
            return value.hex()
        case Structure():
            return value.digest().hex()
    return ""


def _not(reason: str) -> PsiError:
    return PsiError(reason, slug="does-not-hold")

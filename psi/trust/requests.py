# SPDX-License-Identifier: Apache-2.0
"""
The enrolment request: who somebody is, signed by their identity key (docs/protocol.md, section 3).

The signature shows that the sender has the key. That the key is who it says is shown only by two
people who compare the code.
"""

from dataclasses import dataclass
from typing import Final

from psi.crypto.signing import SIGNATURE_LENGTH, Signer, verification_code, verify_signature
from psi.errors import KeyFileError, PeerProtocolError, RefusedError, UsageError, VerifyError
from psi.protocol.messages import Enrol
from psi.trust.certificates import Certificate, read_certificate
from psi.trust.formats import RequestFile, read_json, unhex, write_json
from psi.trust.names import check_text, split_address

__all__ = ["Request", "check_request_time", "parse_request", "sign_request"]

_SLUG: Final = "bad-request"
MAX_AHEAD_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose signature and certificate hold; made by `parse_request` only."""

    enrol: Enrol
    signature: bytes
    certificate: Certificate

    @property
    def code(self) -> str:
        """Six groups of five digits over the identity key."""
        return verification_code(self.enrol.identity_key)

    def to_file(self) -> bytes:
        """The bytes of NAME.request.json; they hold no secret."""
        return _to_file(self.enrol, self.signature)


def sign_request(enrol: Enrol, signer: Signer) -> bytes:
    """The bytes of a request file, signed by the identity key that the Enrol names."""
    assert enrol.identity_key == signer.public_key, "a request is signed by its own identity"
    return _to_file(enrol, signer.sign(Enrol.NAME, enrol.encode()))


def parse_request(data: bytes, shown: str) -> Request:
    """
    Read a request file and check all of it that does not depend on the time.

    Args:
        data: The bytes of the file.
        shown: Its name in messages.

    Raises:
        KeyFileError: It is no request, its signature does not hold, or its certificate is not one
            of ours for the same name (`bad-request`).
    """
    file = read_json(data, RequestFile, shown, slug=_SLUG)
    signature = unhex(file.signature, SIGNATURE_LENGTH, f"{shown}: signature", slug=_SLUG)
    try:
        enrol = Enrol.decode(file.enrol)
        verify_signature(enrol.identity_key, Enrol.NAME, file.enrol, signature)
        if enrol.address:
            split_address("address", enrol.address)
        check_text("address", enrol.address)
        check_text("contact", enrol.contact)
    except (PeerProtocolError, UsageError) as error:
        raise KeyFileError(f"{shown}: {error.message}", slug=_SLUG) from None
    except VerifyError:
        raise KeyFileError(
            f"{shown}: the signature does not hold under the request's own key",
            slug=_SLUG,
            hint="the file was changed on its way: ask for it again",
        ) from None
    certificate = read_certificate(enrol.certificate, slug=_SLUG)
    if certificate.principal != enrol.name:
        raise KeyFileError(
            f"{shown}: the certificate is for {certificate.principal}, "
            f"the request for {enrol.name}",
            slug=_SLUG,
        )
    return Request(enrol, signature, certificate)


def check_request_time(request: Request, now_s: int) -> None:
    """
    Refuse a certificate that is not valid now, and a request that was made in the future.

    Raises:
        RefusedError: It has expired, begins later, or is more than a day ahead (`bad-request`).
    """
    name, certificate = request.enrol.name, request.certificate
    ahead_s = request.enrol.time_ms // 1000 - now_s
    # The newest request counts: one from the future would keep out all that follow.
    if ahead_s > MAX_AHEAD_S:
        raise RefusedError(
            f"the request of {name} was made {ahead_s // 3_600:,} h ahead of this clock",
            slug=_SLUG,
            hint=f"`timedatectl` on both sides; then ask {name} for a new request",
        )
    if now_s > certificate.not_after:
        days = (now_s - certificate.not_after) // 86_400
        raise RefusedError(
            f"the certificate in the request of {name} expired {days} days ago",
            slug=_SLUG,
            hint=f"ask {name} to run `overlap keys rotate` and send the new request",
        )
    if now_s < certificate.not_before:
        minutes = (certificate.not_before - now_s + 59) // 60
        raise RefusedError(
            f"the certificate in the request of {name} becomes valid in {minutes} min",
            slug=_SLUG,
            hint="`timedatectl` on both sides",
        )


def _to_file(enrol: Enrol, signature: bytes) -> bytes:
    return write_json(
        RequestFile(format="overlap-request/1", enrol=enrol.encode(), signature=signature.hex())
    )

# SPDX-License-Identifier: Apache-2.0
"""
The TLS certificate of a principal: P-256, self-signed, no authority (docs/protocol.md, section 3).

A certificate counts because the signed roster lists the SHA-256 of its SubjectPublicKeyInfo for a
name, not because of who signed it. Its names only select the row of the roster:
URI `spiffe://overlap.internal/<principal>` and DNS `<principal>.overlap.internal`.
"""

import datetime
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from psi.errors import KeyFileError, UsageError
from psi.trust.names import check_name

__all__ = [
    "BACKDATED_S",
    "LIFETIME_S",
    "TRUST_DOMAIN",
    "Certificate",
    "dns_name",
    "key_spki",
    "make_certificate",
    "make_tls_key",
    "principal_of",
    "public_spki",
    "read_certificate",
    "spiffe_id",
    "spki_hash",
    "to_pem",
    "validity",
]

TRUST_DOMAIN: Final = "overlap.internal"
# One year, and begun an hour ago: clocks of peers may be behind ours.
LIFETIME_S: Final = 365 * 86_400
BACKDATED_S: Final = 3_600
# A certificate as made here has about 450 bytes.
MAX_CERTIFICATE_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a checked certificate says; times in Unix seconds, `not_after` inclusive (RFC 5280)."""

    der: bytes
    principal: str
    spki: bytes
    not_before: int
    not_after: int


def spiffe_id(principal: str) -> str:
    """The URI name of a principal's certificate."""
    return f"spiffe://{TRUST_DOMAIN}/{principal}"


def dns_name(principal: str) -> str:
    """The DNS name of a principal's certificate; nothing resolves it."""
    return f"{principal}.{TRUST_DOMAIN}"


def _subject(principal: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])


def make_tls_key() -> bytes:
    """A fresh P-256 private key, PKCS #8 in PEM, not encrypted."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def make_certificate(principal: str, tls_key_pem: bytes, now_s: int) -> bytes:
    """
    A self-signed certificate for a key, as DER.

    Args:
        principal: Its name; in the subject and in both alternative names.
        tls_key_pem: From `make_tls_key`.
        now_s: Unix seconds; it is valid from an hour before for a year.
    """
    key = _load_key(tls_key_pem)
    subject = _subject(principal)
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(spiffe_id(principal)), x509.DNSName(dns_name(principal))]
    )
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now_s - BACKDATED_S))
        .not_valid_after(_moment(now_s + LIFETIME_S))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(names, critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def read_certificate(der: bytes, *, slug: str = "state-damaged") -> Certificate:
    """
    Check everything in a certificate that does not depend on the time or on a roster.

    Args:
        der: Exactly one certificate.
        slug: What kind of failure it is: `bad-request`, `bad-roster`.

    Raises:
        KeyFileError: It is not P-256, self-signed, CA:FALSE, for signing handshakes only, with
            its principal as subject and exactly our two names.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise KeyFileError(
            f"certificate: expected at most {MAX_CERTIFICATE_BYTES} bytes, got {len(der)}",
            slug=slug,
        )
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        public_key = certificate.public_key()
        # It proves that whoever asks for it has the private key.
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, LookupError, *_X509_ERRORS) as error:
        raise KeyFileError(
            f"certificate: {_REASONS.get(type(error), 'not X.509')}", slug=slug
        ) from None
    # The parser takes a serial number that RFC 5280 forbids, and a signature whose last bits are
    # declared unused, so that one certificate would have two encodings; TLS libraries do not.
    if certificate.serial_number <= 0 or der[-len(certificate.signature) - 1] != 0:
        raise KeyFileError("certificate: not in the one encoding of RFC 5280", slug=slug)
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != _CURVE:
        raise KeyFileError("certificate: expected a P-256 key", slug=slug)
    if constraints.ca:
        raise KeyFileError("certificate: expected CA:FALSE, got an authority's", slug=slug)
    principal = _principal(names, slug)
    # TLS libraries find roots by their subject: with another's subject a certificate would stand
    # in front of that principal's own, and lock it out.
    if not certificate.subject == certificate.issuer == _subject(principal):
        raise KeyFileError("certificate: subject and issuer are not its principal's", slug=slug)
    # With more than this, what its key has signed would pass in the handshake for a chain.
    if usage != _SIGNS_ONLY:
        raise KeyFileError("certificate: expected a key that signs handshakes only", slug=slug)
    return Certificate(
        der=der,
        principal=principal,
        spki=public_spki(public_key),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
    )


def public_spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """SHA-256 of a key's DER SubjectPublicKeyInfo, 32 bytes."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).digest()


def key_spki(tls_key_pem: bytes) -> bytes:
    """The `public_spki` that belongs to a private key."""
    return public_spki(_load_key(tls_key_pem).public_key())


def spki_hash(der: bytes) -> bytes:
    """The `spki` of a certificate, 32 bytes; refuses what `read_certificate` refuses."""
    return read_certificate(der).spki


def principal_of(der: bytes) -> str:
    """The principal that a certificate names; refuses what `read_certificate` refuses."""
    return read_certificate(der).principal


def validity(der: bytes) -> tuple[int, int]:
    """First and last second of validity, Unix time; refuses what `read_certificate` refuses."""
    certificate = read_certificate(der)
    return certificate.not_before, certificate.not_after


def to_pem(der: bytes) -> bytes:
    """A DER certificate as PEM."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


_CURVE: Final = ec.SECP256R1.name
_SIGNS_ONLY: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
# All that `cryptography` documents for certificates that it can't read; no class of all of them.
_X509_ERRORS: Final = (
    InvalidSignature,
    UnsupportedAlgorithm,
    # Raised only where warnings are errors: a later release refuses what this one warns of.
    CryptographyDeprecationWarning,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_REASONS: Final[dict[type[Exception], str]] = {
    InvalidSignature: "it is not signed by its own key",
    x509.ExtensionNotFound: "expected basic constraints and alternative names",
}


def _principal(names: x509.SubjectAlternativeName, slug: str) -> str:
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    prefix = spiffe_id("")
    if len(names) == 2 and len(uris) == 1 and uris[0].startswith(prefix):
        name = uris[0].removeprefix(prefix)
        try:
            check_name("certificate", name)
        except UsageError:
            name = ""
        if name and names.get_values_for_type(x509.DNSName) == [dns_name(name)]:
            return name
    raise KeyFileError(
        f"certificate: expected the names {prefix}NAME and {dns_name('NAME')} and no other",
        slug=slug,
    )


def _load_key(tls_key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(tls_key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "we make P-256 keys only"
    return key


def _moment(unix_s: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC)

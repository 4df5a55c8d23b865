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
    begin, end = _moment(now_s - BACKDATED_S), _moment(now_s + LIFETIME_S)
    serial = x509.random_serial_number()
    builder = _unsigned(principal, key.public_key(), serial, begin, end)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def read_certificate(der: bytes, *, slug: str = "state-damaged") -> Certificate:
    """
    Check everything in a certificate that does not depend on the time or on a roster.

    Args:
        der: Exactly one certificate.
        slug: What kind of failure it is: `bad-request`, `bad-roster`.

    Raises:
        KeyFileError: It is not, byte for byte, what `make_certificate` makes for its principal,
            key, serial number and dates, or it is not signed by its own key, or valid for longer
            than ours.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise KeyFileError(
            f"certificate: expected at most {MAX_CERTIFICATE_BYTES} bytes, got {len(der)}",
            slug=slug,
        )
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        key = certificate.public_key()
        # It proves that whoever asks for it has the private key.
        certificate.verify_directly_issued_by(certificate)
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE:
            raise KeyFileError("certificate: expected a P-256 key", slug=slug)
        principal = _principal(names, slug)
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        # Parsers differ in what they let through, and one certificate that the TLS library stops
        # at takes with it all roots that follow. So ours is made again, signed by a key that is
        # thrown away, and what the signature covers must be the same.
        again = _unsigned(principal, key, certificate.serial_number, begin, end)
        ours = again.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        # The signature's last bits may not be declared unused: it would be a second encoding.
        same = certificate.tbs_certificate_bytes == ours.tbs_certificate_bytes
        if not same or der[-len(certificate.signature) - 1] != 0:
            raise KeyFileError(f"certificate: {_UNLIKE_OURS}", slug=slug)
    except (ValueError, TypeError, LookupError, *_X509_ERRORS) as error:
        reason = _REASONS.get(type(error), _UNLIKE_OURS)
        raise KeyFileError(f"certificate: {reason}", slug=slug) from None
    if end - begin > _LONGEST:
        raise KeyFileError("certificate: expected it to be valid for at most a year", slug=slug)
    return Certificate(
        der=der,
        principal=principal,
        spki=public_spki(key),
        not_before=int(begin.timestamp()),
        not_after=int(end.timestamp()),
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
    x509.ExtensionNotFound: "expected alternative names",
}
_UNLIKE_OURS: Final = "expected one as `overlap init` makes it"
_LONGEST: Final = datetime.timedelta(seconds=LIFETIME_S + BACKDATED_S)


def _unsigned(
    principal: str,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    """All of a certificate but its signature; TLS libraries find roots by the subject."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(spiffe_id(principal)), x509.DNSName(dns_name(principal))]
    )
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # With more than this, what the key has signed would pass in the handshake for a chain.
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(names, critical=False)
    )


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

# SPDX-License-Identifier: Apache-2.0
"""Only certificates as we make them are read; every other one is refused with its reason."""

import datetime
import hashlib
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import DAY, NOW_S, refused

from psi.errors import PsiError
from psi.trust.certificates import (
    key_spki,
    make_certificate,
    make_tls_key,
    principal_of,
    read_certificate,
    spki_hash,
    to_pem,
    validity,
)

KEY = make_tls_key()
DER = make_certificate("acme-corp", KEY, NOW_S)
OUR_NAMES: Sequence[x509.GeneralName] = (
    x509.UniformResourceIdentifier("spiffe://overlap.internal/acme-corp"),
    x509.DNSName("acme-corp.overlap.internal"),
)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def build(
    *,
    key: PrivateKey | None = None,
    signer: PrivateKey | None = None,
    names: Sequence[x509.GeneralName] | None = OUR_NAMES,
    ca: bool | None = False,
    issuer: str = "acme-corp",
    subject: str = "acme-corp",
    signs_certificates: bool | None = False,
) -> bytes:
    """A certificate that differs from ours in what is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = signer or key
    begin = datetime.datetime.fromtimestamp(NOW_S, datetime.UTC)
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=begin,
        not_valid_after=begin + datetime.timedelta(days=1),
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if signs_certificates is not None:
        builder = builder.add_extension(
            x509.KeyUsage(
                True, False, False, False, False, signs_certificates, False, False, False
            ),
            critical=True,
        )
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(serialization.Encoding.DER)


def test_read_certificate_of_our_own_returns_what_was_put_in() -> None:
    certificate = read_certificate(DER)
    assert certificate.principal == principal_of(DER) == "acme-corp"
    assert validity(DER) == (NOW_S - 3_600, NOW_S + 365 * DAY)
    assert certificate.spki == spki_hash(DER) == key_spki(KEY)
    assert certificate.der == DER


def test_spki_hash_is_sha256_of_the_subject_public_key_info() -> None:
    info = (
        x509.load_der_x509_certificate(DER)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert spki_hash(DER) == hashlib.sha256(info).digest()


def test_made_certificate_is_a_leaf_that_may_sign_handshakes_only() -> None:
    extensions = x509.load_der_x509_certificate(DER).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca


def test_read_certificate_of_the_builder_of_this_test_accepts() -> None:
    """So that the refusals below have the reason that they name."""
    assert read_certificate(build()).principal == "acme-corp"


def test_to_pem_then_back_gives_the_same_der() -> None:
    again = x509.load_pem_x509_certificate(to_pem(DER))
    assert again.public_bytes(serialization.Encoding.DER) == DER


@pytest.mark.parametrize("slug", ["bad-request", "bad-roster", "state-damaged"])
def test_read_certificate_when_it_refuses_has_the_slug_of_its_place(slug: str) -> None:
    with refused(slug):
        read_certificate(b"", slug=slug)


def test_read_certificate_with_another_key_type_refuses() -> None:
    with refused("bad-request", "P-256"):
        read_certificate(build(key=ec.generate_private_key(ec.SECP384R1())), slug="bad-request")
    with refused("bad-request", "P-256"):
        read_certificate(build(key=ed25519.Ed25519PrivateKey.generate()), slug="bad-request")


def test_read_certificate_signed_by_another_key_refuses() -> None:
    forged = build(signer=ec.generate_private_key(ec.SECP256R1()))
    with refused("bad-request", "not signed by its own key"):
        read_certificate(forged, slug="bad-request")


def test_read_certificate_issued_under_another_name_refuses() -> None:
    with refused("bad-request"):
        read_certificate(build(issuer="beta-bank"), slug="bad-request")


def test_read_certificate_with_another_subject_refuses() -> None:
    """TLS libraries find roots by subject: it would stand in front of that member's own."""
    with refused("bad-request", "as `overlap init` makes it"):
        read_certificate(build(subject="beta-bank", issuer="beta-bank"), slug="bad-request")


def test_read_certificate_whose_key_may_sign_more_than_handshakes_refuses() -> None:
    """What its key has signed would pass in the handshake for a chain."""
    with refused("bad-request", "as `overlap init` makes it"):
        read_certificate(build(signs_certificates=True), slug="bad-request")
    with refused("bad-request"):
        read_certificate(build(signs_certificates=None), slug="bad-request")


def test_read_certificate_of_an_authority_refuses() -> None:
    with refused("bad-request", "as `overlap init` makes it"):
        read_certificate(build(ca=True), slug="bad-request")


def test_read_certificate_without_constraints_or_names_refuses() -> None:
    with refused("bad-request", "as `overlap init` makes it"):
        read_certificate(build(ca=None), slug="bad-request")
    with refused("bad-request", "expected alternative names"):
        read_certificate(build(names=None), slug="bad-request")


URI, DNS = x509.UniformResourceIdentifier, x509.DNSName


@pytest.mark.parametrize(
    "names",
    [
        OUR_NAMES[:1],
        OUR_NAMES[1:],
        (*OUR_NAMES, DNS("beta-bank.overlap.internal")),
        (*OUR_NAMES, URI("spiffe://overlap.internal/beta-bank")),
        (OUR_NAMES[0], DNS("beta-bank.overlap.internal")),
        (URI("spiffe://overlap.internal/Acme"), DNS("Acme.overlap.internal")),
        (URI("spiffe://overlap.internal/"), DNS(".overlap.internal")),
        (URI("spiffe://other.internal/acme-corp"), OUR_NAMES[1]),
        (URI("spiffe://overlap.internal/a/b"), DNS("a/b.overlap.internal")),
    ],
)
def test_read_certificate_with_other_names_refuses(names: Sequence[x509.GeneralName]) -> None:
    with refused("bad-request", "and no other"):
        read_certificate(build(names=names), slug="bad-request")


def test_read_certificate_with_a_byte_added_or_above_the_limit_refuses() -> None:
    for der in (DER + b"\x00", DER[:-1], b"\x00" + DER):
        with refused("bad-request"):
            read_certificate(der, slug="bad-request")
    with refused("bad-request", "at most 4096"):
        read_certificate(bytes(4_097), slug="bad-request")


@given(st.binary(max_size=600))
def test_read_certificate_of_any_bytes_raises_only_psi_errors(data: bytes) -> None:
    with pytest.raises(PsiError):
        read_certificate(data)


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_read_certificate_when_a_byte_was_changed_refuses(position: int, mask: int) -> None:
    """The signature covers all but its own bytes, and those make it another one."""
    changed = bytearray(DER)
    changed[position] ^= mask
    with pytest.raises(PsiError):
        read_certificate(bytes(changed))


def test_read_certificate_in_a_second_encoding_refuses() -> None:
    """A signature that ends in a zero bit, with that bit declared unused, is the same to some."""
    der = DER
    while der[-1] & 1:
        der = make_certificate("acme-corp", KEY, NOW_S)
    changed = bytearray(der)
    changed[-len(x509.load_der_x509_certificate(der).signature) - 1] = 1
    with refused("bad-request"):
        read_certificate(bytes(changed), slug="bad-request")

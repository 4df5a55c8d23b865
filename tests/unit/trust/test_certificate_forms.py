# SPDX-License-Identifier: Apache-2.0
"""
Certificates that carry our names but were not made by us, byte by byte; none of them is read.

TLS libraries disagree about many of these. One of them, listed as a root, can stop every server
of an alliance or lock out the members that stand behind it.
"""

import datetime
from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from unit.trust.support import DAY, NOW_S, refused

from psi.trust.certificates import dns_name, read_certificate, spiffe_id

NAME: Final = "acme-corp"
KEY: Final = ec.generate_private_key(ec.SECP256R1())
POINT: Final = KEY.public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(*body: int) -> bytes:
    return tlv(0x06, bytes(body))


def common_name(tag: int = 0x0C, value: bytes = NAME.encode()) -> bytes:
    return seq(tlv(0x31, seq(oid(0x55, 4, 3), tlv(tag, value))))


def extension(number: int, value: bytes, *, critical: bytes = b"") -> bytes:
    return seq(oid(0x55, 0x1D, number), critical, tlv(0x04, value))


def time_of(unix_s: int) -> bytes:
    moment = datetime.datetime.fromtimestamp(unix_s, datetime.UTC)
    return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())


def key_info(point: bytes) -> bytes:
    kind = seq(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1), oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7))
    return seq(kind, tlv(0x03, b"\x00" + point))


CRITICAL: Final = tlv(0x01, b"\xff")
EXTENSIONS: Final = (
    extension(19, seq(), critical=CRITICAL),
    extension(15, tlv(0x03, b"\x07\x80"), critical=CRITICAL),
    extension(
        37,
        seq(
            oid(0x2B, 6, 1, 5, 5, 7, 3, 1),
            oid(0x2B, 6, 1, 5, 5, 7, 3, 2),
        ),
    ),
    extension(17, seq(tlv(0x86, spiffe_id(NAME).encode()), tlv(0x82, dns_name(NAME).encode()))),
)
SIGNED_WITH: Final = seq(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2))
UNKNOWN: Final = seq(oid(0x2A, 3, 4, 5), CRITICAL, tlv(0x04, b"\x05\x00"))


def build(
    *,
    version: bytes = tlv(0xA0, tlv(0x02, b"\x02")),
    serial: bytes = b"\x11\x22",
    subject: bytes | None = None,
    issuer: bytes | None = None,
    begin: bytes | None = None,
    end: bytes | None = None,
    info: bytes | None = None,
    ids: bytes = b"",
    extensions: tuple[bytes, ...] = EXTENSIONS,
    algorithm: bytes = SIGNED_WITH,
    outer: bytes | None = None,
) -> bytes:
    """A certificate with a signature that holds; by default such as we make."""
    subject = subject or common_name()
    body = seq(
        version,
        tlv(0x02, serial),
        algorithm,
        issuer or subject,
        seq(begin or time_of(NOW_S), end or time_of(NOW_S + DAY)),
        subject,
        info or key_info(POINT),
        ids,
        tlv(0xA3, seq(*extensions)),
    )
    signature = KEY.sign(body, ec.ECDSA(hashes.SHA256()))
    return seq(body, outer or algorithm, tlv(0x03, b"\x00" + signature))


def test_read_certificate_built_by_hand_as_ours_are_accepts() -> None:
    """So that the refusals below have the reason that they name."""
    assert read_certificate(build()).principal == NAME


def compressed() -> bytes:
    return KEY.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def hybrid() -> bytes:
    return bytes((6 | POINT[-1] & 1,)) + POINT[1:]


FORMS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "version 1 with extensions": lambda: {"version": b""},
    "version 1 said": lambda: {"version": tlv(0xA0, tlv(0x02, b"\x00"))},
    "version 2": lambda: {"version": tlv(0xA0, tlv(0x02, b"\x01"))},
    "version 4": lambda: {"version": tlv(0xA0, tlv(0x02, b"\x03"))},
    "serial number of 40 bytes": lambda: {"serial": b"\x11" * 40},
    "serial number of zero": lambda: {"serial": b"\x00"},
    "serial number below zero": lambda: {"serial": b"\x81"},
    "printable name": lambda: {"subject": common_name(0x13)},
    "teletex name": lambda: {"subject": common_name(0x14)},
    "general name": lambda: {"subject": common_name(0x1B)},
    "name in UTF-16": lambda: {"subject": common_name(0x1E, NAME.encode("utf-16-be"))},
    "odd name in UTF-16": lambda: {"subject": common_name(0x1E)},
    "name of bytes": lambda: {"subject": common_name(0x04)},
    "issuer in another string type": lambda: {"issuer": common_name(0x13)},
    "year 0": lambda: {"begin": tlv(0x18, b"00000101000000Z")},
    "year 1": lambda: {"begin": tlv(0x18, b"00010101000000Z")},
    "year 1900": lambda: {"begin": tlv(0x18, b"19000101000000Z")},
    "a date that does not exist": lambda: {"begin": tlv(0x17, b"260230000000Z")},
    "valid until 9999": lambda: {"end": tlv(0x18, b"99991231235959Z")},
    "compressed point": lambda: {"info": key_info(compressed())},
    "hybrid point": lambda: {"info": key_info(hybrid())},
    "unique identifiers": lambda: {"ids": tlv(0x81, b"\x00\x55") + tlv(0x82, b"\x00\x55")},
    "identifier without its first byte": lambda: {"ids": tlv(0x81)},
    "unknown critical extension": lambda: {"extensions": (*EXTENSIONS, UNKNOWN)},
    "an extension less": lambda: {"extensions": (*EXTENSIONS[:2], EXTENSIONS[3])},
    "extensions in another order": lambda: {"extensions": EXTENSIONS[::-1]},
    "damaged authority key identifier": lambda: {
        "extensions": (*EXTENSIONS, extension(35, b"\xff"))
    },
    "damaged policies": lambda: {"extensions": (*EXTENSIONS, extension(32, seq()))},
    "for client certificates only": lambda: {
        "extensions": (
            *EXTENSIONS[:2],
            extension(37, seq(oid(0x2B, 6, 1, 5, 5, 7, 3, 2))),
            EXTENSIONS[3],
        )
    },
    "algorithm with parameters": lambda: {
        "algorithm": seq(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2), tlv(0x05))
    },
    "two algorithms": lambda: {"outer": seq(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2), tlv(0x05))},
}


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("form", FORMS)
def test_read_certificate_in_a_form_that_we_do_not_make_refuses(form: str) -> None:
    """Every one of them is signed by its own key and has our two names."""
    with refused("bad-request", "certificate: "):
        read_certificate(build(**FORMS[form]()), slug="bad-request")


def test_read_certificate_valid_for_longer_than_ours_refuses() -> None:
    begin = time_of(NOW_S - 3_600)
    longest = build(begin=begin, end=time_of(NOW_S + 365 * DAY))
    assert read_certificate(longest).not_after == NOW_S + 365 * DAY
    with refused("bad-request", "at most a year"):
        read_certificate(build(begin=begin, end=time_of(NOW_S + 365 * DAY + 1)), slug="bad-request")
    with refused("bad-request"):
        read_certificate(build(begin=time_of(NOW_S), end=time_of(NOW_S - 1)), slug="bad-request")

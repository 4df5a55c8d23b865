# SPDX-License-Identifier: Apache-2.0
"""A request is refused unless its signature, names and certificate all hold."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import DAY, NOW_MS, NOW_S, refused

from psi.crypto.signing import Signer, verification_code
from psi.encoding import lp
from psi.errors import PsiError
from psi.protocol.messages import Enrol
from psi.trust.certificates import make_certificate, make_tls_key
from psi.trust.formats import RequestFile, write_json
from psi.trust.requests import check_request_time, parse_request, sign_request

SIGNER, LOG_SIGNER = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
ENROL = Enrol(
    name="acme-corp",
    roles=("member",),
    address="overlap.acme.example:9497",
    contact="soc@acme.example",
    identity_key=SIGNER.public_key,
    log_key=LOG_SIGNER.public_key,
    certificate=make_certificate("acme-corp", make_tls_key(), NOW_S),
    time_ms=NOW_MS,
)
FILE = sign_request(ENROL, SIGNER)


def with_fields(**changes: Any) -> bytes:
    """A request that differs in these fields, properly signed."""
    return sign_request(replace(ENROL, **changes), SIGNER)


def test_parse_request_of_a_signed_one_returns_it() -> None:
    request = parse_request(FILE, "x.json")
    assert request.enrol == ENROL
    assert request.code == verification_code(SIGNER.public_key)
    assert request.to_file() == FILE
    assert request.certificate.principal == "acme-corp"


def test_parse_request_with_another_signature_refuses() -> None:
    encoding = ENROL.encode()
    for signature in (
        LOG_SIGNER.sign("Enrol", encoding),
        SIGNER.sign("Roster", encoding),
        SIGNER.sign("Enrol", replace(ENROL, address="evil.example:9497").encode()),
        bytes(64),
    ):
        file = RequestFile(format="overlap-request/1", enrol=encoding, signature=signature.hex())
        with refused("bad-request", "signature does not hold"):
            parse_request(write_json(file), "x.json")


@pytest.mark.parametrize("signature", ["", "00" * 63, "zz" * 64, " " * 128, "00" * 32 + " " * 64])
def test_parse_request_when_the_signature_is_not_hex_refuses(signature: str) -> None:
    file = RequestFile(format="overlap-request/1", enrol=ENROL.encode(), signature=signature)
    with refused("bad-request", "128 hexadecimal digits"):
        parse_request(write_json(file), "x.json")


def test_parse_request_with_capital_letters_in_the_name_refuses() -> None:
    """The structure itself can't be built, so the bytes are made by hand."""
    encoding = ENROL.encode().replace(lp(b"acme-corp"), lp(b"Acme-corp"), 1)
    file = RequestFile(
        format="overlap-request/1",
        enrol=encoding,
        signature=SIGNER.sign("Enrol", encoding).hex(),
    )
    with refused("bad-request", "Enrol.name", "lower-case"):
        parse_request(write_json(file), "x.json")


def test_parse_request_with_another_principals_certificate_refuses() -> None:
    other = make_certificate("beta-bank", make_tls_key(), NOW_S)
    with refused("bad-request", "the certificate is for beta-bank, the request for acme-corp"):
        parse_request(with_fields(certificate=other), "x.json")
    with refused("bad-request", "certificate"):
        parse_request(with_fields(certificate=b""), "x.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "no-port"},
        {"address": "host:0"},
        {"address": "a b:1"},
        {"contact": "line\nbreak"},
        {"contact": "\x1b[2J"},
        {"contact": "\u202eflip"},
        {"contact": "x" * 201},
    ],
)
def test_parse_request_with_text_that_deceives_a_reader_refuses(changes: dict[str, str]) -> None:
    with refused("bad-request", next(iter(changes))):
        parse_request(with_fields(**changes), "x.json")


def test_parse_request_without_address_and_contact_accepts() -> None:
    request = parse_request(with_fields(address="", contact=""), "x.json")
    assert (request.enrol.address, request.enrol.contact) == ("", "")


def test_check_request_time_at_the_edges_of_validity() -> None:
    request = parse_request(FILE, "x.json")
    for good in (NOW_S, NOW_S - 3_600, NOW_S + 365 * DAY):
        check_request_time(request, good)
    with refused("bad-request", "expired 0 days ago", "keys rotate"):
        check_request_time(request, NOW_S + 365 * DAY + 1)
    with refused("bad-request", "expired 30 days ago"):
        check_request_time(request, NOW_S + 395 * DAY)
    with refused("bad-request", "becomes valid in 1 min", "timedatectl"):
        check_request_time(request, NOW_S - 3_601)


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_parse_request_when_a_byte_was_changed_refuses_or_reads_the_same(
    position: int, mask: int
) -> None:
    changed = bytearray(FILE)
    changed[position] ^= mask
    try:
        assert parse_request(bytes(changed), "x.json").enrol == ENROL
    except PsiError as error:
        assert error.slug == "bad-request"


@given(st.binary(max_size=300))
def test_parse_request_with_any_encoding_raises_only_psi_errors(data: bytes) -> None:
    file = RequestFile(
        format="overlap-request/1", enrol=data, signature=SIGNER.sign("Enrol", data).hex()
    )
    with refused("bad-request"):
        parse_request(write_json(file), "x.json")

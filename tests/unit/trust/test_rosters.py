# SPDX-License-Identifier: Apache-2.0
"""A roster is trusted only if all of it holds under the alliance key."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import NOW_S, WEEK, refused

from psi.crypto.signing import Signer
from psi.errors import PsiError
from psi.protocol.messages import Principal, Roster
from psi.trust.certificates import make_certificate, make_tls_key, spki_hash
from psi.trust.rosters import TrustedRoster, read_roster_file, sign_roster, trusted_roster

SIGNER = Signer(bytes(32))
NAMES = ("acme-corp", "beta-bank", "cti-ops")
DERS = {name: make_certificate(name, make_tls_key(), NOW_S) for name in NAMES}
SECOND = make_certificate("beta-bank", make_tls_key(), NOW_S)


def entry(name: str, **changes: Any) -> Principal:
    seed = NAMES.index(name) + 1
    good = Principal(
        name=name,
        roles=("operator",) if name == "cti-ops" else ("member", "keyholder"),
        address=f"{name}.example:9497",
        contact="",
        identity_key=bytes([seed]) * 32,
        log_key=bytes([seed + 100]) * 32,
        certificates=(spki_hash(DERS[name]),),
        not_before=NOW_S,
        not_after=NOW_S + 10,
        bucket_limit=1024,
        budget=4096,
        sessions=8,
    )
    return replace(good, **changes)


ROSTER = Roster(
    alliance="cti-north",
    serial=6,
    previous=bytes(32),
    epoch_seconds=WEEK,
    board="board.example:9497",
    principals=tuple(entry(name) for name in NAMES),
)
TRUSTED = sign_roster(ROSTER, SIGNER, DERS.values())
FILE = TRUSTED.to_file()


def signed(*entries: Principal, **changes: Any) -> TrustedRoster:
    body = replace(ROSTER, **changes)
    if entries:
        body = replace(body, principals=entries)
    return sign_roster(body, SIGNER, [*DERS.values(), SECOND])


@pytest.mark.parametrize("kind", ["overlap-roster-file/1", "overlap-join/1"])
def test_to_file_then_read_returns_the_same(kind: Any) -> None:
    again = read_roster_file(TRUSTED.to_file(kind), "x.json", kind)
    assert (again.roster, again.signature, again.alliance_key) == (
        ROSTER,
        TRUSTED.signature,
        SIGNER.public_key,
    )
    assert dict(again.certificates) == dict(TRUSTED.certificates)
    assert again.hash == ROSTER.digest()


def test_read_roster_file_of_the_other_kind_says_which_command_takes_it() -> None:
    with refused("bad-roster", "expected a join file, got a roster file", "overlap roster update"):
        read_roster_file(FILE, "x.json", "overlap-join/1")


def test_principal_of_a_listed_name_returns_the_entry() -> None:
    assert TRUSTED.principal("beta-bank") == ROSTER.principals[1]
    assert TRUSTED.lists("beta-bank")
    assert not TRUSTED.lists("beta")
    assert TRUSTED.certificates_of("beta-bank") == [DERS["beta-bank"]]
    assert TRUSTED.named("keyholder") == ("acme-corp", "beta-bank")
    assert TRUSTED.named("operator") == ("cti-ops",)


def test_principal_of_an_unknown_name_asks_did_you_mean() -> None:
    words = "no member beta in roster 6; did you mean beta-bank?"
    with refused("unknown-peer", words, "`overlap roster show`, `overlap roster update`"):
        TRUSTED.principal("beta")
    with refused("unknown-peer", r"no member \x1b[2J in roster 6"):
        TRUSTED.principal("\x1b[2J")


def test_verify_under_another_key_or_with_another_signature_refuses() -> None:
    other = Signer(bytes([9]) * 32)
    for forged in (
        replace(TRUSTED, alliance_key=other.public_key),
        replace(TRUSTED, signature=other.sign("Roster", ROSTER.encode())),
        replace(TRUSTED, signature=SIGNER.sign("Enrol", ROSTER.encode())),
        replace(TRUSTED, roster=replace(ROSTER, serial=7)),
    ):
        with refused("bad-roster", "not signed with the alliance key"):
            forged.verify()


def test_trusted_roster_leaves_out_certificates_that_are_not_listed() -> None:
    stranger = make_certificate("delta-energy", make_tls_key(), NOW_S)
    trusted = sign_roster(ROSTER, SIGNER, [stranger, *DERS.values()])
    assert set(trusted.certificates.values()) == set(DERS.values())


def test_trusted_roster_without_a_listed_certificate_refuses() -> None:
    with refused("bad-roster", "without the certificate of beta-bank"):
        sign_roster(ROSTER, SIGNER, [DERS["acme-corp"], DERS["cti-ops"]])


def test_trusted_roster_with_two_certificates_for_one_key_refuses() -> None:
    key = make_tls_key()
    ders = [make_certificate("acme-corp", key, NOW_S) for _ in range(2)]
    with refused("bad-roster", "two certificates for one key"):
        body = replace(ROSTER, principals=(entry("acme-corp", certificates=(spki_hash(ders[0]),)),))
        sign_roster(body, SIGNER, ders)


def test_trusted_roster_with_a_damaged_certificate_leaves_it_out() -> None:
    """Who passes a roster on must not be able to make it useless by adding to it."""
    ders = [b"x", *DERS.values()]
    trusted = trusted_roster(SIGNER.public_key, ROSTER.encode(), TRUSTED.signature, ders)
    assert set(trusted.certificates.values()) == set(DERS.values())
    with refused("bad-roster", "without the certificate of acme-corp"):
        trusted_roster(SIGNER.public_key, ROSTER.encode(), TRUSTED.signature, [b"x"])


def test_trusted_roster_with_a_wrong_signature_reads_no_certificate() -> None:
    """Only what the alliance signed may cost time, or reach a parser."""

    def certificates() -> Iterator[bytes]:
        raise AssertionError("a certificate was looked at")
        yield b""

    signature = Signer(bytes([9]) * 32).sign("Roster", ROSTER.encode())
    with refused("bad-roster", "not signed with the alliance key"):
        trusted_roster(SIGNER.public_key, ROSTER.encode(), signature, certificates())


def test_roster_with_two_certificates_of_a_principal_is_trusted() -> None:
    both = (spki_hash(SECOND), spki_hash(DERS["beta-bank"]))
    trusted = signed(entry("beta-bank", certificates=both))
    assert trusted.certificates_of("beta-bank") == [SECOND, DERS["beta-bank"]]


ACME, BETA = entry("acme-corp"), entry("beta-bank")


@pytest.mark.parametrize(
    ("entries", "changes", "reason"),
    [
        ((BETA, ACME), {}, "in order"),
        ((ACME, ACME), {}, "each name once"),
        ((ACME, replace(BETA, identity_key=ACME.identity_key)), {}, "keys are the same"),
        ((ACME, replace(BETA, log_key=ACME.identity_key)), {}, "keys are the same"),
        ((replace(ACME, log_key=ACME.identity_key),), {}, "keys are the same"),
        ((ACME, replace(BETA, certificates=ACME.certificates)), {}, "the same key"),
        ((replace(ACME, certificates=ACME.certificates * 2),), {}, "the same key"),
        ((replace(ACME, certificates=BETA.certificates),), {}, "is another's"),
        ((replace(ACME, certificates=()),), {}, "0 certificates"),
        ((replace(ACME, roles=()),), {}, "or none"),
        ((replace(ACME, roles=("member", "chief")),), {}, "outside"),
        ((replace(ACME, not_after=ACME.not_before),), {}, "never valid"),
        ((), {"epoch_seconds": 0}, "period"),
        ((), {"epoch_seconds": 2**32 + 1}, "period"),
    ],
)
def test_roster_that_breaks_a_rule_is_refused_though_it_is_signed(
    entries: tuple[Principal, ...], changes: dict[str, int], reason: str
) -> None:
    with refused("bad-roster", reason):
        signed(*entries, **changes)


def test_roster_with_three_certificates_of_a_principal_is_refused() -> None:
    third = make_certificate("beta-bank", make_tls_key(), NOW_S)
    ders = [DERS["beta-bank"], SECOND, third]
    body = replace(ROSTER, principals=(replace(BETA, certificates=tuple(map(spki_hash, ders))),))
    with refused("bad-roster", "3 certificates"):
        sign_roster(body, SIGNER, ders)


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_read_roster_file_when_a_byte_was_changed_refuses_or_reads_the_same(
    position: int, mask: int
) -> None:
    changed = bytearray(FILE)
    changed[position] ^= mask
    try:
        again = read_roster_file(bytes(changed), "x.json", "overlap-roster-file/1")
    except PsiError as error:
        assert error.slug == "bad-roster"
    else:
        assert (again.roster, again.alliance_key) == (ROSTER, SIGNER.public_key)


@given(st.binary(max_size=300))
def test_trusted_roster_of_any_encoding_raises_only_psi_errors(data: bytes) -> None:
    with refused("bad-roster"):
        trusted_roster(SIGNER.public_key, data, SIGNER.sign("Roster", data), [])

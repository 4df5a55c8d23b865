# SPDX-License-Identifier: Apache-2.0
"""The frozen tables: reserved addresses, rule file, kinds, reasons, profile."""

import hashlib
import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

import psi.indicators
from psi.errors import UsageError
from psi.indicators import (
    DEFAULT_KINDS,
    HASH_KINDS,
    KINDS,
    REASON_TEXT,
    Canonical,
    Kind,
    Profile,
    Reason,
    Reject,
    canonicalise,
    parse_kinds,
)
from psi.indicators._rules import RULES_DIGEST, refang_rules
from psi.indicators.reserved import RESERVED_V4, RESERVED_V6, SPECIAL_TLDS
from psi.indicators.tlds import TLDS

RULES = Path(psi.indicators.__file__).parent / "data" / "rules-1.txt"


@pytest.mark.parametrize("network", RESERVED_V4 + RESERVED_V6)
def test_reserved_when_first_and_last_of_block_expect_reject(network: str) -> None:
    """Both ends of each block are reserved, and what lies beside it is judged on its own."""
    block = ip_network(network)
    for address in (block[0], block[-1]):
        assert canonicalise(str(address)) == Reject(Reason.RESERVED_IP)
    for number in (int(block[0]) - 1, int(block[-1]) + 1):
        if 0 <= number < 2**block.max_prefixlen:
            beside = ip_address(number if block.version == 4 else number.to_bytes(16, "big"))
            reserved = any(beside in ip_network(text) for text in RESERVED_V4 + RESERVED_V6)
            expected = Reject if reserved else Canonical
            assert isinstance(canonicalise(str(beside)), expected)


@pytest.mark.parametrize("tld", sorted(SPECIAL_TLDS))
def test_special_tld_when_used_expect_reject(tld: str) -> None:
    """Local names are recognised as names, and filtered."""
    assert canonicalise(f"host.{tld}") == Reject(Reason.SPECIAL_TLD)


def test_rule_file_when_read_expect_digest_of_its_bytes() -> None:
    """The profile speaks for every byte of the file; a change needs a new version."""
    assert hashlib.sha256(RULES.read_bytes()).digest() == RULES_DIGEST
    assert Profile.default().rules_digest == RULES_DIGEST
    assert RULES_DIGEST.hex() == KNOWN_DIGEST


KNOWN_DIGEST = "42cd20b6be451b13472dd92304a5554cc5c91d3b8a2b0fe335c8d12bc4a85b58"


def test_rule_file_when_read_expect_sorted_unique_names() -> None:
    """A table that people can compare."""
    lines = RULES.read_text("utf-8").split("\n")
    names = [line.split("\t")[1] for line in lines if line.startswith("tld\t")]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name) for name in names)
    assert {"com", "onion", "bit", "xn--p1ai", "xn--zckzah"} <= TLDS
    assert not TLDS & SPECIAL_TLDS
    assert not TLDS & {"exe", "dll", "txt", "doc", "php", "html", "js", "jpg", "pdf", "bat"}
    assert len(refang_rules()) == 10
    assert {line.split("\t")[0] for line in lines if line and line[0] != "#"} == {"tld", "refang"}


def test_kinds_when_listed_expect_frozen_order() -> None:
    """The position of a kind is stored in sets."""
    expected = "ip cidr domain url email hex32 hex40 hex56 hex64 hex96 hex128 jarm ja4 cve"
    assert " ".join(KINDS) == expected
    assert set(KINDS) - DEFAULT_KINDS == {Kind.CVE}


def test_parse_kinds_when_hash_named_expect_all_lengths() -> None:
    """`hash` is a name for six kinds."""
    assert parse_kinds(["ip", "hash"]) == {Kind.IP, *HASH_KINDS}
    assert parse_kinds([]) == frozenset()


def test_parse_kinds_when_unknown_expect_nearest() -> None:
    """A typing error gets a suggestion."""
    with pytest.raises(UsageError) as caught:
        parse_kinds(["domian"])
    assert caught.value.hint == "did you mean domain?"
    with pytest.raises(UsageError) as caught:
        parse_kinds(["zzz"])
    assert "ip" in str(caught.value.hint)


def test_reasons_when_listed_expect_a_text_each() -> None:
    """No reason without words, no words twice."""
    assert set(REASON_TEXT) == set(Reason)
    assert len(set(REASON_TEXT.values())) == len(Reason)


@pytest.mark.parametrize("bad", [{"expand_v4": 16}, {"expand_v4": -1}, {"rules_digest": b""}])
def test_profile_when_impossible_expect_usage_error(bad: dict[str, int]) -> None:
    """A profile that no other could have is not built."""
    with pytest.raises(UsageError):
        Profile(**bad)  # type: ignore[arg-type]  # wrong on purpose


def test_profile_when_default_expect_documented_values() -> None:
    """What a new installation matches by."""
    assert Profile.default() == Profile(version=1, fold_https=True, derive_host=False, expand_v4=0)

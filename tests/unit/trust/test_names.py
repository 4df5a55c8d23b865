# SPDX-License-Identifier: Apache-2.0
"""Names, roles, addresses: what is accepted is exactly what the structures accept."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import refused

from psi.errors import PeerProtocolError, UsageError
from psi.protocol.structure import Name, Structure
from psi.trust.names import check_name, check_roles, check_text, did_you_mean, split_address


@dataclass(frozen=True, slots=True)
class Named(Structure):
    NAME: ClassVar[str] = "Named"
    name: Name


@given(st.one_of(st.text(max_size=70), st.text("abc09-A\n", min_size=1, max_size=66)))
def test_check_name_agrees_with_the_structures(name: str) -> None:
    try:
        Named(name)
    except PeerProtocolError:
        with pytest.raises(UsageError):
            check_name("name", name)
    else:
        assert check_name("name", name) == name


@pytest.mark.parametrize("name", ["", "Acme", "-a", "a-", "a_b", "a" * 64, "a\n", "ä"])
def test_check_name_of_a_bad_name_refuses(name: str) -> None:
    with refused("usage", "lower-case letters", f"got {len(name)} characters"):
        check_name("name", name)


def test_check_roles_returns_each_once_in_a_fixed_order() -> None:
    assert check_roles(["keyholder", "member", "member"]) == ("member", "keyholder")
    assert check_roles(["auditor", "keyholder"]) == ("keyholder", "auditor")


@pytest.mark.parametrize(
    ("roles", "word"),
    [
        ([], "got none"),
        (["membr"], "did you mean member?"),
        (["member", "\x1b"], "'\\x1b'"),
        (["operator", "member"], "neither member nor key holder"),
        (["operator", "keyholder"], "neither member nor key holder"),
    ],
)
def test_check_roles_of_bad_roles_refuses(roles: list[str], word: str) -> None:
    with refused("usage", word):
        check_roles(roles)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("overlap.acme.example:9497", "overlap.acme.example", 9497),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[::]:65535", "::", 65_535),
        ("[2001:db8::1]:9497", "2001:db8::1", 9497),
        ("host_1.example.:80", "host_1.example.", 80),
    ],
)
def test_split_address_of_a_good_one_returns_its_parts(address: str, host: str, port: int) -> None:
    assert split_address("address", address) == (host, port)


@pytest.mark.parametrize(
    "address",
    [
        *("", "host", "host:", ":9497", "host:0", "host:65536", "host:99999", "::1:9497"),
        *("a b:1", "host:9497\n", "hos\u0442:1", "host:\u0661", "-a:1", "[::1:9497"),
        *("[]:1", "u@host:1"),
    ],
)
def test_split_address_of_a_bad_one_refuses(address: str) -> None:
    with refused("usage", "address: expected"):
        split_address("address", address)


def test_split_address_of_a_long_one_does_not_print_all_of_it() -> None:
    with pytest.raises(UsageError) as caught:
        split_address("address", "x" * 10_000)
    assert len(caught.value.message) < 120


# Letters, marks and a symbol without a shape: Hangul fillers, joiners, selectors, blank braille.
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100"


def test_check_text_of_long_or_unprintable_text_refuses() -> None:
    assert check_text("contact", "SOC, Åsa <soc@acme.example>")
    for text in ("x" * 201, "a\tb", "\u202e", *map("a{}b".format, INVISIBLE)):
        with refused("usage", "contact: expected at most 200 printable"):
            check_text("contact", text)


def test_did_you_mean_of_a_near_word_names_it() -> None:
    names = ["beta-bank", "acme-corp"]
    assert did_you_mean("beta", names) == "; did you mean beta-bank?"
    assert did_you_mean("zzz", names) == ""

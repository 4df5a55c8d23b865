# SPDX-License-Identifier: Apache-2.0
"""policy.toml: strict, with the key and the line in every message."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import refused

from psi.errors import PsiError
from psi.indicators.kinds import DEFAULT_KINDS, HASH_KINDS, Kind
from psi.trust._toml import MAX_TOML_BYTES
from psi.trust.policy import DEFAULT_POLICY, Limits, Policy

DOCUMENTED = """\
version = 1
kinds   = ["ip", "cve", "hash"]
tlp_max = "amber+strict"
min_set = 100
rules   = { fold_https = false, derive_host = true, expand_v4 = 28 }
limits  = { set_size = 2048, indicators = 8192, checks = 4 }
group   = { consent = "auto", trusted_key_holders = ["acme-corp"], releases = [], min_members = 4 }
peer.city-hospital = { may_ask = false }
peer.beta-bank = { checks = 40 }
"""


def parse(text: str) -> Policy:
    return Policy.parse(text.encode())


def test_default_policy_says_what_an_empty_one_means() -> None:
    written, empty = parse(DEFAULT_POLICY), parse("version = 1")
    assert written.digest != empty.digest
    for name in ("kinds", "tlp_max", "min_set", "rules", "limits", "peers", "group"):
        assert getattr(written, name) == getattr(empty, name)


def test_default_policy_has_the_documented_values() -> None:
    policy = parse(DEFAULT_POLICY)
    assert policy.kinds == DEFAULT_KINDS
    assert Kind.CVE not in policy.kinds
    assert (policy.tlp_max, policy.min_set) == ("amber", 1)
    assert (policy.rules.fold_https, policy.rules.derive_host, policy.rules.expand_v4) == (
        True,
        False,
        0,
    )
    assert policy.limits == Limits(set_size=131_072, indicators=524_288, checks=8)
    assert policy.group.consent == "ask"
    assert policy.group.trusted_key_holders == ()
    assert set(tomllib.loads(DEFAULT_POLICY)) == {
        *("version", "kinds", "tlp_max", "min_set", "rules", "limits", "group")
    }


def test_parse_of_a_full_policy_returns_its_values() -> None:
    policy = parse(DOCUMENTED)
    assert policy.kinds == HASH_KINDS | {Kind.IP, Kind.CVE}
    assert (policy.tlp_max, policy.min_set) == ("amber+strict", 100)
    assert (policy.rules.fold_https, policy.rules.derive_host, policy.rules.expand_v4) == (
        False,
        True,
        28,
    )
    assert policy.group.trusted_key_holders == ("acme-corp",)
    assert policy.group.releases == ()
    assert policy.group.min_members == 4
    assert policy.digest == hashlib.sha256(DOCUMENTED.encode()).digest()


def test_peer_has_its_own_entry_or_the_general_limits() -> None:
    policy = parse(DOCUMENTED)
    assert not policy.peer("city-hospital").may_ask
    assert policy.peer("beta-bank").may_ask
    assert policy.peer("beta-bank").limits == Limits(set_size=2048, indicators=8192, checks=40)
    assert policy.peer("delta-energy").may_ask
    assert policy.peer("delta-energy").limits == policy.limits


def test_parse_of_ordinary_tables_equals_that_of_inline_ones() -> None:
    inline = parse("version = 1\nlimits = { checks = 3 }\npeer.a = { checks = 5 }")
    tables = parse("version = 1\n[limits]\nchecks = 3\n[peer.a]\nchecks = 5\n")
    assert (inline.limits, inline.peers) == (tables.limits, tables.peers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'limits = { checks = "eight" }',
            'policy.toml line 2: limits.checks: expected a whole number from 1, got "eight"',
        ),
        ("limits = { checks = 0 }", "line 2: limits.checks: expected a whole number from 1 to"),
        ("limits = { checks = true }", "limits.checks: expected a whole number from 1, got true"),
        ("limits = { checks = 1.0 }", "limits.checks: expected a whole number from 1, got 1.0"),
        ("limits = 3", "line 2: limits: expected a table { ... }, got 3"),
        ("# note\n\n[limits]\nset_size = 4\nchecks = []", "line 6: limits.checks: expected a"),
        ("limits.checks = -1", "line 2: limits.checks: expected"),
        ("[peer.beta-bank]\n  checks = 'x'", "line 3: peer.beta-bank.checks: expected a whole"),
        ("min_set = 67108865", "line 2: min_set: expected a whole number from 1 to 67108864"),
        ("limts = {}", "line 2: limts: no such key; did you mean limits?"),
        ("limits = { check = 1 }", "line 2: limits.check: no such key; did you mean checks?"),
        (
            "peer.a = { may_aks = true }",
            "line 2: peer.a.may_aks: no such key; did you mean may_ask",
        ),
        ('peer."A" = {}', "line 2: peer.A: expected 1 to 63 lower-case letters"),
        ("peer = []", "line 2: peer: expected a table { ... }, got a list of 0"),
        ("peer.a = 1", "line 2: peer.a: expected a table { ... }, got 1"),
        ("peer.a = { may_ask = 'no' }", 'line 2: peer.a.may_ask: expected true or false, got "no"'),
        ("kinds = []", "line 2: kinds: expected at least one kind"),
        ("kinds = 'ip'", 'line 2: kinds: expected a list [ ... ], got "ip"'),
        ("kinds = ['ip', 'ip']", "line 2: kinds: an entry stands there twice"),
        ("kinds = ['hsh']", 'got "hsh"; did you mean hash?'),
        ("kinds = [1]", "line 2: kinds: expected a list of texts, got 1"),
        ("kinds = ['canary']", "line 2: kinds: expected only hash, ip,"),
        ("tlp_max = 'ambr'", 'got "ambr"; did you mean amber?'),
        ("tlp_max = 2", "line 2: tlp_max: expected"),
        ("rules = { expand_v4 = 16 }", 'expand_v4: expected "none" or 24 or 28, got 16'),
        ("rules = { expand_v4 = 24.0 }", "got 24.0"),
        ("rules = { expand_v4 = '24' }", 'got "24"'),
        ("rules = { fold_https = 1 }", "line 2: rules.fold_https: expected true or false, got 1"),
        ("group = { consent = 'yes' }", 'group.consent: expected "ask" or "auto", got "yes"'),
        ("group = { at_least = [3, 2] }", "group.at_least: expected each number once, in ascend"),
        ("group = { at_least = [2, 2] }", "group.at_least: expected each number once, in ascend"),
        (
            "group = { at_least = [1] }",
            "group.at_least: expected whole numbers from 2 to 50, got 1",
        ),
        ("group = { at_least = 2 }", "group.at_least: expected a list [ ... ], got 2"),
        ("group = { at_least = [true] }", "group.at_least: expected whole numbers"),
        ("group = { trusted_key_holders = ['A'] }", "group.trusted_key_holders: expected 1 to 63"),
        ("group = { releases = ['all'] }", "group.releases: expected only histogram, matrix-row"),
        ("group = { min_members = 2 }", "group.min_members: expected a whole number from 3 to 50"),
        ("group = { canaries = 1 }", "group.canaries: no such key"),
        ("min_set = 2026-11-24", "got a date or time"),
        ("min_set = {a = 1}", "got a table of 1"),
        ("min_set = 1e300", "got a very large number"),
        ("x = [", "not TOML"),
        ("min_set = " + "9" * 5_000, "not TOML: a number is too long"),
        ("x = 2026-02-30", "not TOML"),
        ("x = " + "[" * 10_000, "nested too deep"),
    ],
)
def test_parse_of_a_bad_policy_names_key_and_line(text: str, message: str) -> None:
    with refused("bad-policy", message, "the old policy stays in force; `overlap policy check`"):
        parse("version = 1\n" + text)


@pytest.mark.parametrize("text", ["", "version = 2", "version = '1'", "version = true"])
def test_parse_without_version_1_refuses(text: str) -> None:
    with refused("bad-policy", "version: expected 1, got"):
        parse(text)


def test_parse_of_bytes_that_are_no_text_or_too_many_refuses() -> None:
    with refused("bad-policy", "policy.toml: expected UTF-8"):
        Policy.parse(b"\xff")
    with refused("bad-policy", f"at most {MAX_TOML_BYTES} bytes"):
        Policy.parse(b"#" * (MAX_TOML_BYTES + 1))


def test_error_with_control_characters_shows_none() -> None:
    for text in ('tlp_max = "\\u001b[2J"', '"\\u001b[2J" = 1', 'kinds = ["\\u202e"]'):
        with pytest.raises(PsiError) as caught:
            parse("version = 1\n" + text)
        assert caught.value.message.isprintable()


def test_load_reads_the_file_and_a_missing_one_is_a_bad_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    with refused("bad-policy", f"{path} is missing"):
        Policy.load(path)
    path.write_text(DEFAULT_POLICY)
    assert Policy.load(path) == parse(DEFAULT_POLICY)


KEYS = st.sampled_from(
    [
        *("version", "kinds", "tlp_max", "min_set", "rules", "limits", "group", "peer", "checks"),
        *("set_size", "expand_v4", "may_ask", "at_least", "trusted_key_holders", "fold_https", "a"),
    ]
)
VALUES = st.recursive(
    st.sampled_from(["1", "true", "0", "-5", "1.5", "nan", "'ip'", '"x"', "2026-01-01", "''"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=6))
def test_parse_of_any_toml_raises_only_bad_policy(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in pairs)
    try:
        policy = parse("version = 1\n" + text)
    except PsiError as error:
        assert error.slug == "bad-policy"
        assert error.message.isprintable()
    else:
        assert policy.kinds
        assert policy.limits.checks >= 1


@given(st.binary(max_size=200))
def test_parse_of_any_bytes_raises_only_bad_policy(data: bytes) -> None:
    try:
        Policy.parse(data)
    except PsiError as error:
        assert error.slug == "bad-policy"


@given(st.integers(0, len(DOCUMENTED) - 1), st.integers(1, 127))
def test_parse_of_a_mistyped_policy_raises_only_bad_policy(position: int, mask: int) -> None:
    changed = bytearray(DOCUMENTED.encode())
    changed[position] ^= mask
    try:
        Policy.parse(bytes(changed))
    except PsiError as error:
        assert error.slug == "bad-policy"


@pytest.mark.parametrize("odd", [" " * 60_000, "# " + "a." * 25_000, "# [" + " " * 60_000 + "x"])
def test_parse_with_an_odd_line_before_the_mistake_names_its_line_at_once(odd: str) -> None:
    """With a regular expression 2,000 blanks took 8 seconds, and these would not end."""
    with refused("bad-policy", "line 3: bogus: no such key"):
        parse(f"version = 1\n{odd}\nbogus = 1")


def test_parse_when_a_list_over_lines_looks_like_a_header_names_the_right_line() -> None:
    text = "version = 1\n[group]\nat_least = [\n  2, # [limits]\n  3]\n[ limits ] # x\nchecks = 0"
    with refused("bad-policy", "line 7: limits.checks: expected a whole number"):
        parse(text)


def test_load_of_a_file_that_others_can_change_or_of_a_link_refuses(tmp_path: Path) -> None:
    """Whoever writes it decides what leaves this house."""
    path = tmp_path / "policy.toml"
    path.write_text(DEFAULT_POLICY)
    path.chmod(0o646)
    with refused("open-permissions", "policy.toml can be changed by other users"):
        Policy.load(path)
    path.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(path)
    with refused("open-permissions", "symbolic link"):
        Policy.load(link)
    assert Policy.load(link, draft=True) == Policy.load(path)

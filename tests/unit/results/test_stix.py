# SPDX-License-Identifier: Apache-2.0
"""The STIX bundle, read by the library of OASIS."""

import json
from typing import Any

import pytest
import stix2  # type: ignore[import-untyped]  # no stubs
from hypothesis import given
from hypothesis import strategies as st
from stix2.pattern_visitor import create_pattern_object  # type: ignore[import-untyped]
from stix2.patterns import (  # type: ignore[import-untyped]
    EqualityComparisonExpression,
    ObservationExpression,
)
from unit.results.support import make_match, make_result

from psi.indicators.kinds import KINDS
from psi.indicators.tlp import STIX_MARKINGS
from psi.results.formats import stream
from psi.results.result import CheckResult, Match, Source
from psi.results.stix import pattern_of

VALUES = {
    "ip": "192.0.2.7",
    "cidr": "198.51.100.0/24",
    "domain": "evil.example",
    "url": "http://evil.example/it's/a%20path?x=\\1",
    "email": "a@evil.example",
    "hex32": 32 * "a1"[:1],
    "hex40": 40 * "b",
    "hex56": 56 * "c",
    "hex64": 64 * "d",
    "hex96": 96 * "e",
    "hex128": 128 * "f",
    "jarm": 62 * "1",
    "ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "cve": "cve-2026-12345",
}


def bundle(result: CheckResult) -> dict[str, Any]:
    made: dict[str, Any] = json.loads("".join(stream(result, "stix")))
    return made


def one_of_each(**changes: Any) -> CheckResult:
    matches = [make_match(VALUES[kind], kind=kind) for kind in KINDS]
    return make_result(matches, yours=dict.fromkeys(map(str, KINDS), 2), **changes)


def test_bundle_of_every_kind_expect_the_library_accepts_it() -> None:
    parsed = stix2.parse(bundle(one_of_each()))
    assert isinstance(parsed, stix2.v21.Bundle)
    kinds = [made.type for made in parsed.objects]
    assert kinds[:3] == ["marking-definition", "identity", "identity"]
    assert kinds.count("indicator") == len(KINDS) - 1
    assert kinds.count("vulnerability") == 1
    assert kinds.count("sighting") == len(KINDS)


def test_sightings_expect_the_peer_saw_what_the_client_has() -> None:
    parsed = stix2.parse(bundle(one_of_each()))
    by_id = {made.id: made for made in parsed.objects}
    names = {made.name: made.id for made in parsed.objects if made.type == "identity"}
    for made in parsed.objects:
        if made.type == "sighting":
            assert made.where_sighted_refs == [names["beta-bank"]]
            assert made.created_by_ref == names["acme-corp"]
            assert by_id[made.sighting_of_ref].type in ("indicator", "vulnerability")
    assert len({made.sighting_of_ref for made in parsed.objects if made.type == "sighting"}) == len(
        KINDS
    )


def marked(tlp: str) -> CheckResult:
    return make_result([make_match("a.example", tlp=tlp)])


def _markings(made: dict[str, Any]) -> dict[str, set[str]]:
    """For each type of object the names of its markings."""
    names = {e["id"]: e["name"] for e in made["objects"] if e["type"] == "marking-definition"}
    found: dict[str, set[str]] = {}
    for each in made["objects"]:
        for reference in each.get("object_marking_refs", ()):
            found.setdefault(each["type"], set()).add(names[reference])
    return found


@pytest.mark.parametrize(
    ("tlp", "indicator", "sighting"),
    [
        ("", "TLP:AMBER", "TLP:AMBER"),
        ("clear", "TLP:CLEAR", "TLP:AMBER"),
        ("green", "TLP:GREEN", "TLP:AMBER"),
        ("amber", "TLP:AMBER", "TLP:AMBER"),
        ("amber+strict", "TLP:AMBER+STRICT", "TLP:AMBER+STRICT"),
        ("red", "TLP:RED", "TLP:RED"),
    ],
)
def test_marking_expect_the_own_one_and_amber_for_what_the_peer_told(
    tlp: str, indicator: str, sighting: str
) -> None:
    made = bundle(marked(tlp))
    stix2.parse(made)
    assert _markings(made) == {
        "identity": {"TLP:AMBER"},
        "indicator": {indicator},
        "sighting": {sighting},
    }


def test_marking_of_several_sources_expect_the_strictest() -> None:
    sources = tuple(Source("a.example", "f", 1, tlp=tlp) for tlp in ("green", "red", "", "clear"))
    match = Match(kind="domain", value="a.example", sources=sources)
    assert _markings(bundle(make_result([match])))["indicator"] == {"TLP:RED"}


def test_marking_expect_it_stands_once_and_before_its_first_use() -> None:
    levels = ("green", "red", "green", "", "red")
    made = bundle(make_result([make_match(f"{i}.example", tlp=t) for i, t in enumerate(levels)]))
    seen: set[str] = set()
    for each in made["objects"]:
        assert each["id"] not in seen
        assert set(each.get("object_marking_refs", ())) <= seen
        seen.add(each["id"])


def test_marking_definitions_expect_those_that_oasis_published() -> None:
    """Consumers know a marking by its id."""
    for identity, level in STIX_MARKINGS.items():
        found = [e for e in bundle(marked(level.label))["objects"] if e["id"] == identity]
        for each in found:
            (extension,) = each["extensions"].values()
            assert extension["tlp_2_0"] == level.label
    made = bundle(marked("amber+strict"))["objects"]
    assert "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003" in {e["id"] for e in made}


def test_ids_at_the_source_expect_external_references() -> None:
    result = make_result([make_match("a.example", id="indicator--1", tlp="green")])
    (indicator,) = [e for e in bundle(result)["objects"] if e["type"] == "indicator"]
    assert indicator["external_references"] == [
        {"source_name": "acme-corp", "external_id": "indicator--1"}
    ]
    assert stix2.parse(indicator).id == indicator["id"]


def _ids(made: dict[str, Any], kind: str) -> list[str]:
    return [each["id"] for each in made["objects"] if each["type"] == kind]


def test_ids_expect_they_depend_on_the_value_and_not_on_the_run() -> None:
    first = bundle(one_of_each())
    assert bundle(one_of_each()) == first
    later = bundle(one_of_each(session=64 * "9", run=10 * "9", started_at="2026-11-30T09:00:00Z"))
    assert _ids(later, "indicator") == _ids(first, "indicator")
    assert _ids(later, "identity") == _ids(first, "identity")
    assert not set(_ids(later, "sighting")) & set(_ids(first, "sighting"))
    assert later["id"] != first["id"]
    before, after = ([e for e in b["objects"] if e["type"] == "indicator"] for b in (first, later))
    for old, new in zip(before, after, strict=True):
        assert old["created"] == new["created"] < old["modified"] < new["modified"]
    other = bundle(one_of_each(client="city-hospital"))
    assert not set(_ids(other, "indicator")) & set(_ids(first, "indicator"))


def test_ids_of_one_text_under_two_kinds_expect_two() -> None:
    matches = [make_match(64 * "a", kind="hex64"), make_match(64 * "a", kind="domain")]
    assert len(set(_ids(bundle(make_result(matches)), "indicator"))) == 2


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_pattern_of_any_value_expect_it_is_read_back(value: str) -> None:
    pattern = create_pattern_object(pattern_of("url", value))
    assert isinstance(pattern, ObservationExpression)
    assert isinstance(pattern.operand, EqualityComparisonExpression)
    # The library keeps the escapes of a literal.
    assert str(pattern) == pattern_of("url", value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("ip", "2001:db8::1", "[ipv6-addr:value = '2001:db8::1']"),
        ("ip", "192.0.2.1", "[ipv4-addr:value = '192.0.2.1']"),
        ("cidr", "2001:db8::/32", "[ipv6-addr:value = '2001:db8::/32']"),
        ("hex64", "ab", "[file:hashes.'SHA-256' = 'ab']"),
        ("hex32", "ab", "[file:hashes.MD5 = 'ab']"),
        ("url", "http://a/it's\\x", "[url:value = 'http://a/it\\'s\\\\x']"),
    ],
)
def test_pattern_of_a_kind_expect_its_property(kind: str, value: str, expected: str) -> None:
    assert pattern_of(kind, value) == expected

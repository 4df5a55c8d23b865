# SPDX-License-Identifier: Apache-2.0
"""STIX: patterns taken apart, observables, markings, revocation and validity."""

import json
from typing import Any

import pytest
from unit.indicators._support import read_bytes, texts

from psi.errors import IndicatorError
from psi.indicators import Filter, Filters, Reason, Tlp
from psi.indicators.readers.stix_pattern import Atom, PatternError, atoms, single, type_of_path

RED = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
RED_2 = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
AMBER_STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
GREEN_2 = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
OWN = "marking-definition--00000000-0000-4000-8000-000000000000"


def indicator(pattern: str = "[domain-name:value = 'evil.com']", **more: object) -> dict[str, Any]:
    """An indicator, valid for ever."""
    return {"type": "indicator", "id": "indicator--1", "pattern": pattern, **more}


def read(*objects: dict[str, Any], **options: object) -> Any:
    """The set of a bundle."""
    return read_bytes(json.dumps({"type": "bundle", "objects": objects}).encode(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[a-b:c = 'x']", [("a-b:c", "x", True)]),
        ("[a:b='x']", [("a:b", "x", True)]),
        (r"[a:b = 'it\'s \\ x']", [("a:b", "it's \\ x", True)]),
        ("[a:b = '] OR [c:d = ']", [("a:b", "] OR [c:d = ", True)]),
        ("[a:b = 'x' OR c:d = 'y']", [("a:b", "x", True), ("c:d", "y", True)]),
        (
            "[a:b = 'x' AND (c:d = 'y' OR e:f = 'z')]",
            [("a:b", "x", True), ("c:d", "y", True), ("e:f", "z", True)],
        ),
        (
            "[a:b = 'x'] FOLLOWEDBY [c:d = 'y'] WITHIN 300 SECONDS",
            [("a:b", "x", True), ("c:d", "y", True)],
        ),
        ("([a:b = 'x'] AND [c:d = 'y']) REPEATS 5 TIMES", [("a:b", "x", True), ("c:d", "y", True)]),
        (
            "[a:b = 'x'] START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'",
            [("a:b", "x", True)],
        ),
        ("[a:b IN ('x', 'y')]", [("a:b", "x", True), ("a:b", "y", True)]),
        ("[a:b in ('x')]", [("a:b", "x", True)]),
        ("[a:b NOT IN ('x','y')]", [("a:b", "x", False), ("a:b", "y", False)]),
        ("[a:b NOT = 'x']", [("a:b", "x", False)]),
        ("[a:b != 'x' OR a:b <> 'y']", [("a:b", "x", False), ("a:b", "y", False)]),
        (
            "[a:b LIKE 'x%' OR a:b MATCHES '^x' OR a:b ISSUBSET '10.0.0.0/8']",
            [("a:b", "x%", False), ("a:b", "^x", False), ("a:b", "10.0.0.0/8", False)],
        ),
        (
            "[a:b = 5 AND a:c = true AND a:d > 1.5]",
            [("a:b", "5", True), ("a:c", "TRUE", True), ("a:d", "1.5", False)],
        ),
        ("[file:hashes.'SHA-256' = 'aa']", [("file:hashes.'SHA-256'", "aa", True)]),
        (
            "[a:refs[*].value = 'x' AND a:b[0].c = 'y']",
            [("a:refs[*].value", "x", True), ("a:b[0].c", "y", True)],
        ),
        ("[EXISTS a:b AND a:c = 'x']", [("a:c", "x", True)]),
        ("[a:b = h'ffee']", [("a:b", "h'ffee'", True)]),
    ],
)
def test_pattern_when_valid_expect_its_comparisons(
    pattern: str, expected: list[tuple[str, str, bool]]
) -> None:
    """Escapes, sets, brackets, qualifiers, and which comparisons are exact."""
    assert atoms(pattern) == [Atom(*atom) for atom in expected]
    assert single(pattern) in (None, expected[0][:2])
    assert single(pattern) is None or len(expected) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[", "[]", "[a:b]", "[a:b = ]", "[a:b = 'x'", "[a:b = 'x", "a:b = 'x'", "[a:b = x]",
        "[a:b IN 'x']", "[a:b IN ()]", "[a:b IN ('x'", "[a:b = 'x' OR]]", "[a:b 'x']",
        "[('a:b' = 'x')]", "[a:b = 'x'] FOO [c:d = 'y']", "[EXISTS]", "[a:b NOT 'x']",
        "rule yara { }", "[a:b = 'x' = 'y']", "[a:b = NOT]",
    ],
)  # fmt: skip
def test_pattern_when_invalid_expect_error(pattern: str) -> None:
    """Nothing of a pattern that can't be parsed is used."""
    with pytest.raises(PatternError):
        atoms(pattern)
    assert single(pattern) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ipv4-addr:value", "ip"),
        ("ipv6-addr:value", "ip"),
        ("domain-name:value", "domain"),
        ("url:value", "url"),
        ("email-addr:value", "email"),
        ("email-message:from_ref.value", "email"),
        ("network-traffic:dst_ref.value", None),
        ("domain-name:resolves_to_refs[*].value", None),
        ("network-traffic:dst_ip", "ip"),
        ("network-traffic:dst_port", "pattern-in-file"),
        ("file:hashes.MD5", "MD5"),
        ("file:hashes.'SHA-256'", "SHA-256"),
        ("file:hashes.SSDEEP", "SSDEEP"),
        ("file:hashes.unknown", "hash"),
        ("x509-certificate:hashes.'SHA-1'", "SHA-1"),
        ("file:name", "pattern-in-file"),
        ("process:command_line", "pattern-in-file"),
        ("mutex:value", "pattern-in-file"),
    ],
)
def test_path_when_known_expect_type_name(path: str, name: str | None) -> None:
    """What may stand in the value."""
    assert type_of_path(path) == name


def test_stix_when_bundle_expect_values_and_ids() -> None:
    """One indicator may hold several values; each knows where it came from."""
    found = read(
        indicator(),
        indicator("[ipv4-addr:value IN ('8.8.8.8', '8.8.4.4/32')]", id="indicator--2"),
        indicator("[file:hashes.'SHA-1' = '" + "a1" * 20 + "' OR file:name = 'x']"),
        indicator("[url:value != 'http://evil.com/' AND url:value = 'http://evil.org/it\\'s']"),
        {"type": "malware", "name": "evil.net"},
    )
    assert texts(found) == [
        "domain:evil.com", "ip:8.8.8.8", "ip:8.8.4.4", "hex40:" + "a1" * 20,
        "url:http://evil.org/it's",
    ]  # fmt: skip
    assert found.sources(2)[0].id == "indicator--2"
    assert found.report.rejected == {Reason.NOT_EXACT: 1, Reason.OPERATOR: 1}


def test_stix_when_observables_expect_values_and_hashes() -> None:
    """SCOs of 2.1, and observed-data of 2.0 that holds them."""
    found = read(
        {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "8.8.8.8"},
        {"type": "file", "id": "file--1", "hashes": {"MD5": "a1" * 16, "SSDEEP": "3:x:y"}},
        {"type": "directory", "id": "d", "path": "/tmp"},
        {"type": "observed-data", "id": "observed-data--1", "objects": {
            "0": {"type": "domain-name", "value": "evil.com"}, "1": {"type": "process"}}},
    )  # fmt: skip
    assert texts(found) == ["ip:8.8.8.8", "hex32:" + "a1" * 16, "domain:evil.com"]
    assert found.sources(2)[0].id == "observed-data--1"
    assert found.report.rejected == {Reason.NOT_EXACT: 1}


@pytest.mark.parametrize(
    "document",
    [
        [indicator()],
        indicator(spec_version="2.1"),
        {"objects": [indicator(id="indicator--ffffffff-1")], "more": False},
        [{"type": "bundle", "objects": [indicator()]}],
    ],
)
def test_stix_when_other_envelope_expect_value(document: object) -> None:
    """A list, a single object, a TAXII answer, bundles in a list."""
    found = read_bytes(json.dumps(document).encode(), input_format="stix")
    assert texts(found) == ["domain:evil.com"]


@pytest.mark.parametrize(
    ("marking", "tlp_max", "kept"),
    [
        ({}, Tlp.CLEAR, True),
        ({"object_marking_refs": [RED]}, Tlp.AMBER, False),
        ({"object_marking_refs": [RED_2]}, Tlp.AMBER, False),
        ({"object_marking_refs": [GREEN_2, AMBER_STRICT]}, Tlp.AMBER, False),
        ({"object_marking_refs": [GREEN_2]}, Tlp.AMBER, True),
        ({"object_marking_refs": [OWN]}, Tlp.AMBER, False),
        ({"granular_markings": [{"marking_ref": RED, "selectors": ["pattern"]}]}, Tlp.AMBER, False),
        ({"object_marking_refs": [RED]}, Tlp.RED, True),
    ],
)
def test_stix_when_marked_expect_strictest_decides(
    marking: dict[str, Any], tlp_max: Tlp, kept: bool
) -> None:
    """The fixed ids of both versions of TLP, and definitions that the bundle brings."""
    definition = {
        "type": "marking-definition", "id": OWN,
        "extensions": {"extension-definition--x": {"tlp_2_0": "red"}},
    }  # fmt: skip
    found = read(indicator(**marking), definition, filters=Filters(tlp_max=tlp_max))
    assert len(found) == kept
    assert found.report.filtered == ({} if kept else {Filter.TLP: 1})


@pytest.mark.parametrize(
    "definition",
    [{"definition_type": "tlp", "definition": {"tlp": "red"}}, {"name": "TLP:RED"}],
)
def test_stix_when_definition_is_of_tlp_1_expect_it_known(definition: dict[str, Any]) -> None:
    """By its definition or by its name."""
    marked = indicator(object_marking_refs=[OWN])
    assert len(read(marked, {"type": "marking-definition", "id": OWN, **definition})) == 0


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"revoked": True}, Filter.REVOKED),
        ({"revoked": False, "valid_until": "2027-01-01T00:00:00Z"}, None),
        ({"valid_until": "2025-01-01T00:00:00.5Z"}, Filter.EXPIRED),
        ({"valid_until": "whenever"}, None),
        ({"created": "2020-01-01T00:00:00Z"}, Filter.TOO_OLD),
        ({"created": "2020-01-01T00:00:00Z", "modified": "2026-08-01T00:00:00Z"}, None),
    ],
)
def test_stix_when_out_of_date_expect_left_out(more: dict[str, Any], by: Filter | None) -> None:
    """Revoked, expired, too old, each under its name."""
    filters = Filters(now_s=1_785_542_400, max_age_s=86_400 * 90)
    found = read(indicator(**more), filters=filters)
    assert found.report.filtered == ({} if by is None else {by: 1})
    assert len(found) == (by is None)


def test_stix_when_pattern_is_of_another_language_or_broken_expect_reason() -> None:
    """Neither is used; a broken one is damage."""
    broken = indicator("[domain-name:value = 'a.com' OR]]")
    found = read(indicator("rule x {}", pattern_type="yara"), broken, indicator(7))  # type: ignore[arg-type]
    assert found.report.rejected == {
        Reason.NOT_EXACT: 1,
        Reason.BAD_PATTERN: 1,
        Reason.BAD_RECORD: 1,
    }
    assert found.report.damaged_records == 2
    with pytest.raises(IndicatorError, match="pattern that can't be parsed; nothing was sent"):
        read(broken, strict=True)


def test_stix_when_cut_expect_whole_objects_only() -> None:
    """A cut bundle loses its last object."""
    objects = [indicator(f"[domain-name:value = 'e{n}.com']") for n in range(3)]
    data = json.dumps({"type": "bundle", "objects": objects}).encode()
    with pytest.raises(IndicatorError, match="ends early"):
        read_bytes(data[:-5])
    part = read_bytes(data[:-5], keep_going=True)
    assert texts(part) == ["domain:e0.com", "domain:e1.com"]

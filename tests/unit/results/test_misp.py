# SPDX-License-Identifier: Apache-2.0
"""The MISP tags, read by MISP's own library."""

import json
from typing import Any

import pymisp
import pytest
from unit.results.support import make_match, make_result
from unit.results.test_stix import one_of_each

from psi.indicators.kinds import KINDS
from psi.results.formats import stream
from psi.results.misp import stream_misp
from psi.results.result import CheckResult, Match, Source


def event(result: CheckResult, **options: Any) -> pymisp.MISPEvent:
    made = pymisp.MISPEvent()
    made.load("".join(stream_misp(result, **options)))
    return made


def test_event_of_every_kind_expect_the_library_accepts_it() -> None:
    made = event(one_of_each())
    assert len(made.attributes) == len(KINDS)
    assert made.distribution == 0
    assert not made.published
    assert [tag.name for tag in made.tags] == ["tlp:amber"]
    for attribute in made.attributes:
        (tag,) = attribute.tags
        assert tag.name == 'overlap:also-held-by="beta-bank"'
        assert tag.local
        assert not attribute.to_ids
        assert attribute.Sighting == []
    json.loads(made.to_json())


def test_types_expect_each_in_a_category_that_misp_has_for_it() -> None:
    made = event(one_of_each())
    known = made.describe_types["category_type_mappings"]
    for attribute in made.attributes:
        assert attribute.type in known[attribute.category], attribute.type


def test_sightings_expect_only_when_asked_for() -> None:
    assert "Sighting" not in "".join(stream(one_of_each(), "misp"))
    for attribute in event(one_of_each(), sightings=True).attributes:
        (sighting,) = attribute.sightings
        shown = sighting.to_dict()
        assert (shown["type"], shown["source"]) == ("0", "overlap")


@pytest.mark.parametrize(
    ("tlp", "expected"),
    [("", "tlp:amber"), ("clear", "tlp:amber"), ("amber+strict", "tlp:amber+strict")],
)
def test_event_expect_the_strictest_own_marking_and_at_least_amber(tlp: str, expected: str) -> None:
    matches = [make_match("a.example"), make_match("b.example", tlp=tlp), make_match("c.example")]
    assert [tag.name for tag in event(make_result(matches)).tags] == [expected]


def test_attributes_that_are_known_expect_their_own_uuids() -> None:
    own = ["0af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a", "1AF5E1B2-7C1F-4F5E-9D35-3A1C6D1C2B3A"]
    sources = (
        Source("evil[.]example", "m.json", 0, id=own[0], event=own[0]),
        Source("evil.example", "m.json", 0, id=own[1]),
        Source("evil.example", "s.json", 0, id="indicator--" + own[0]),
        Source("evil.example", "list.txt", 4),
    )
    match = Match(kind="domain", value="evil.example", sources=sources)
    made = event(make_result([match])).attributes
    assert [(str(each.uuid), each.value) for each in made] == [
        (own[0], "evil[.]example"),
        (own[1].lower(), "evil.example"),
    ]


def test_event_of_one_run_expect_one_uuid() -> None:
    assert event(one_of_each()).uuid == event(one_of_each()).uuid
    assert event(one_of_each()).uuid != event(one_of_each(session=64 * "9")).uuid


def test_event_of_nothing_expect_no_attributes() -> None:
    assert event(make_result()).attributes == []


@pytest.mark.parametrize(
    ("written", "searched"),
    [
        ("https://evil.example/a", "https://evil.example/a"),
        ("hXXps://evil[.]example/a", "https://evil.example/a"),
        ("http://evil.example/a", "http://evil.example/a"),
        ("evil.example/a", "http://evil.example/a"),
    ],
)
def test_url_that_was_written_with_https_expect_it_is_searched_so(
    written: str, searched: str
) -> None:
    """A search in MISP knows no folding of https into http."""
    match = make_match("http://evil.example/a", kind="url", written=written)
    assert event(make_result([match])).attributes[0].value == searched

# SPDX-License-Identifier: Apache-2.0
"""What is left of a check: saved, shown again, handed to other tools, compared, and dropped."""

import json
from pathlib import Path

import pymisp
import pytest
import stix2  # type: ignore[import-untyped]  # no stubs
from system.support import Alliance

OWN = "1af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a"


def misp_event(path: Path, values: dict[str, str]) -> Path:
    """An event whose attributes have these uuids and values."""
    attributes = [
        {
            "uuid": own,
            "type": "domain",
            "category": "Network activity",
            "value": value,
            "to_ids": True,
        }
        for own, value in values.items()
    ]
    event = {
        "uuid": "0af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a",
        "info": "synthetic",
        "Tag": [{"name": "tlp:green"}],
        "Attribute": attributes,
    }
    path.write_text(json.dumps({"Event": event}))
    return path


@pytest.fixture
def words(alliance: Alliance) -> list[str]:
    """The flag that names the client's home."""
    return ["--home", str(alliance.home("acme-corp"))]


def test_check_of_a_misp_event_gives_tags_for_its_own_attributes(
    alliance: Alliance, words: list[str]
) -> None:
    """From the uuid in the feed to the tag on the attribute, through a real check."""
    feed = misp_event(
        alliance.folder / "event.json",
        {OWN: "Evil[.]org", OWN.replace("1af", "2af"): "quiet.org"},
    )
    also = alliance.feed("also", ["203.0.114.7"])
    server = alliance.serve("beta-bank", alliance.feed("theirs", ["evil.org", "203.0.114.7"]))
    checked = alliance.check(feed, also, address=server.listen)
    assert checked.object["count"] == 2
    assert "--format misp -o tags.json" in checked.err
    tags = alliance.run("result", "export", "last", "--format", "misp", *words)
    event = pymisp.MISPEvent()
    event.load(tags.out)
    known, unknown = event.attributes
    assert (str(known.uuid), known.value) == (OWN, "Evil[.]org")
    assert unknown.value == "203.0.114.7"
    for attribute in event.attributes:
        assert [(tag.name, tag.local) for tag in attribute.tags] == [
            ('overlap:also-held-by="beta-bank"', True)
        ]
    bundle = stix2.parse(alliance.run("result", "show", "last", "--format", "stix", *words).out)
    (domain,) = [o for o in bundle.objects if o.get("pattern", "").startswith("[domain-name")]
    assert domain.external_references[0].external_id == OWN
    assert bundle.get_obj(domain.object_marking_refs[0])[0].name == "TLP:GREEN"


def test_saved_checks_are_those_that_were_shown(alliance: Alliance, words: list[str]) -> None:
    """The same object again, and what changed from one to the next."""
    ours = alliance.feed("ours", [f"host-{i}.evil.org" for i in range(20)])
    counts = []
    for first in (0, 5):
        theirs = alliance.feed("theirs", [f"host-{i}.evil.org" for i in range(first, first + 10)])
        server = alliance.serve("beta-bank", theirs)
        shown = alliance.check(ours, address=server.listen)
        server.stop()
        counts.append(shown.object["count"])
        assert alliance.run("result", "show", "last", "--json", *words).object == shown.object
    assert counts == [10, 10]
    after, before = alliance.run("result", "list", "--json", *words).object["runs"]
    assert after["run"] == shown.object["run"]
    diff = alliance.run("result", "diff", before["run"], "last", "--json", *words).object
    assert (diff["new"], diff["gone"], diff["both"]) == (5, 5, 5)
    gone = alliance.run("result", "delete", before["run"], "last", *words)
    assert gone.code == 2, "without a terminal nobody can be asked"
    assert alliance.run("result", "delete", before["run"], "last", "--yes", *words).code == 0
    assert list((alliance.home("acme-corp") / "results").iterdir()) == []


def test_check_drops_what_has_been_kept_long_enough(alliance: Alliance, words: list[str]) -> None:
    """90 days by default; a result says itself when its run began."""
    ours = alliance.feed("ours", ["evil.org"])
    server = alliance.serve("beta-bank", ours)
    for _ in range(2):
        assert alliance.check(ours, address=server.listen).code == 0
    results = alliance.home("acme-corp") / "results"
    old, recent = sorted(results.iterdir())
    path = old / "result.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, "started_at": "2020-01-01T00:00:00Z"}))
    assert alliance.check(ours, address=server.listen).code == 0
    left = set(results.iterdir())
    assert len(left) == 2
    assert recent in left
    assert old not in left

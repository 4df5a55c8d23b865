# SPDX-License-Identifier: Apache-2.0
"""MISP: every envelope, what counts in it, and what is left of a damaged file."""

import json
from pathlib import Path
from typing import Any

import pytest
from unit.indicators._support import read_bytes, texts

from psi.errors import IndicatorError
from psi.indicators import Filter, Filters, Profile, ReadOptions, Reason, Tlp, read_set

EVENT = "11111111-1111-4111-8111-111111111111"


def attribute(value: object, kind: str = "domain", **more: object) -> dict[str, object]:
    """One attribute; its UUID is made from its value."""
    return {"uuid": f"uuid-{value}", "type": kind, "value": value, "to_ids": True, **more}


def event(*attributes: dict[str, Any], **more: object) -> dict[str, Any]:
    """An event without its envelope."""
    return {"uuid": EVENT, "info": "x", "timestamp": "1785198240", "Attribute": attributes, **more}


def read(document: object, **options: object) -> Any:
    """The set of a document."""
    return read_bytes(json.dumps(document).encode(), **options)  # type: ignore[arg-type]


PLAIN = event(attribute("evil.com"))


@pytest.mark.parametrize(
    "document",
    [
        {"Event": PLAIN},
        [{"Event": PLAIN}],
        {"response": [{"Event": PLAIN}]},
        {"response": {"Event": PLAIN}},
        [PLAIN],
        PLAIN,
        {"response": {"Attribute": [attribute("evil.com", Event={"uuid": EVENT})]}},
        {"Event": event(Object=[{"name": "file", "Attribute": [attribute("evil.com")]}])},
    ],
)
def test_misp_when_any_envelope_expect_value_and_its_source(document: object) -> None:
    """The attribute's UUID and the event's come along."""
    found = read(document)
    assert texts(found) == ["domain:evil.com"]
    source = found.sources(0)[0]
    assert (source.as_written, source.line) == ("evil.com", 0)
    assert (source.id, source.event) == ("uuid-evil.com", EVENT)


def test_misp_when_typed_expect_type_decides() -> None:
    """Composite types, names without a known top-level domain, and what is not matched exactly."""
    found = read(
        {
            "Event": event(
                attribute("a.exe|" + "a1" * 16, "filename|md5"),
                attribute("evil.notatld", "domain"),
                attribute("evil.com|8.8.8.8", "domain|ip"),
                attribute("8.8.4.4|443", "ip-dst|port"),
                attribute("evil.org", "comment"),
                attribute("evil.org", "text", data="evil.org"),
                attribute(80, "port"),
            )
        }
    )
    assert texts(found) == [
        "hex32:" + "a1" * 16,
        "domain:evil.notatld",
        "domain:evil.com",
        "ip:8.8.8.8",
        "ip:8.8.4.4",
    ]
    assert found.report.rejected == {Reason.NOT_EXACT: 3}
    assert str(found.report.first_positions[Reason.NOT_EXACT][0]) == "-#uuid-evil.org"


def test_misp_when_deleted_or_proposed_expect_left_out() -> None:
    """Deleted attributes, all of a deleted object; proposals are not even counted."""
    found = read(
        {
            "Event": event(
                attribute("gone.com", deleted=True),
                attribute("here.com", deleted="0", ShadowAttribute=[attribute("new.com")]),
                Object=[{"deleted": "1", "Attribute": [attribute("a.com"), attribute("b.com")]}],
                ShadowAttribute=[attribute("shadow.com")],
            )
        }
    )
    assert texts(found) == ["domain:here.com"]
    assert found.report.filtered == {Filter.DELETED: 3}


@pytest.mark.parametrize(
    ("on_event", "on_attribute", "tlp_max", "kept"),
    [
        (None, None, Tlp.CLEAR, True),
        ("tlp:red", None, Tlp.AMBER, False),
        ("TLP:AMBER", None, Tlp.AMBER, True),
        ("tlp:amber+strict", None, Tlp.AMBER, False),
        ("tlp:amber+strict", None, Tlp.AMBER_STRICT, True),
        ("tlp:white", "tlp:red", Tlp.AMBER, False),
        ("tlp:red", "tlp:white", Tlp.AMBER, False),
        ("tlp:clear", "tlp:green", Tlp.CLEAR, False),
        ("tlp:ex:chr", None, Tlp.AMBER, False),
        ("PAP:RED", "phishing", Tlp.CLEAR, True),
    ],
)
def test_misp_when_marked_expect_strictest_decides(
    on_event: str | None, on_attribute: str | None, tlp_max: Tlp, kept: bool
) -> None:
    """Of the event's tags, wherever they stand, and of the attribute's."""
    inner = attribute("evil.com", Tag=[{"name": on_attribute}] if on_attribute else None)
    body = event(inner, Tag=[{"name": on_event}] if on_event else None)
    found = read({"Event": body}, filters=Filters(tlp_max=tlp_max))
    assert len(found) == kept
    assert found.report.filtered == ({} if kept else {Filter.TLP: 1})


def test_misp_when_marked_expect_marking_of_source() -> None:
    """Each occurrence knows its marking."""
    found = read(
        {
            "Event": event(
                attribute("a.com", Tag=[{"name": "tlp:amber"}]),
                attribute("b.com"),
                attribute("a.com"),
                Tag=[{"name": "tlp:green"}],
            )
        }
    )
    assert [source.tlp for source in found.sources(0)] == ["amber", "green"]
    assert found.tlp_counts() == {"green": 2, "amber": 1}


def test_misp_when_filtered_by_flag_and_age_expect_counts() -> None:
    """`to_ids`, and the later of an attribute's times, or its event's."""
    day = 86_400
    now = 1_785_198_240 + 10 * day
    body = event(
        attribute("flagged.com"),
        attribute("context.com", to_ids=False),
        attribute("old.com", timestamp="1700000000"),
        attribute("seen.com", timestamp="1700000000", last_seen="2026-08-01T00:00:00+00:00"),
    )
    found = read({"Event": body}, filters=Filters(to_ids=True, max_age_s=30 * day, now_s=now))
    assert texts(found) == ["domain:flagged.com", "domain:seen.com"]
    assert found.report.filtered == {Filter.NOT_TO_IDS: 1, Filter.TOO_OLD: 1}
    found = read({"Event": body}, filters=Filters(max_age_s=day, now_s=now))
    assert len(found) == 0
    report = found.report
    assert report.values_read == report.n_filtered == 4


def test_misp_when_a_record_has_another_shape_expect_only_it_lost() -> None:
    """A value that is a list, an attribute that is a number."""
    document = {"Event": event(attribute("a.com"), attribute(["x"]), attribute(None))}
    document["Event"]["Attribute"] = [*document["Event"]["Attribute"], 7, attribute("b.com")]
    found = read(document)
    assert texts(found) == ["domain:a.com", "domain:b.com"]
    assert found.report.rejected == {Reason.BAD_RECORD: 3}
    with pytest.raises(IndicatorError, match=r"record of another shape.*nothing was sent"):
        read(document, strict=True)


@pytest.mark.parametrize("indent", [None, 1])
def test_misp_when_cut_anywhere_expect_whole_records_only(indent: int | None) -> None:
    """What is used of a cut file stands in the whole one, and the file is named."""
    body = event(*(attribute(f"e{n}.com", comment='a "quoted" }] {') for n in range(4)))
    body["Object"] = [{"Attribute": [attribute("o.com"), attribute("p.com")]}]
    data = json.dumps({"response": [{"Event": body}]}, indent=indent).encode()
    whole = texts(read_bytes(data))
    assert len(whole) == 6
    counts = set()
    for cut in range(len(data) // 3, len(data) - 1):
        with pytest.raises(IndicatorError, match=r"ends early after|broken JSON"):
            read_bytes(data[:cut], input_format="misp")
        part = read_bytes(data[:cut], input_format="misp", keep_going=True)
        assert texts(part) == whole[: len(part)]
        assert len(part.report.damaged) == 1
        counts.add(len(part))
    assert {2, 3, 4, 6} <= counts


def test_misp_when_broken_in_the_middle_expect_what_stands_before() -> None:
    """A stray brace ends it."""
    good, bad = json.dumps(attribute("a.com")), json.dumps(attribute("b.com"))
    data = f'{{"Event": {{"Attribute": [{good}, }} {bad}]}}}}'.encode()
    with pytest.raises(IndicatorError, match="is broken JSON at byte"):
        read_bytes(data)
    assert texts(read_bytes(data, keep_going=True)) == ["domain:a.com"]


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"Event":' * 50_000, b"", b"nul", b"\xff"])
def test_misp_when_nothing_is_readable_expect_damage(data: bytes) -> None:
    """Nesting without end and things that are no JSON."""
    with pytest.raises(IndicatorError):
        read_bytes(data, input_format="misp")
    assert len(read_bytes(data, input_format="misp", keep_going=True)) == 0


def test_misp_when_not_utf8_expect_that_value_rejected() -> None:
    """One bad byte does not lose the file."""
    data = json.dumps({"Event": event(attribute("a.com"), attribute("bXd.com"))}).encode()
    found = read_bytes(data.replace(b"bX", b"b\xff"))
    assert texts(found) == ["domain:a.com"]
    assert found.report.rejected == {Reason.BAD_ENCODING: 1}


def test_misp_feed_when_directory_expect_events_and_contents_checked(tmp_path: Path) -> None:
    """The manifest is no event; what it lists and is not there is said."""
    (tmp_path / f"{EVENT}.json").write_text(json.dumps({"Event": PLAIN}))
    gone = EVENT.replace("1", "2")
    (tmp_path / "manifest.json").write_text(json.dumps({EVENT: {"info": "x"}, gone: {}}))
    (tmp_path / "hashes.csv").write_text("0cc175b9c0f1b6a831c399e269772661,x\n")
    found = read_set([tmp_path], profile=Profile.default(), options=ReadOptions())
    assert texts(found) == ["domain:evil.com"]
    assert sorted(skipped.why for skipped in found.report.skipped) == [
        "look-up table of a MISP feed",
        "table of contents of a MISP feed, 1 of its events missing",
    ]


@pytest.mark.parametrize("manifest", ["{", "[]", '{"name": {}}', '{"name": "app"}'])
def test_folder_when_manifest_is_of_something_else_expect_no_feed(
    tmp_path: Path, manifest: str
) -> None:
    """Web pages have a manifest.json too."""
    (tmp_path / "manifest.json").write_text(manifest)
    (tmp_path / "hashes.csv").write_text("0cc175b9c0f1b6a831c399e269772661,x\n")
    options = ReadOptions(keep_going=True)
    assert len(read_set([tmp_path], profile=Profile.default(), options=options)) == 1


CSV = """\
uuid,event_id,category,type,value,comment,to_ids,timestamp,attribute_tag,event_tag
u1,1,"Network activity",domain,"evil.notatld","a, ""b"" c",1,1785198240,"","tlp:green"
u2,1,"Network activity",ip-dst,8.8.8.8,"",0,1785198240,"tlp:red,x","tlp:green"
u3,1,"Payload delivery",filename|md5,"a.exe|a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a2","",0,1600000000,"",""
u4,1
u5,1,Other,comment,evil.com,"",0,1785198240,"",""
"""


def test_misp_csv_when_exported_expect_types_ids_and_filters() -> None:
    """The header tells it from other tables."""
    found = read_bytes(CSV.encode())
    assert texts(found) == ["domain:evil.notatld", "hex32:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a2"]
    source = found.sources(0)[0]
    assert (source.id, source.line, source.tlp) == ("u1", 2, "green")
    assert found.report.filtered == {Filter.TLP: 1}
    assert found.report.rejected == {Reason.BAD_RECORD: 1, Reason.NOT_EXACT: 1}
    strict = Filters(to_ids=True, tlp_max=Tlp.RED)
    assert texts(read_bytes(CSV.encode(), filters=strict)) == ["domain:evil.notatld"]
    young = Filters(max_age_s=10**7, now_s=1_785_198_241)
    assert texts(read_bytes(CSV.encode(), filters=young)) == ["domain:evil.notatld"]

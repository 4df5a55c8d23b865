# SPDX-License-Identifier: Apache-2.0
"""Whatever a file holds: no crash, sums that hold, and no trace of how it was cut into pieces."""

import gzip
import io
import json
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi.errors import IndicatorError
from psi.indicators import KINDS, IndicatorSet, Profile, ReadOptions, Rejected, read_set
from psi.indicators.readers import READERS

ALL = frozenset(KINDS)

LINES = st.sampled_from(
    [
        "8.8.8.8",
        "8.8.4.4:53 # note",
        "evil[.]com",
        "hxxp://evil[.]com/a,b",
        "# comment",
        "; comment",
        "0.0.0.0 a.example.com b.example.com",
        "8.8.8.8\t12",
        "- evil[.]com - 9.9.9.9",
        "value,type,notes",
        'evil.net,hostname,"a, b"',
        '"1.1.1.1","ip","two',
        'lines"',
        '"',
        "a;b;c",
        "md5: d41d8cd98f00b204e9800998ecf8427f",
        "main.exe",
        "10.0.0.1",
        "CVE-2021-44228",
        "some prose, with hxxp://bad[.]org in it",
        "\x00",
        "",
        "münchen.de",
    ]
)
VALUES = st.one_of(
    st.sampled_from(["evil[.]com", "8.8.8.8|80", "a.exe|" + "a1" * 16, "\ud800", "x" * 5000]),
    st.text(max_size=12),
    st.none(),
    st.integers(),
    st.lists(st.booleans(), max_size=2),
)
TYPES = st.sampled_from(["domain", "ip-dst|port", "filename|md5", "text", "indicator", "file", ""])
PATTERNS = st.one_of(
    st.sampled_from(
        [
            "[domain-name:value = 'evil.com']",
            "[url:value IN ('http://a.com/', 'b') AND NOT x:y = 'z']",
            "[file:hashes.'MD5' = 'a1' OR",
            "rule x {}",
        ]
    ),
    st.text(alphabet="[]()'\\=!,: ab:cINOTANDvalue.", max_size=40),
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES,
        "value": VALUES,
        "pattern": PATTERNS,
        "uuid": VALUES,
        "id": st.text(max_size=300),
        "deleted": VALUES,
        "revoked": VALUES,
        "valid_until": VALUES,
        "timestamp": VALUES,
        "Tag": st.sampled_from([None, [{"name": "tlp:red"}], [1], "x"]),
        "hashes": st.sampled_from([None, {"MD5": "a1" * 16, "x": 1}, []]),
        "object_marking_refs": st.sampled_from([None, ["x"], [1]]),
        "granular_markings": st.sampled_from([None, [{"marking_ref": 1}], [1], 5]),
    },
)
LISTS = st.lists(st.one_of(RECORDS, st.none(), st.integers()), max_size=4)
DOCUMENTS = st.one_of(
    LISTS.map(lambda items: {"Event": {"Attribute": items}}),
    LISTS.map(lambda items: {"response": [{"Event": {"Object": [{"Attribute": items}]}}]}),
    LISTS.map(lambda items: {"type": "bundle", "objects": items}),
    LISTS,
).map(lambda document: json.dumps(document).encode())
XML = st.lists(
    st.sampled_from(
        [
            "<ioc>", "</ioc>", "<IndicatorItem id='1' condition='is'>", "</IndicatorItem>",
            "<Context search='PortItem/remoteIP'/>", "<Content>", "</Content>", "8.8.8.8", "&amp;",
            "<!DOCTYPE ioc [<!ENTITY a 'b'>]>", "&a;", "\n", "<![CDATA[", "]]>", "\x00", "\u00e9",
        ]
    ),
    max_size=20,
).map(lambda parts: ("<ioc>" + "".join(parts)).encode())  # fmt: skip
CONTENT = st.one_of(
    DOCUMENTS,
    DOCUMENTS.flatmap(lambda data: st.integers(1, len(data)).map(lambda cut: data[:cut])),
    XML,
    st.binary(max_size=200),
    st.lists(LINES, max_size=30).map(lambda lines: "\n".join(lines).encode()),
    st.lists(LINES, max_size=20).map(lambda lines: "\r\n".join(lines).encode("utf-8-sig")),
    st.lists(LINES, max_size=20).map(lambda lines: "\r".join(lines).encode("utf-16")),
    st.lists(LINES, max_size=20).map(lambda lines: gzip.compress("\n".join(lines).encode())),
    st.text(alphabet=string.printable, max_size=200).map(str.encode),
)


class Drip(io.RawIOBase):
    """A stream that gives out as many bytes at a time as it was told to, as a pipe may."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._turn = data, sizes or [1], 0

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        step = self._sizes[self._turn % len(self._sizes)]
        self._turn += 1
        piece, self._data = self._data[:step], self._data[step:]
        return piece


def read(stream: io.IOBase, **options: object) -> tuple[IndicatorSet, list[Rejected]]:
    """Everything that one stream holds."""
    rejected: list[Rejected] = []
    found = read_set(
        ["-"],
        profile=Profile.default(),
        options=ReadOptions(kinds=ALL, **options),  # type: ignore[arg-type]  # keyword by keyword
        stdin=stream,  # type: ignore[arg-type]  # a BinaryIO in all that is used of it
        on_reject=rejected.append,
    )
    return found, rejected


def outline(found: IndicatorSet) -> tuple[object, ...]:
    """All that a caller can see of a set."""
    sources = [found.sources(row) for row in range(len(found))]
    return list(found.values), sources, found.report.summary()


@settings(deadline=None)
@given(CONTENT, st.sampled_from([None, *READERS]))
@example(b"\x1f\x8b", None)
@example(b"\xff\xfe", None)
@example(b"\xef\xbb\xbf", "csv")
@example(b'"a\n"b', "csv")
def test_read_set_when_any_bytes_expect_set_or_damage(data: bytes, name: str | None) -> None:
    """No input leads to another exception than the one that names the file, and sums hold."""
    try:
        found, rejected = read(io.BytesIO(data), input_format=name)
    except IndicatorError as error:
        assert error.slug == "file-damaged"
        assert "-" in error.message
        found, rejected = read(io.BytesIO(data), input_format=name, keep_going=True)
    report = found.report
    assert report.values_read == (
        report.to_use + report.duplicates + report.n_rejected + report.n_filtered
    )
    assert report.to_use == len(found) == len(set(found.values))
    assert len(rejected) == report.n_rejected
    assert sum(len(found.sources(row)) for row in range(len(found))) == (
        report.to_use + report.duplicates
    )


@settings(deadline=None)
@given(CONTENT, st.lists(st.integers(1, 9), max_size=5))
def test_read_set_when_stream_is_cut_anywhere_expect_same(data: bytes, sizes: list[int]) -> None:
    """Where the pieces of a stream end does not show."""
    whole, _ = read(io.BytesIO(data), keep_going=True)
    pieces, _ = read(Drip(data, sizes), keep_going=True)
    assert outline(pieces) == outline(whole)


@settings(deadline=None)
@given(st.lists(LINES, max_size=30))
def test_read_set_when_zipped_expect_same(lines: list[str]) -> None:
    """Gzip around a file changes nothing."""
    data = "\n".join(lines).encode()
    plain, _ = read(io.BytesIO(data), keep_going=True)
    zipped, _ = read(io.BytesIO(gzip.compress(data)), keep_going=True)
    assert outline(zipped) == outline(plain)


@settings(deadline=None)
@given(st.lists(LINES, min_size=1, max_size=30), st.data())
def test_read_set_when_gzip_is_cut_expect_a_part_of_the_whole(
    lines: list[str], data: st.DataObject
) -> None:
    """What is used of a cut container is what stands in the whole one, never half a value."""
    content = "\n".join(lines).encode()
    zipped = gzip.compress(content)
    cut = zipped[: data.draw(st.integers(2, len(zipped) - 1))]
    whole, _ = read(io.BytesIO(content), input_format="text")
    part, _ = read(io.BytesIO(cut), keep_going=True, input_format="text")
    assert set(part.values) <= set(whole.values)
    assert len(part.report.damaged) == 1

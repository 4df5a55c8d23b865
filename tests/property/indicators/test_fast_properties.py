# SPDX-License-Identifier: Apache-2.0
"""What is decided in C equals what the rules in Python say, value by value and file by file."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from property.indicators.test_reader_properties import CONTENT, outline

from psi.indicators import DEFAULT_KINDS, KINDS, Kind, PackedValues, Profile, ReadOptions, read_set
from psi.indicators._intern import UNWANTED, DictInterner, make_interner, taken
from psi.indicators._plain import plain_rules
from psi.indicators.canonical import Canonicaliser

pytest.importorskip("psi.indicators._fast")

VECTORS = Path(__file__).parents[2] / "vectors" / "canonical_indicators.json"
PROFILES = [Profile(), Profile(fold_https=False), Profile(derive_host=True), Profile(expand_v4=24)]


@contextmanager
def without_c() -> Iterator[None]:
    """As if the module had not been built."""
    with (
        mock.patch("psi.indicators._plain.fast", None),
        mock.patch("psi.indicators._intern.fast", None),
    ):
        yield


LABEL = st.sampled_from(
    ["evil", "a", "_dmarc", "a-b", "-a", "a-", "xn--a", "axn--b", "8", "A", "", "x" * 63, "x" * 64]
)
TLD = st.sampled_from(
    [
        "com",
        "net",
        "local",
        "test",
        "exe",
        "c",
        "co1",
        "1com",
        "co_",
        "xn--p1ai",
        "museum",
        "z" * 63,
    ]
)
HOST = st.builds(lambda labels, tld: ".".join([*labels, tld]), st.lists(LABEL, max_size=4), TLD)
ADDRESS = st.lists(
    st.sampled_from(["0", "1", "8", "10", "127", "172", "192", "255", "256", "01", "001", ""]),
    min_size=3,
    max_size=5,
).map(".".join)
PORT = st.sampled_from(
    ["", ":80", ":", ":123456", ":8a", "|443", "/24", "/32", "/8", "/7", "/13", "/31", "/024", "/"]
)
PATH = st.text(alphabet="/ab.A0?=&,;%~-_@:+[]()'\"\\#| é", max_size=12)
HEX = st.builds(
    lambda digits, length: (digits * 128)[:length],
    st.sampled_from(["a1", "A1b2", "0", "ff", "d41d8cd98f00b204e9800998ecf8427e", "0g"]),
    st.sampled_from([31, 32, 40, 56, 64, 65, 96, 128]),
)
SCHEME = st.sampled_from(
    ["http://", "https://", "hxxp://", "hXXps://", "hxxpS://", "HTTP://", "ftp://", "http:/", "://"]
)
VALUE = st.one_of(
    HOST,
    HEX,
    st.builds("{}{}".format, ADDRESS, PORT),
    st.builds("{}{}{}{}".format, SCHEME, HOST, PORT, PATH),
    st.builds("{}{}{}/{}".format, SCHEME, ADDRESS, PORT, PATH),
    st.text(max_size=20),
)
DEFANG = st.sampled_from([(".", "."), (".", "[.]"), (".", "[.] "), ("[", "[."), ("e", "e[.]")])


@settings(deadline=None, max_examples=1000)
@given(VALUE, DEFANG, st.sampled_from([None, "domain", "ip-dst", "url", "md5"]),
       st.sampled_from(PROFILES), st.booleans())  # fmt: skip
@example("8.255.255.255/13", (".", "."), None, PROFILES[0], False)
@example("http://evil.com/..", (".", "."), None, PROFILES[0], False)
@example("http://evil.com/a?b=,", (".", "."), None, PROFILES[0], False)
@example("d41d8cd98f00b204e9800998ecf8427e", (".", "."), None, PROFILES[0], False)
@example("10.0.0.1:80", (".", "."), None, PROFILES[0], True)
@example("hxxp://evil.com/x...", (".", "[.]"), None, PROFILES[0], True)
def test_plain_when_decided_in_c_expect_what_python_says(
    value: str, defang: tuple[str, str], kind: str | None, profile: Profile, allow: bool
) -> None:
    """Or it was left to Python."""
    text = value.replace(*defang)
    rules = plain_rules(profile, allow_reserved=allow)
    assert rules is not None
    found = rules.element(text, kind is not None)
    with without_c():
        expected = Canonicaliser(profile, allow_reserved=allow).elements(text, kind)
    assert found is None or found == expected


def test_plain_when_vectors_expect_known_answers() -> None:
    """The known answers; and that C decides something at all."""
    cases = json.loads(VECTORS.read_text("utf-8"))["cases"]
    rules = plain_rules(Profile(), allow_reserved=False)
    assert rules is not None
    decided = [(case, rules.element(case["raw"], False)) for case in cases]
    for case, element in decided:
        if element is not None:
            assert element.decode() == f"{case['kind']}:{case['value']}"
    assert sum(element is not None for _, element in decided) > 15


@settings(deadline=None)
@given(CONTENT, st.sampled_from([DEFAULT_KINDS, frozenset({Kind.IP}), frozenset(KINDS)]))
@example(b"8.8.8.8:53\n evil[.]com\t\n\n8.8.8.8\n10.0.0.1\nevil.com # x", DEFAULT_KINDS)
@example(b"8.8.8.8\r\nevil.com\r\n\r\n# x\r\n1.1.1.1", DEFAULT_KINDS)
def test_read_set_when_done_without_c_expect_same(data: bytes, kinds: frozenset[Kind]) -> None:
    """Elements, order, sources, report."""
    options = ReadOptions(kinds=kinds, keep_going=True)

    def read() -> tuple[object, ...]:
        return outline(
            read_set(["-"], profile=Profile.default(), options=options, stdin=io.BytesIO(data))
        )

    in_c = read()
    with without_c():
        assert read() == in_c


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"ip:1", b"ip:2", b"domain:" + b"x" * 300, b"cve:1", b"ipx:1"])),
    st.booleans(),
)
def test_interner_when_any_order_expect_same_rows(elements: list[bytes], together: bool) -> None:
    """Rows, buffers and kinds."""
    wanted = frozenset({Kind.IP, Kind.DOMAIN})
    with without_c():
        plain = make_interner(wanted)
    fast = make_interner(wanted)
    assert isinstance(plain, DictInterner) and not isinstance(fast, DictInterner)
    if elements and together:
        packed = PackedValues.pack(elements)
        rows = [each.add_all(packed.data, packed.offsets.tobytes()) for each in (plain, fast)]
        assert rows[0] == rows[1]
    else:
        assert [plain.add(e) for e in elements] == [fast.add(e) for e in elements]
    assert len(plain) == len(fast)
    (values, kinds), (fast_values, fast_kinds) = taken(plain), taken(fast)
    assert values == fast_values
    assert np.array_equal(kinds, fast_kinds)


def test_interner_when_many_elements_expect_each_found_again() -> None:
    """Past every growth of the table."""
    interner = make_interner(frozenset({Kind.IP}))
    elements = [f"ip:{n}".encode() for n in range(50_000)]
    assert [interner.add(e) for e in elements] == list(range(50_000))
    assert [interner.add(e) for e in reversed(elements)] == list(reversed(range(50_000)))
    assert interner.add(b"domain:a.com") == interner.add(b"ip") == interner.add(b"") == UNWANTED
    values, _ = taken(interner)
    assert list(values) == elements
    with pytest.raises(ValueError, match="the elements have been taken"):
        interner.add(b"ip:1")


def test_fast_when_arguments_are_wrong_expect_errors() -> None:
    """Nothing that Python hands over is trusted."""
    from psi.indicators import _fast

    with pytest.raises(ValueError, match="16 bytes"):
        _fast.Interner((b"ip",), b"\1", b"short")
    with pytest.raises(ValueError, match="as many flags"):
        _fast.Interner((b"ip",), b"", bytes(16))
    with pytest.raises(ValueError, match="1 to 15 bytes"):
        _fast.Interner((b"x" * 16,), b"\1", bytes(16))
    with pytest.raises(TypeError):
        _fast.Interner(("ip",), b"\1", bytes(16))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="256 bytes"):
        _fast.Rules(b"com", b"", b"", True, True, True)
    with pytest.raises(ValueError, match="one a line"):
        _fast.Rules(b"x" * 64, b"", bytes(256), True, True, True)
    rules = _fast.Rules(b"com", b"", bytes(256), True, True, True)
    interner = _fast.Interner((b"ip",), b"\1", bytes(16))
    for start in (-1, 5):
        with pytest.raises(ValueError, match="position in the text"):
            rules.lines(interner, b"a\nb", start, 1)
    with pytest.raises(TypeError):
        rules.lines(rules, b"", 0, 1)  # type: ignore[arg-type]
    for ends in (b"", bytes(4), (9).to_bytes(8, "little") * 2, bytes(8) + bytes([9] * 8)):
        with pytest.raises(ValueError, match=r"ends: expected|ascending"):
            interner.add_all(b"ip:1", ends)
    interner.take()
    with pytest.raises(ValueError, match="have been taken"):
        rules.lines(interner, b"1.1.1.1", 0, 1)

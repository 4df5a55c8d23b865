# SPDX-License-Identifier: Apache-2.0
"""OpenIOC 1.0, and XML that should not be trusted."""

import pytest
from unit.indicators._support import read_bytes, texts

from psi.errors import IndicatorError
from psi.indicators import Filter, Filters, Reason

HEAD = '<?xml version="1.0" encoding="us-ascii"?>\n'
ROOT = (
    '<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="x" last-modified="2014-09-03T19:35:19">'
)


def item(search: str, content: str, condition: str = "is", number: int = 1) -> str:
    """One IndicatorItem on a line of its own."""
    return (
        f'<IndicatorItem id="item-{number}" condition="{condition}">'
        f'<Context document="FileItem" search="{search}" type="mir"/>'
        f'<Content type="string">{content}</Content></IndicatorItem>\n'
    )


def document(*items: str) -> bytes:
    """A whole file."""
    body = "".join(items)
    return f'{HEAD}{ROOT}<Indicator operator="OR">\n{body}</Indicator></ioc>'.encode()


def test_openioc_when_read_expect_values_typed_by_term() -> None:
    """The search term says what the content is."""
    found = read_bytes(
        document(
            item("FileItem/Md5sum", "A1" * 16),
            item("DnsEntryItem/RecordName", "evil.notatld"),
            item("DnsEntryItem/Host", "evil.com", "contains"),
            item("PortItem/remoteIP", "8.8.8.8", number=7),
            item("Network/URI", "http://evil.com/a&amp;b"),
            item("Email/From", "a@evil.com"),
            item("FileItem/FileName", "evil.com"),
            item("PortItem/remoteIP", "8.8.4.4", "isnot"),
        )
    )
    assert texts(found) == [
        "hex32:" + "a1" * 16,
        "domain:evil.notatld",
        "domain:evil.com",
        "ip:8.8.8.8",
        "url:http://evil.com/a&b",
        "email:a@evil.com",
    ]
    source = found.sources(3)[0]
    assert (source.id, source.line, source.as_written) == ("item-7", 6, "8.8.8.8")
    assert found.report.rejected == {Reason.NOT_EXACT: 1, Reason.OPERATOR: 1}


def test_openioc_when_old_expect_left_out() -> None:
    """The file has one date."""
    data = document(item("PortItem/remoteIP", "8.8.8.8"))
    found = read_bytes(data, filters=Filters(max_age_s=86_400))
    assert found.report.filtered == {Filter.TOO_OLD: 1}


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE ioc [<!ENTITY a "evil.com"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE ioc [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE ioc [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]>',
    ],
)
def test_openioc_when_entities_are_declared_expect_refused(declaration: str) -> None:
    """Neither expanded nor fetched."""
    data = (HEAD + declaration + ROOT + item("DnsEntryItem/Host", "&b;") + "</ioc>").encode()
    with pytest.raises(IndicatorError, match="declares an XML entity, which is not allowed"):
        read_bytes(data)
    assert len(read_bytes(data, keep_going=True)) == 0


def test_openioc_when_cut_expect_whole_items_only() -> None:
    """Wherever the cut is."""
    data = document(*(item("DnsEntryItem/Host", f"evil{n}.com") for n in range(3)))
    whole = texts(read_bytes(data))
    for cut in range(len(HEAD + ROOT) + 5, len(data)):
        with pytest.raises(IndicatorError, match="is broken XML at line"):
            read_bytes(data[:cut])
        part = read_bytes(data[:cut], keep_going=True)
        assert texts(part) == whole[: len(part)]
        assert len(part.report.damaged) == 1


def test_openioc_when_encoding_lies_expect_text_read_as_it_is() -> None:
    """A file with a byte order mark of UTF-16 that calls itself us-ascii."""
    data = document(item("DnsEntryItem/Host", "m\u00fcnchen.de")).decode().encode("utf-16")
    assert texts(read_bytes(data)) == ["domain:xn--mnchen-3ya.de"]
    bad = document(item("DnsEntryItem/Host", "evilX.com")).replace(b"X", b"\xff")
    assert read_bytes(bad).report.rejected == {Reason.BAD_ENCODING: 1}


def test_openioc_when_item_lacks_its_context_expect_bad_record() -> None:
    """Nobody says what the content is."""
    data = document("<IndicatorItem id='1'><Content>evil.com</Content></IndicatorItem>")
    assert read_bytes(data).report.rejected == {Reason.BAD_RECORD: 1}

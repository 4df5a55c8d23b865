# SPDX-License-Identifier: Apache-2.0
"""Text, line by line."""

import pytest
from unit.indicators._support import read_text, texts

from psi.indicators import Reason

MD5 = "0cc175b9c0f1b6a831c399e269772661"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("8.8.8.8", ["ip:8.8.8.8"]),
        ("  8.8.8.8\t", ["ip:8.8.8.8"]),
        ("8.8.8.8:443", ["ip:8.8.8.8"]),
        ("8.8.8.8\t10", ["ip:8.8.8.8"]),
        ("8.8.8.8 # seen twice", ["ip:8.8.8.8"]),
        ("8.8.8.8 // seen twice", ["ip:8.8.8.8"]),
        ("8.8.8.8 ; seen twice", ["ip:8.8.8.8"]),
        ("8.8.8.8;65", ["ip:8.8.8.8"]),
        ("8.8.8.8,65", ["ip:8.8.8.8"]),
        ("http://evil.com/a#b", ["url:http://evil.com/a"]),
        ("1 [.] 2 [.] 3 [.] 4", ["ip:1.2.3.4"]),
        ("# 8.8.8.8", []),
        ("; 8.8.8.8", []),
        ("// 8.8.8.8", []),
        ("<!-- 8.8.8.8 -->", []),
        ("//evil.com/a", ["url:http://evil.com/a"]),
        # Hosts files.
        ("0.0.0.0 evil.com", ["domain:evil.com"]),
        ("127.0.0.1\tevil.com www.evil.com # ads", ["domain:evil.com", "domain:www.evil.com"]),
        (":: evil.com", ["domain:evil.com"]),
        # Lists in reports.
        ("- evil[.]com", ["domain:evil.com"]),
        ("* `evil[.]com`", ["domain:evil.com"]),
        ("1. evil[.]com", ["domain:evil.com"]),
        ("> - evil.com", ["domain:evil.com"]),
        ("| evil.com | 8.8.8.8 |", ["domain:evil.com", "ip:8.8.8.8"]),
        ("- evil[.]com - 8.8.8[.]8", ["domain:evil.com", "ip:8.8.8.8"]),
        (f"- {MD5}  invoice 2020.doc", [f"hex32:{MD5}"]),
        (f"2018-03-25 -- {MD5} -- 924,672 bytes", [f"hex32:{MD5}"]),
        # Several values.
        ("evil.com, evil.net", ["domain:evil.com", "domain:evil.net"]),
        ("evil.com,evil.net;evil.org", ["domain:evil.com", "domain:evil.net", "domain:evil.org"]),
        ("http://a.com/x,y", ["url:http://a.com/x,y"]),
        ("http://a.com/x,http://b.com/y", ["url:http://a.com/x", "url:http://b.com/y"]),
        ("evil.com 8.8.8.8", ["domain:evil.com", "ip:8.8.8.8"]),
        # Labels.
        (f"MD5: {MD5}", [f"hex32:{MD5}"]),
        ("IP: 8.8.8.8, 8.8.4.4", ["ip:8.8.8.8", "ip:8.8.4.4"]),
        ("Domain: main.exe", ["domain:main.exe"]),
        ("CVE 2021-44228", ["cve:CVE-2021-44228"]),
        # Notes and prose.
        ("evil.com reported by blog.example.org", ["domain:evil.com"]),
        ("8.8.8.8 resolves evil[.]com", ["ip:8.8.8.8", "domain:evil.com"]),
        ("Traffic to hxxp://evil[.]com/a was seen", ["url:http://evil.com/a"]),
        (f"The file {MD5} was dropped", [f"hex32:{MD5}"]),
    ],
)
def test_text_when_line_expect_values(line: str, expected: list[str]) -> None:
    """Each rule of the reader, alone."""
    assert texts(read_text(line, input_format="text")) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("See https://blog.example.org/report for more", "prose"),
        ("SHA256 hashes of loaders", "prose"),
        ("Received: from mail.evil.com by 8.8.8.8", "prose"),
        ("GET /a.php?l=1.cab", "prose"),
        ("main.exe", "not-domain"),
        ("----------", "not-domain"),
        ("evil .com", "prose"),
    ],
)
def test_text_when_no_value_expect_counted_reason(line: str, reason: str) -> None:
    """What is not used is counted with its place, never dropped silently."""
    report = read_text("# title\n" + line, input_format="text").report
    assert {str(key): n for key, n in report.rejected.items()} == {reason: 1}
    (position,) = next(iter(report.first_positions.values()))
    assert str(position) == "-:2"


def test_text_when_hosts_file_expect_localhost_rejected_not_read() -> None:
    """The usual head of a hosts file."""
    found = read_text("127.0.0.1 localhost\n::1 localhost\n0.0.0.0 evil.com\n")
    assert texts(found) == ["domain:evil.com"]
    assert found.report.n_rejected == 2


def test_text_when_line_ends_differ_expect_same() -> None:
    """LF, CRLF and CR; with and without an end at the end."""
    expected = ["ip:8.8.8.8", "domain:evil.com"]
    for end in ("\n", "\r\n", "\r"):
        for last in ("", end):
            found = read_text(f"8.8.8.8{end}evil.com{last}")
            assert texts(found) == expected
            assert found.sources(1)[0].line == 2


def test_text_when_hash_is_quoted_in_prose_expect_it_counts() -> None:
    """As in a piece of JSON that lacks its beginning."""
    line = f'                "value": "{"a1" * 32}",\n                "deleted": false,\n'
    found = read_text(line, input_format="text")
    assert texts(found) == ["hex64:" + "a1" * 32]
    assert found.report.rejected == {Reason.PROSE: 1}

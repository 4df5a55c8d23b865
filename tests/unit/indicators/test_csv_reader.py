# SPDX-License-Identifier: Apache-2.0
"""CSV: dialects, columns, cells."""

import pytest
from unit.indicators._support import read_bytes, read_text, texts

from psi.errors import UsageError
from psi.indicators import Reason, Rejected
from psi.indicators.readers.csv import rows, sniff_delimiter

MD5 = "0cc175b9c0f1b6a831c399e269772661"
SHA1 = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
SHA256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

TWO = ["domain:evil.com", "domain:evil.net"]
THREE_HASHES = [f"hex64:{SHA256}", f"hex32:{MD5}", f"hex40:{SHA1}"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # A header that names the value.
        ("value,type,notes\nevil.com,hostname,seen by b.com\n", ["domain:evil.com"]),
        ("type,indicator,detected\nip,8.8.8[.]8,2024-01-01\n", ["ip:8.8.8.8"]),
        ("IOC, Valid From, Link\nevil.com, 2024, https://a.b.com/1\n", ["domain:evil.com"]),
        ("TLP,Observable (not an IOC!),Source\nWHITE,evil[.]com,a.b.com\n", ["domain:evil.com"]),
        ("Type;IOC\ndomain;evil[.]com\n", ["domain:evil.com"]),
        ("ioc\tfirst seen\nevil.com\t2024-01-01\n", ["domain:evil.com"]),
        ("ioc|score\nevil.com|7\n", ["domain:evil.com"]),
        # The type decides what free text can't: no list of top-level domains, no file names.
        ("type,value\ndomain,main.exe\nfilename,evil.com\n", ["domain:main.exe"]),
        ("value,entity_type\n" + f"{'1b' * 31},jarm\n", ["jarm:" + "1b" * 31]),
        # Headers that name kinds.
        (f"sha256,md5,sha1\n{SHA256},{MD5},{SHA1}\n", THREE_HASHES),
        (
            f"First Seen,Hash,Filename,C2 Server\n1/2/18,{MD5},a.doc,evil.com\n",
            [f"hex32:{MD5}", "domain:evil.com"],
        ),
        (
            "First Seen,Download URL,Domain Creation\n2018,hxxp://evil.com/a,b.com\n",
            ["url:http://evil.com/a"],
        ),
        (f"SHA256,Type,C2\n{SHA256},IPV4:PORT,8.8.8.8:1\n", [f"hex64:{SHA256}", "ip:8.8.8.8"]),
        # A header that does not help, with a type column that does.
        ("tlp,type,name,observable_types\nwhite,x,evil.com,domain-name\n", ["domain:evil.com"]),
        # No header.
        ("evil.com,2024-01-01,note\nevil.net,2024-01-02,note\n", TWO),
        (f"{MD5};Loader - http://a.com/b\n{SHA1};Other\n", [f"hex32:{MD5}", f"hex40:{SHA1}"]),
        (
            "2026-07-23,ann,domain,evil.com,https://x.com/1\n"
            "2026-07-23,bob,url,http://evil.net/a,https://x.com/2\n",
            ["domain:evil.com", "url:http://evil.net/a"],
        ),
        (
            f"{SHA1};a@evil[.]com;8.8.8[.]8\n",
            [f"hex40:{SHA1}", "email:a@evil.com", "ip:8.8.8.8"],
        ),
        ("evil.com,https://blog.com/1\nevil.net,https://blog.com/2\n", TWO),
        # Cells.
        (f'value,type\n"{SHA256},{MD5}, {SHA1}",file\n', THREE_HASHES),
        ('value,type\n"evil.com\nevil.net",domain\n', TWO),
        ('value,note\n"http://evil.com/a,b",x\n', ["url:http://evil.com/a,b"]),
        ('value,note\n"evil.com","say ""hi"""\n', ["domain:evil.com"]),
        ("value,note\nN/A,x\n,y\n-,z\nevil.com,w\n", ["domain:evil.com"]),
        ("ioc,x\nNetwork traffic to 8.8.8.8 on port 80,1\n", ["ip:8.8.8.8"]),
        ("ioc,x\n[network-traffic:dst_ip = '8.8.8.8' AND a:b = 80],1\n", ["ip:8.8.8.8"]),
        ("# a comment, with a comma\nvalue,note\nevil.com,x\n", ["domain:evil.com"]),
        ("value,classification\nevil.com,malicious\ngood.com,legitimate\n", ["domain:evil.com"]),
    ],
)
def test_csv_when_table_expect_values(table: str, expected: list[str]) -> None:
    """Format and columns are found without a hint."""
    assert texts(read_text(table)) == expected


def test_csv_when_columns_named_expect_those() -> None:
    """The user has the last word, by name or by number."""
    table = "a,b,kind\nevil.com,evil.net,domain\nmain.exe,evil.org,domain\n"
    assert texts(read_text(table, value_column="B")) == ["domain:evil.net", "domain:evil.org"]
    assert texts(read_text(table, value_column="2")) == ["domain:evil.net", "domain:evil.org"]
    assert texts(read_text(table, value_column="a", type_column="kind")) == [
        "domain:evil.com",
        "domain:main.exe",
    ]
    headless = "evil.com,evil.net\n"
    assert texts(read_text(headless, value_column="2")) == ["domain:evil.net"]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"value_column": "c"}, "a, b"),
        ({"value_column": "3"}, "a, b"),
        ({"type_column": "c"}, "a, b"),
    ],
)
def test_csv_when_column_missing_expect_usage_error(options: dict[str, str], hint: str) -> None:
    """The columns that are there are named."""
    with pytest.raises(UsageError) as caught:
        read_text("a,b\nx,evil.com\n", **options)
    assert hint in str(caught.value.hint)


def test_csv_when_column_missing_and_no_header_expect_numbers_offered() -> None:
    """Without a header there are only numbers."""
    with pytest.raises(UsageError) as caught:
        read_text("evil.com,1\n", value_column="ioc")
    assert "from 1 to 2" in str(caught.value.hint)


def test_csv_when_benign_expect_counted() -> None:
    """A feed of legitimate sites says so in a column."""
    report = read_text("indicator,classification\na.com,legitimate\nb.com,phishing\n").report
    assert report.rejected == {Reason.BENIGN: 1}


def test_csv_when_quote_never_ends_expect_only_its_line_lost() -> None:
    """What follows a broken quote is read as if nothing had been."""
    lines = ["value,note", 'evil.com,"opened', *[f"e{i}.com,x" for i in range(60)]]
    rejected: list[Rejected] = []
    found = read_bytes("\n".join(lines).encode(), on_reject=rejected.append, input_format="csv")
    assert texts(found) == [f"domain:e{i}.com" for i in range(60)]
    assert [(r.reason, r.position.line) for r in rejected] == [(Reason.BROKEN_QUOTE, 2)]
    assert found.report.damaged_records == 1


def test_csv_when_record_has_several_lines_expect_its_first_line_as_position() -> None:
    """Positions are lines of the file, not of the table."""
    found = read_text('value,note\nevil.com,"a\nb\nc"\nevil.net,x\n')
    assert [found.sources(row)[0].line for row in (0, 1)] == [2, 5]


def test_csv_when_header_only_expect_empty() -> None:
    """No rows, no values, no complaint."""
    report = read_text("value,type\n", input_format="csv").report
    assert (report.values_read, report.to_use) == (0, 0)


def test_csv_when_forced_and_no_column_fits_expect_rows_counted() -> None:
    """A table without indicators is counted, row by row."""
    report = read_text("a,b\nc,d\ne,f\n", input_format="csv").report
    assert report.rejected == {Reason.PROSE: 2}


def test_prose_when_full_of_commas_expect_text() -> None:
    """Commas alone make no table."""
    text = f"First, the loader, {MD5}, ran.\nThen, hxxp://evil[.]com/a, was asked, often.\n" * 3
    assert texts(read_text(text)) == [f"hex32:{MD5}", "url:http://evil.com/a"]


def test_rows_when_quotes_and_breaks_expect_cells() -> None:
    """Records, comments, blanks, quotes within unquoted cells."""
    table = ['a,"b, c"', "", "# x", '5" disk,d', '"e', 'f",g']
    assert list(rows(table, ",")) == [
        (["a", "b, c"], 1),
        (['5" disk', "d"], 4),
        (["e\nf", "g"], 5),
    ]
    assert list(rows(['"a\nb" c\nd,e', "f,g"], ",")) == [(None, 1), (["f", "g"], 2)]


@pytest.mark.parametrize(
    ("lines", "delimiter"),
    [
        (["a,b", "c,d"], ","),
        (["a;b,c", "d;e", "f;g"], ";"),
        (["a\tb", "c\td"], "\t"),
        (["a", "b"], None),
        (["a,b", "c", "d", "e"], None),
        ([], None),
    ],
)
def test_sniff_when_lines_expect_delimiter(lines: list[str], delimiter: str | None) -> None:
    """The delimiter that nearly every record has equally often."""
    assert sniff_delimiter(lines) == delimiter


def test_csv_when_cells_are_stix_patterns_expect_each_comparison() -> None:
    """By `=` and typed by its path; a column of names beside it says less."""
    found = read_text(
        "id,name,pattern\n"
        "i--1,evil.com,[domain-name:value = 'evil.com']\n"
        f"i--2,x,[file:hashes.MD5 = '{'a1' * 16}' OR file:hashes.'SHA-256' = '{'b2' * 32}']\n"
        "i--3,x,[network-traffic:dst_ip = '8.8.8.8' AND network-traffic:dst_port = 80]\n"
        "i--4,y,[url:value != 'http://evil.com/']\n"
    )
    assert texts(found) == [
        "domain:evil.com", "hex32:" + "a1" * 16, "hex64:" + "b2" * 32, "ip:8.8.8.8"
    ]  # fmt: skip
    assert found.report.rejected == {Reason.NOT_EXACT: 1, Reason.OPERATOR: 1}


def test_csv_when_one_of_several_hashes_lost_a_digit_expect_the_others() -> None:
    """A cell with three hashes, the last of 63 digits."""
    found = read_text(f'value,type\n"{"a1" * 16},{"b2" * 20},{"c" * 63}",file\n8.8.8.8,ip\n')
    assert texts(found) == ["hex32:" + "a1" * 16, "hex40:" + "b2" * 20, "ip:8.8.8.8"]

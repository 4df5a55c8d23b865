# SPDX-License-Identifier: Apache-2.0
"""JSON files: strict, and no message quotes what was in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import refused

from psi.errors import KeyFileError
from psi.trust.formats import (
    AllianceFile,
    HomeFile,
    LockRecord,
    RequestFile,
    RosterFile,
    read_json,
    unhex,
    write_json,
)

REQUEST = RequestFile(format="overlap-request/1", enrol=b"\x00\xff", signature="00")


def test_write_json_then_read_json_returns_the_value() -> None:
    lock = LockRecord(kind="argon2id", home_key=b"k", salt=b"s", passes=3, memory_bytes=8192)
    for value in (
        REQUEST,
        HomeFile(format="overlap-home/1", kind="principal", name="acme-corp", lock=lock),
        AllianceFile(format="overlap-alliance/1", alliance="cti-north", alliance_key="00"),
        RosterFile(
            format="overlap-join/1",
            alliance_key="00",
            roster=b"r",
            signature="00",
            certificates=[b"a", b""],
        ),
    ):
        assert read_json(write_json(value), type(value), "x.json") == value


def test_write_json_is_for_people_too() -> None:
    assert write_json(REQUEST) == (
        b'{\n  "format": "overlap-request/1",\n  "enrol": "AP8=",\n  "signature": "00"\n}\n'
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"null", "object"),
        (b'{"format":"overlap-request/2","enrol":"","signature":""}', "another format"),
        (b'{"enrol":"","signature":""}', "another format"),
        (b'{"format":"overlap-request/1","enrol":""}', "signature"),
        (b'{"format":"overlap-request/1","enrol":"A","signature":""}', "base64"),
        (b'{"format":"overlap-request/1","enrol":7,"signature":""}', "$.enrol"),
        (b'{"format":"overlap-request/1","enrol":"","signature":"\xff"}', "UTF-8"),
        (b'{"format":"overlap-request/1","x":' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_read_json_of_a_damaged_file_says_why(data: bytes, reason: str) -> None:
    with refused("bad-request", "x.json can't be read", reason):
        read_json(data, RequestFile, "x.json", slug="bad-request")


def test_read_json_does_not_quote_the_file() -> None:
    data = b'{"format":"overlap-home/1","kind":"hunter2","name":"a","lock":{}}'
    with pytest.raises(KeyFileError) as caught:
        read_json(data, HomeFile, "home.json")
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


@given(st.binary(max_size=200))
def test_read_json_of_any_bytes_raises_only_psi_errors(data: bytes) -> None:
    with pytest.raises(KeyFileError):
        read_json(data, RequestFile, "x.json")


@given(st.binary(min_size=4, max_size=4))
def test_unhex_of_hex_returns_the_bytes(data: bytes) -> None:
    assert unhex(data.hex(), 4, "x") == data
    assert unhex(data.hex().upper(), 4, "x") == data


@pytest.mark.parametrize("text", ["", "0011223", "001122334", "0011 233", "0011223g", "00112²33"])
def test_unhex_of_anything_else_refuses(text: str) -> None:
    with refused("state-damaged", "8 hexadecimal digits"):
        unhex(text, 4, "x")

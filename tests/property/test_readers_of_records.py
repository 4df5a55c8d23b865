# SPDX-License-Identifier: Apache-2.0
"""Any bytes in the place of an audit log or a receipt are read or refused, never a crash."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.app.receipts import read_receipt
from psi.crypto.signing import Signer
from psi.errors import PsiError
from psi.trust.audit_format import AuditRecord, body_bytes, parse_line, to_line
from psi.trust.audit_verify import read_log

KEY = Signer(bytes(32)).public_key
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
_NAMES = st.sampled_from(
    ["seq", "time_ms", "actor", "type", "prev", "body", "first", "last", "digests", "signature"]
)
_LINES = st.binary(max_size=200) | st.dictionaries(_NAMES, _JSON).map(
    lambda fields: json.dumps(fields).encode()
)
_MESSAGE = st.fixed_dictionaries(
    {"name": st.text(max_size=12), "encoding": st.text(max_size=12), "signature": st.text()}
)
_RECEIPTS = st.fixed_dictionaries(
    {
        "format": st.just("overlap-receipt/1") | st.text(),
        "run": st.text(),
        "client": st.text(),
        "server": st.text(),
        "signed": st.fixed_dictionaries(
            dict.fromkeys(
                ("client_hello", "server_hello", "key_cert", "close_by_client", "close_by_server"),
                _MESSAGE | _JSON,
            )
        ),
        "own": _JSON,
    }
)


@given(st.lists(_LINES, max_size=6))
def test_log_of_any_lines_expect_a_finding(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    found = read_log(data, [KEY])
    assert found.sound <= len(found.records) + len(lines)
    assert found.unsigned == len(found.records), "nobody has signed it"


@given(
    st.integers(1, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.text(max_size=40),
    st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=20), max_size=5),
)
def test_record_of_any_body_expect_one_line_that_is_read_back(
    seq: int, time_ms: int, kind: str, body: dict[str, int | str]
) -> None:
    try:
        record = AuditRecord(
            seq=seq,
            time_ms=time_ms,
            actor="acme-corp",
            type=kind,
            prev_hash=bytes(32),
            body=body_bytes(body),
        )
    except PsiError:
        return  # a lone surrogate is no text of a structure
    line = to_line(record)
    assert line.count(b"\n") == 1
    back = parse_line(line[:-1])
    # Numbers beyond 64 bits are written by nobody; they are read back or refused.
    assert back == record or any(isinstance(n, int) and abs(n) >= 2**63 for n in body.values())


@given(data=st.binary(max_size=300) | _RECEIPTS.map(lambda fields: json.dumps(fields).encode()))
def test_receipt_of_any_bytes_expect_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "receipt.json"
    path.write_bytes(data)
    with pytest.raises(PsiError) as caught:
        read_receipt(path)
    assert caught.value.slug == "file-damaged"

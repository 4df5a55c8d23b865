# SPDX-License-Identifier: Apache-2.0
"""Evidence is written once, never replaced, and read back only when it is exactly evidence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.store.support import SIGNATURE, client_hello, digest, key_cert

from psi.errors import PsiError, StorageError
from psi.protocol.evidence import Evidence, SignedBytes
from psi.store.evidence import keep_evidence, load_evidence

EVIDENCE = Evidence(
    kind="bad-proof",
    accused="beta",
    session_id=digest("session"),
    messages=(SignedBytes.of(client_hello("n1")), SignedBytes.of(key_cert())),
    attachments={"elements": bytes(range(64)), "evaluated": b""},
)
RUN = digest("session").hex()[:10]


def test_keep_evidence_writes_what_load_evidence_reads(tmp_path: Path) -> None:
    path = keep_evidence(tmp_path / "evidence")(EVIDENCE)
    assert path == tmp_path / "evidence" / f"{RUN}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_evidence(path) == EVIDENCE
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_file_has_the_documented_form(tmp_path: Path) -> None:
    content = json.loads(keep_evidence(tmp_path / "evidence")(EVIDENCE).read_text())
    assert list(content) == ["format", "kind", "accused", "session", "messages", "attachments"]
    assert content["format"] == "overlap-evidence/1"
    assert content["session"] == digest("session").hex()
    assert content["messages"][1]["name"] == "KeyCert"
    assert content["messages"][1]["signature"] == SIGNATURE.hex()
    assert content["attachments"]["evaluated"] == ""


def test_keep_evidence_of_the_same_fault_is_one_file(tmp_path: Path) -> None:
    keep = keep_evidence(tmp_path / "evidence")
    assert keep(EVIDENCE) == keep(EVIDENCE)


def test_keep_evidence_of_more_faults_replaces_nothing_and_is_bounded(tmp_path: Path) -> None:
    keep = keep_evidence(tmp_path / "evidence")
    first = keep(EVIDENCE)
    before = first.read_bytes()
    paths = {keep(replace(EVIDENCE, accused=f"peer-{number}")) for number in range(20)}
    assert first.read_bytes() == before
    assert {path.name for path in paths} == {f"{RUN}-{number}.json" for number in range(2, 9)}


def test_keep_evidence_without_a_session_is_named_for_its_kind(tmp_path: Path) -> None:
    keep = keep_evidence(tmp_path / "evidence")
    two_keys = Evidence(kind="two-keys", accused="beta", session_id=b"", messages=())
    assert keep(two_keys).name == "two-keys-1.json"
    assert keep(replace(two_keys, accused="city")).name == "two-keys-2.json"
    assert load_evidence(tmp_path / "evidence" / "two-keys-2.json").accused == "city"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "overlap-evidence/2"),
        ("kind", "rudeness"),
        ("session", "not hex"),
        ("session", digest("session").hex().upper()),
        ("messages", [{"name": "KeyCert"}]),
        ("messages", [{"name": "KeyCert", "encoding": "AA==", "signature": "0x"}]),
        ("attachments", {"elements": "AB=="}),  # stray bits behind the last byte
        ("attachments", {"elements": 7}),
        ("more", "fields"),
    ],
)
def test_load_evidence_of_another_form_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path = keep_evidence(tmp_path / "evidence")(EVIDENCE)
    content = json.loads(path.read_text())
    content[key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(StorageError) as refused:
        load_evidence(path)
    assert refused.value.slug == "file-damaged"


def test_load_evidence_with_other_spaces_is_the_same(tmp_path: Path) -> None:
    path = keep_evidence(tmp_path / "evidence")(EVIDENCE)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert load_evidence(path) == EVIDENCE


def test_load_evidence_of_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot use .*none\.json"):
        load_evidence(tmp_path / "none.json")


def test_load_evidence_of_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    path.write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(StorageError, match="at most 4,194,304 bytes"):
        load_evidence(path)


@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_load_evidence_of_damaged_bytes_raises_nothing_but_ours(
    tmp_path: Path, junk: bytes, at: int, removed: int
) -> None:
    path = keep_evidence(tmp_path / "evidence")(EVIDENCE)
    data = path.read_bytes()
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(data[:at] + junk + data[at + removed :])
    try:
        loaded = load_evidence(damaged)
    except PsiError:
        return
    assert isinstance(loaded, Evidence)

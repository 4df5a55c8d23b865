# SPDX-License-Identifier: Apache-2.0
"""
Evidence of a peer's fault: one JSON file each, kept for ever (docs/formats.md).

    {"format": "overlap-evidence/1", "kind", "accused", "session": hex,
     "messages": [{"name", "encoding": base64, "signature": hex}], "attachments": {name: base64}}

Whether it proves what it says is for whoever verifies the signatures; a file is only well formed.
"""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from psi.errors import StorageError
from psi.protocol.evidence import Evidence, EvidenceKind, SignedBytes
from psi.store._files import explained, private_directory, read_private, write_new

__all__ = ["keep_evidence", "load_evidence"]

_FORMAT: Final = "overlap-evidence/1"
_RUN_DIGITS: Final = 10
# A peer that repeats its fault fills no disk: what there is of a run proves it already.
_MAX_FILES_A_RUN: Final = 8
_MAX_FILES_A_KIND: Final = 1000
MAX_FILE_BYTES: Final = 4 * 2**20


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    encoding: bytes  # base64 in JSON
    signature: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["overlap-evidence/1"]
    kind: EvidenceKind
    accused: str
    session: str
    messages: list[_Message]
    attachments: dict[str, bytes]


def keep_evidence(folder: Path) -> Callable[[Evidence], Path]:
    """
    A function that writes one file for each fault and returns its path.

    The name is RUN.json, after the first ten digits of the session, or KIND-N.json where there is
    no session yet. No file is replaced: the same evidence again is the same file, other evidence
    on the same run gets a number, up to a limit.

    Raises:
        StorageError: The folder can't be used; the function: the file could not be written.
    """
    private_directory(folder)

    def keep(evidence: Evidence) -> Path:
        data = _encode(evidence)
        path = folder
        for path in _names(folder, evidence):
            there = read_private(path)
            if there == data or (there is None and write_new(path, data)):
                break
        return path

    return keep


def load_evidence(path: Path) -> Evidence:
    """
    Read a file of evidence, one's own or one that was sent.

    Raises:
        StorageError: It can't be read, or is not exactly of this form (`file-damaged`).
    """
    with explained(path), path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _bad(path, f"expected at most {MAX_FILE_BYTES:,} bytes")
    try:
        content = msgspec.json.decode(data, type=_File)
        evidence = Evidence(
            kind=content.kind,
            accused=content.accused,
            session_id=bytes.fromhex(content.session),
            messages=tuple(
                SignedBytes(message.name, message.encoding, bytes.fromhex(message.signature))
                for message in content.messages
            ),
            attachments=content.attachments,
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise _bad(path, "it is not a file of evidence") from None
    # Hex with capitals or blanks, base64 with stray bits: written by something else.
    if msgspec.json.decode(_encode(evidence)) != msgspec.json.decode(data):
        raise _bad(path, "it is not written as evidence is")
    return evidence


def _encode(evidence: Evidence) -> bytes:
    content = {
        "format": _FORMAT,
        "kind": evidence.kind,
        "accused": evidence.accused,
        "session": evidence.session_id.hex(),
        "messages": [
            {
                "name": message.name,
                "encoding": b64encode(message.encoding).decode(),
                "signature": message.signature.hex(),
            }
            for message in evidence.messages
        ],
        "attachments": {
            name: b64encode(data).decode() for name, data in evidence.attachments.items()
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _names(folder: Path, evidence: Evidence) -> list[Path]:
    if evidence.session_id:
        run = evidence.session_id.hex()[:_RUN_DIGITS]
        more = (f"{run}-{number}.json" for number in range(2, _MAX_FILES_A_RUN + 1))
        names = [f"{run}.json", *more]
    else:
        names = [f"{evidence.kind}-{number}.json" for number in range(1, _MAX_FILES_A_KIND + 1)]
    return [folder / name for name in names]


def _bad(path: Path, what: str) -> StorageError:
    return StorageError(f"{path}: {what}", slug="file-damaged", hint="ask for it again")

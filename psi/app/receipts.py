# SPDX-License-Identifier: Apache-2.0
"""
`overlap receipt`: the receipts of a home, of both its roles, and receipts that others sent.

    results/DATE_PEER_RUN/receipt.json   of a check that we asked
    audit/receipts/DATE_PEER_RUN.json    of a check that we answered

The side's own word stands beside what both have signed: its end, its software, its parts.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from psi._native import kernel
from psi._version import __version__
from psi.app.clock import rfc3339
from psi.app.known_rosters import KnownRosters
from psi.errors import PeerProtocolError, PsiError, UsageError
from psi.protocol.ledger import SessionRecord
from psi.protocol.messages import ClientHello, Close, KeyCert, ServerHello, Signed
from psi.protocol.receipt import Difference, Receipt, differences, verify_receipt
from psi.protocol.structure import Structure
from psi.trust.files import make_private_directory, read_plain, write_private
from psi.trust.home import Home

__all__ = [
    "MatchReport",
    "OwnWord",
    "ReceiptFile",
    "VerifyReport",
    "find_receipt",
    "keep_receipt",
    "match_receipts",
    "read_receipt",
    "verify_receipts",
]

S = TypeVar("S", bound=Structure)

_FORMAT: Final = "overlap-receipt/1"
_ANSWERED: Final = "receipts"
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)_([a-z0-9-]{1,63})_([0-9a-f]{10})(?:-\d+)?")
_FEWEST_DIGITS: Final = 6


class _Message(msgspec.Struct):
    name: str
    encoding: bytes  # base64 in JSON
    signature: str


class _Signed(msgspec.Struct):
    client_hello: _Message
    server_hello: _Message
    key_cert: _Message
    close_by_client: _Message
    close_by_server: _Message


class OwnWord(msgspec.Struct, frozen=True):
    """What one side says alone; `parts_proved` counts parts that were verified or proved."""

    side: Literal["client", "server"]
    end: str
    ended_at: str
    parts_proved: int
    software: str
    kernel: str


class _File(msgspec.Struct):
    format: Literal["overlap-receipt/1"]
    run: str
    client: str
    server: str
    signed: _Signed
    own: OwnWord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFile:
    """A receipt as one side keeps it, well formed and not yet verified."""

    name: str
    receipt: Receipt
    own: OwnWord

    @property
    def keeper(self) -> str:
        """The principal whose word stands in it."""
        hello = self.receipt.client_hello.body
        return hello.client if self.own.side == "client" else hello.server

    def to_object(self) -> dict[str, object]:
        """The object of the file, without its format."""
        receipt = self.receipt
        hello = receipt.client_hello.body
        return {
            "run": receipt.run,
            "client": hello.client,
            "server": hello.server,
            "signed": {
                "client_hello": _object(receipt.client_hello),
                "server_hello": _object(receipt.server_hello),
                "key_cert": _object(receipt.key_cert),
                "close_by_client": _object(receipt.close_by_client),
                "close_by_server": _object(receipt.close_by_server),
            },
            "own": msgspec.to_builtins(self.own),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """A receipt that holds, and the roster whose keys it was checked with."""

    file: ReceiptFile
    roster: int
    same_roster: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchReport:
    """Two receipts that hold, and in what they differ."""

    first: VerifyReport
    second: VerifyReport
    differences: tuple[Difference, ...]
    ends: tuple[str, str]


def read_receipt(path: Path) -> ReceiptFile:
    """
    Read a receipt, one's own or one that was sent.

    Raises:
        KeyFileError: It is missing or can't be read.
        PsiError: It is no receipt (`file-damaged`).
    """
    try:
        file = msgspec.json.decode(read_plain(path), type=_File)
        found = ReceiptFile(
            name=path.name,
            receipt=Receipt(
                client_hello=_message(ClientHello, file.signed.client_hello),
                server_hello=_message(ServerHello, file.signed.server_hello),
                key_cert=_message(KeyCert, file.signed.key_cert),
                close_by_client=_message(Close, file.signed.close_by_client),
                close_by_server=_message(Close, file.signed.close_by_server),
            ),
            own=file.own,
        )
    except (msgspec.MsgspecError, PeerProtocolError, ValueError, RecursionError):
        raise PsiError(
            f"{path} is no receipt", slug="file-damaged", hint="ask for the file again"
        ) from None
    hello = found.receipt.client_hello.body
    if (file.run, file.client, file.server) != (found.receipt.run, hello.client, hello.server):
        raise PsiError(
            f"{path} says another run than its signed messages",
            slug="file-damaged",
            hint="ask for the file again",
        )
    return found


def find_receipt(home: Callable[[], Home], word: str) -> Path:
    """
    The receipt that a person names: a file, `last`, or the first characters of a run.

    Raises:
        UsageError: There is none, or there are several.
    """
    if Path(word).is_file():
        return Path(word)
    named = {}
    opened = home()
    for path in (
        *opened.results.glob("*/receipt.json"),
        *(opened.audit / _ANSWERED).glob("*.json"),
    ):
        match = _NAME.fullmatch(path.parent.name if path.name == "receipt.json" else path.stem)
        if match is not None:
            named[path] = match
    if word == "last" and named:
        return max(named, key=lambda path: (named[path][1], path.stat().st_mtime_ns))
    if len(word) >= _FEWEST_DIGITS:
        found = [path for path, match in named.items() if match[3].startswith(word.lower())]
        if len(found) == 1:
            return found[0]
    raise UsageError(
        f"no receipt {ascii(word)[1:-1][:60]}: there is no such file, and no run of that name",
        hint="a file, `last`, or six or more characters of a run",
    )


def keep_receipt(home: Home, record: SessionRecord, ended_ms: int, n_parts: int) -> Path | None:
    """
    Write the receipt of a check that we answered; once, and None for one that was not closed.

    Raises:
        StorageError: It can't be written.
    """
    if record.receipt is None or record.closed_by_client is None:
        return None
    receipt = Receipt(
        client_hello=record.client_hello,
        server_hello=record.answer.hello,
        key_cert=record.answer.key_cert,
        close_by_client=record.closed_by_client,
        close_by_server=record.receipt,
    )
    date = rfc3339(record.opened_ms)[:10]
    path = home.audit / _ANSWERED / f"{date}_{record.client}_{receipt.run}.json"
    if path.exists():
        return path
    own = OwnWord(
        side="server",
        end="done",
        ended_at=rfc3339(ended_ms),
        parts_proved=n_parts,
        software=__version__,
        kernel=kernel.selected(),
    )
    file = ReceiptFile(name=path.name, receipt=receipt, own=own)
    make_private_directory(path.parent)
    content = {"format": _FORMAT, **file.to_object()}
    write_private(path, (json.dumps(content, indent=2) + "\n").encode())
    return path


def verify_receipts(files: list[ReceiptFile], known: KnownRosters) -> list[VerifyReport]:
    """
    Check that each receipt holds.

    Raises:
        PsiError: The first one that does not, and why (`does-not-hold`).
    """
    return [_verify(file, known) for file in files]


def match_receipts(first: ReceiptFile, second: ReceiptFile, known: KnownRosters) -> MatchReport:
    """
    Verify two receipts and compare them field by field.

    Raises:
        PsiError: One of them does not hold (`does-not-hold`).
    """
    return MatchReport(
        first=_verify(first, known),
        second=_verify(second, known),
        differences=tuple(differences(first.receipt, second.receipt)),
        ends=(first.own.end, second.own.end),
    )


def _verify(file: ReceiptFile, known: KnownRosters) -> VerifyReport:
    try:
        roster = verify_receipt(file.receipt, known.rosters)
    except PsiError as error:
        if error.slug != "does-not-hold":
            raise
        raise PsiError(
            f"the receipt of run {file.receipt.run} in {file.name} does not hold: {error.message}",
            slug="does-not-hold",
            hint="ask the member who sent it; if a roster is missing: `--roster FILE`",
        ) from None
    named = file.receipt.client_hello.body.roster_hash
    return VerifyReport(file=file, roster=roster.serial, same_roster=roster.digest() == named)


def _message(kind: type[S], message: _Message) -> Signed[S]:
    if message.name != kind.NAME:
        raise ValueError("another structure")
    return Signed(kind.decode(message.encoding), bytes.fromhex(message.signature))


def _object(message: Signed[Structure]) -> dict[str, str]:
    return {
        "name": message.body.NAME,
        "encoding": base64.b64encode(message.body.encode()).decode(),
        "signature": message.signature.hex(),
    }

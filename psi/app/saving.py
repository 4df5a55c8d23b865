# SPDX-License-Identifier: Apache-2.0
"""What stays of a finished check: the result for the member, the receipt for an auditor."""

import base64
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from psi._native import kernel
from psi._version import __version__
from psi.app.clock import rfc3339
from psi.indicators import KINDS, IndicatorSet
from psi.protocol.client import ClientSession
from psi.protocol.messages import Signed
from psi.protocol.structure import Structure
from psi.results.files import OutputFile
from psi.results.formats import blocks
from psi.results.json_file import stream_json
from psi.results.own_matches import matches_of
from psi.results.result import CheckResult, Sizes
from psi.trust.files import make_private_directory, sync_directory, write_private
from psi.trust.home import Home

__all__ = [
    "RECEIPT_FILE",
    "RECEIPT_FORMAT",
    "RESULT_FILE",
    "RUN_DIGITS",
    "build_result",
    "receipt_object",
    "save_result",
]

RECEIPT_FORMAT: Final = "overlap-receipt/1"
RUN_DIGITS: Final = 10
RESULT_FILE: Final = "result.json"
RECEIPT_FILE: Final = "receipt.json"


def build_result(
    *,
    session: ClientSession,
    found: IndicatorSet,
    started_ms: int,
    ended_ms: int,
    resumed: bool,
    seconds: Mapping[str, float],
    moved: Mapping[str, int],
    budget: Mapping[str, int | str],
) -> CheckResult:
    """The result of a closed session, with every own source of every match, on demand."""
    rows = session.matching_rows()
    counts = np.bincount(found.kinds[rows], minlength=len(KINDS))
    hello, answer = session.hello.body, session.answer.hello.body
    return CheckResult(
        client=hello.client,
        server=hello.server,
        run=session.session_id.hex()[:RUN_DIGITS],
        session=session.session_id.hex(),
        profile=hello.profile_digest.hex(),
        started_at=rfc3339(started_ms),
        ended_at=rfc3339(ended_ms),
        end="done",
        sizes=Sizes(
            client=len(found),
            client_bucket=hello.bucket,
            server_bucket=answer.bucket,
            client_by_kind=found.kind_counts(),
        ),
        matches=matches_of(found, rows),
        by_kind={str(kind): int(n) for kind, n in zip(KINDS, counts, strict=True) if n},
        proofs_verified=not session.missing_parts,
        parts=session.parts,
        bytes=dict(moved),
        budget=dict(budget),
        resumed=resumed,
        seconds=dict(seconds),
    )


def receipt_object(result: CheckResult, session: ClientSession) -> dict[str, object]:
    """
    What both sides have signed, and what this side adds.

    Under `signed` stand the structures of docs/protocol.md as they were signed; `own` is this
    side's word alone.
    """
    return {
        "format": RECEIPT_FORMAT,
        "run": result.run,
        "client": result.client,
        "server": result.server,
        "signed": {
            "client_hello": _signed(session.hello),
            "server_hello": _signed(session.answer.hello),
            "key_cert": _signed(session.answer.key_cert),
            "close_by_client": _signed(session.own_close),
            "close_by_server": _signed(session.receipt),
        },
        "own": {
            "side": "client",
            "end": result.end,
            "ended_at": result.ended_at,
            "parts_proved": result.parts,
            "software": __version__,
            "kernel": kernel.selected(),
        },
    }


def save_result(home: Home, result: CheckResult, session: ClientSession) -> Path:
    """
    Write result and receipt into results/DATE_PEER_RUN/, both or neither.

    Raises:
        StorageError: There is no space, or the folder can't be written.
    """
    final = home.results / f"{result.started_at[:10]}_{result.server}_{result.run}"
    if final.exists():
        return final  # saved before a crash that came before the run was ended
    staging = home.results / f".{result.run}.part"
    if staging.exists():
        shutil.rmtree(staging)
    make_private_directory(staging)
    with OutputFile(staging / RESULT_FILE) as file:
        for block in blocks(stream_json(result)):
            file.write(block.encode())
    receipt = json.dumps(receipt_object(result, session), indent=2) + "\n"
    write_private(staging / RECEIPT_FILE, receipt.encode())
    staging.rename(final)
    sync_directory(home.results)
    return final


def _signed(message: Signed[Structure]) -> dict[str, str]:
    return {
        "name": message.body.NAME,
        "encoding": base64.b64encode(message.body.encode()).decode(),
        "signature": message.signature.hex(),
    }

# SPDX-License-Identifier: Apache-2.0
"""
Works on a file system of 512 KiB until it is full, then goes on; not a test itself.

Started in a mount namespace of its own, so that nothing of it is left behind:

    unshare --mount --map-root-user sh -c 'mount -t tmpfs ...; python full_child.py FOLDER'
"""

import json
import sys
from pathlib import Path

from unit.store.support import (
    EPOCH,
    LEDGER_ID,
    NOW_MS,
    allowing,
    chunk_record,
    client_hello,
    digest,
)

from psi.crypto.sealing import Sealer
from psi.errors import StorageError
from psi.protocol.evidence import Evidence
from psi.store._files import write_private
from psi.store.client_state import open_client_state
from psi.store.evidence import keep_evidence
from psi.store.ledger import SqliteLedger
from psi.store.runs import RunStore


def refused(error: StorageError) -> list[str | None]:
    return [error.slug, error.message, error.hint]


def main(state: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    filler = state / "filler"
    ledger = SqliteLedger.create(state / "ledger.sqlite3", LEDGER_ID)
    database = open_client_state(state / "client.sqlite3")
    filler.write_bytes(bytes(100_000))
    table = state / "lists.tags"
    write_private(table, b"old")

    # The ledger: sessions until there is no room for one.
    opened = 0
    try:
        while True:
            hello = client_hello(f"n{opened}")
            ledger.open_session(hello.body, EPOCH, allowing(hello))
            opened += 1
    except StorageError as error:
        found["open_session"] = refused(error)
    last = client_hello(f"n{opened}")
    found["charged"] = ledger.usage("acme", EPOCH).sessions == opened
    found["recorded"] = ledger.session_of(last.body.digest()) is not None
    first = ledger.session_of(client_hello("n0").body.digest())
    assert first is not None
    try:
        for chunk in range(10**6):
            ledger.record_chunk(first.session_id, chunk, chunk_record(f"{chunk}"))
    except StorageError as error:
        found["record_chunk"] = refused(error)

    # Files beside it.
    try:
        write_private(table, bytes(2**20))
    except StorageError as error:
        found["table"] = refused(error)
    found["old table"] = table.read_text()
    evidence = Evidence(
        kind="two-keys",
        accused="b",
        session_id=b"",
        messages=(),
        attachments={"x": bytes(2**20)},
    )
    try:
        keep_evidence(state / "evidence")(evidence)
    except StorageError as error:
        found["evidence"] = refused(error)
    try:
        with RunStore(database, state / "runs", Sealer(digest("key"), "acme")).locked(
            "beta"
        ) as run:
            for chunk in range(10**6):
                run.begin(client_hello(f"r{chunk}"), bytes(32), digest("f"), NOW_MS)
                run.erase()
    except StorageError as error:
        found["run"] = refused(error)
    found["left over"] = [str(path.name) for path in state.rglob(".*.tmp")]

    # Space again: the same hello is recorded now.
    filler.unlink()
    ledger.open_session(last.body, EPOCH, allowing(last))
    found["after"] = ledger.usage("acme", EPOCH).sessions == opened + 1
    ledger.close()
    SqliteLedger.open(state / "ledger.sqlite3", LEDGER_ID, EPOCH).close()
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))

# SPDX-License-Identifier: Apache-2.0
"""
The principal's only ledger, in SQLite: what was charged, answered and promised.

Checking and charging are one transaction, and a record is durable before its answer is given
(docs/protocol.md, section 4). A row is never changed, but for the sums of `usage` and the count
of a chunk's repeats. Budgets outlive everything else: sums are kept when an epoch is forgotten,
and a ledger that was lost starts the running epoch as used up.

A ledger that was replaced by an older copy of itself can't be told from the newest one; whoever
restores it must call `exhaust`.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psi.encoding import u64
from psi.errors import PeerProtocolError, RefusedError
from psi.protocol.ledger import ChunkRecord, SessionRecord, Usage
from psi.protocol.messages import ClientHello, Close, KeyCert, ServerAnswer, ServerHello, Signed
from psi.protocol.sizes import NONCE_MEMORY_MS
from psi.store import _ledger_schema as tables
from psi.store._files import set_aside
from psi.store._rows import signed
from psi.store.database import Database

__all__ = ["USED_UP", "SqliteLedger"]

# More than any budget, and still a number that SQLite and the wire can hold.
USED_UP: Final = Usage(elements=2**62, sessions=2**62)
_CACHED_SESSIONS: Final = 256


class SqliteLedger:
    """`psi.protocol.ledger.Ledger` on one file; all methods may be called from any thread."""

    def __init__(self, database: Database) -> None:
        """`database`: from `create` or `open`."""
        self._database = database
        # Sessions do not change while they are open, so that an answer needs one read, one write.
        self._sessions: OrderedDict[bytes, SessionRecord] = OrderedDict()
        self._sessions_seen = database.data_version()

    @classmethod
    def create(cls, path: Path, ledger_id: bytes) -> "SqliteLedger":
        """
        Make the ledger of a principal that joins; an existing one of the same id is taken.

        Args:
            ledger_id: 16 bytes of the sealed identity; a ledger without it is not ours.

        Raises:
            StorageError: There is a ledger of another id, or the file can't be made.
        """
        database = Database(path, tables.SCHEMA)
        ledger = cls(database)
        if ledger._id() is None:
            with database.write() as connection:
                tables.META.keep_first(connection, "ledger_id", ledger_id)
            database.fold()
        elif ledger._id() != ledger_id:
            ledger.close()
            raise database.damaged("it is the ledger of another identity")
        return ledger

    @classmethod
    def open(cls, path: Path, ledger_id: bytes, running_epoch: int) -> "SqliteLedger":
        """
        Open the ledger of a principal that has joined, and check all of it.

        A ledger that is missing, empty, or of another id (which is set aside) is made anew, with
        the running epoch used up: what was charged in it is not known any more.

        Raises:
            StorageError: It is damaged (`state-damaged`) or can't be used.
        """
        ledger = cls(Database(path, tables.SCHEMA))
        found = ledger._id()
        if found is not None and found != ledger_id:
            ledger.close()
            set_aside(path)
            ledger = cls(Database(path, tables.SCHEMA))
            found = None
        if found is None:
            with ledger._database.write() as connection:
                tables.META.keep_first(connection, "ledger_id", ledger_id)
                tables.META.keep_first(connection, "exhausted_epoch", u64(running_epoch))
            ledger._database.fold()
        try:
            ledger.verify()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def look(cls, path: Path) -> "SqliteLedger | None":
        """
        Open a ledger that is there, beside whoever serves with it, to read sums; None if not.

        Raises:
            StorageError: It can't be used.
        """
        return cls(Database(path, tables.SCHEMA)) if path.exists() else None

    # ---- certificates

    def key_cert(self, client: str, epoch: int) -> Signed[KeyCert] | None:
        """The certificate that was issued, if any."""
        row = tables.KEY_CERTS.first(self._database, "client = ? AND epoch = ?", client, epoch)
        if row is None:
            return None
        _, _, encoding, signature = row
        return signed(KeyCert, encoding, signature, self._database)

    def issue_key_cert(self, cert: Signed[KeyCert]) -> Signed[KeyCert]:
        """Store a certificate; the first one for its client and epoch wins and is returned."""
        body = cert.body
        with self._database.write() as connection:
            tables.KEY_CERTS.keep_first(
                connection, body.client, body.epoch, body.encode(), cert.signature
            )
            stored = self.key_cert(body.client, body.epoch)
        assert stored is not None, "it was stored in this transaction"
        return stored

    # ---- budgets

    @property
    def exhausted_epoch(self) -> int | None:
        """Up to which epoch everything counts as used up, because a ledger was lost; or None."""
        return self._number("exhausted_epoch")

    def exhaust(self, epoch: int) -> None:
        """Count every budget up to and with this epoch as used up: after a restore."""
        with self._database.write() as connection:
            last = max(epoch, self.exhausted_epoch or 0)
            tables.META.replace(connection, "exhausted_epoch", u64(last))

    def usage(self, client: str, epoch: int) -> Usage:
        """What the client has been charged; more than any budget in an epoch that is exhausted."""
        with self._database.read():
            exhausted = self.exhausted_epoch
            charged = self._charged(client, epoch)
        return USED_UP if exhausted is not None and epoch <= exhausted else charged

    # ---- sessions

    def session(self, session_id: bytes) -> SessionRecord | None:
        """A session by its id."""
        with self._database.read():
            self._drop_stale_sessions()
            known = self._sessions.get(session_id)
            if known is not None:
                self._sessions.move_to_end(session_id)
                return known
            row = tables.SESSIONS.first(self._database, "session_id = ?", session_id)
            if row is None:
                return None
            record = self._record(row)
            self._remember(record)
            return record

    def session_of(self, hello_digest: bytes) -> SessionRecord | None:
        """The session that this ClientHello opened (SHA-256 of its encoding)."""
        row = tables.SESSIONS.first(self._database, "hello_digest = ?", hello_digest)
        return None if row is None else self._record(row)

    def nonce_seen(self, client: str, nonce: bytes, since_ms: int) -> bool:
        """Whether a session of this client was opened with this nonce since then."""
        where = "client = ? AND nonce = ? AND opened_ms >= ?"
        return tables.SESSIONS.first(self._database, where, client, nonce, since_ms) is not None

    def open_session(
        self, hello: ClientHello, epoch: int, make: Callable[[Usage], SessionRecord]
    ) -> SessionRecord:
        """
        Charge the bucket and record the session in one serialised, durable transaction.

        Args:
            make: Called inside the transaction with the usage so far; raises LimitError when
                the budget does not allow the charge, and then nothing is recorded. It holds up
                every other call, so what takes long is computed before.

        Returns:
            The new record, or the stored one if the same hello opened a session meanwhile.

        Raises:
            PeerProtocolError: Another hello of this client had the same nonce.
            StorageError: It could not be recorded; nothing was charged.
        """
        digest = hello.digest()
        with self._database.write() as connection:
            known = self.session_of(digest)
            if known is not None:
                return known
            if self.nonce_seen(hello.client, hello.nonce, 0):
                raise PeerProtocolError("the hello's nonce was used before")
            record = make(self.usage(hello.client, epoch))
            answer = record.answer
            tables.SESSIONS.insert(
                connection,
                record.session_id,
                digest,
                hello.client,
                epoch,
                hello.nonce,
                hello.bucket,
                answer.hello.body.table_version,
                record.opened_ms,
                hello.encode(),
                record.client_hello.signature,
                answer.hello.body.encode(),
                answer.hello.signature,
                answer.key_cert_signature,
            )
            charged = self._charged(hello.client, epoch)
            tables.USAGE.replace(
                connection,
                hello.client,
                epoch,
                charged.elements + hello.bucket,
                charged.sessions + 1,
            )
        return record

    def close_session(
        self, session_id: bytes, receipt: Signed[Close], client_signature: bytes
    ) -> None:
        """Record the receipt that ends a session, with both signatures; the first one stays."""
        with self._database.write() as connection:
            self._require(session_id)
            tables.RECEIPTS.keep_first(
                connection,
                session_id,
                receipt.body.encode(),
                receipt.signature,
                client_signature,
            )
            self._sessions.pop(session_id, None)

    def closed_sessions(self) -> list[SessionRecord]:
        """Every session that has a receipt and was not forgotten yet."""
        with self._database.read():
            rows = tables.RECEIPTS.select(self._database, "1")
            found = [self.session(row[0]) for row in rows]
        return [record for record in found if record is not None]

    # ---- chunks

    def chunk(self, session_id: bytes, chunk: int) -> ChunkRecord | None:
        """The answer that was given to a chunk, if any."""
        where = "session_id = ? AND chunk = ?"
        row = tables.CHUNKS.first(self._database, where, session_id, chunk)
        return None if row is None else _chunk_record(*row)

    def record_chunk(self, session_id: bytes, chunk: int, record: ChunkRecord) -> ChunkRecord:
        """
        Record an answer before it is given; the first record wins and is returned.

        Raises:
            RefusedError: The session was forgotten meanwhile (`session-ended`).
            StorageError: It could not be recorded; the answer must not be given.
        """
        with self._database.write() as connection:
            self._require(session_id)
            tables.CHUNKS.keep_first(
                connection,
                session_id,
                chunk,
                record.chunk_digest,
                record.request_signature,
                record.elements_digest,
                record.proof,
            )
            stored = self.chunk(session_id, chunk)
        assert stored is not None, "it was stored in this transaction"
        return stored

    def count_repeat(self, session_id: bytes, chunk: int) -> int:
        """Count one more repeat of an answered chunk; returns how many there are now."""
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE chunks SET repeats = repeats + 1 "
                "WHERE session_id = ? AND chunk = ? RETURNING repeats",
                (session_id, chunk),
            ).fetchone()
        if row is None:
            raise _ended()
        return int(row[0])

    def chunks(self, session_id: bytes) -> list[ChunkRecord]:
        """The records of a session in index order, without gaps from 0; the rest is not given."""
        where = "session_id = ? ORDER BY chunk"
        rows = tables.CHUNKS.select(self._database, where, session_id)
        return [_chunk_record(*row) for position, row in enumerate(rows) if row[1] == position]

    # ---- frozen sets

    def set_version(self, set_digest: bytes, n_values: int) -> int:
        """
        The version of a frozen set, from 1: that of the newest one if it is the same set.

        Args:
            set_digest: 32 bytes over the set.
        """
        with self._database.write() as connection:
            newest = tables.SETS.first(self._database, "1 ORDER BY version DESC LIMIT 1")
            if newest is not None and newest[1] == set_digest:
                return int(newest[0])
            version = 1 if newest is None else int(newest[0]) + 1
            tables.SETS.insert(connection, version, set_digest, n_values)
        return version

    def set_digest(self, version: int) -> bytes | None:
        """The digest of the frozen set that had this version."""
        row = tables.SETS.first(self._database, "version = ?", version)
        return None if row is None else bytes(row[1])

    def versions_in_use(self, client: str, epoch: int) -> frozenset[int]:
        """The versions that sessions were promised; after the receipt too, it may get lost."""
        rows = tables.SESSIONS.select(self._database, "client = ? AND epoch = ?", client, epoch)
        return frozenset(int(row[6]) for row in rows)

    # ---- the whole

    def forget_before(self, epoch: int, now_ms: int) -> None:
        """
        Drop sessions, chunks, receipts and certificates of ended epochs; the sums stay.

        A session stays as long as its nonce must be remembered.

        Args:
            epoch: The running one.
        """
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM sessions WHERE epoch < ? AND opened_ms < ?",
                (epoch, now_ms - NONCE_MEMORY_MS),
            )
            connection.execute("DELETE FROM key_certs WHERE epoch < ?", (epoch,))
            last = max(epoch, self._number("forgotten_epoch") or 0)
            tables.META.replace(connection, "forgotten_epoch", u64(last))
            self._sessions.clear()
        self._database.fold()

    def verify(self) -> None:
        """
        Check every row, and that each sum is the sum of the buckets of its sessions.

        Raises:
            StorageError: `state-damaged`, with what does not fit.
        """
        self._database.check()
        with self._database.read():
            for table in tables.ALL:
                table.select(self._database, "1")
            self._verify_sums(self._number("forgotten_epoch") or 0)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    def _verify_sums(self, first_epoch: int) -> None:
        summed: dict[tuple[str, int], Usage] = {}
        for row in tables.SESSIONS.select(self._database, "epoch >= ?", first_epoch):
            client, epoch, bucket = row[2], row[3], row[5]
            before = summed.get((client, epoch), Usage(elements=0, sessions=0))
            summed[client, epoch] = Usage(
                elements=before.elements + bucket, sessions=before.sessions + 1
            )
        rows = tables.USAGE.select(self._database, "epoch >= ?", first_epoch)
        charged = {
            (client, epoch): Usage(elements=elements, sessions=sessions)
            for client, epoch, elements, sessions in rows
        }
        for client, epoch in summed.keys() | charged.keys():
            if summed.get((client, epoch)) != charged.get((client, epoch)):
                raise self._database.damaged(
                    f"what {client} was charged in period {epoch} is not the sum of its checks"
                )

    def _charged(self, client: str, epoch: int) -> Usage:
        row = tables.USAGE.first(self._database, "client = ? AND epoch = ?", client, epoch)
        return Usage(elements=row[2], sessions=row[3]) if row else Usage(elements=0, sessions=0)

    def _id(self) -> bytes | None:
        row = tables.META.first(self._database, "name = 'ledger_id'")
        return None if row is None else bytes(row[1])

    def _number(self, name: str) -> int | None:
        row = tables.META.first(self._database, "name = ?", name)
        return None if row is None else int.from_bytes(row[1], "big")

    def _record(self, row: tables.Row) -> SessionRecord:
        session_id, opened_ms = row[0], row[7]
        hello, hello_signature, answer, answer_signature, cert_signature = row[8:]
        database = self._database
        receipt = tables.RECEIPTS.first(database, "session_id = ?", session_id)
        return SessionRecord(
            session_id=session_id,
            client_hello=signed(ClientHello, hello, hello_signature, database),
            answer=ServerAnswer(
                hello=signed(ServerHello, answer, answer_signature, database),
                key_cert_signature=cert_signature,
            ),
            opened_ms=opened_ms,
            receipt=None if receipt is None else signed(Close, receipt[1], receipt[2], database),
            closed_by_client=None
            if receipt is None
            else signed(Close, receipt[1], receipt[3], database),
        )

    def _require(self, session_id: bytes) -> None:
        if self.session(session_id) is None:
            raise _ended()

    def _remember(self, record: SessionRecord) -> None:
        self._sessions[record.session_id] = record
        while len(self._sessions) > _CACHED_SESSIONS:
            self._sessions.popitem(last=False)

    def _drop_stale_sessions(self) -> None:
        # Another process may have closed or forgotten a session that is remembered here.
        seen = self._database.data_version()
        if seen != self._sessions_seen:
            self._sessions.clear()
            self._sessions_seen = seen


def _chunk_record(
    _session_id: bytes,
    _chunk: int,
    chunk_digest: bytes,
    request_signature: bytes,
    elements_digest: bytes,
    proof: bytes,
) -> ChunkRecord:
    return ChunkRecord(
        chunk_digest=chunk_digest,
        request_signature=request_signature,
        elements_digest=elements_digest,
        proof=proof,
    )


def _ended() -> RefusedError:
    return RefusedError("the session has ended", slug="session-ended")

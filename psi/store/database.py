# SPDX-License-Identifier: Apache-2.0
"""
One SQLite file of the state folder: durable commits, checked permissions, explained failures.

A file is used through one connection behind one lock. A connection for each thread would let
readers pass a writer, but each call here is far shorter than the kernel work around it, and one
connection has one cache, no "database is locked" between our own threads, and a definite end.
Processes that share a home exclude each other by SQLite's own locks.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psi.errors import PsiError, StorageError
from psi.store._files import create_private, disk_full, explained, private_directory

__all__ = ["Database", "Schema"]

# Longer than any transaction of another process of ours, shorter than a call's deadline.
BUSY_TIMEOUT_S: Final = 10.0
_LITTLE_SPACE: Final = 64 * 1024
_SETTINGS: Final = (
    # Has an effect on a new file only.
    "PRAGMA auto_vacuum = INCREMENTAL",
    # In WAL mode FULL syncs at every commit: what was committed survives a loss of power.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA journal_size_limit = 4194304",
)
_DAMAGE: Final = {
    sqlite3.SQLITE_CORRUPT: "SQLite can't read it",
    sqlite3.SQLITE_NOTADB: "it is not a database",
    # Our statements are constants and fit the tables that were made.
    sqlite3.SQLITE_ERROR: "its tables are not those that were made",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """
    What a file holds.

    Attributes:
        mark: Four bytes in its header that tell it from other files.
        version: Counted up when the tables change.
        statements: What makes the tables, separated by semicolons.
        loss: What it means to start without the file, for the hint when it is damaged.
    """

    mark: bytes
    version: int
    statements: str
    loss: str

    @property
    def tables(self) -> tuple[str, ...]:
        """The statements one by one, as SQLite keeps them."""
        return tuple(statement.strip() for statement in self.statements.split(";"))


class Database:
    """An open file; its methods may be called from any thread."""

    def __init__(self, path: Path, schema: Schema) -> None:
        """
        Open the file, or make it with its tables.

        Raises:
            KeyFileError: The file or its folder is a link, another user's, or open to others.
            StorageError: Damaged (`state-damaged`), of a newer version, no space (`disk-full`).
        """
        self.path = path
        self.was_made = False
        self._schema = schema
        self._lock = threading.RLock()
        private_directory(path.parent)
        create_private(path)
        with self._explained():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            # Text that damage made unreadable is for the row's digest to find.
            self._connection.text_factory = _lenient_text
        try:
            self._prepare(schema)
        except UnicodeDecodeError:
            # SQLite quotes the damaged definition of a table in a message that is no UTF-8.
            self.close()
            raise self.damaged(_DAMAGE[sqlite3.SQLITE_CORRUPT]) from None
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Database({self.path.name})"

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """
        A consistent view for several queries; inside `write` it is the view of that.

        Raises:
            StorageError: Instead of every error of SQLite in the body.
        """
        with self._lock, self._explained():
            if self._connection.in_transaction:
                yield self._connection
            else:
                with self._transaction("BEGIN DEFERRED"):
                    yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """
        One serialised transaction, durable when the body has left; undone if the body raises.

        Raises:
            StorageError: Instead of every error of SQLite in the body; nothing was recorded.
        """
        with self._lock, self._explained():
            assert not self._connection.in_transaction, "transactions do not nest"
            with self._transaction("BEGIN IMMEDIATE"):
                yield self._connection

    def data_version(self) -> int:
        """A number that changes when another process has changed the file."""
        with self._lock, self._explained():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def check(self) -> None:
        """
        Compare every page and index of the file.

        Raises:
            StorageError: `state-damaged`.
        """
        with self.read() as connection:
            first = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if first != "ok":
            raise self.damaged("its pages do not fit together")

    def damaged(self, what: str) -> StorageError:
        """What is raised when the content of the file is not what was written."""
        return StorageError(
            f"{self.path} is damaged: {what}; nothing was changed",
            slug="state-damaged",
            hint=f"move {self.path.name}* away and run it again; {self._schema.loss}",
        )

    def fold(self) -> None:
        """Cut unused pages off and empty the write-ahead log, so that deleted rows leave both."""
        with self._lock, self._explained():
            # A script, since `execute` stops this statement after its first page.
            self._connection.executescript("PRAGMA incremental_vacuum")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock, self._explained():
            self._connection.close()

    def _prepare(self, schema: Schema) -> None:
        with self._lock, self._explained():
            for setting in _SETTINGS:
                self._connection.execute(setting)
            mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StorageError(
                f"{self.path.parent} does not support SQLite's write-ahead log",
                hint="put the home on a local disk",
            )
        with self.write() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
            if version == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                self._make(connection, schema)
                self.was_made = True
                return
        if mark != int.from_bytes(schema.mark, "big"):
            raise self.damaged("it is not the file that belongs there")
        if version > schema.version:
            raise StorageError(
                f"{self.path} was written by a newer overlap "
                f"(format {version}, this one knows {schema.version})",
                hint="use that version again",
            )
        if version < schema.version:
            raise self.damaged(f"format {version} was never released")
        with self.read() as connection:
            rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
            # A damaged definition could drop a key, and with it what the key keeps apart.
            if {str(row[0]) for row in rows} != set(schema.tables):
                raise self.damaged("its tables are not those that were made")

    @staticmethod
    def _make(connection: sqlite3.Connection, schema: Schema) -> None:
        # Not executescript: it would commit halfway, and a file with half its tables is a riddle.
        for statement in schema.tables:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {int.from_bytes(schema.mark, 'big')}")
        connection.execute(f"PRAGMA user_version = {schema.version}")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from None

    def _explain(self, error: sqlite3.Error) -> PsiError:
        # The low byte is the primary code. Errors of the module itself have none.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
        no_space = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and self._is_full()
        if code == sqlite3.SQLITE_FULL or no_space:
            return disk_full(self.path.parent)
        if code in _DAMAGE:
            return self.damaged(_DAMAGE[code])
        if code == sqlite3.SQLITE_READONLY:
            return StorageError(f"cannot write {self.path}: read-only")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StorageError(
                f"{self.path} is held by another process",
                hint="run it again; end a process of overlap that hangs",
            )
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return StorageError(f"cannot use {self.path}: {name}")

    def _is_full(self) -> bool:
        # Some failures for want of space (making the log, growing its index) have another name.
        with explained(self.path):
            status = os.statvfs(self.path.parent)
        return status.f_bavail * status.f_frsize < _LITTLE_SPACE or (
            status.f_files > 0 and status.f_favail == 0
        )


def _lenient_text(text: bytes) -> str:
    return text.decode(errors="replace")

# SPDX-License-Identifier: Apache-2.0
"""
Tables whose rows carry a digest of themselves, and structures as they stand in rows.

SQLite finds pages that do not fit together, but not a flipped bit inside a value. Every row here
ends with `digest`, 16 bytes of SHA-256 over the table's name and the row, so that damage is named
as such instead of changing a budget or blaming a peer. It is no protection against whoever can
write the file.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from psi.encoding import lp
from psi.errors import PeerProtocolError
from psi.protocol.messages import Signed
from psi.protocol.structure import Structure
from psi.store.database import Database

__all__ = ["Row", "Table", "Value", "decoded", "signed"]

_DIGEST_BYTES: Final = 16

Value = int | str | bytes
# Each reader unpacks a row into the types of the table's STRICT columns.
Row = tuple[Any, ...]

S = TypeVar("S", bound=Structure)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file, by its columns without `digest`."""

    name: str
    columns: tuple[str, ...]

    def insert(self, connection: sqlite3.Connection, *values: Value) -> None:
        """Add a row; that none with its key is there was checked in the same transaction."""
        self._put("INSERT", connection, values)

    def keep_first(self, connection: sqlite3.Connection, *values: Value) -> None:
        """Add a row unless one with its key is there."""
        self._put("INSERT OR IGNORE", connection, values)

    def replace(self, connection: sqlite3.Connection, *values: Value) -> None:
        """Add a row, or put it in the place of the one with its key."""
        self._put("INSERT OR REPLACE", connection, values)

    def select(self, database: Database, where: str, *parameters: Value) -> list[Row]:
        """
        The rows that a condition selects, without their digests.

        Raises:
            StorageError: A row is not as it was written (`state-damaged`).
        """
        columns = ", ".join((*self.columns, "digest"))
        # Names and conditions are constants of this package, values are parameters.
        query = f"SELECT {columns} FROM {self.name} WHERE {where}"  # noqa: S608
        with database.read() as connection:
            rows: list[Row] = connection.execute(query, parameters).fetchall()
        for *values, digest in rows:
            if self._digest(values) != digest:
                raise database.damaged(f"a row of '{self.name}' is not as it was written")
        return [row[:-1] for row in rows]

    def first(self, database: Database, where: str, *parameters: Value) -> Row | None:
        """The first row that a condition selects, if any."""
        rows = self.select(database, where, *parameters)
        return rows[0] if rows else None

    def _put(self, how: str, connection: sqlite3.Connection, values: Sequence[Value]) -> None:
        assert len(values) == len(self.columns), "a row has every column"
        columns = ", ".join((*self.columns, "digest"))
        places = ", ".join("?" * (len(values) + 1))
        statement = f"{how} INTO {self.name} ({columns}) VALUES ({places})"
        connection.execute(statement, (*values, self._digest(values)))

    def _digest(self, values: Sequence[Value | None]) -> bytes:
        fields = b"".join(lp(_bytes(value)) for value in (self.name, *values))
        return hashlib.sha256(fields).digest()[:_DIGEST_BYTES]


def _bytes(value: object) -> bytes:
    match value:
        case int():
            return value.to_bytes(8, "big", signed=True)
        case str():
            return value.encode()
        case bytes():
            return value
    # Null and floating point are in no column; only damage brings them here.
    return b""


def decoded(kind: type[S], encoding: bytes, database: Database) -> S:
    """
    A structure from the encoding in a row.

    Raises:
        StorageError: It is none (`state-damaged`).
    """
    try:
        return kind.decode(encoding)
    except PeerProtocolError:
        raise database.damaged(f"a stored {kind.NAME} can't be read") from None


def signed(kind: type[S], encoding: bytes, signature: bytes, database: Database) -> Signed[S]:
    """A structure with its signature from a row."""
    return Signed(decoded(kind, encoding, database), signature)

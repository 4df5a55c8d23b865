# SPDX-License-Identifier: Apache-2.0
"""The newest KeyCert of each server that this client has accepted."""

from psi.protocol.messages import KeyCert, Signed
from psi.store._rows import signed
from psi.store.client_state import PINS
from psi.store.database import Database

__all__ = ["SqlitePins"]


class SqlitePins:
    """`psi.protocol.client.Pins` on the client's file; may be used from any thread."""

    def __init__(self, database: Database) -> None:
        """`database`: from `open_client_state`."""
        self._database = database

    def newest(self, server: str) -> Signed[KeyCert] | None:
        """
        The pinned certificate of the highest epoch.

        Raises:
            StorageError: The file is damaged or can't be read.
        """
        row = PINS.first(self._database, "server = ?", server)
        return None if row is None else signed(KeyCert, row[2], row[3], self._database)

    def pin(self, cert: Signed[KeyCert]) -> None:
        """
        Keep a certificate durably, if it is of a later epoch than the one that is kept.

        Of two certificates for one epoch the first stays: that there is a second one is a fault
        of the server's, which the session finds by comparing.

        Raises:
            StorageError: It could not be recorded; nothing may be sent under it.
        """
        body = cert.body
        with self._database.write() as connection:
            pinned = self.newest(body.server)
            if pinned is None or pinned.body.epoch < body.epoch:
                PINS.replace(connection, body.server, body.epoch, body.encode(), cert.signature)

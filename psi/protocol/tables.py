# SPDX-License-Identifier: Apache-2.0
"""Where the answering side's tags come from: the seam to `psi.store.tables`."""

from dataclasses import dataclass, field
from typing import Protocol

from psi.protocol.server_keys import ServerKey
from psi.protocol.table import MAX_TAG_LENGTH

__all__ = ["FrozenTags", "Tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenTags:
    """The tags of one frozen set for one client and epoch, n * 16 bytes in any order."""

    version: int
    tags: bytes = field(repr=False)

    @property
    def n_values(self) -> int:
        """How many indicators the set holds."""
        return len(self.tags) // MAX_TAG_LENGTH


class Tables(Protocol):
    """Where finished tags come from (psi.store.tables); they are built in the background."""

    def latest(self, key: ServerKey) -> FrozenTags:
        """
        The tags of the newest frozen set.

        Raises:
            RefusedError: They are still being built (`busy`, with `retry_after_ms`).
        """
        ...

    def padded(self, key: ServerKey, version: int, bucket: int, length: int) -> bytes:
        """
        The list that a session was promised: `psi.protocol.table.session_table` of its version.

        Raises:
            StorageError: Its tags are gone.
        """
        ...

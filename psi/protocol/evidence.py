# SPDX-License-Identifier: Apache-2.0
"""What proves a peer's fault to a third party: signed messages that contradict each other."""

from dataclasses import dataclass, field
from typing import Literal

from psi.protocol.messages import Signed
from psi.protocol.structure import Structure

__all__ = ["Evidence", "EvidenceKind", "SignedBytes"]

EvidenceKind = Literal["bad-proof", "list-differs", "two-keys", "two-messages"]


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A signed structure as bytes, so that evidence outlives the code that made it."""

    name: str
    encoding: bytes
    signature: bytes

    @classmethod
    def of(cls, message: Signed[Structure]) -> "SignedBytes":
        """The bytes that the peer signed."""
        return cls(message.body.NAME, message.body.encode(), message.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    One fault of one peer.

    `attachments` are the elements that belong to the messages: group elements, which hide every
    indicator as they did on the wire.
    """

    kind: EvidenceKind
    accused: str
    session_id: bytes
    messages: tuple[SignedBytes, ...]
    attachments: dict[str, bytes] = field(default_factory=dict, repr=False)

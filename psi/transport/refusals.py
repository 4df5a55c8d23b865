# SPDX-License-Identifier: Apache-2.0
"""
How a refusal travels: one status code a slug, and the detail in `overlap-refusal-bin`.

The text of a status is constant. What is not in the table is this server's own trouble and
leaves it as INTERNAL without a reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from psi.errors import PsiError
from psi.proto.v1.refusal_pb2 import Refusal

__all__ = ["METADATA_KEY", "STATUS", "Received", "read_refusal", "refusal_of"]

METADATA_KEY: Final = "overlap-refusal-bin"
MAX_RETRY_AFTER_MS: Final = 60_000
_MAX_REFUSAL_BYTES: Final = 1024

_Code = grpc.StatusCode

STATUS: Final[Mapping[str, grpc.StatusCode]] = {
    # Bad bytes.
    "malformed": _Code.INVALID_ARGUMENT,
    "version-differs": _Code.INVALID_ARGUMENT,
    # The phase is over.
    "session-ended": _Code.FAILED_PRECONDITION,
    "period-ended": _Code.FAILED_PRECONDITION,
    "repeated-too-often": _Code.FAILED_PRECONDITION,
    # The connection shows nobody.
    "peer-cert-expired": _Code.UNAUTHENTICATED,
    "peer-cert-foreign": _Code.UNAUTHENTICATED,
    "peer-cert-other": _Code.UNAUTHENTICATED,
    # Roster and policy.
    "not-a-member": _Code.PERMISSION_DENIED,
    "roster-older": _Code.PERMISSION_DENIED,
    "rules-differ": _Code.PERMISSION_DENIED,
    "policy-refused": _Code.PERMISSION_DENIED,
    "clock-skew": _Code.PERMISSION_DENIED,
    "set-too-large": _Code.PERMISSION_DENIED,
    # The budget; without our metadata this code is grpc's own: too many calls, or too large.
    "budget-exhausted": _Code.RESOURCE_EXHAUSTED,
    # What was signed does not hold.
    "bad-signature": _Code.ABORTED,
    "bad-proof": _Code.ABORTED,
    "list-differs": _Code.ABORTED,
    "two-messages": _Code.ABORTED,
    # The server's disk, and its hands.
    "state-damaged": _Code.DATA_LOSS,
    "storage-fault": _Code.UNAVAILABLE,
    "disk-full": _Code.UNAVAILABLE,
    "busy": _Code.UNAVAILABLE,
}

_NUMBERS: Final = tuple(field.name for field in Refusal.DESCRIPTOR.fields if field.name != "slug")


@dataclass(frozen=True, slots=True)
class Received:
    """A refusal as a peer sent it: a slug of `STATUS` with its own code, and numbers."""

    slug: str
    detail: Mapping[str, int]

    @property
    def retry_after_s(self) -> float:
        """When to send the same bytes again, seconds; 0 if it does not say."""
        return min(self.detail.get("retry_after_ms", 0), MAX_RETRY_AFTER_MS) / 1000


def refusal_of(error: PsiError) -> tuple[grpc.StatusCode, str, bytes | None]:
    """
    Status code, constant text and metadata of an error that ended a call.

    Only the numbers that the message has fields for travel; a message text never does.
    """
    code = STATUS.get(error.slug)
    if code is None:
        return _Code.INTERNAL, "internal", None
    refusal = Refusal(slug=error.slug)
    for name in _NUMBERS:
        value = error.detail.get(name)
        if isinstance(value, int) and 0 <= value < 2**64:
            setattr(refusal, name, value)
    return code, error.slug, refusal.SerializeToString()


def read_refusal(
    code: grpc.StatusCode, metadata: Iterable[tuple[str, str | bytes]]
) -> Received | None:
    """The refusal that came with a status; None if there is none, or none that fits its code."""
    for key, value in metadata:
        if key != METADATA_KEY or not isinstance(value, bytes):
            continue
        refusal = Refusal()
        try:
            if len(value) > _MAX_REFUSAL_BYTES:
                return None
            refusal.ParseFromString(value)
        except DecodeError:
            return None
        if STATUS.get(refusal.slug) is not code:
            return None
        present = ((field.name, number) for field, number in refusal.ListFields())
        return Received(refusal.slug, {name: n for name, n in present if name != "slug"})
    return None

# SPDX-License-Identifier: Apache-2.0
"""
Every public exception, and what each failure means to a person and to a script.

An error carries a *slug*: a stable name, a heading in docs/errors.md, and a row of `SLUGS` that
fixes the exit code and the end of the run. A message holds sizes, positions, digests and names of
members; never an indicator, a key, a blind or a PRF output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

__all__ = [
    "SLUGS",
    "CryptoError",
    "DeriveKeyPairError",
    "DeserializeError",
    "End",
    "IndicatorError",
    "InputValidationError",
    "InternalError",
    "InvalidInputError",
    "InverseError",
    "KeyFileError",
    "LimitError",
    "LocalProtocolError",
    "Outcome",
    "PeerProtocolError",
    "PsiError",
    "RefusedError",
    "StorageError",
    "TransportError",
    "UnreachableError",
    "UsageError",
    "VerifyError",
]

End = Literal[
    "done", "refused", "peer-fault", "unreachable", "storage-fault", "aborted", "internal"
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a failure means: the exit code for scripts and the end of the run."""

    exit_code: int
    end: End


# Exit codes: 1 failed here, 2 usage, 3 the peer is at fault, 4 refused by rule, 5 a verification
# does not hold, 6 not reached or not finished.
SLUGS: Final[Mapping[str, Outcome]] = {
    "bug": Outcome(1, "internal"),
    "usage": Outcome(2, "refused"),
    # This home and its files.
    "no-home": Outcome(1, "refused"),
    "not-joined": Outcome(1, "refused"),
    "home-exists": Outcome(1, "refused"),
    "open-permissions": Outcome(1, "refused"),
    "unlock-failed": Outcome(1, "refused"),
    "state-damaged": Outcome(1, "storage-fault"),
    "disk-full": Outcome(1, "storage-fault"),
    "storage-fault": Outcome(1, "storage-fault"),
    "output-exists": Outcome(1, "refused"),
    "bad-policy": Outcome(1, "refused"),
    "bad-config": Outcome(1, "refused"),
    "own-cert-expired": Outcome(1, "refused"),
    "port-in-use": Outcome(1, "refused"),
    # The set.
    "file-damaged": Outcome(1, "refused"),
    "nothing-to-check": Outcome(1, "refused"),
    "set-too-large": Outcome(4, "refused"),
    "set-too-small": Outcome(4, "refused"),
    # Enrolment and roster.
    "bad-request": Outcome(1, "refused"),
    "code-differs": Outcome(4, "refused"),
    "bad-roster": Outcome(1, "refused"),
    "unknown-peer": Outcome(2, "refused"),
    "unknown-run": Outcome(2, "refused"),
    "no-address": Outcome(1, "refused"),
    "roster-older": Outcome(4, "refused"),
    "not-a-member": Outcome(4, "refused"),
    # The peer and the way to it.
    "unreachable": Outcome(6, "unreachable"),
    "stalled": Outcome(6, "unreachable"),
    "busy": Outcome(6, "unreachable"),
    "not-finished": Outcome(6, "unreachable"),
    "peer-cert-expired": Outcome(3, "peer-fault"),
    "peer-cert-foreign": Outcome(3, "peer-fault"),
    "peer-cert-other": Outcome(3, "peer-fault"),
    "peer-failed": Outcome(6, "unreachable"),
    # Rules, ours or theirs.
    "rules-differ": Outcome(4, "refused"),
    "policy-refused": Outcome(4, "refused"),
    "budget-exhausted": Outcome(4, "refused"),
    "clock-skew": Outcome(4, "refused"),
    "period-ended": Outcome(6, "aborted"),
    "session-ended": Outcome(4, "refused"),
    "repeated-too-often": Outcome(4, "refused"),
    # A peer's fault.
    "malformed": Outcome(3, "peer-fault"),
    "bad-signature": Outcome(3, "peer-fault"),
    "bad-proof": Outcome(3, "peer-fault"),
    "list-differs": Outcome(3, "peer-fault"),
    "two-messages": Outcome(3, "peer-fault"),
    "version-differs": Outcome(3, "peer-fault"),
    # A check that was asked for does not hold.
    "does-not-hold": Outcome(5, "refused"),
}


class PsiError(Exception):
    """Base of all failures that the project explains; anything else that escapes is a bug."""

    default_slug: ClassVar[str] = "bug"

    def __init__(
        self,
        message: str,
        *,
        slug: str | None = None,
        hint: str | None = None,
        detail: Mapping[str, int | str] | None = None,
    ) -> None:
        """
        Args:
            message: What was expected and what came, lower case, no full stop.
            slug: A key of `SLUGS`; the class has a default.
            hint: The next step for whoever reads it.
            detail: Machine-readable extras (chunk, index, renews_at ...), never a secret.
        """
        super().__init__(message)
        self.message = message
        self.slug = self.default_slug if slug is None else slug
        self.hint = hint
        self.detail: dict[str, int | str] = dict(detail or {})
        assert self.slug in SLUGS, "every slug has a row, so that docs and exit codes are complete"

    @property
    def outcome(self) -> Outcome:
        """Exit code and end of the run, from the slug's own row."""
        return SLUGS[self.slug]


class UsageError(PsiError):
    """The command was not understood, or needs a flag where no person can answer."""

    default_slug = "usage"


class IndicatorError(PsiError):
    """A file of indicators can't be used: which, where and why, but never the value."""

    default_slug = "file-damaged"


class LocalProtocolError(PsiError):
    """Our own caller misused a session; a bug on this side."""


class InternalError(PsiError):
    """An event of negligible probability, or a fault of this machine; the session has ended."""


class PeerProtocolError(PsiError):
    """The peer broke the protocol."""

    default_slug = "malformed"


class RefusedError(PsiError):
    """A rule, ours or the peer's, says no."""

    default_slug = "policy-refused"


class LimitError(RefusedError):
    """A size or a budget is over its limit."""

    default_slug = "budget-exhausted"


class UnreachableError(PsiError):
    """The peer does not answer, or not in time; the state is kept."""

    default_slug = "unreachable"


class TransportError(PsiError):
    """Connection or TLS failed in a way that repeating does not mend."""

    default_slug = "unreachable"


class StorageError(PsiError):
    """This machine can't record what it must record first."""

    default_slug = "storage-fault"


class KeyFileError(PsiError):
    """A key, roster or unlock file is missing, open to others, or damaged."""

    default_slug = "state-damaged"


class CryptoError(PsiError):
    """Base of the failures of RFC 9497 section 5.3."""

    default_slug = "malformed"


class DeserializeError(CryptoError):
    """An element or scalar is not canonical, or an element is the identity (RFC 9497 5.3)."""

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message, detail={} if index is None else {"index": index})
        self.index = index


class VerifyError(CryptoError):
    """A proof or a signature does not hold (RFC 9497 5.3)."""

    default_slug = "bad-proof"


class InputValidationError(CryptoError):
    """A byte string has a length that the function does not take (RFC 9497 5.3)."""


class InvalidInputError(CryptoError):
    """An input hashes to the identity (RFC 9497 5.3); negligible, and never retried."""


class InverseError(CryptoError):
    """A scalar has no inverse (RFC 9497 5.3)."""


class DeriveKeyPairError(CryptoError):
    """No key came out of a seed in 256 tries (RFC 9497 3.2.1); negligible."""

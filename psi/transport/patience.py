# SPDX-License-Identifier: Apache-2.0
"""
When a call is sent again, when it is given up, and what is said then.

A peer that is silent has `silence_s`, counted from its last answer to any call of the channel; one
that answers "busy" has `busy_s` for one call. What waiting can't mend ends a call at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from psi.errors import PeerProtocolError, PsiError, UnreachableError
from psi.transport.faults import AGAIN, Parties, failed_answer, refused
from psi.transport.options import MAX_MESSAGE_BYTES
from psi.transport.probe import Look, certificate_fault, not_accepted, own_fault
from psi.transport.refusals import read_refusal
from psi.transport.seams import OwnIdentity, Trusted
from psi.transport.times import span
from psi.transport.waiting import Waiter, backoff_s

__all__ = ["Attempts", "Line", "Patience"]

_Code = grpc.StatusCode
# grpc reports some broken connections as an answer of the peer (INTERNAL, UNKNOWN), so such an
# answer is asked for again, but not for long.
_FAILED_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a peer may be silent, and how long it may put off one call, seconds."""

    silence_s: float
    busy_s: float


class Line:
    """What is known of the way to one peer, shared by all calls and threads of a channel."""

    def __init__(
        self,
        *,
        parties: Parties,
        identity: OwnIdentity,
        trusted: Trusted,
        look: Callable[[], Look],
        waiter: Waiter,
        now_ms: Callable[[], int],
        patience: Patience,
        deadline_s: float,
    ) -> None:
        """
        Args:
            look: One look at the peer's address (`psi.transport.probe`).
            now_ms: Unix milliseconds.
            deadline_s: Of one try.
        """
        self.parties = parties
        self.patience = patience
        self.waiter = waiter
        self.answered_at: float | None = None
        self._identity = identity
        self._trusted = trusted
        self._look = look
        self._now_ms = now_ms
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._n_not_accepted = 0

    @property
    def now_s(self) -> int:
        """Unix seconds."""
        return self._now_ms() // 1000

    def note_answer(self) -> None:
        """The peer has just said something."""
        self.answered_at = self.waiter.monotonic()

    def reason_for_silence(self, code: grpc.StatusCode) -> str:
        """
        Why the peer is silent, in words.

        Raises:
            PsiError: It will not mend by waiting: a certificate is wrong, theirs or ours.
        """
        if code is _Code.DEADLINE_EXCEEDED:
            return f"no answer within {self._deadline_s:g} s"
        if fault := own_fault(self._identity, self._trusted, self.now_s):
            raise fault
        with self._lock:  # one look at a time is enough for all threads
            seen = self._look()
            if seen.accepted or seen.certificate is None:
                self._n_not_accepted = 0
            else:
                self._n_not_accepted += 1
            n_not_accepted = self._n_not_accepted
        if seen.certificate is not None:
            fault = certificate_fault(seen.certificate, self.parties, self._trusted, self.now_s)
            if fault:
                raise fault
            # Once may be a server on its way down; twice in a row it is our certificate.
            if n_not_accepted > 1 and not seen.reason:
                raise not_accepted(self.parties)
        return seen.reason or "it closes the connection"


class Attempts:
    """The tries of one call."""

    def __init__(self, line: Line, where: str = "") -> None:
        """`where`: what is said between "stopped answering" and how long ago."""
        self._line = line
        self._where = where
        self._started = line.waiter.monotonic()
        self._tries = 0

    def pause_after(self, error: grpc.RpcError) -> float:
        """
        Seconds to wait before the same bytes are sent again.

        Raises:
            PsiError: The peer refused, or patience is at its end.
        """
        assert isinstance(error, grpc.Call), "every failed call of grpc is one"
        self._tries += 1
        code = error.code()
        line = self._line
        received = read_refusal(code, error.trailing_metadata() or ())
        if received is not None:
            fault = refused(received, line.parties, line.now_s)
            if code is not _Code.UNAVAILABLE:
                raise fault
            return self._pause_when_busy(received.retry_after_s, fault)
        match code:
            case _Code.UNAVAILABLE | _Code.DEADLINE_EXCEEDED | _Code.CANCELLED:
                return self._pause_when_silent(code)
            case _Code.RESOURCE_EXHAUSTED:
                return self._pause_when_busy(0.0, _exhausted(error, line.parties))
            case _Code.INTERNAL | _Code.UNKNOWN if self._tries < _FAILED_TRIES:
                return backoff_s(self._tries)
            case _:
                raise failed_answer(code, line.parties)

    def _pause_when_busy(self, asked_s: float, fault: PsiError) -> float:
        line = self._line
        line.note_answer()
        pause = asked_s or backoff_s(self._tries)
        if line.waiter.monotonic() - self._started + pause > line.patience.busy_s:
            raise fault
        return pause

    def _pause_when_silent(self, code: grpc.StatusCode) -> float:
        line = self._line
        reason = line.reason_for_silence(code)
        pause = backoff_s(self._tries)
        now = line.waiter.monotonic()
        silent_since = max(self._started, line.answered_at or self._started)
        if now - silent_since + pause > line.patience.silence_s:
            raise self._given_up(reason, now)
        return pause

    def _given_up(self, reason: str, now: float) -> PsiError:
        parties = self._line.parties
        answered_at = self._line.answered_at
        if answered_at is not None:
            return UnreachableError(
                f"{parties.peer} stopped answering{self._where}, {span(now - answered_at)} ago; "
                "state is kept",
                slug="stalled",
                hint=AGAIN,
            )
        tries = "1 try" if self._tries == 1 else f"{self._tries} tries"
        contact = f"; contact {parties.contact}" if parties.contact else ""
        return UnreachableError(
            f"{parties.peer} does not answer at {parties.address}: {reason}, "
            f"{tries} in {span(now - self._started)}",
            hint=f"`overlap ping {parties.peer}` shows how far it gets{contact}",
        )


def _exhausted(error: grpc.Call, parties: Parties) -> PsiError:
    # Without our metadata it is grpc's own: an answer too large here, or too many calls there.
    if "larger than max" in (error.details() or ""):
        raise PeerProtocolError(
            f"{parties.peer} sent a message of more than {MAX_MESSAGE_BYTES:,} bytes"
        )
    return UnreachableError(f"{parties.peer} has no time to answer now", slug="busy", hint=AGAIN)

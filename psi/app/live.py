# SPDX-License-Identifier: Apache-2.0
"""The answering side as the network gets it once, although it changes while it runs."""

import time
from collections.abc import Callable
from typing import Protocol

from psi.protocol.admission import Caller
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    ServerAnswer,
    Signed,
    Status,
)
from psi.transport.seams import Answerer

__all__ = ["Listener", "LiveAnswerer"]


class Listener(Protocol):
    """Who is told of an answer before it is given; a resend is told again."""

    def opened(self, hello: Signed[ClientHello], answer: ServerAnswer) -> None:
        """A session was charged; raises if that can't be recorded, and nothing is answered."""
        ...

    def evaluated(self, seconds: float) -> None:
        """A part was answered."""
        ...

    def closed(self, receipt: Signed[Close]) -> None:
        """A session has its receipt."""
        ...


class LiveAnswerer:
    """The answering side as it is now (`psi.transport.seams.Answerer`)."""

    def __init__(self, now: Callable[[], Answerer], listener: Listener) -> None:
        """
        Args:
            now: Who answers; asked for every call.
            listener: Told of sessions that were opened and closed.
        """
        self._now = now
        self._listener = listener

    def open_session(self, caller: Caller, hello: Signed[ClientHello]) -> ServerAnswer:
        """The hello, and the signature of its KeyCert."""
        answer = self._now().open_session(caller, hello)
        self._listener.opened(hello, answer)
        return answer

    def evaluate(
        self, caller: Caller, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        """The response and the evaluated elements."""
        started = time.monotonic()
        answer = self._now().evaluate(caller, request, elements)
        self._listener.evaluated(time.monotonic() - started)
        return answer

    def get_table(self, caller: Caller, request: Signed[GetTable]) -> bytes:
        """One page of tags."""
        return self._now().get_table(caller, request)

    def close(self, caller: Caller, request: Signed[Close]) -> Signed[Close]:
        """The receipt."""
        receipt = self._now().close(caller, request)
        self._listener.closed(receipt)
        return receipt

    def status(self, caller: Caller) -> Status:
        """What is left for this caller."""
        return self._now().status(caller)

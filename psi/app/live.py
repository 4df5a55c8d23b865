# SPDX-License-Identifier: Apache-2.0
"""The answering side as the network gets it once, although it changes while it runs."""

from collections.abc import Callable

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

__all__ = ["LiveAnswerer"]


class LiveAnswerer:
    """The answering side as it is now (`psi.transport.seams.Answerer`)."""

    def __init__(self, now: Callable[[], Answerer]) -> None:
        self._now = now

    def open_session(self, caller: Caller, hello: Signed[ClientHello]) -> ServerAnswer:
        """The hello, and the signature of its KeyCert."""
        return self._now().open_session(caller, hello)

    def evaluate(
        self, caller: Caller, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        """The response and the evaluated elements."""
        return self._now().evaluate(caller, request, elements)

    def get_table(self, caller: Caller, request: Signed[GetTable]) -> bytes:
        """One page of tags."""
        return self._now().get_table(caller, request)

    def close(self, caller: Caller, request: Signed[Close]) -> Signed[Close]:
        """The receipt."""
        return self._now().close(caller, request)

    def status(self, caller: Caller) -> Status:
        """What is left for this caller."""
        return self._now().status(caller)

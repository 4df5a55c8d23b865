# SPDX-License-Identifier: Apache-2.0
"""
The one interceptor of a server: nothing behind it runs for a caller that is not in the roster.

Handlers take and give bytes, so not even a message is parsed before the caller is known. Errors
become status codes here and nowhere else.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar, cast

import grpc

from psi.errors import PeerProtocolError, PsiError, RefusedError
from psi.protocol.admission import Caller
from psi.transport.auth import Authenticator
from psi.transport.refusals import METADATA_KEY, refusal_of

__all__ = ["MIN_TIME_LEFT_S", "Behaviour", "Gate", "OnRefusal", "calling"]

Behaviour = Callable[[bytes, grpc.ServicerContext], bytes]
# (caller or None if it could not be told, method, slug); called from many threads.
OnRefusal = Callable[[str | None, str, str], None]

# Less than this is not enough to answer in.
MIN_TIME_LEFT_S: Final = 1.0
# A call without a deadline shows one in the far future: grpc counts in signed 64-bit nanoseconds.
_NO_DEADLINE_S: Final = 10 * 365 * 86_400.0

Request = TypeVar("Request")
Response = TypeVar("Response")
if TYPE_CHECKING:  # grpc's classes are generic in the stubs only
    Continuation = Callable[
        [grpc.HandlerCallDetails], grpc.RpcMethodHandler[Request, Response] | None
    ]

_log: Final = logging.getLogger("overlap")
_CALLER: Final[ContextVar[Caller]] = ContextVar("psi_transport_caller")


def calling() -> Caller:
    """The authenticated caller of the call that this thread is answering."""
    return _CALLER.get()


class Gate(grpc.ServerInterceptor):
    """Authenticates, checks the deadline, runs the handler, and turns errors into status codes."""

    def __init__(self, authenticator: Authenticator, on_refusal: OnRefusal) -> None:
        self._authenticator = authenticator
        self._on_refusal = on_refusal

    def intercept_service(
        self,
        continuation: "Continuation[Request, Response]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Request, Response] | None":
        """Put the gate before a handler; a streaming one is as if it did not exist."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return None
        method = handler_call_details.method
        # Every handler of ours takes and gives bytes, which the stubs can't know.
        behaviour = cast(Behaviour, handler.unary_unary)

        def gated(request: bytes, context: grpc.ServicerContext) -> bytes:
            return self._answer(method, behaviour, request, context)

        return cast(
            "grpc.RpcMethodHandler[Request, Response]", grpc.unary_unary_rpc_method_handler(gated)
        )

    def _answer(
        self, method: str, behaviour: Behaviour, request: bytes, context: grpc.ServicerContext
    ) -> bytes:
        caller: Caller | None = None
        try:
            # The stubs say bytes; each value is a list of them.
            connection = cast(Mapping[str, Iterable[bytes]], context.auth_context())
            caller = self._authenticator.caller(connection)
            _check_time_left(context.time_remaining())
            token = _CALLER.set(caller)
            try:
                return behaviour(request, context)
            finally:
                _CALLER.reset(token)
        except PsiError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # grpc would send its text to the peer
            # Where, but not what: the text of an unknown exception may quote values.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("unexpected %s in %s\n%s", type(error).__name__, method, where)
            failure = PsiError("unexpected failure")
        self._on_refusal(caller.name if caller else None, method, failure.slug)
        code, text, refusal = refusal_of(failure)
        if refusal is not None:
            context.set_trailing_metadata(((METADATA_KEY, refusal),))
        context.abort(code, text)
        raise AssertionError("abort raises")


def _check_time_left(seconds: float | None) -> None:
    if seconds is None or seconds > _NO_DEADLINE_S:
        raise PeerProtocolError("expected a call with a deadline")
    if seconds < MIN_TIME_LEFT_S:
        raise RefusedError(
            f"expected at least {MIN_TIME_LEFT_S:g} s to answer in, the call has {seconds:.1f} s",
            slug="busy",
        )

# SPDX-License-Identifier: Apache-2.0
"""
The real command with one fault built in, chosen by OVERLAP_TEST_FAULT=WHAT:COUNT.

    kill-before-answer   the server dies after it has recorded its COUNTth answer, before it is sent
    stop-before-answer   the server stops (SIGSTOP) at that point
    kill-after-keep      the client dies after it has kept its COUNTth answer
    kill-after-receipt   the client dies when it has the receipt, before the result is saved
    wrong-key            the server answers its COUNTth part with another key
    capture:FILE         the server writes every request that it receives to FILE, decrypted
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psi.protocol.server
from psi.crypto.voprf import blind_evaluate, derive_key_pair
from psi.protocol.client import ClientSession
from psi.protocol.server import PairwiseServer
from psi.store.runs import PeerRun
from psi.transport.gate import Gate

_what, _, _argument = os.environ.get("OVERLAP_TEST_FAULT", "").partition(":")
_lock = threading.Lock()
_count = 0


def _after(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Call the function; after the given number of calls, send ourselves a signal."""

    def wrapped(*args: Any) -> Any:
        global _count  # noqa: PLW0603  # one fault a process
        result = function(*args)
        with _lock:
            _count += 1
            if _count == int(_argument):
                os.kill(os.getpid(), number)
        return result

    return wrapped


def _capturing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Write down what the gate lets through, and what it does not."""

    def wrapped(self: Gate, continuation: Any, details: Any) -> Any:
        handler = function(self, continuation, details)
        inner = handler.unary_unary

        def unary_unary(request: bytes, context: Any) -> bytes:
            with _lock, Path(_argument).open("ab") as file:
                file.write(request)
            answer: bytes = inner(request, context)
            return answer

        return handler._replace(unary_unary=unary_unary)

    return wrapped


def _with_another_key(function: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, bytes], bytes]:
    """Evaluate one part honestly but with a key that was never signed for."""

    def evaluate(private_key: bytes, elements: bytes) -> bytes:
        global _count  # noqa: PLW0603  # one fault a process
        with _lock:
            _count += 1
            chosen = _count == int(_argument)
        other = derive_key_pair(bytes(32), b"another key").private_key
        return function(other if chosen else private_key, elements)

    return evaluate


if _what == "kill-before-answer":
    PairwiseServer.evaluate = _after(PairwiseServer.evaluate, signal.SIGKILL)  # type: ignore[method-assign]
elif _what == "stop-before-answer":
    PairwiseServer.evaluate = _after(PairwiseServer.evaluate, signal.SIGSTOP)  # type: ignore[method-assign]
elif _what == "kill-after-keep":
    PeerRun.keep_part = _after(PeerRun.keep_part, signal.SIGKILL)  # type: ignore[method-assign]
elif _what == "kill-after-receipt":
    ClientSession.receive_receipt = _after(  # type: ignore[method-assign]
        ClientSession.receive_receipt, signal.SIGKILL
    )
elif _what == "wrong-key":
    vars(psi.protocol.server)["blind_evaluate"] = _with_another_key(blind_evaluate)
elif _what == "capture":
    Gate.intercept_service = _capturing(Gate.intercept_service)  # type: ignore[method-assign]
elif _what:
    raise SystemExit(f"no such fault: {_what}")

if __name__ == "__main__":
    from psi_cli.main import main

    sys.exit(main())

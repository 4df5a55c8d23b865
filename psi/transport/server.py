# SPDX-License-Identifier: Apache-2.0
"""
The answering side on the network: one port, TLS 1.3, nothing answered without a certificate.

It translates and admits; what is answered is the `Answerer`'s business.
"""

import os
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from psi.errors import LocalProtocolError, PeerProtocolError, RefusedError, TransportError
from psi.proto.v1 import pairwise_pb2
from psi.transport import wire
from psi.transport.auth import Authenticator
from psi.transport.gate import Gate, OnRefusal, calling
from psi.transport.leaf import certificates_of
from psi.transport.options import SERVER_OPTIONS
from psi.transport.seams import Answerer, OwnIdentity, RosterFile, Trusted
from psi.transport.slots import MAX_IN_FLIGHT, Slots
from psi.transport.tls import server_credentials
from psi.trust.names import split_address

__all__ = ["PAIRWISE_SERVICE", "PairwiseGrpcServer"]

PAIRWISE_SERVICE: Final = pairwise_pb2.DESCRIPTOR.services_by_name["Pairwise"].full_name
HEALTH_SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
# Each of them has a thread: grpc reads a request in the thread that will answer it, so with fewer
# threads two peers on slow lines hold up everybody else until their deadlines (measured). What a
# thread may work on at once is bounded by `Slots`.
_MAX_CONCURRENT_CALLS: Final = 256


class PairwiseGrpcServer:
    """Serves one `Answerer`; `start` and `stop` once each, from any thread."""

    def __init__(
        self,
        *,
        answerer: Answerer,
        rosters: Callable[[], Trusted],
        identities: Callable[[], OwnIdentity],
        listen: str,
        now_ms: Callable[[], int],
        on_refusal: OnRefusal = lambda _caller, _method, _slug: None,
        evaluations: int | None = None,
    ) -> None:
        """
        Args:
            rosters: The roster in force; asked for every connection and every call.
            identities: Our certificate in use; asked for every connection.
            listen: HOST:PORT; port 0 takes a free one.
            now_ms: Unix milliseconds.
            on_refusal: Told of each refused call: caller if known, method, slug.
            evaluations: Chunks evaluated at once; if None, two more than there are processors, but
                enough for one client's four.
        """
        self._answerer = answerer
        self._rosters = rosters
        self._identities = identities
        self._listen = listen
        self._gate = Gate(Authenticator(rosters, now_ms), on_refusal)
        self._slots = Slots(evaluations or max(MAX_IN_FLIGHT, (os.cpu_count() or 1) + 2))
        self._serving = threading.Event()
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> int:
        """
        Begin to answer; returns the port.

        Raises:
            RefusedError: The address can't be listened on (`port-in-use`).
            TransportError: The TLS library does not take the certificates (`bad-roster`).
            UsageError: It is no HOST:PORT.
            LocalProtocolError: It was started before.
        """
        if self._server is not None:
            raise LocalProtocolError("the server was started before")
        # Port 0 takes a free one, which no address in a file may say.
        host, port = split_address("listen", re.sub(r":0$", ":1", self._listen))
        credentials = server_credentials(self._identities, self._rosters)
        self._pool = ThreadPoolExecutor(_MAX_CONCURRENT_CALLS, thread_name_prefix="overlap-answer")
        self._server = grpc.server(
            self._pool,
            interceptors=[self._gate],
            options=SERVER_OPTIONS,
            maximum_concurrent_rpcs=_MAX_CONCURRENT_CALLS,
        )
        self._server.add_generic_rpc_handlers((self._pairwise(), self._health()))
        try:
            bound: int = self._server.add_secure_port(self._listen, credentials)
        except RuntimeError:
            # grpc says the same of a port and of keys. Who looks for what listens there would
            # look for long, so we try the port alone.
            if _is_free(host, 0 if self._listen.endswith(":0") else port):
                raise TransportError(
                    "the TLS library does not take our certificate with those of "
                    f"roster {self._rosters().roster.serial}",
                    slug="bad-roster",
                    hint="`overlap roster update`; else ask the operator",
                ) from None
            raise RefusedError(
                f"can't listen on {self._listen}: the port is in use, or the address is not ours",
                slug="port-in-use",
                hint="stop what listens there, or `--listen HOST:PORT`",
            ) from None
        self._server.start()
        self._serving.set()
        return bound

    def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those in flight finish within the grace, then end them."""
        self._serving.clear()
        if self._server is not None:
            self._server.stop(grace_s).wait()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    # ---- handlers: bytes in, bytes out, behind the gate

    def _pairwise(self) -> grpc.GenericRpcHandler:
        return _handlers(
            PAIRWISE_SERVICE,
            {
                "OpenSession": self._open_session,
                "Evaluate": self._evaluate,
                "GetTable": self._get_table,
                "Close": self._close,
                "Status": self._status,
                "GetRoster": self._get_roster,
            },
        )

    def _open_session(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        hello = wire.unpack_hello(request)
        return wire.pack_hello_answer(self._answerer.open_session(calling(), hello))

    def _evaluate(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        caller = calling()
        with self._slots.slot(caller.name):
            signed, elements = wire.unpack_evaluate(request)
            return wire.pack_evaluate_answer(*self._answerer.evaluate(caller, signed, elements))

    def _get_table(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        signed = wire.unpack_get_table(request)
        return wire.pack_tags(self._answerer.get_table(calling(), signed))

    def _close(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        signed = wire.unpack_close(request)
        return wire.pack_close_answer(self._answerer.close(calling(), signed))

    def _status(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        wire.unpack_status_request(request)
        return wire.pack_status(self._answerer.status(calling()))

    def _get_roster(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        wanted = wire.unpack_get_roster(request)
        trusted = self._rosters()
        if trusted.roster.serial < wanted:
            raise RefusedError(
                f"expected roster {wanted}, we have {trusted.roster.serial}",
                slug="roster-older",
                detail={"serial": trusted.roster.serial},
            )
        return wire.pack_roster(
            RosterFile(
                roster=trusted.roster,
                signature=trusted.signature,
                certificates=certificates_of(trusted),
            )
        )

    def _health(self) -> grpc.GenericRpcHandler:
        # `Watch` is left out: it is a stream, and a stream holds what a call needs.
        return _handlers(HEALTH_SERVICE, {"Check": self._check})

    def _check(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        asked = health_pb2.HealthCheckRequest()
        try:
            asked.ParseFromString(request)
        except DecodeError:
            raise PeerProtocolError("expected a HealthCheckRequest") from None
        answer = health_pb2.HealthCheckResponse
        if asked.service not in ("", PAIRWISE_SERVICE):
            return answer(status=answer.SERVICE_UNKNOWN).SerializeToString()
        serving = self._serving.is_set()
        status = answer.SERVING if serving else answer.NOT_SERVING
        return answer(status=status).SerializeToString()


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True


def _handlers(
    service: str, behaviours: dict[str, Callable[[bytes, grpc.ServicerContext], bytes]]
) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service,
        {name: grpc.unary_unary_rpc_method_handler(each) for name, each in behaviours.items()},
    )

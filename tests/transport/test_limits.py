# SPDX-License-Identifier: Apache-2.0
"""Calls that no client of ours would make: refused, and the server goes on (tests M1, M2, N2)."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

import grpc
import pytest
from grpc_health.v1 import health_pb2
from transport.support import Member, Running, channel, eval_request, status, trusted

from psi.errors import PeerProtocolError, PsiError
from psi.transport import wire
from psi.transport.options import MAX_MESSAGE_BYTES
from psi.transport.refusals import METADATA_KEY
from psi.transport.tls import client_credentials, server_credentials
from psi.trust.certificates import dns_name

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
ROSTER = trusted(ACME, BETA)
SERVICE = "/psi.proto.v1.Pairwise"
CHUNK = wire.pack_evaluate(eval_request(), bytes(4096 * 32))

if TYPE_CHECKING:  # generic in the stubs only
    Call = grpc.UnaryUnaryMultiCallable[bytes, bytes]


@pytest.fixture(scope="module")
def beta() -> Iterator[Running]:
    with Running(BETA, ROSTER) as running:
        yield running


@pytest.fixture
def raw(beta: Running) -> Iterator[grpc.Channel]:
    """A member's connection without our own client's limits."""
    with raw_channel(beta.address) as opened:
        yield opened
    # Whatever was sent, the next honest call is answered.
    with channel(ACME, ROSTER, beta.address) as to_beta:
        assert to_beta.status() == status()


def raw_channel(address: str) -> grpc.Channel:
    return grpc.secure_channel(
        address,
        client_credentials(ACME, ROSTER, "beta-bank"),
        options=(
            ("grpc.ssl_target_name_override", dns_name("beta-bank")),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
        ),
    )


def failure(
    opened: grpc.Channel,
    method: str,
    request: bytes,
    *,
    timeout: float | None = 10,
    compression: grpc.Compression | None = None,
    metadata: tuple[tuple[str, str], ...] = (),
) -> tuple[grpc.StatusCode, bool]:
    """The status of a call, and whether it came with a refusal of ours."""
    call: Call = opened.unary_unary(method)
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=timeout, compression=compression, metadata=metadata)
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error.code(), any(key == METADATA_KEY for key, _ in error.trailing_metadata() or ())


def n_answered(beta: Running) -> int:
    return len(beta.answerer.calls)


def test_message_over_the_limit_is_refused_before_it_is_read(
    beta: Running, raw: grpc.Channel
) -> None:
    """1 MiB is the most; without our metadata the code means grpc's own limit."""
    before = n_answered(beta)
    got = failure(raw, f"{SERVICE}/Evaluate", bytes(MAX_MESSAGE_BYTES + 1))
    assert got == (grpc.StatusCode.RESOURCE_EXHAUSTED, False)
    assert n_answered(beta) == before


def test_message_with_a_length_of_two_gib_is_refused_before_it_is_read(
    beta: Running, raw: grpc.Channel
) -> None:
    """The length inside a message that protobuf would allocate for."""
    before = n_answered(beta)
    got = failure(raw, f"{SERVICE}/Evaluate", b"\x1a\xff\xff\xff\xff\x07" + bytes(100))
    assert got == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert n_answered(beta) == before


@pytest.mark.parametrize(
    "request_bytes",
    [b"\xff" * 100, b"\x7b" * 500_000 + b"\x7c" * 500_000, b"\x12\x00" * 500_000, CHUNK[:-1]],
    ids=["garbage", "deep nesting", "a million fields", "cut short"],
)
def test_message_that_is_malformed_is_refused(
    request_bytes: bytes, beta: Running, raw: grpc.Channel
) -> None:
    """INVALID_ARGUMENT with a reason, for every call that takes a message."""
    before = n_answered(beta)
    for method in ("OpenSession", "Evaluate", "GetTable", "Close"):
        got = failure(raw, f"{SERVICE}/{method}", request_bytes)
        assert got == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert n_answered(beta) == before


def test_message_that_is_compressed_is_refused(beta: Running, raw: grpc.Channel) -> None:
    """A hundred megabytes of nothing fit into the limit when compressed."""
    before = n_answered(beta)
    for request in (CHUNK, bytes(100_000_000)):
        code, _ = failure(raw, f"{SERVICE}/Evaluate", request, compression=grpc.Compression.Gzip)
        assert code is grpc.StatusCode.UNIMPLEMENTED
    assert n_answered(beta) == before


def test_answer_that_is_compressed_is_refused_by_the_client() -> None:
    """The same the other way round, from a server of the roster that is not ours."""
    with (
        other_server(compression=grpc.Compression.Gzip, answer=bytes(10_000_000)) as address,
        channel(ACME, ROSTER, address) as to_beta,
        pytest.raises(PsiError) as caught,
    ):
        to_beta.status()
    assert caught.value.slug in ("malformed", "peer-failed")


def test_answer_over_the_limit_is_the_peers_fault() -> None:
    """The client reads no more than a megabyte."""
    with (
        other_server(answer=bytes(MAX_MESSAGE_BYTES + 1)) as address,
        channel(ACME, ROSTER, address) as to_beta,
        pytest.raises(PeerProtocolError, match=r"more than 1,048,576 bytes"),
    ):
        to_beta.status()


def test_answer_that_is_malformed_is_the_peers_fault() -> None:
    """Bytes that are no StatusResponse."""
    with (
        other_server(answer=b"\xff" * 100) as address,
        channel(ACME, ROSTER, address) as to_beta,
        pytest.raises(PeerProtocolError, match="StatusResponse: 100 bytes"),
    ):
        to_beta.status()


def test_request_over_the_limit_is_not_sent(beta: Running) -> None:
    """A mistake of ours is found here."""
    with (
        channel(ACME, ROSTER, beta.address) as to_beta,
        pytest.raises(PsiError, match=r"Evaluate: .* more than a message may have"),
    ):
        to_beta.evaluate(eval_request(), bytes(MAX_MESSAGE_BYTES))
    assert to_beta.sent_bytes == 0


@pytest.mark.parametrize("size", [9_000, 100_000])
def test_metadata_over_the_limit_is_refused(size: int, beta: Running, raw: grpc.Channel) -> None:
    """8 KiB of headers."""
    before = n_answered(beta)
    code, _ = failure(raw, f"{SERVICE}/Status", b"", metadata=(("x", "a" * size),))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert n_answered(beta) == before


def test_call_without_a_deadline_is_refused(beta: Running, raw: grpc.Channel) -> None:
    """Every call ends at some time."""
    before = n_answered(beta)
    got = failure(raw, f"{SERVICE}/Status", b"", timeout=None)
    assert got == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert n_answered(beta) == before


def test_call_with_less_than_a_second_left_is_refused(beta: Running, raw: grpc.Channel) -> None:
    """What can't be answered in time is not begun."""
    before = n_answered(beta)
    got = failure(raw, f"{SERVICE}/Status", b"", timeout=0.9)
    assert got == (grpc.StatusCode.UNAVAILABLE, True)
    assert n_answered(beta) == before


@pytest.mark.parametrize(
    "method",
    [
        f"{SERVICE}/NoSuchCall",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ],
)
def test_call_that_does_not_exist_is_refused(method: str, raw: grpc.Channel) -> None:
    """No reflection and no streams."""
    assert failure(raw, method, b"") == (grpc.StatusCode.UNIMPLEMENTED, False)


def test_health_behind_the_gate_is_serving(raw: grpc.Channel) -> None:
    """For members only, like every call."""
    check: Call = raw.unary_unary("/grpc.health.v1.Health/Check")
    states = health_pb2.HealthCheckResponse
    for service, expected in (
        ("", states.SERVING),
        ("psi.proto.v1.Pairwise", states.SERVING),
        ("other", states.SERVICE_UNKNOWN),
    ):
        request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        assert states.FromString(check(request, timeout=10)).status == expected
    assert failure(raw, "/grpc.health.v1.Health/Check", b"\xff") == (
        grpc.StatusCode.INVALID_ARGUMENT,
        True,
    )


def test_calls_of_others_while_many_trickle_are_answered(beta: Running) -> None:
    """Forty unfinished requests hold up nobody else (test N2)."""
    with (
        half_sent_requests(beta, 40),
        channel(ACME, ROSTER, beta.address, deadline_s=5.0, patience_s=0.0) as to_beta,
    ):
        assert to_beta.status() == status()


@contextmanager
def half_sent_requests(beta: Running, count: int) -> Iterator[None]:
    """Calls whose requests stop half way, each on a connection of its own."""
    with ExitStack() as stack:
        calls = []
        for _ in range(count):
            relay = stack.enter_context(Relay(beta.port, stop_after=40_000))
            opened = stack.enter_context(raw_channel(relay.address))
            call: Call = opened.unary_unary(f"{SERVICE}/Evaluate")
            calls.append(call.future(CHUNK, timeout=60))
            assert relay.stopped.wait(10)
        yield
        for each in calls:
            each.cancel()


class Relay:
    """Passes one connection on, and of what the client sends only the first bytes."""

    def __init__(self, port: int, stop_after: int) -> None:
        self.stopped = threading.Event()
        self._left = stop_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = socket.create_connection(("127.0.0.1", port))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._there = threading.Thread(target=self._forward, daemon=True)

    def __enter__(self) -> Self:
        self._there.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # ends `accept` when nobody came
            self._listener.shutdown(socket.SHUT_RDWR)
        self._there.join(30)
        assert not self._there.is_alive()
        self._server.close()
        self._listener.close()

    def _forward(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        back = threading.Thread(target=self._back, args=(client,))
        back.start()
        with client:
            while self._left > 0 and (data := client.recv(min(4_096, self._left))):
                self._left -= len(data)
                self._server.sendall(data)
            self.stopped.set()
            back.join()

    def _back(self, client: socket.socket) -> None:
        with suppress(OSError):
            while data := self._server.recv(65_536):
                client.sendall(data)


@contextmanager
def other_server(*, answer: bytes, compression: grpc.Compression | None = None) -> Iterator[str]:
    """A server of the roster that answers Status with the same bytes, whatever they are."""

    def give(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        return answer

    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Status": grpc.unary_unary_rpc_method_handler(give)
    }
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, compression=compression)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("psi.proto.v1.Pairwise", handlers),)
        )
        port = server.add_secure_port(
            "127.0.0.1:0", server_credentials(lambda: BETA, lambda: ROSTER)
        )
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()

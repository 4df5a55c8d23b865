# SPDX-License-Identifier: Apache-2.0
"""
The asking side on the network: one channel to one peer, used from several threads.

Every call has a deadline, and is sent again byte for byte while the peer is silent or busy, as
long as patience lasts. What a failure means is said by `psi.transport.faults` and
`psi.transport.probe`.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import grpc

from psi.errors import PsiError, RefusedError, UnreachableError
from psi.proto.v1 import pairwise_pb2
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    Principal,
    ServerAnswer,
    Signed,
    Status,
)
from psi.protocol.sizes import chunk_count
from psi.transport import wire
from psi.transport.faults import AGAIN, Parties
from psi.transport.options import CALL_DEADLINE_S, MAX_MESSAGE_BYTES, client_options
from psi.transport.patience import Attempts, Line, Patience
from psi.transport.probe import Look, look, own_fault
from psi.transport.seams import OwnIdentity, RosterFile, Trusted
from psi.transport.tls import client_credentials
from psi.transport.waiting import ThreadWaiter, Waiter
from psi.trust.certificates import dns_name
from psi.trust.names import split_address

__all__ = ["PeerChannel"]

_SERVICE: Final = pairwise_pb2.DESCRIPTOR.services_by_name["Pairwise"]


class PeerChannel:
    """Calls one peer. A context manager: leaving it disconnects."""

    def __init__(
        self,
        *,
        peer: Principal,
        identity: OwnIdentity,
        trusted: Trusted,
        now_ms: Callable[[], int],
        address: str | None = None,
        patience_s: float = 20.0,
        busy_patience_s: float = 600.0,
        deadline_s: float = CALL_DEADLINE_S,
        waiter: Waiter | None = None,
        check_own_certificate: bool = True,
    ) -> None:
        """
        Args:
            peer: The roster's entry of whom we call.
            trusted: The roster in force.
            now_ms: Unix milliseconds.
            address: HOST:PORT instead of the roster's.
            patience_s: How long a peer may be silent before a call is given up.
            busy_patience_s: How long one call may be put off by a peer that answers "busy".
            deadline_s: Of each single try.
            waiter: The clock to wait on.
            check_own_certificate: Refuse here already what no peer would accept.

        Raises:
            RefusedError: The peer has no address, or our own certificate is not one that a peer
                would accept.
            UsageError: The address is no HOST:PORT.
            TransportError: The roster has no certificate of the peer.
        """
        self._identity = identity
        self._deadline_s = deadline_s
        self.parties = Parties(
            own=identity.name,
            peer=peer.name,
            contact=peer.contact,
            address=address or peer.address,
            roster_serial=trusted.roster.serial,
            alliance=trusted.roster.alliance,
            epoch_seconds=trusted.roster.epoch_seconds,
        )
        if not self.parties.address:
            raise RefusedError(
                f"{peer.name} has no address in roster {trusted.roster.serial}",
                slug="no-address",
                hint=f"`peer.{peer.name}.address` in overlap.toml, or --address HOST:PORT",
            )
        host, port = split_address(f"address of {peer.name}", self.parties.address)
        if check_own_certificate and (fault := own_fault(identity, trusted, now_ms() // 1000)):
            raise fault
        # With its scheme, so that an address can never select another of grpc's resolvers.
        target = f"dns:///[{host}]:{port}" if ":" in host else f"dns:///{host}:{port}"
        self._channel = grpc.secure_channel(
            target,
            client_credentials(identity, trusted, peer.name),
            options=client_options(dns_name(peer.name)),
        )
        # Without serialisers: bytes go out and come in as they are.
        self._callables: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {
            method.name: self._channel.unary_unary(f"/{_SERVICE.full_name}/{method.name}")
            for method in _SERVICE.methods
        }
        self._lock = threading.Lock()
        self._in_flight: set[grpc.Future[bytes]] = set()
        self._cancelled = False
        self._line = Line(
            parties=self.parties,
            identity=identity,
            trusted=trusted,
            look=self.look,
            waiter=waiter or ThreadWaiter(),
            now_ms=now_ms,
            patience=Patience(silence_s=patience_s, busy_s=busy_patience_s),
            deadline_s=deadline_s,
        )
        self._parts: int | None = None
        self._sent = 0
        self._received = 0

    # ---- calls

    def open_session(self, hello: Signed[ClientHello]) -> ServerAnswer:
        """
        Send a ClientHello; returns the answer, unverified.

        Raises:
            PsiError: As every call: what the peer refused, or why it can't be reached.
        """
        self._parts = chunk_count(hello.body.bucket)
        return wire.unpack_hello_answer(self._call("OpenSession", wire.pack_hello(hello)))

    def evaluate(
        self, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        """Send one chunk, n * 32 bytes; returns response and elements, both unverified."""
        part = f" in part {request.body.chunk + 1}"
        if self._parts is not None:
            part += f" of {self._parts}"
        return wire.unpack_evaluate_answer(
            self._call("Evaluate", wire.pack_evaluate(request, elements), part)
        )

    def get_table(self, request: Signed[GetTable]) -> bytes:
        """One page of the peer's tags, unverified."""
        return wire.unpack_tags(self._call("GetTable", wire.pack_get_table(request)))

    def close(self, close: Signed[Close]) -> Signed[Close]:
        """End the session; returns the receipt, unverified. `disconnect` closes the channel."""
        return wire.unpack_close_answer(self._call("Close", wire.pack_close(close)))

    def status(self) -> Status:
        """The peer's limits for us, and what is left; charges nothing."""
        return wire.unpack_status(self._call("Status", wire.pack_status_request()))

    def get_roster(self, serial: int = 0) -> RosterFile:
        """The peer's roster, of at least this serial; nothing of it is verified."""
        return wire.unpack_roster(self._call("GetRoster", wire.pack_get_roster(serial)))

    # ---- the channel

    @property
    def sent_bytes(self) -> int:
        """Bytes of all messages sent, repeats included; without framing and TLS."""
        return self._sent

    @property
    def received_bytes(self) -> int:
        """Bytes of all messages received; without framing and TLS."""
        return self._received

    def look(self) -> Look:
        """One look at the peer's address, beside the channel."""
        return look(self.parties.address, self.parties.peer, self._identity)

    def cancel(self) -> None:
        """End all calls and all waiting, from any thread; they raise `not-finished`."""
        with self._lock:
            self._cancelled = True
            calls = tuple(self._in_flight)
        self._line.waiter.wake()
        for call in calls:
            call.cancel()

    def disconnect(self) -> None:
        """End everything and close the connection; from any thread, more than once."""
        self.cancel()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disconnect()

    # ---- one call, until it is answered or given up

    def _call(self, method: str, request: bytes, where: str = "") -> bytes:
        if len(request) > MAX_MESSAGE_BYTES:
            raise PsiError(f"{method}: {len(request):,} bytes are more than a message may have")
        attempts = Attempts(self._line, where)
        while True:
            try:
                return self._once(method, request)
            except grpc.RpcError as error:
                self._check_cancelled()
                pause = attempts.pause_after(error)
            self._line.waiter.wait(pause)

    def _once(self, method: str, request: bytes) -> bytes:
        with self._lock:
            # Under the lock, since grpc takes no call once the channel is closed.
            self._check_cancelled()
            future = self._callables[method].future(request, timeout=self._deadline_s)
            self._in_flight.add(future)
            self._sent += len(request)
        try:
            answer = bytes(future.result())
        except grpc.FutureCancelledError:
            raise self._not_finished() from None
        finally:
            with self._lock:
                self._in_flight.discard(future)
        with self._lock:
            self._received += len(answer)
        self._line.note_answer()
        return answer

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise self._not_finished()

    def _not_finished(self) -> PsiError:
        return UnreachableError(
            f"the calls to {self.parties.peer} were ended from here; state is kept",
            slug="not-finished",
            hint=AGAIN,
        )

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

from psi.errors import PeerProtocolError, PsiError, RefusedError, UnreachableError
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
from psi.transport.faults import Parties, failed_answer, refused
from psi.transport.options import CALL_DEADLINE_S, MAX_MESSAGE_BYTES, client_options
from psi.transport.probe import Look, certificate_fault, look, not_accepted, own_fault
from psi.transport.refusals import read_refusal
from psi.transport.seams import OwnIdentity, RosterFile, Trusted
from psi.transport.times import span
from psi.transport.tls import client_credentials
from psi.transport.waiting import ThreadWaiter, Waiter, backoff_s
from psi.trust.certificates import dns_name
from psi.trust.names import split_address

__all__ = ["PeerChannel"]

_SERVICE: Final = pairwise_pb2.DESCRIPTOR.services_by_name["Pairwise"]
_Code = grpc.StatusCode


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
        self._now_ms = now_ms
        self._identity = identity
        self._trusted = trusted
        self._patience_s = patience_s
        self._busy_patience_s = busy_patience_s
        self._deadline_s = deadline_s
        self._waiter = waiter or ThreadWaiter()
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
        self._answered_at: float | None = None
        self._not_accepted = 0
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
        self._waiter.wake()
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
        started = self._waiter.monotonic()
        tries = failures = 0
        while True:
            self._check_cancelled()
            tries += 1
            try:
                return self._once(method, request)
            except grpc.RpcError as error:
                code, pause, fault = self._understand(error)
            if fault is not None and fault.slug not in ("busy", "peer-failed"):
                raise fault
            now = self._waiter.monotonic()
            if fault is not None:
                # It answers, but not this: that is no silence, and has a patience of its own.
                self._note_answer()
                failures += 1
                pause = pause or backoff_s(failures)
                if now - started + pause > self._busy_patience_s:
                    raise fault
            else:
                reason = self._diagnose(code)
                failures += 1
                pause = backoff_s(failures)
                now = self._waiter.monotonic()
                silent_since = max(started, self._answered_at or started)
                if now - silent_since + pause > self._patience_s:
                    raise self._given_up(reason, tries, now - started, where)
            self._waiter.wait(pause)

    def _once(self, method: str, request: bytes) -> bytes:
        """One try."""
        future = self._callables[method].future(request, timeout=self._deadline_s)
        with self._lock:
            self._in_flight.add(future)
            self._sent += len(request)
            cancelled = self._cancelled
        if cancelled:
            future.cancel()
        try:
            answer = bytes(future.result())
        except grpc.FutureCancelledError:
            raise self._not_finished() from None
        finally:
            with self._lock:
                self._in_flight.discard(future)
        with self._lock:
            self._received += len(answer)
        self._note_answer()
        return answer

    def _understand(self, error: grpc.RpcError) -> tuple[grpc.StatusCode, float, PsiError | None]:
        """Status, pause asked for in seconds, and the fault; None when it is mere silence."""
        assert isinstance(error, grpc.Call)
        code = error.code()
        received = read_refusal(code, error.trailing_metadata() or ())
        if received is not None:
            fault = refused(received, self.parties, self._now_ms() // 1000)
            return code, received.retry_after_s, fault
        if code in (_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED):
            return code, 0.0, None
        if code is _Code.CANCELLED:
            self._check_cancelled()
            return code, 0.0, None
        if code is _Code.RESOURCE_EXHAUSTED:
            return code, 0.0, self._exhausted(error.details() or "")
        return code, 0.0, failed_answer(code, self.parties)

    def _exhausted(self, details: str) -> PsiError:
        # Without our metadata it is grpc's own: too many calls there, or an answer too large here.
        if "larger than max" in details:
            return PeerProtocolError(
                f"{self.parties.peer} sent a message of more than {MAX_MESSAGE_BYTES:,} bytes"
            )
        return UnreachableError(
            f"{self.parties.peer} has no time to answer now",
            slug="busy",
            hint="run the same command again; nothing is charged twice",
        )

    def _diagnose(self, code: grpc.StatusCode) -> str:
        """
        Why it is silent, in words.

        Raises:
            PsiError: It will not mend by waiting: a certificate is wrong, theirs or ours.
        """
        if code is _Code.DEADLINE_EXCEEDED:
            return f"no answer within {self._deadline_s:g} s"
        now_s = self._now_ms() // 1000
        if fault := own_fault(self._identity, self._trusted, now_s):
            raise fault
        with self._lock:  # one look at a time is enough for all threads
            seen = self.look()
            self._not_accepted = 0 if seen.accepted else self._not_accepted + 1
            closed_on_us = self._not_accepted
        if seen.certificate is not None:
            if fault := certificate_fault(seen.certificate, self.parties, self._trusted, now_s):
                raise fault
            # Once may be a server on its way down; twice in a row is our certificate.
            if not seen.accepted and not seen.reason and closed_on_us > 1:
                raise not_accepted(self.parties)
        return seen.reason or "it closes the connection"

    def _given_up(self, reason: str, tries: int, elapsed_s: float, where: str) -> PsiError:
        parties = self.parties
        if self._answered_at is None:
            times = "1 try" if tries == 1 else f"{tries} tries"
            contact = f"; contact {parties.contact}" if parties.contact else ""
            return UnreachableError(
                f"{parties.peer} does not answer at {parties.address}: {reason}, "
                f"{times} in {span(elapsed_s)}",
                hint=f"`overlap ping {parties.peer}` shows how far it gets{contact}",
            )
        silent_s = self._waiter.monotonic() - self._answered_at
        return UnreachableError(
            f"{parties.peer} stopped answering{where}, {span(silent_s)} ago; state is kept",
            slug="stalled",
            hint="run the same command again; nothing is charged twice",
        )

    def _note_answer(self) -> None:
        self._answered_at = self._waiter.monotonic()

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise self._not_finished()

    def _not_finished(self) -> PsiError:
        return UnreachableError(
            f"the calls to {self.parties.peer} were ended from here; state is kept",
            slug="not-finished",
            hint="run the same command again; nothing is charged twice",
        )

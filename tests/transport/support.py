# SPDX-License-Identifier: Apache-2.0
"""Members with real certificates, a server that counts what it answers, and a clock for waiting."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from psi.crypto.signing import Signer
from psi.protocol.admission import Caller
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    KeyCert,
    Principal,
    Profile,
    Roster,
    ServerAnswer,
    ServerHello,
    Signed,
    Status,
)
from psi.transport.client import PeerChannel
from psi.transport.seams import Trusted
from psi.transport.server import PairwiseGrpcServer
from psi.transport.waiting import Waiter
from psi.trust.certificates import key_spki, make_certificate, make_tls_key
from psi.trust.rosters import TrustedRoster, sign_roster

YEAR_S = 365 * 86_400
WEEK_S = 604_800
ALLIANCE_SIGNER = Signer(bytes(range(32)))
PROFILE = Profile(version=1, fold_https=1, derive_host=0, expand_v4=0, rules_digest=b"\x07" * 32)


def now_s() -> int:
    """The real time: TLS libraries know no other."""
    return int(time.time())


def now_ms() -> int:
    return now_s() * 1000


@dataclass(frozen=True)
class Member:
    """An identity as the transport sees it."""

    name: str
    tls_key_pem: bytes = field(repr=False)
    certificate_der: bytes = field(repr=False)

    @classmethod
    def make(cls, name: str, *, at_s: int | None = None) -> Self:
        """With a certificate that was made at this time, and is good for a year."""
        key = make_tls_key()
        made_at = now_s() if at_s is None else at_s
        return cls(name, key, make_certificate(name, key, made_at))

    @property
    def spki(self) -> bytes:
        # From the key: some members of the tests have certificates that the product refuses.
        return key_spki(self.tls_key_pem)


def principal(
    member: Member,
    *,
    address: str = "127.0.0.1:9",
    not_before: int = 0,
    not_after: int = 2**40,
    also: tuple[Member, ...] = (),
) -> Principal:
    """A member's entry; `also` are further certificates of the same principal."""
    return Principal(
        name=member.name,
        roles=("member",),
        address=address,
        contact=f"soc@{member.name}.example",
        identity_key=hashlib.sha256(b"identity" + member.name.encode()).digest(),
        log_key=hashlib.sha256(b"log" + member.name.encode()).digest(),
        certificates=(member.spki, *(each.spki for each in also)),
        not_before=not_before,
        not_after=not_after,
        bucket_limit=131_072,
        budget=524_288,
        sessions=8,
    )


def trusted(
    *members: Member, serial: int = 6, principals: tuple[Principal, ...] = ()
) -> TrustedRoster:
    """A signed roster of these members; `principals` are entries of one's own making."""
    given = {each.name for each in principals}
    entries = [*principals, *(principal(m) for m in members if m.name not in given)]
    roster = Roster(
        alliance="cti-north",
        serial=serial,
        previous=None,
        epoch_seconds=WEEK_S,
        board="",
        principals=tuple(sorted(entries, key=lambda each: each.name)),
    )
    return sign_roster(roster, ALLIANCE_SIGNER, [m.certificate_der for m in members])


# ---- messages, none of which means anything


def hello(client: str = "acme-corp", server: str = "beta-bank") -> Signed[ClientHello]:
    body = ClientHello(
        version=1,
        client=client,
        server=server,
        roster_hash=b"\x01" * 32,
        policy_hash=b"\x02" * 32,
        profile_digest=b"\x03" * 32,
        bucket=14_336,
        nonce=b"\x04" * 32,
        time_ms=1_796_083_200_000,
        spki_client=b"\x05" * 32,
        spki_server=b"\x06" * 32,
    )
    return Signed(body, b"\x07" * 64)


def server_hello() -> ServerAnswer:
    cert = KeyCert(
        server="beta-bank",
        client="acme-corp",
        epoch=2969,
        pk=b"\x08" * 32,
        not_before=1_795_996_800,
        not_after=1_796_601_600,
        profile_digest=b"\x03" * 32,
    )
    body = ServerHello(
        session_id=b"\x09" * 32,
        key_cert=cert,
        policy_hash=b"\x0a" * 32,
        bucket=40_960,
        tag_length=9,
        table_version=3,
        table_digest=b"\x0b" * 32,
        budget_left=0,
        nonce=b"\x0c" * 32,
        time_ms=1_796_083_200_123,
        spki_client=b"\x05" * 32,
        spki_server=b"\x06" * 32,
    )
    return ServerAnswer(hello=Signed(body, b"\x0d" * 64), key_cert_signature=b"\x0e" * 64)


def eval_request(chunk: int = 0) -> Signed[EvalRequest]:
    body = EvalRequest(session_id=b"\x09" * 32, chunk=chunk, chunk_digest=b"\x0f" * 32)
    return Signed(body, b"\x10" * 64)


def get_table(first: int = 0) -> Signed[GetTable]:
    return Signed(GetTable(session_id=b"\x09" * 32, table_version=3, from_=first), b"\x11" * 64)


def close() -> Signed[Close]:
    return Signed(Close(session_id=b"\x09" * 32, transcript=b"\x12" * 32, chunks=4), b"\x13" * 64)


def status(serial: int = 6) -> Status:
    return Status(
        roster_serial=serial,
        roster_hash=b"\x14" * 32,
        profile=PROFILE,
        bucket_limit=131_072,
        budget=524_288,
        sessions=8,
        budget_left=509_952,
        sessions_left=7,
        epoch_ends=1_796_601_600,
        time_ms=1_796_083_200_456,
    )


class CountingAnswerer:
    """Answers everything, and keeps who asked what; `before` runs first and may raise."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Caller]] = []
        self.requests: list[object] = []
        self.before: Callable[[str, Caller], None] = lambda _method, _caller: None
        self.answer_status = status()
        self._lock = threading.Lock()

    def _note(self, method: str, caller: Caller, request: object = None) -> None:
        with self._lock:
            self.calls.append((method, caller))
            self.requests.append(request)
        self.before(method, caller)

    def open_session(self, caller: Caller, hello: Signed[ClientHello]) -> ServerAnswer:
        self._note("open_session", caller, hello)
        return server_hello()

    def evaluate(
        self, caller: Caller, request: Signed[EvalRequest], elements: bytes
    ) -> tuple[Signed[EvalResponse], bytes]:
        self._note("evaluate", caller, (request, elements))
        response = EvalResponse(
            session_id=request.body.session_id,
            chunk=request.body.chunk,
            chunk_digest=request.body.chunk_digest,
            elements_digest=b"\x15" * 32,
            proof=b"\x16" * 64,
        )
        return Signed(response, b"\x17" * 64), elements[::-1]

    def get_table(self, caller: Caller, request: Signed[GetTable]) -> bytes:
        self._note("get_table", caller, request)
        return b"\x18" * 9 * 100

    def close(self, caller: Caller, request: Signed[Close]) -> Signed[Close]:
        self._note("close", caller, request)
        return Signed(request.body, b"\x19" * 64)

    def status(self, caller: Caller) -> Status:
        self._note("status", caller)
        return self.answer_status


class FakeWaiter:
    """A clock that stands still but for waiting, which takes no time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self.on_wait()

    def wake(self) -> None:
        pass


class Running:
    """A server on a free port of the loopback, whose roster can be changed while it runs."""

    def __init__(self, server: Member, roster: TrustedRoster, **options: object) -> None:
        self.member = server
        self.answerer = CountingAnswerer()
        self.roster: Trusted = roster
        self.refusals: list[tuple[str | None, str, str]] = []
        self.server = PairwiseGrpcServer(
            **{
                "answerer": self.answerer,
                "rosters": lambda: self.roster,
                "identities": lambda: server,
                "listen": "127.0.0.1:0",
                "now_ms": now_ms,
                "on_refusal": lambda *what: self.refusals.append(what),
                **options,
            }  # type: ignore[arg-type]  # tests override any of them
        )
        self.port = self.server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop(0)


@contextmanager
def channel(
    client: Member,
    roster: TrustedRoster,
    address: str,
    *,
    server: str = "beta-bank",
    waiter: Waiter | None = None,
    **options: object,
) -> Iterator[PeerChannel]:
    """A channel to a server of the roster."""
    entry = replace(roster.principal(server), address=address)
    with PeerChannel(
        **{
            "peer": entry,
            "identity": client,
            "trusted": roster,
            "now_ms": now_ms,
            "waiter": waiter or FakeWaiter(),
            **options,
        }  # type: ignore[arg-type]  # tests override any of them
    ) as opened:
        yield opened


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that is none of ours: runs `answer` on each connection, then closes it."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                answer(connection)
                # Read what the other side still says, so that closing is no reset.
                connection.settimeout(1)
                connection.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

# SPDX-License-Identifier: Apache-2.0
"""Two members in one process: real keys and messages, a ledger in memory, a clock by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from psi.crypto.blinding import BlindForm, Blinding
from psi.crypto.signing import Signer
from psi.crypto.voprf import evaluate, pack
from psi.protocol.admission import Caller, Rules
from psi.protocol.client import ClientSession, ClientTerms, new_client_hello
from psi.protocol.evidence import Evidence
from psi.protocol.ledger import ChunkRecord, Limits, SessionRecord, Usage
from psi.protocol.messages import (
    ClientHello,
    Close,
    KeyCert,
    Principal,
    Profile,
    Roster,
    ServerAnswer,
    Signed,
)
from psi.protocol.server import PairwiseServer
from psi.protocol.server_keys import ServerKey, ServerKeys
from psi.protocol.sizes import bucket_for
from psi.protocol.structure import Structure
from psi.protocol.table import session_table
from psi.protocol.tables import FrozenTags

S = TypeVar("S", bound=Structure)

EPOCH_SECONDS = 604_800
# Wednesday 2026-11-25 12:00 UTC.
NOW_MS = 1_795_608_000_000
PROFILE = Profile(version=1, fold_https=1, derive_host=0, expand_v4=0, rules_digest=bytes(32))
CLIENT, SERVER, OTHER = "acme-corp", "beta-bank", "city-hospital"
SPKI = {CLIENT: b"\1" * 32, SERVER: b"\2" * 32, OTHER: b"\3" * 32}
SIGNERS = {name: Signer(bytes([number]) * 32) for number, name in enumerate(SPKI, start=65)}


def sign(signer: Signer, body: S) -> Signed[S]:
    """A message as the holder of this key would send it."""
    return Signed(body, signer.sign(body.NAME, body.encode()))


def make_roster(**changes: int) -> Roster:
    """Three members with generous limits."""
    limits = {"bucket_limit": 2**20, "budget": 2**22, "sessions": 8, **changes}
    return Roster(
        alliance="cti-north",
        serial=6,
        previous=bytes(32),
        epoch_seconds=EPOCH_SECONDS,
        board="",
        principals=tuple(
            Principal(
                name=name,
                roles=("member",),
                address="127.0.0.1:1",
                contact="soc@example.org",
                identity_key=SIGNERS[name].public_key,
                log_key=bytes(32),
                certificates=(SPKI[name],),
                not_before=0,
                not_after=2**40,
                **limits,
            )
            for name in sorted(SPKI)
        ),
    )


@dataclass
class MemoryLedger:
    """The ledger without a disk; the rules of the seam and nothing more."""

    certs: dict[tuple[str, int], Signed[KeyCert]] = field(default_factory=dict)
    used: dict[tuple[str, int], Usage] = field(default_factory=dict)
    sessions: dict[bytes, SessionRecord] = field(default_factory=dict)
    answered: dict[tuple[bytes, int], ChunkRecord] = field(default_factory=dict)
    repeats: dict[tuple[bytes, int], int] = field(default_factory=dict)

    def key_cert(self, client: str, epoch: int) -> Signed[KeyCert] | None:
        return self.certs.get((client, epoch))

    def issue_key_cert(self, cert: Signed[KeyCert]) -> Signed[KeyCert]:
        return self.certs.setdefault((cert.body.client, cert.body.epoch), cert)

    def usage(self, client: str, epoch: int) -> Usage:
        return self.used.get((client, epoch), Usage(elements=0, sessions=0))

    def session(self, session_id: bytes) -> SessionRecord | None:
        return self.sessions.get(session_id)

    def session_of(self, hello_digest: bytes) -> SessionRecord | None:
        found = (s for s in self.sessions.values() if s.client_hello.body.digest() == hello_digest)
        return next(found, None)

    def nonce_seen(self, client: str, nonce: bytes, since_ms: int) -> bool:
        return any(
            s.client == client and s.client_hello.body.nonce == nonce and s.opened_ms >= since_ms
            for s in self.sessions.values()
        )

    def open_session(
        self, hello: ClientHello, epoch: int, make: Callable[[Usage], SessionRecord]
    ) -> SessionRecord:
        known = self.session_of(hello.digest())
        if known is not None:
            return known
        usage = self.usage(hello.client, epoch)
        record = make(usage)
        self.sessions[record.session_id] = record
        self.used[hello.client, epoch] = Usage(
            elements=usage.elements + hello.bucket, sessions=usage.sessions + 1
        )
        return record

    def chunk(self, session_id: bytes, chunk: int) -> ChunkRecord | None:
        return self.answered.get((session_id, chunk))

    def record_chunk(self, session_id: bytes, chunk: int, record: ChunkRecord) -> ChunkRecord:
        return self.answered.setdefault((session_id, chunk), record)

    def count_repeat(self, session_id: bytes, chunk: int) -> int:
        self.repeats[session_id, chunk] = self.repeats.get((session_id, chunk), 0) + 1
        return self.repeats[session_id, chunk]

    def chunks(self, session_id: bytes) -> list[ChunkRecord]:
        records: list[ChunkRecord] = []
        while (session_id, len(records)) in self.answered:
            records.append(self.answered[session_id, len(records)])
        return records

    def close_session(
        self, session_id: bytes, receipt: Signed[Close], client_signature: bytes
    ) -> None:
        self.sessions[session_id] = replace(
            self.sessions[session_id],
            receipt=receipt,
            closed_by_client=Signed(receipt.body, client_signature),
        )


@dataclass
class MemoryTables:
    """Tags made on the spot."""

    values: list[bytes]
    current: int = 1

    def latest(self, key: ServerKey) -> FrozenTags:
        return FrozenTags(version=self.current, tags=self._tags(key))

    def padded(self, key: ServerKey, version: int, bucket: int, length: int) -> bytes:
        return session_table(self._tags(key), bucket, length, key.pad_key)

    def _tags(self, key: ServerKey) -> bytes:
        data, offsets = pack(self.values)
        return evaluate(key.private_key, data, offsets, prefix=key.prefix, length=16)


@dataclass
class MemoryPins:
    """The client's memory of KeyCerts."""

    kept: dict[str, Signed[KeyCert]] = field(default_factory=dict)

    def newest(self, server: str) -> Signed[KeyCert] | None:
        return self.kept.get(server)

    def pin(self, cert: Signed[KeyCert]) -> None:
        self.kept.setdefault(cert.body.server, cert)


class Pair:
    """A client and a server that share a roster; tests change what they want to break."""

    def __init__(
        self,
        client_values: Iterable[bytes],
        server_values: Iterable[bytes],
        *,
        roster: Roster | None = None,
        seed: bytes = b"\7" * 32,
        form: BlindForm = BlindForm.LADDER,
    ) -> None:
        self.form = form
        self.client_values = list(client_values)
        self.server_values = list(server_values)
        self.roster = roster or make_roster()
        self.seed = seed
        self.now_ms = NOW_MS
        self.ledger = MemoryLedger()
        self.pins = MemoryPins()
        self.tables = MemoryTables(self.server_values)
        self.client_evidence: list[Evidence] = []
        self.server_evidence: list[Evidence] = []
        self.policy_hash = b"\5" * 32
        self.server_profile = PROFILE
        self.caller = Caller(name=CLIENT, spki=SPKI[CLIENT])
        self.counter = 0
        self.master = b"\6" * 32
        self.server = self.start_server()

    def start_server(self) -> PairwiseServer:
        """A server process on the same disk."""
        return PairwiseServer(
            name=SERVER,
            signer=SIGNERS[SERVER],
            rules=self.rules,
            ledger=self.ledger,
            keys=ServerKeys(
                server=SERVER,
                signer=SIGNERS[SERVER],
                master_of=lambda _epoch: self.master,
                ledger=self.ledger,
                epoch_seconds=EPOCH_SECONDS,
            ),
            tables=self.tables,
            now_ms=lambda: self.now_ms,
            random_bytes=self.random_bytes,
            keep_evidence=self.server_evidence.append,
        )

    def random_bytes(self, n: int) -> bytes:
        self.counter += 1
        return self.counter.to_bytes(n, "big")

    def rules(self) -> Rules:
        principal = {p.name: p for p in self.roster.principals}
        return Rules(
            roster=self.roster,
            roster_hash=self.roster.digest(),
            policy_hash=self.policy_hash,
            profile=self.server_profile,
            own_spkis=frozenset({SPKI[SERVER]}),
            limits=lambda name: Limits(
                bucket=principal[name].bucket_limit,
                budget=principal[name].budget,
                sessions=principal[name].sessions,
            ),
        )

    def hello(self, **changes: object) -> Signed[ClientHello]:
        values = new_client_hello(
            signer=SIGNERS[CLIENT],
            client=CLIENT,
            server=SERVER,
            roster_hash=self.roster.digest(),
            policy_hash=self.policy_hash,
            profile_digest=PROFILE.digest(),
            bucket=bucket_for(len(self.client_values)),
            nonce=self.random_bytes(32),
            time_ms=self.now_ms,
            spki_client=SPKI[CLIENT],
            spki_server=SPKI[SERVER],
        ).body
        return sign(SIGNERS[CLIENT], replace(values, **changes))  # type: ignore[arg-type]  # tests set any field

    def session(self, hello: Signed[ClientHello] | None = None) -> ClientSession:
        data, offsets = pack(self.client_values)
        hello = hello or self.hello()
        return ClientSession(
            ClientTerms(
                signer=SIGNERS[CLIENT],
                server=next(p for p in self.roster.principals if p.name == SERVER),
                epoch_seconds=EPOCH_SECONDS,
                profile_digest=PROFILE.digest(),
                pins=self.pins,
                keep_evidence=self.client_evidence.append,
            ),
            hello,
            Blinding(
                data=data,
                offsets=offsets,
                bucket=hello.body.bucket,
                session_seed=self.seed,
                form=self.form,
            ),
        )

    def open(self) -> ClientSession:
        session = self.session()
        session.receive_hello(self.server.open_session(self.caller, session.hello), self.now_ms)
        return session

    def ask(self, session: ClientSession, chunk: int) -> None:
        request, elements = session.request(chunk)
        response, evaluated = self.server.evaluate(self.caller, request, elements)
        session.receive_answer(request, elements, response, evaluated)

    def ask_all(self, session: ClientSession) -> None:
        for chunk in session.missing_parts:
            self.ask(session, chunk)

    def fetch(self, session: ClientSession) -> None:
        pages = [
            self.server.get_table(self.caller, session.request_table(first))
            for first in session.table_pages
        ]
        session.receive_table(pages)

    def finish(self, session: ClientSession) -> list[bytes]:
        """Close, and the matching values."""
        session.receive_receipt(self.server.close(self.caller, session.close()))
        return [self.client_values[int(row)] for row in session.matching_rows()]

    def run(self) -> list[bytes]:
        session = self.open()
        self.ask_all(session)
        self.fetch(session)
        return self.finish(session)


def values(first: int, count: int) -> list[bytes]:
    """Distinct canonical indicators."""
    return [b"domain:host-%d.example.net" % number for number in range(first, first + count)]


def forged(answer: ServerAnswer, **changes: object) -> ServerAnswer:
    """The ServerHello with fields changed, re-signed by the (evil) server, id recomputed not."""
    body = replace(answer.hello.body, **changes)  # type: ignore[arg-type]  # tests set any field
    return ServerAnswer(
        hello=sign(SIGNERS[SERVER], body), key_cert_signature=answer.key_cert_signature
    )


def rows(elements: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Elements as an array of 32-byte rows, to be changed."""
    return np.frombuffer(elements, np.uint8).reshape(-1, 32).copy()

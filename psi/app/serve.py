# SPDX-License-Identifier: Apache-2.0
"""
`overlap serve`: answer the checks of peers, on one set, until told to stop.

SIGTERM and Ctrl-C end it gracefully, SIGHUP has policy, roster and set read anew: a set or policy
that can't be used leaves the old one in force.
"""

import hashlib
import logging
import secrets
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

from psi.app.auditing import Auditor
from psi.app.clock import Clock
from psi.app.events import Events, SilentEvents
from psi.app.join import LEDGER_FILE
from psi.app.live import LiveAnswerer
from psi.app.member import Member
from psi.app.metrics import Facts, Metrics
from psi.app.reading import check_own_set, read_own_set
from psi.app.receipts import keep_receipt
from psi.errors import SLUGS, PsiError
from psi.indicators import PackedValues, ReadOptions
from psi.protocol.admission import Rules
from psi.protocol.evidence import Evidence
from psi.protocol.ledger import SessionRecord
from psi.protocol.messages import ClientHello, Close, ServerAnswer, Signed
from psi.protocol.server import PairwiseServer
from psi.protocol.server_keys import ServerKeys
from psi.protocol.sizes import bucket_for, chunk_count, epoch_of
from psi.store.evidence import keep_evidence
from psi.store.ledger import SqliteLedger
from psi.store.tables import TableStore
from psi.transport.server import PairwiseGrpcServer
from psi.transport.times import date
from psi.trust.certificates import validity
from psi.trust.rosters import TrustedRoster
from psi.trust.unlock import UnlockSource

__all__ = ["MemberServer", "ServeRequest", "run_server"]

_log: Final = logging.getLogger("overlap")
_STOP_GRACE_S: Final = 10.0
# As often as the audit log must be signed.
_TICK_S: Final = 1.0
_TICKS_A_HOUSEKEEPING: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest:
    """What the command line says; `listen` None takes overlap.toml's."""

    home: Path
    unlock: UnlockSource = field(repr=False)
    paths: tuple[str, ...] = ()
    options: ReadOptions = field(default_factory=ReadOptions)
    listen: str | None = None
    stdin: BinaryIO | None = None


class MemberServer:
    """One member's answering side with its ledger, lists and port."""

    def __init__(self, request: ServeRequest, events: Events, clock: Clock) -> None:
        """
        Read the set and open the ledger; nothing is answered before `start`.

        Raises:
            PsiError: The home, the set, the policy or the ledger can't be used.
        """
        self._request = request
        self._events = events
        self._clock = clock
        self._member = Member.open(request.home, request.unlock)
        self._member.require_valid_certificate(clock.now_s)
        self._roster_seen = self._member.roster
        home = self._member.home
        self._epoch_seconds = self._member.roster.roster.epoch_seconds
        values = self._read(self._member)
        self._ledger = SqliteLedger.open(
            home.state / LEDGER_FILE, self._member.identity.ledger_id, self.epoch
        )
        self._tables = TableStore(home.state / "lists", self._ledger)
        self._tables.publish(values.data, values.offsets, self._member.profile.digest())
        self.bucket = bucket_for(len(values))
        self._keep = keep_evidence(home.evidence)
        self._auditor = Auditor.open(home, self._member.identity, clock.now_ms, say=True)
        self._told: set[bytes] = set()
        self._metrics = Metrics(self._facts)
        self._switching = threading.Lock()
        self._keys, self._answerer = self._answering()
        # An epoch may have ended while no server ran.
        self._clean_epoch: int | None = None
        self.keep_house()
        if self._ledger.exhausted_epoch is not None:
            _log.warning("the ledger was lost: nothing is answered until the next period")
        self._grpc = PairwiseGrpcServer(
            answerer=LiveAnswerer(lambda: self._answerer, self),
            rosters=self._roster,
            identities=lambda: self._member.identity,
            listen=request.listen or self._member.config.listen,
            now_ms=clock.now_ms,
            on_refusal=self._refused,
        )

    @property
    def epoch(self) -> int:
        """The running budget period."""
        return epoch_of(self._clock.now_s, self._epoch_seconds)

    @property
    def peers_that_may_ask(self) -> list[str]:
        """Members that roster and policy let check against us."""
        roster = self._member.roster
        return [
            name
            for name in roster.named("member")
            if name != self._member.name and self._member.policy.peer(name).may_ask
        ]

    def start(self) -> int:
        """Begin to answer; returns the port."""
        if self._member.config.metrics_listen:
            self._metrics.listen(self._member.config.metrics_listen)
        port = self._grpc.start()
        configuration = self._member.home.config_path
        digest = hashlib.sha256(
            configuration.read_bytes() if configuration.exists() else b""
        ).hexdigest()
        self._auditor.started(self._member, self.bucket, digest)
        return port

    def reload(self) -> None:
        """
        Policy, configuration, roster and set anew; the old ones stay where the new fail.

        Raises:
            PsiError: What could not be used; the server goes on with what it had.
        """
        member = Member.open(self._request.home, self._request.unlock)
        values = self._read(member)
        # Between these two lines sessions are put off: the set is of the new rules, the key of
        # the old.
        self._tables.publish(values.data, values.offsets, member.profile.digest())
        self._use(member)
        self.bucket = bucket_for(len(values))
        self._auditor.reloaded(member, self.bucket)

    def keep_house(self) -> None:
        """Once in a while: erase what an ended period leaves behind."""
        epoch = self.epoch
        if self._clean_epoch is not None and epoch <= self._clean_epoch:
            return
        try:
            self._keep_receipts()
            self._master(epoch)
            self._keys.forget_before(epoch)
            self._tables.forget_before(epoch)
            self._ledger.forget_before(epoch, self._clock.now_ms())
            self._auditor.period_begun(epoch)
        except PsiError as error:
            # Tried again at the next round: what an ended period left must go.
            _log.error("can't erase what the last period left: %s [%s]", error, error.slug)
        else:
            self._clean_epoch = epoch

    def tick(self) -> None:
        """Once a second: what must not wait longer."""
        self._auditor.tick()

    # ---- told by `LiveAnswerer`

    def opened(self, hello: Signed[ClientHello], answer: ServerAnswer) -> None:
        """A session was charged: it is in the audit log before it is answered."""
        session_id = answer.hello.body.session_id or b""
        if session_id not in self._told:
            self._auditor.opened(hello, answer)
            self._metrics.opened(hello.body.client, hello.body.bucket)
            self._told.add(session_id)

    def evaluated(self, seconds: float) -> None:
        """A part was answered."""
        self._metrics.part_answered(seconds)

    def closed(self, receipt: Signed[Close]) -> None:
        """Keep the receipt as a file; if that fails now, `keep_house` does it later."""
        record = self._ledger.session(receipt.body.session_id)
        if record is not None and receipt.body.transcript not in self._told:
            self._auditor.closed(record.client, receipt)
            now_ms = self._clock.now_ms()
            took_s = max(0, now_ms - record.opened_ms) / 1000
            self._metrics.ended(record.client, "done", took_s, now_ms // 1000)
            self._told.add(receipt.body.transcript)
        try:
            if record is not None:
                self._keep_receipt(record)
        except PsiError as error:
            _log.error("can't keep a receipt: %s [%s]", error, error.slug)

    def _keep_receipts(self) -> None:
        for record in self._ledger.closed_sessions():
            self._keep_receipt(record)

    def _keep_receipt(self, record: SessionRecord) -> None:
        n_parts = chunk_count(record.client_hello.body.bucket)
        keep_receipt(self._member.home, record, self._clock.now_ms(), n_parts)

    def stop(self) -> None:
        """Let calls in flight finish, then close everything."""
        self._grpc.stop(_STOP_GRACE_S)
        self._metrics.close()
        self._end_audit()
        self._tables.close()
        self._ledger.close()

    def _end_audit(self) -> None:
        try:
            self._auditor.stopped()
        except PsiError as error:
            _log.error("can't write the audit log: %s [%s]", error, error.slug)
        self._auditor.close()

    def _facts(self) -> Facts:
        member = self._member
        left = {}
        try:
            limits_of = member.rules().limits
            for name in self.peers_that_may_ask:
                used = self._ledger.usage(name, self.epoch).elements
                left[name] = max(0, limits_of(name).budget - used)
        except PsiError as error:
            # We are no longer in the roster, or the ledger can't be read: the rest still is.
            _log.debug("no budgets for the metrics: %s [%s]", error, error.slug)
        return Facts(
            roster_version=member.roster.roster.serial,
            certificate_not_after=validity(member.identity.certificate_der)[1],
            audit_records=self._auditor.log.head[0],
            budget_left=left,
        )

    def _refused(self, caller: str | None, method: str, slug: str) -> None:
        if slug == "busy":
            return  # put off, not refused
        self._metrics.refused(caller, slug)
        try:
            if SLUGS[slug].end == "storage-fault":
                self._auditor.storage_failed(slug)
            self._auditor.refused(caller, method.rpartition("/")[2], slug)
        except PsiError as error:
            _log.error("can't write the audit log: %s [%s]", error, error.slug)

    # A reload replaces the member as a whole, so these look it up at every call.

    def _master(self, epoch: int) -> bytes:
        # A master goes forward only: a clock far ahead must not turn it. Our certificate bounds
        # how far that can be.
        self._member.require_valid_certificate(self._clock.now_s)
        return self._member.master(epoch)

    def _rules(self) -> Rules:
        return self._member.rules()

    def _roster(self) -> TrustedRoster:
        trusted = self._member.roster
        if trusted is not self._roster_seen:
            # Others wait: an answer with the old keys would not fit this roster.
            with self._switching:
                try:
                    # It may list the keys that a rotation has made.
                    self._use(self._member.renewed())
                except PsiError as error:
                    # The connection that asks is not to blame, and the old keys still work.
                    _log.error("new keys are not in use: %s [%s]", error, error.slug)
                self._roster_seen = trusted
        return trusted

    def _use(self, member: Member) -> None:
        old, new = self._member.identity, member.identity
        changed = (old.signer.public_key, old.spki) != (new.signer.public_key, new.spki)
        self._member = member
        if changed:
            self._keys, self._answerer = self._answering()
            self._auditor.keys_rotated("in use", new.spki)
            _log.info("new keys are in use, certificate to %s", _end_of(member))

    def _answering(self) -> tuple[ServerKeys, PairwiseServer]:
        """Keys and answers signed with the identity in use."""
        member = self._member
        keys = ServerKeys(
            server=member.name,
            signer=member.identity.signer,
            master_of=self._master,
            ledger=self._ledger,
            epoch_seconds=self._epoch_seconds,
        )
        answerer = PairwiseServer(
            name=member.name,
            signer=member.identity.signer,
            rules=self._rules,
            ledger=self._ledger,
            keys=keys,
            tables=self._tables,
            now_ms=self._clock.now_ms,
            random_bytes=secrets.token_bytes,
            keep_evidence=self._keep_evidence,
        )
        return keys, answerer

    def _read(self, member: Member) -> PackedValues:
        found = read_own_set(
            member,
            self._request.paths,
            self._request.options,
            self._events,
            self._request.stdin,
        )
        check_own_set(member, found.values, found.report)
        return found.values

    def _keep_evidence(self, evidence: Evidence) -> None:
        path = self._keep(evidence)
        self._auditor.evidence_kept(evidence, path.name)
        self._metrics.ended(evidence.accused, "peer-fault", 0.0, self._clock.now_s)


def _end_of(member: Member) -> str:
    return date(validity(member.identity.certificate_der)[1])


def run_server(
    request: ServeRequest,
    events: Events | None = None,
    clock: Clock | None = None,
    on_ready: Callable[[MemberServer, int], None] = lambda _server, _port: None,
) -> None:
    """
    Serve in the foreground until SIGTERM or Ctrl-C; must be called in the main thread.

    Args:
        on_ready: Told of the server and its port once it answers.

    Raises:
        PsiError: It can't start.
    """
    wake = threading.Event()
    asked: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, remember)
    server = MemberServer(request, events or SilentEvents(), clock or Clock())
    try:
        on_ready(server, server.start())
        rounds = 0
        while True:
            wake.wait(_TICK_S)
            wake.clear()
            pending, asked[:] = asked[:], []
            if any(number != signal.SIGHUP for number in pending):
                return
            if pending:
                _reload(server)
            server.tick()
            rounds += 1
            if pending or rounds % _TICKS_A_HOUSEKEEPING == 0:
                server.keep_house()
    finally:
        server.stop()


def _reload(server: MemberServer) -> None:
    try:
        server.reload()
    except PsiError as error:
        _log.error("not reloaded, the old set and policy stay: %s [%s]", error, error.slug)
    else:
        _log.info("reloaded: peers see at most %s", f"{server.bucket:,}")

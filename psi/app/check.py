# SPDX-License-Identifier: Apache-2.0
"""
`overlap check PEER`: which of our own indicators does the peer also hold.

Everything that a crash must not lose is written down first: the run before its first byte is
sent, each answer once it was verified. The same command again continues the run.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from psi.app.asking import ask_parts, fetch_table
from psi.app.auditing import Auditor
from psi.app.clock import Clock, rfc3339
from psi.app.events import Events
from psi.app.member import Member
from psi.app.peers import peer_of
from psi.app.reading import check_own_set, read_own_set
from psi.app.results import drop_expired
from psi.app.saving import build_result, save_result
from psi.app.terms import adopt_newer_roster, announce, check_terms
from psi.app.waiter import ToldWaiter
from psi.crypto.blinding import Blinding, form_for
from psi.crypto.signing import verify_signature
from psi.errors import (
    InternalError,
    PeerProtocolError,
    PsiError,
    RefusedError,
    UnreachableError,
    VerifyError,
)
from psi.indicators import IndicatorSet, ReadOptions
from psi.protocol.client import ClientSession, ClientTerms, new_client_hello
from psi.protocol.evidence import Evidence
from psi.protocol.messages import (
    ClientHello,
    Principal,
    Signed,
    Status,
)
from psi.protocol.sizes import bucket_for
from psi.protocol.structure import Structure
from psi.results.result import CheckResult
from psi.store.client_state import open_client_state
from psi.store.evidence import keep_evidence
from psi.store.pins import SqlitePins
from psi.store.runs import DroppedRun, PeerRun, RunStore, UnfinishedRun
from psi.transport.client import PeerChannel
from psi.transport.options import CALL_DEADLINE_S
from psi.transport.times import moment
from psi.trust.unlock import UnlockSource

__all__ = ["CheckReport", "CheckRequest", "run_check"]

# After these the session can't go on, so its seed is erased. Everything else keeps the state: a
# certificate, a roster or a policy can be mended, and a failed connection proves nothing.
_ENDS_THE_RUN: Final = frozenset(
    {
        "bad-proof",
        "bad-signature",
        "list-differs",
        "malformed",
        "period-ended",
        "repeated-too-often",
        "session-ended",
        "two-messages",
    }
)
# A list may take longer to prepare than a hello is valid; then a new hello is made.
_HELLO_S: Final = 120.0
# A peer that says nothing for so long is given up for now.
_SILENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What the command line says."""

    home: Path
    unlock: UnlockSource = field(repr=False)
    peer: str
    paths: tuple[str, ...] = ()
    options: ReadOptions = field(default_factory=ReadOptions)
    stdin: BinaryIO | None = None
    address: str | None = None
    timeout_s: float | None = None
    dry_run: bool = False
    new: bool = False
    save: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result, and where it was saved, if it was."""

    result: CheckResult
    saved: Path | None
    kept_for_s: int


class _Stopwatch:
    """Seconds by step, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = self._last = clock.monotonic()
        self.seconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        now = self._clock.monotonic()
        self.seconds[step] = round(now - self._last, 6)
        self._last = now
        self.seconds["total"] = round(now - self._started, 6)


def run_check(
    request: CheckRequest, events: Events, clock: Clock | None = None
) -> CheckReport | None:
    """
    One check from files to a saved result; None after a dry run.

    Raises:
        PsiError: With the slugs of docs/errors.md; state is kept wherever the text says so.
    """
    clock = clock or Clock()
    watch = _Stopwatch(clock)
    started_ms = clock.now_ms()
    member = Member.open(request.home, request.unlock)
    member.require_valid_certificate(clock.now_s)
    peer = peer_of(member, request.peer, clock.now_s)
    found = read_own_set(member, request.paths, request.options, events, request.stdin)
    check_own_set(member, found.values, found.report)
    watch.lap("reading")
    if request.dry_run:
        announce(member, peer.name, len(found), None, events)
        return None
    database = open_client_state(member.home.state / "client.sqlite3")
    auditor = Auditor.open(member.home, member.identity, clock.now_ms)
    try:
        runs = RunStore(database, member.home.state / "runs", member.sealer)
        runs.drop_expired(started_ms)
        busy = f"another check with {peer.name} is running; this one waits"
        with runs.locked(peer.name, lambda: events.note("", busy)) as run:
            check = _Check(
                *(request, events, clock, member, peer, found, run, SqlitePins(database)),
                *(watch, auditor),
            )
            session = check.run()
            result = build_result(
                session=session,
                found=found,
                started_ms=started_ms,
                ended_ms=clock.now_ms(),
                resumed=check.resumed,
                seconds=watch.seconds,
                moved=check.moved,
                budget=check.budget,
            )
            keep_s = member.config.check.keep_results_s
            saved = None
            if request.save and keep_s > 0:
                saved = save_result(member.home, result, session)
            # Only now: a crash before this line continues the run, and saves it then.
            run.erase()
            drop_expired(member.home, keep_s, clock.now_s)
            return CheckReport(result=result, saved=saved, kept_for_s=keep_s)
    finally:
        auditor.close()
        database.close()


class _Check:
    """One run with one peer, while its lock is held."""

    def __init__(
        self,
        request: CheckRequest,
        events: Events,
        clock: Clock,
        member: Member,
        peer: Principal,
        found: IndicatorSet,
        run: PeerRun,
        pins: SqlitePins,
        watch: _Stopwatch,
        auditor: Auditor,
    ) -> None:
        self._auditor = auditor
        self._request = request
        self._events = events
        self._clock = clock
        self._member = member
        self._peer = peer
        self._found = found
        self._bucket = bucket_for(len(found))
        self._run = run
        self._pins = pins
        self._watch = watch
        self._keep = keep_evidence(member.home.evidence)
        self._evidence_file: Path | None = None
        self._timeout_s = request.timeout_s or member.config.check.timeout_s
        self.resumed = False
        self.moved: dict[str, int] = {}
        self.budget: dict[str, int | str] = {}

    def run(self) -> ClientSession:
        """Open or continue, ask, fetch, close; afterwards the session holds the result."""
        # Who answers at that address is not yet known to be the peer: a run that was paid for
        # outlives whatever is wrong up to here.
        channel, status = self._connect()
        with channel:
            try:
                session = self._open(channel, status)
                self._auditor.run_opened(
                    self._peer.name, session.session_id, self._bucket, resumed=self.resumed
                )
                self._watch.lap("opening")
                ask_parts(session, channel, self._run.keep_part, self._events)
                self._watch.lap("asking")
                fetch_table(session, channel, self._events)
                self._watch.lap("fetching")
                session.receive_receipt(channel.close(session.close()))
                self._auditor.released(self._peer.name, session.receipt)
                self.moved = {"sent": channel.sent_bytes, "received": channel.received_bytes}
                return session
            except InternalError:
                self._run.erase()
                raise
            except PsiError as error:
                if error.slug in _ENDS_THE_RUN:
                    self._run.erase()
                if error.outcome.end != "storage-fault":
                    self._auditor.run_failed(self._peer.name, error.slug)
                if self._evidence_file is not None and error.hint is not None:
                    error.hint = error.hint.replace("FILE", str(self._evidence_file))
                raise

    # ---- connecting

    def _connect(self) -> tuple[PeerChannel, Status]:
        """A channel on which both sides go by the same roster."""
        channel = self._channel()
        try:
            status = channel.status()
            if not adopt_newer_roster(self._member, channel, status):
                return channel, status
            channel.disconnect()
            # That roster may be the one that lists the keys which a rotation has made.
            self._member = self._member.renewed()
            self._auditor.roster_changed(self._member.roster)
            serial = self._member.roster.roster.serial
            self._events.note("roster", f"version {serial} taken over from {self._peer.name}")
            self._peer = peer_of(self._member, self._peer.name, self._clock.now_s)
            channel = self._channel()
            return channel, channel.status()
        except BaseException:
            channel.disconnect()
            raise

    def _channel(self) -> PeerChannel:
        timeout_s = self._timeout_s
        configured = self._member.config.address_of(self._peer.name, self._peer.address)
        return PeerChannel(
            peer=self._peer,
            identity=self._member.identity,
            trusted=self._member.roster,
            now_ms=self._clock.now_ms,
            address=self._request.address or configured,
            patience_s=min(_SILENCE_S, timeout_s),
            busy_patience_s=min(_HELLO_S, timeout_s),
            deadline_s=min(CALL_DEADLINE_S, timeout_s),
            waiter=ToldWaiter(self._events, self._peer.name),
        )

    # ---- opening

    def _open(self, channel: PeerChannel, status: Status) -> ClientSession:
        unfinished = self._unfinished()
        if unfinished is not None:
            session = self._continue(unfinished, channel)
            if session is not None:
                self.resumed = True
                self._set_budget(status, charged=0)
                return session
        return self._begin(channel, status)

    def _unfinished(self) -> UnfinishedRun | None:
        """The run to continue, if there is one and it fits this set."""
        if self._request.new:
            # Also one that is damaged and can't be loaded any more.
            self._run.erase()
            return None
        kept = self._run.load(self._clock.now_ms())
        if isinstance(kept, DroppedRun):
            self._tell_dropped("is older than 24 h", kept.started_ms, kept.bucket)
            return None
        if kept is None:
            return None
        if not self._of_these_keys(kept):
            why = "was begun with keys that were replaced since"
            self._tell_dropped(why, kept.started_ms, kept.hello.body.bucket)
            self._run.erase()
            return None
        if kept.set_fingerprint == self._blinding(kept.session_seed).set_fingerprint():
            return kept
        self._tell_dropped("was for another set", kept.started_ms, kept.hello.body.bucket)
        self._run.erase()
        return None

    def _of_these_keys(self, kept: UnfinishedRun) -> bool:
        """Whether both sides still have the identity keys with which the run was signed."""
        signed: list[tuple[bytes, Signed[Structure]]] = [
            (self._member.identity.signer.public_key, kept.hello)
        ]
        if kept.answer is not None:
            signed.append((self._peer.identity_key, kept.answer.hello))
        try:
            for key, message in signed:
                body = message.body
                verify_signature(key, body.NAME, body.encode(), message.signature)
        except VerifyError:
            return False
        return True

    def _tell_dropped(self, why: str, started_ms: int, bucket: int) -> None:
        self._events.note(
            "",
            f"the unfinished run of {moment(started_ms // 1000)} {why}; "
            f"if {self._peer.name} had answered, it has cost {bucket:,} indicators and 1 check",
        )

    def _continue(self, kept: UnfinishedRun, channel: PeerChannel) -> ClientSession | None:
        """The session as it was; None when the peer never opened it and takes the hello no more."""
        session = self._session(kept.hello, kept.session_seed)
        if kept.answer is None:
            try:
                self._receive_hello(session, channel)
            except (RefusedError, PeerProtocolError) as error:
                if error.slug == "two-messages":
                    raise
                # It was never opened, or it is too old by now; either way nothing came of it.
                self._run.erase()
                return None
        else:
            session.receive_hello(kept.answer, self._clock.now_ms())
        parts = kept.answered_parts
        self._events.note(
            "",
            f"continuing run {session.session_id.hex()[:10]} of {moment(kept.started_ms // 1000)}: "
            f"{len(parts)} of {session.parts} parts are kept and paid for, the set is the same",
        )
        for done, chunk in enumerate(parts):
            part = self._run.part(chunk)
            if part is None:
                continue
            request, elements = session.request(chunk)
            session.receive_answer(request, elements, part.response, part.evaluated)
            self._events.progress("preparing", done + 1, len(parts), 0)
        return session

    def _begin(self, channel: PeerChannel, status: Status) -> ClientSession:
        check_terms(self._member, channel, status, self._bucket, self._clock.now_s)
        announce(self._member, self._peer.name, len(self._found), status, self._events)
        self._set_budget(status, charged=self._bucket)
        started = self._clock.monotonic()
        while True:
            try:
                return self._begin_once(channel)
            except UnreachableError as error:
                waited_s = self._clock.monotonic() - started
                # Only who says when to come back has seen the hello and opened nothing; from
                # any other failure it may have been charged, and then it must not be forgotten.
                put_off = error.slug == "busy" and "retry_after_ms" in error.detail
                if not put_off or waited_s >= self._timeout_s:
                    raise
                self._run.erase()

    def _begin_once(self, channel: PeerChannel) -> ClientSession:
        """A new seed and hello, written down before they are sent."""
        seed = secrets.token_bytes(32)
        now_ms = self._clock.now_ms()
        hello = new_client_hello(
            signer=self._member.identity.signer,
            client=self._member.name,
            server=self._peer.name,
            roster_hash=self._member.roster.hash,
            policy_hash=self._member.policy.digest,
            profile_digest=self._member.profile.digest(),
            bucket=self._bucket,
            nonce=secrets.token_bytes(32),
            time_ms=now_ms,
            spki_client=self._member.identity.spki,
            spki_server=self._peer.certificates[0],
        )
        session = self._session(hello, seed)
        self._run.begin(hello, seed, self._blinding(seed).set_fingerprint(), now_ms)
        self._receive_hello(session, channel)
        return session

    def _receive_hello(self, session: ClientSession, channel: PeerChannel) -> None:
        answer = channel.open_session(session.hello)
        session.receive_hello(answer, self._clock.now_ms())
        self._run.keep_answer(answer)

    def _session(self, hello: Signed[ClientHello], seed: bytes) -> ClientSession:
        terms = ClientTerms(
            signer=self._member.identity.signer,
            server=self._peer,
            epoch_seconds=self._member.roster.roster.epoch_seconds,
            profile_digest=self._member.profile.digest(),
            pins=self._pins,
            keep_evidence=self._keep_evidence,
        )
        return ClientSession(terms, hello, self._blinding(seed))

    def _blinding(self, seed: bytes) -> Blinding:
        values = self._found.values
        return Blinding(
            data=values.data,
            offsets=values.offsets,
            bucket=self._bucket,
            session_seed=seed,
            form=form_for(self._bucket),
        )

    def _keep_evidence(self, evidence: Evidence) -> None:
        self._evidence_file = self._keep(evidence)
        self._auditor.evidence_kept(evidence, self._evidence_file.name)

    def _set_budget(self, status: Status, *, charged: int) -> None:
        self.budget = {
            "indicators_left": status.budget_left - charged,
            "checks_left": status.sessions_left - bool(charged),
            "renews_at": rfc3339(status.epoch_ends * 1000),
        }

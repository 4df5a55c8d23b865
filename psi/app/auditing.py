# SPDX-License-Identifier: Apache-2.0
"""
What goes into the audit log, in one place: ids, counts, digests, names and decisions.

Each function takes exactly what may be written, so that an indicator has no way in. The same facts
go to the log on stderr as events with the same names.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from psi._native import kernel
from psi._version import __version__
from psi.app.member import Member
from psi.errors import PsiError
from psi.protocol.evidence import Evidence
from psi.protocol.messages import ClientHello, Close, ServerAnswer, Signed
from psi.trust.audit import AuditLog
from psi.trust.home import Home
from psi.trust.identity import Identity, own_request
from psi.trust.rosters import TrustedRoster

__all__ = ["Auditor", "note_export", "note_roster"]

_log: Final = logging.getLogger("overlap")
# Calls that are refused again and again are counted, not written one by one.
_REFUSALS_EVERY_MS: Final = 60_000
_MAX_REFUSALS: Final = 256
# Of what is not here: info, one line for each step of a run.
_LEVELS: Final = {
    "start": logging.DEBUG,
    "stop": logging.DEBUG,
    "period": logging.DEBUG,
    "key-certificate": logging.DEBUG,
    "evidence": logging.ERROR,
    "storage-fault": logging.ERROR,
    "repair": logging.WARNING,
    "run-failed": logging.WARNING,
}


@dataclass(slots=True)
class _Refused:
    count: int = 0
    written_ms: int = 0


@dataclass(slots=True)
class Auditor:
    """Writes one home's log; its methods may be called from any thread."""

    log: AuditLog
    now_ms: Callable[[], int]
    say: bool
    _refused: dict[tuple[str, str, str], _Refused] = field(default_factory=dict)
    _certificates: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(
        cls, home: Home, identity: Identity, now_ms: Callable[[], int], *, say: bool = False
    ) -> "Auditor":
        """
        Open the log of a home whose identity is unlocked.

        Args:
            say: The same facts as events on stderr, for a server.

        Raises:
            KeyFileError, StorageError: The log was changed, or can't be used.
        """
        signer = identity.log_signer
        return cls(AuditLog(home, signer.public_key, signer, now_ms), now_ms, say)

    # ---- of a server

    def started(self, member: Member, bucket: int, configuration: str) -> None:
        """`configuration`: SHA-256 of overlap.toml in hex."""
        self._write(
            "start",
            {
                "version": __version__,
                "kernel": kernel.selected(),
                "policy": member.policy.digest.hex(),
                "configuration": configuration,
                "roster": member.roster.roster.serial,
                "bucket": bucket,
            },
        )

    def stopped(self) -> None:
        """What was counted is written; everything is signed."""
        self.flush_refusals(everything=True)
        self._write("stop", {})

    def reloaded(self, member: Member, bucket: int) -> None:
        """SIGHUP was followed."""
        self._write(
            "reload",
            {
                "policy": member.policy.digest.hex(),
                "roster": member.roster.roster.serial,
                "bucket": bucket,
            },
        )

    def period_begun(self, epoch: int) -> None:
        """What the ended period left is erased."""
        self._write("period", {"period": epoch})

    def opened(self, hello: Signed[ClientHello], answer: ServerAnswer) -> None:
        """A check was charged; the key certificate is recorded when it is first used."""
        body, terms = hello.body, answer.hello.body
        cert = terms.key_cert
        digest = cert.digest()
        if digest not in self._certificates:
            self._write(
                "key-certificate",
                {"peer": cert.client, "period": cert.epoch, "digest": digest.hex()},
            )
            self._certificates.add(digest)
        self._write(
            "session-open",
            {
                "peer": body.client,
                "session": (terms.session_id or b"").hex(),
                "charged": body.bucket,
                "left": terms.budget_left,
                "period": cert.epoch,
                "key_certificate": digest.hex(),
                "roster": body.roster_hash.hex(),
                "peer_policy": body.policy_hash.hex(),
                "policy": terms.policy_hash.hex(),
                "profile": body.profile_digest.hex(),
                "list": terms.table_digest.hex(),
                "list_version": terms.table_version,
                "bucket": terms.bucket,
            },
        )

    def closed(self, peer: str, receipt: Signed[Close]) -> None:
        """Both sides have signed."""
        self._write("session-close", {"peer": peer, **_of_close(receipt)})

    def refused(self, peer: str | None, method: str, slug: str) -> None:
        """A call was refused; the first of a kind is written at once, the others are counted."""
        key = (peer or "", method, slug)
        with self._lock:
            if key not in self._refused and len(self._refused) >= _MAX_REFUSALS:
                key = ("", "", "others")
            known = self._refused.setdefault(key, _Refused())
            known.count += 1
        self.flush_refusals()

    def flush_refusals(self, *, everything: bool = False) -> None:
        """Write what was counted for a minute."""
        now_ms = self.now_ms()
        with self._lock:
            due = [
                (key, known.count)
                for key, known in self._refused.items()
                if known.count and (everything or now_ms - known.written_ms >= _REFUSALS_EVERY_MS)
            ]
            for key, _ in due:
                self._refused[key] = _Refused(count=0, written_ms=now_ms)
        for (peer, method, slug), count in due:
            self._write_lazily(
                "refusal", {"peer": peer, "call": method, "error": slug, "count": count}
            )

    def tick(self) -> None:
        """Once a second: sign what waits."""
        try:
            self.flush_refusals()
            self.log.seal()
        except PsiError as error:
            _log.error("can't write the audit log: %s [%s]", error, error.slug)

    # ---- of whoever asks

    def run_opened(self, server: str, session_id: bytes, bucket: int, *, resumed: bool) -> None:
        """A peer has taken our hello, or a run goes on."""
        self._write(
            "run-open",
            {
                "peer": server,
                "session": session_id.hex(),
                "charged": bucket,
                "resumed": int(resumed),
            },
        )

    def released(self, server: str, receipt: Signed[Close]) -> None:
        """A check has its result; how much matched is nobody else's business."""
        self._write("release", {"peer": server, **_of_close(receipt)})

    def run_failed(self, server: str, slug: str) -> None:
        """A check has ended without a result."""
        self._write("run-failed", {"peer": server, "error": slug})

    # ---- of both

    def roster_changed(self, trusted: TrustedRoster) -> None:
        """Another roster is in force."""
        self._write("roster", _of_roster(trusted))

    def joined(self, trusted: TrustedRoster) -> None:
        """The alliance's code was compared."""
        self._write("join", _of_roster(trusted))

    def keys_rotated(self, what: str, spki: bytes) -> None:
        """`what`: `made` or `in use`."""
        self._write("keys-rotated", {"what": what, "spki": spki.hex()})

    def evidence_kept(self, evidence: Evidence, file: str) -> None:
        """A peer's fault; `file` is the name of its evidence."""
        self._write(
            "evidence",
            {
                "peer": evidence.accused,
                "kind": evidence.kind,
                "session": evidence.session_id.hex(),
                "file": file,
            },
        )

    def storage_failed(self, slug: str) -> None:
        """Something could not be recorded; if this can't be either, stderr has it."""
        try:
            self._write("storage-fault", {"error": slug})
        except PsiError as error:
            _log.error("can't write the audit log: %s [%s]", error, error.slug)

    def close(self) -> None:
        """Close the log."""
        self.log.close()

    def _write(self, kind: str, body: dict[str, int | str]) -> None:
        self.log.record(kind, body, seal=True)
        if self.say:
            _say(kind, body)

    def _write_lazily(self, kind: str, body: dict[str, int | str]) -> None:
        self.log.record(kind, body)
        if self.say:
            _say(kind, body)


def note_roster(home: Home, now_ms: Callable[[], int], trusted: TrustedRoster) -> None:
    """
    Record another roster where the home is not unlocked; the next process signs it.

    Raises:
        KeyFileError, StorageError: The log was changed, or can't be used.
    """
    _note(home, now_ms, "roster", _of_roster(trusted))


def note_export(home: Home, now_ms: Callable[[], int], run: str, form: str) -> None:
    """
    Record that a result leaves the home, before it does.

    Args:
        run: Ten hex digits.
        form: Name of the format.

    Raises:
        KeyFileError, StorageError: The log was changed, or can't be used.
    """
    _note(home, now_ms, "export", {"run": run, "form": form})


def _note(home: Home, now_ms: Callable[[], int], kind: str, body: dict[str, int | str]) -> None:
    log = AuditLog(home, own_request(home).enrol.log_key, None, now_ms)
    try:
        log.record(kind, body, seal=True)
    finally:
        log.close()


def _say(kind: str, body: dict[str, int | str]) -> None:
    """The same fact as an event; a body that is long is in the audit log."""
    extra: dict[str, object] = {"event": kind, "peer": body.get("peer")}
    session = body.get("session")
    if isinstance(session, str) and session:
        extra["run"] = session[:10]
    for name, key in (("count", "count"), ("count", "charged"), ("error", "error")):
        if key in body:
            extra[name] = body[key]
    shown = ", ".join(
        f"{key} {value if isinstance(value, int) else value[:16]}" for key, value in body.items()
    )
    _log.log(
        _LEVELS.get(kind, logging.INFO), "%s", f"{kind}: {shown}" if shown else kind, extra=extra
    )


def _of_roster(trusted: TrustedRoster) -> dict[str, int | str]:
    return {"serial": trusted.roster.serial, "hash": trusted.hash.hex()}


def _of_close(receipt: Signed[Close]) -> dict[str, int | str]:
    body = receipt.body
    return {
        "session": body.session_id.hex(),
        "transcript": body.transcript.hex(),
        "parts": body.chunks,
    }

# SPDX-License-Identifier: Apache-2.0
"""
`overlap status`: how this home stands, from its own files; nobody is contacted.

What a peer has left with us is in the ledger. What we have left with a peer is what the last
receipt of this period says; only `overlap ping` asks.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from psi.app.clock import Clock
from psi.app.join import LEDGER_FILE
from psi.app.receipts import read_receipt
from psi.errors import PsiError
from psi.protocol.messages import Principal
from psi.protocol.sizes import epoch_bounds, epoch_of
from psi.results.text import plural
from psi.store.ledger import SqliteLedger
from psi.transport.times import date, span
from psi.trust.audit import LOG_FILE
from psi.trust.audit_verify import AuditFinding, read_log
from psi.trust.certificates import validity
from psi.trust.home import Home
from psi.trust.identity import own_request
from psi.trust.policy import Limits, Policy
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster
from psi.trust.rotation import pending_request

__all__ = ["Finding", "Level", "LogView", "PeerView", "StatusReport", "read_status"]

Level = Literal["error", "warning", "ok"]

_SOON_S: Final = 30 * 86_400
_LITTLE_SHARE: Final = 5  # a fifth
_LITTLE_SPACE: Final = 10**9
_ORDER: Final = {"error": 0, "warning": 1, "ok": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence; `error`: somebody must act, `warning`: soon."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """
    One peer: what it may still ask of us, and what we had left with it.

    `used` and `limits` are of the running period; `limits` is None for a peer that may not ask.
    `left_with_it` is None when no receipt of this period says it.
    """

    name: str
    certificate_not_after: int
    used_checks: int
    used_indicators: int
    limits: Limits | None
    left_with_it: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """The head of the audit log."""

    records: int
    unsigned: int
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """All of it; the findings with the worst first."""

    name: str
    alliance: str
    roster: int
    certificate_not_after: int
    period: int
    period_ends: int
    peers: tuple[PeerView, ...]
    log: LogView
    findings: tuple[Finding, ...]


def read_status(home: Home, peer: str | None = None, clock: Clock | None = None) -> StatusReport:
    """
    How a home stands.

    Args:
        home: Of a principal that has joined; needs no unlocking.
        peer: Only this one.

    Raises:
        KeyFileError: The home has not joined, or its identity or roster is damaged.
        UsageError: There is no such peer (`unknown-peer`).
    """
    now_s = (clock or Clock()).now_s
    trusted = RosterStore(home).current()
    roster = trusted.roster
    certificate = own_request(home).certificate
    epoch = epoch_of(now_s, roster.epoch_seconds)
    policy, policy_fault = _policy(home)
    entries = [entry for entry in roster.principals if _is_peer(entry, home.name)]
    if peer is not None:
        entries = [trusted.principal(peer)]
    used, ledger_fault = _used(home, [entry.name for entry in entries], epoch)
    left = _left_with(home, epoch)
    peers = tuple(
        PeerView(
            name=entry.name,
            certificate_not_after=max(
                validity(der)[1] for der in trusted.certificates_of(entry.name)
            ),
            used_checks=used.get(entry.name, (0, 0))[1],
            used_indicators=used.get(entry.name, (0, 0))[0],
            limits=_limits(policy, entry),
            left_with_it=left.get(entry.name),
        )
        for entry in entries
    )
    finding = _log(home)
    records = finding.records
    findings = [
        *policy_fault,
        *ledger_fault,
        *_own(home, trusted, certificate.not_after, now_s),
        *_of_log(finding),
        *_of_disk(home.path),
        *(each for view in peers for each in _of_peer(view, now_s)),
    ]
    return StatusReport(
        name=home.name,
        alliance=roster.alliance,
        roster=roster.serial,
        certificate_not_after=certificate.not_after,
        period=epoch,
        period_ends=epoch_bounds(epoch, roster.epoch_seconds)[1],
        peers=peers,
        log=LogView(
            records=len(records),
            unsigned=finding.unsigned,
            head=records[-1].digest() if records else bytes(32),
        ),
        findings=tuple(sorted(findings, key=lambda each: _ORDER[each.level])),
    )


def _is_peer(entry: Principal, own: str) -> bool:
    return entry.name != own and "member" in entry.roles


def _policy(home: Home) -> tuple[Policy | None, list[Finding]]:
    try:
        return Policy.load(home.policy_path), []
    except PsiError as error:
        return None, [Finding(level="error", text=error.message)]


def _used(
    home: Home, names: list[str], epoch: int
) -> tuple[dict[str, tuple[int, int]], list[Finding]]:
    """(indicators, checks) of each peer in this period, from the ledger."""
    try:
        ledger = SqliteLedger.look(home.state / LEDGER_FILE)
        if ledger is None:
            text = "the ledger is missing: everything counts as used up until the period ends"
            return {}, [Finding(level="error", text=text)]
        try:
            exhausted = ledger.exhausted_epoch
            found = {name: ledger.usage(name, epoch) for name in names}
        finally:
            ledger.close()
    except PsiError as error:
        return {}, [Finding(level="error", text=error.message)]
    if exhausted is not None and epoch <= exhausted:
        text = "the ledger was lost: nothing is answered until the next period"
        return {}, [Finding(level="error", text=text)]
    return {name: (usage.elements, usage.sessions) for name, usage in found.items()}, []


def _limits(policy: Policy | None, entry: Principal) -> Limits | None:
    rules = policy.peer(entry.name) if policy is not None else None
    if rules is None or not rules.may_ask:
        return None
    return Limits(
        set_size=min(rules.limits.set_size, entry.bucket_limit),
        indicators=min(rules.limits.indicators, entry.budget),
        checks=min(rules.limits.checks, entry.sessions),
    )


def _left_with(home: Home, epoch: int) -> dict[str, int]:
    """What each server said in our newest receipt of this period."""
    newest: dict[str, tuple[int, int]] = {}
    for path in home.results.glob("*/receipt.json"):
        try:
            receipt = read_receipt(path).receipt
        except PsiError:
            continue  # `overlap receipt verify` says what is wrong with it
        answer = receipt.server_hello.body
        if answer.key_cert.epoch == epoch:
            known = newest.get(answer.key_cert.server, (0, 0))
            newest[answer.key_cert.server] = max(known, (answer.time_ms, answer.budget_left))
    return {name: left for name, (_, left) in newest.items()}


def _log(home: Home) -> AuditFinding:
    path = home.path / LOG_FILE
    data = path.read_bytes() if path.exists() else b""
    return read_log(data, [own_request(home).enrol.log_key])


def _of_log(finding: AuditFinding) -> Iterator[Finding]:
    if finding.fault is not None:
        yield Finding(level="error", text=f"the audit log was changed: {finding.fault.text}")


def _own(home: Home, trusted: TrustedRoster, not_after: int, now_s: int) -> Iterator[Finding]:
    serial = trusted.roster.serial
    if not trusted.lists(home.name):
        yield Finding(level="error", text=f"roster {serial} does not list {home.name}")
    elif own_request(home).certificate.spki not in trusted.principal(home.name).certificates:
        yield Finding(level="error", text=f"roster {serial} does not list your certificate")
    yield from _of_certificate("your certificate", not_after, now_s, "`overlap keys rotate`")
    if pending_request(home) is not None:
        text = "new keys wait until a roster lists them: `overlap keys show`"
        yield Finding(level="warning", text=text)
    n = sum(1 for _ in home.evidence.glob("*.json"))
    if n:
        text = f"{plural(n, 'file')} of evidence against peers: `overlap evidence show`"
        yield Finding(level="warning", text=text)


def _of_certificate(whose: str, not_after: int, now_s: int, hint: str) -> Iterator[Finding]:
    if now_s > not_after:
        text = f"{whose} expired {date(not_after)}, {span(now_s - not_after)} ago; {hint}"
        yield Finding(level="error", text=text)
    elif not_after - now_s < _SOON_S:
        text = f"{whose} expires {date(not_after)}, in {span(not_after - now_s)}; {hint}"
        yield Finding(level="warning", text=text)


def _of_disk(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path).free
    if free < _LITTLE_SPACE:
        text = f"{free // 10**6:,} MB are free in {path}; a check that can't be recorded is refused"
        yield Finding(level="warning", text=text)


def _of_peer(view: PeerView, now_s: int) -> Iterator[Finding]:
    whose = f"the certificate of {view.name}"
    yield from _of_certificate(whose, view.certificate_not_after, now_s, "tell them")
    limits = view.limits
    if limits is None:
        return
    left = limits.indicators - view.used_indicators
    if view.used_checks >= limits.checks or left * _LITTLE_SHARE < limits.indicators:
        checks = max(0, limits.checks - view.used_checks)
        text = f"{view.name} has {checks:,} checks and {max(0, left):,} indicators left with you"
        yield Finding(level="warning", text=text)

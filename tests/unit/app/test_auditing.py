# SPDX-License-Identifier: Apache-2.0
"""Refusals are counted, not written one by one; what the records say is what happened."""

import json
from collections.abc import Iterator

import pytest
from unit.trust.support import NOW_MS, World

from psi.app.auditing import Auditor
from psi.app.roster import update
from psi.trust.audit_format import AuditRecord
from psi.trust.audit_verify import read_log
from psi.trust.identity import load_identity


class Hand:
    """A clock that is set by hand."""

    now_ms = NOW_MS


@pytest.fixture
def auditor(world: World) -> Iterator[Auditor]:
    world.joined("acme", "beta")
    Hand.now_ms = NOW_MS
    home = world.home("acme")
    made = Auditor.open(home, load_identity(home, world.unlock), lambda: Hand.now_ms)
    yield made
    made.close()


def records(world: World, kind: str) -> list[AuditRecord]:
    home = world.home("acme")
    key = load_identity(home, world.unlock).log_signer.public_key
    found = read_log((home.audit / "log.jsonl").read_bytes(), [key])
    assert found.fault is None
    return [record for record in found.records if record.type == kind]


def counts(world: World) -> list[tuple[str, str, int]]:
    bodies = [json.loads(record.body) for record in records(world, "refusal")]
    return [(body["peer"], body["error"], body["count"]) for body in bodies]


def test_refusals_of_one_kind_expect_one_at_once_and_a_count_a_minute_later(
    world: World, auditor: Auditor
) -> None:
    for _ in range(1000):
        auditor.refused("beta", "Evaluate", "malformed")
    assert counts(world) == [("beta", "malformed", 1)]
    auditor.tick()
    assert len(counts(world)) == 1
    Hand.now_ms += 60_000
    auditor.tick()
    assert counts(world) == [("beta", "malformed", 1), ("beta", "malformed", 999)]
    Hand.now_ms += 60_000
    auditor.tick()
    assert len(counts(world)) == 2, "nothing happened since"


def test_refusals_at_the_end_expect_none_is_lost(world: World, auditor: Auditor) -> None:
    for _ in range(3):
        auditor.refused(None, "Status", "peer-cert-foreign")
    auditor.stopped()
    assert counts(world) == [("", "peer-cert-foreign", 1), ("", "peer-cert-foreign", 2)]
    assert len(records(world, "stop")) == 1


def test_refusals_of_many_kinds_expect_a_bounded_table(world: World, auditor: Auditor) -> None:
    for number in range(400):
        auditor.refused(f"peer-{number}", "Status", "policy-refused")
    assert len(auditor._refused) == 257
    auditor.stopped()
    assert sum(count for _, _, count in counts(world)) == 400


def test_unlocked_and_locked_writers_expect_one_log(world: World, auditor: Auditor) -> None:
    world.init("city")
    world.enroll("city")
    update(world.home("acme"), world.root / "cti-north.roster.json")
    assert len(records(world, "roster")) == 1
    auditor.storage_failed("disk-full")
    assert json.loads(records(world, "storage-fault")[0].body) == {"error": "disk-full"}
    home = world.home("acme")
    key = load_identity(home, world.unlock).log_signer.public_key
    assert read_log((home.audit / "log.jsonl").read_bytes(), [key]).unsigned == 0

# SPDX-License-Identifier: Apache-2.0
"""The signed logs of two members around real checks, and what an auditor finds in them."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from system.support import FAULTY, Alliance, Result

from psi.app.alliance import set_limits
from psi.app.clock import Clock
from psi.app.keys import rotate_keys
from psi.trust.home import Home

Run = Callable[..., Result]


def records(alliance: Alliance, name: str) -> list[dict[str, object]]:
    """The records of a member's log, in plain form."""
    words = ["audit", "show", "--home", str(alliance.home(name)), "--json"]
    shown: list[dict[str, object]] = alliance.run(*words).object["records"]
    return shown


def types(alliance: Alliance, name: str) -> list[str]:
    return [str(record["type"]) for record in records(alliance, name)]


def verify(alliance: Alliance, log: Path, *flags: str) -> Result:
    """As an auditor who has a copy of the log and a roster."""
    roster = str(alliance.folder / "cti-test.roster.json")
    return alliance.run(
        "audit", "verify", str(log), "--roster", roster, "--home", "/nonexistent", *flags
    )


@pytest.fixture
def checked(alliance: Alliance) -> Alliance:
    """A finished check; the server has ended."""
    feed = alliance.feed("feed", ["canary-7f3a9b.evil.org", "203.0.114.77"])
    server = alliance.serve("beta-bank", feed)
    result = alliance.check(feed, address=server.listen)
    assert (result.code, result.object["count"]) == (0, 2), result.err
    assert server.stop() == 0
    return alliance


def receipts(alliance: Alliance) -> tuple[Path, Path]:
    (ours,) = (alliance.home("acme-corp") / "results").glob("*/receipt.json")
    (theirs,) = (alliance.home("beta-bank") / "audit" / "receipts").iterdir()
    return ours, theirs


def test_check_expect_every_step_in_both_logs(checked: Alliance) -> None:
    assert types(checked, "beta-bank") == [
        *("join", "period", "start", "key-certificate"),
        *("session-open", "session-close", "stop"),
    ]
    assert types(checked, "acme-corp") == ["join", "run-open", "release"]
    opened = next(r for r in records(checked, "beta-bank") if r["type"] == "session-open")
    body = opened["body"]
    assert isinstance(body, dict)
    assert (body["peer"], body["charged"], body["left"]) == ("acme-corp", 1024, 524_288 - 1024)


def test_logs_of_both_expect_whole_with_either_receipt(checked: Alliance) -> None:
    ours, theirs = receipts(checked)
    for name, first in (("acme-corp", 2), ("beta-bank", 5)):
        log = checked.home(name) / "audit"
        for receipt in (ours, theirs):
            shown = verify(checked, log, "--receipt", str(receipt))
            assert shown.code == 0, shown.err
            assert f"ok         log            {name}: records 1 to " in shown.out
            words = f"ok         receipt        records {first} to {first + 1}; 1,024 charged"
            assert words in shown.out
    assert "unbroken" in verify(checked, checked.home("beta-bank") / "audit").out
    own = checked.run("audit", "verify", "--home", str(checked.home("beta-bank")), "--json").object
    assert (own["records"], own["unsigned"], own["receipt"]) == (7, 0, None)


def test_logs_hold_no_indicator(checked: Alliance) -> None:
    for name in ("acme-corp", "beta-bank"):
        data = (checked.home(name) / "audit" / "log.jsonl").read_bytes()
        for planted in (b"canary-7f3a9b", b"203.0.114.77"):
            assert planted not in data
            assert planted.hex().encode() not in data


def edit(lines: list[bytes]) -> None:
    at = next(i for i, line in enumerate(lines) if b'"session-open"' in line)
    lines[at] = lines[at].replace(b'"charged":1024', b'"charged":1280')


def delete(lines: list[bytes]) -> None:
    del lines[next(i for i, line in enumerate(lines) if b'"session-open"' in line)]


def reorder(lines: list[bytes]) -> None:
    at = next(i for i, line in enumerate(lines) if b'"session-open"' in line)
    lines.insert(0, lines.pop(at))


def cut(lines: list[bytes]) -> None:
    del lines[next(i for i, line in enumerate(lines) if b'"session-close"' in line) :]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit, "record 5 was edited after it was signed; records 1 to 4 are sound"),
        (delete, "record 5 was deleted; records 1 to 4 are sound"),
        (reorder, "record 1 is out of order: record 5 is in its place"),
    ],
)
def test_log_that_was_changed_expect_the_first_bad_record_named(
    checked: Alliance, change: Callable[[list[bytes]], None], words: str
) -> None:
    """A1."""
    copy = checked.folder / "copy"
    shutil.copytree(checked.home("beta-bank") / "audit", copy)
    lines = (copy / "log.jsonl").read_bytes().splitlines(keepends=True)
    change(lines)
    (copy / "log.jsonl").write_bytes(b"".join(lines))
    shown = verify(checked, copy)
    assert shown.code == 5
    assert shown.out.startswith("FAIL       log            the log of beta-bank: ")
    assert words in shown.out
    error = verify(checked, copy, "--json").error
    assert (error["error"], error["record"]) == ("does-not-hold", 1 if change is reorder else 5)


def test_log_that_was_cut_expect_found_with_a_receipt_only(checked: Alliance) -> None:
    """A1: truncation."""
    copy = checked.folder / "copy"
    shutil.copytree(checked.home("beta-bank") / "audit", copy)
    lines = (copy / "log.jsonl").read_bytes().splitlines(keepends=True)
    cut(lines)
    (copy / "log.jsonl").write_bytes(b"".join(lines))
    alone = verify(checked, copy)
    assert alone.code == 0
    assert "a log that was cut at its end looks the same" in alone.out
    shown = verify(checked, copy, "--receipt", str(receipts(checked)[0]))
    assert shown.code == 5
    assert "has no session-close of run " in shown.err


def test_log_of_another_member_or_of_nobody_expect_exit_5(checked: Alliance) -> None:
    copy = checked.folder / "copy.jsonl"
    data = (checked.home("beta-bank") / "audit" / "log.jsonl").read_bytes()
    copy.write_bytes(data.replace(b'"actor":"beta-bank"', b'"actor":"acme-corp"'))
    assert verify(checked, copy).code == 5
    copy.write_bytes(data.replace(b'"actor":"beta-bank"', b'"actor":"nobody"'))
    assert "no roster that is here lists nobody" in verify(checked, copy).err
    copy.write_bytes(b"")
    assert "copy.jsonl has no record" in verify(checked, copy).err
    assert verify(checked, checked.folder / "missing").code == 1


def test_server_that_was_killed_expect_a_log_that_goes_on(alliance: Alliance) -> None:
    """K2: the charge was recorded before the answer; the resend is one more record, no charge."""
    feed = alliance.feed("feed", [f"host-{n}.evil.org" for n in range(9000)])
    fault = {"OVERLAP_TEST_FAULT": "kill-before-answer:2"}
    dying = alliance.serve("beta-bank", feed, command=FAULTY, environment=fault)
    alliance.check(feed, address=dying.listen, flags=["--timeout", "2s"])
    assert dying.stop() == -signal.SIGKILL
    again = alliance.serve("beta-bank", feed, listen=dying.listen)
    assert alliance.check(feed, address=again.listen).code == 0
    again.stop()
    seen = types(alliance, "beta-bank")
    assert seen.count("start") == 2
    assert seen.count("session-close") == 1
    assert verify(alliance, alliance.home("beta-bank") / "audit").code == 0
    (ours,) = (alliance.home("acme-corp") / "results").glob("*/receipt.json")
    for name in ("acme-corp", "beta-bank"):
        log = alliance.home(name) / "audit"
        assert verify(alliance, log, "--receipt", str(ours)).code == 0
    assert types(alliance, "acme-corp").count("run-failed") == 1


def test_refusals_roster_and_rotation_expect_recorded(alliance: Alliance) -> None:
    feed = alliance.feed("feed", ["evil.org"])
    policy = alliance.home("beta-bank") / "policy.toml"
    policy.write_text(policy.read_text() + "peer.acme-corp = { may_ask = false }\n")
    server = alliance.serve("beta-bank", feed)
    for _ in range(3):
        assert alliance.check(feed, address=server.listen).error["error"] == "policy-refused"
    set_limits(
        alliance.alliance, alliance.unlock, "acme-corp", sessions=3, out_directory=alliance.folder
    )
    roster = str(alliance.folder / "cti-test.roster.json")
    words = ["roster", "update", roster, "--home", str(alliance.home("beta-bank"))]
    assert alliance.run(*words).code == 0
    assert alliance.run(*words).code == 0, "the same one again is no record"
    home = Home.open(alliance.home("beta-bank"))
    rotate_keys(home, alliance.unlock, "tls", Clock().now_ms(), alliance.folder)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("reloaded")
    assert server.stop() == 0
    found = records(alliance, "beta-bank")
    refusals = [record["body"] for record in found if record["type"] == "refusal"]
    assert sum(body["count"] for body in refusals) == 3  # type: ignore[index]  # a body is a dict
    assert refusals[0] == {
        "peer": "acme-corp",
        "call": "Status",
        "error": "policy-refused",
        "count": 1,
    }
    seen = [str(record["type"]) for record in found]
    assert (seen.count("roster"), seen.count("keys-rotated"), seen.count("reload")) == (1, 1, 1)
    shown = verify(alliance, alliance.home("beta-bank") / "audit", "--json").object
    assert shown["unsigned"] == 0


def test_export_of_a_result_expect_recorded_before_it_is_written(checked: Alliance) -> None:
    output = checked.folder / "matches.csv"
    words = ["result", "export", "last", "--home", str(checked.home("acme-corp"))]
    assert checked.run(*words, "-o", str(output)).code == 0
    assert checked.run("result", "show", "last", "--home", words[-1]).code == 0
    last = records(checked, "acme-corp")[-1]
    (run,) = (path.name[-10:] for path in (checked.home("acme-corp") / "results").iterdir())
    assert (last["type"], last["body"]) == ("export", {"run": run, "form": "csv"})
    assert verify(checked, checked.home("acme-corp") / "audit", "--json").object["unsigned"] == 1


def test_fault_of_a_peer_expect_the_evidence_recorded(alliance: Alliance) -> None:
    feed = alliance.feed("feed", ["evil.org"])
    fault = {"OVERLAP_TEST_FAULT": "wrong-key:1"}
    server = alliance.serve("beta-bank", feed, command=FAULTY, environment=fault)
    assert alliance.check(feed, address=server.listen).code == 3
    (file,) = (alliance.home("acme-corp") / "evidence").iterdir()
    evidence = next(r for r in records(alliance, "acme-corp") if r["type"] == "evidence")
    body = evidence["body"]
    assert isinstance(body, dict)
    assert (body["peer"], body["kind"], body["file"]) == ("beta-bank", "bad-proof", file.name)
    assert types(alliance, "acme-corp")[-1] == "run-failed"
    shown = alliance.run("audit", "show", "--summary", "--home", str(alliance.home("acme-corp")))
    assert "evidence          1\n" in shown.out
    first = alliance.run("audit", "show", "--from", "2", "--home", str(alliance.home("acme-corp")))
    assert first.out.splitlines()[0].split()[0] == "2"
    assert json.dumps(body["session"])[1:17] in first.out

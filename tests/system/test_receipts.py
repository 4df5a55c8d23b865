# SPDX-License-Identifier: Apache-2.0
"""Both sides of a check hold a receipt; an auditor compares them offline."""

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from system.support import FAULTY, Alliance

Checked = tuple[Alliance, Path, Path]


@pytest.fixture
def checked(alliance: Alliance) -> Checked:
    """A finished check and its two receipts."""
    feed = alliance.feed("feed", [f"host-{n}.evil.org" for n in range(5000)])
    server = alliance.serve("beta-bank", feed)
    result = alliance.check(feed, address=server.listen)
    assert result.code == 0, result.err
    (ours,) = (alliance.home("acme-corp") / "results").glob("*/receipt.json")
    (theirs,) = (alliance.home("beta-bank") / "audit" / "receipts").iterdir()
    assert theirs.stem.endswith(f"_acme-corp_{result.object['run']}")
    return alliance, ours, theirs


def offline(alliance: Alliance) -> list[str]:
    """The flags of an auditor who has a roster and no home."""
    return ["--home", "/nonexistent", "--roster", str(alliance.folder / "cti-test.roster.json")]


def test_receipts_of_both_sides_expect_they_match(checked: Checked) -> None:
    alliance, ours, theirs = checked
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o600
    shown = alliance.run("receipt", "match", str(ours), str(theirs), *offline(alliance))
    assert shown.code == 0, shown.err
    run = json.loads(ours.read_text())["run"]
    assert shown.out.splitlines() == [
        f"ok         both signed    run {run}, acme-corp asked beta-bank, "
        "23 of 23 fields equal, done",
        "note       neither says what the sets held: a member can lie about its own set",
    ]
    verified = alliance.run("receipt", "verify", str(ours), str(theirs), *offline(alliance))
    assert verified.code == 0
    assert verified.out.count("; both have signed\n") == 2
    fields = alliance.run(
        "receipt", "match", str(ours), str(theirs), *offline(alliance), "--json"
    ).object
    assert (fields["fields_equal"], fields["kept_by"]) == (23, ["acme-corp", "beta-bank"])


@pytest.mark.parametrize("who", ["acme-corp", "beta-bank"])
def test_receipt_show_of_a_run_expect_the_file_that_was_kept(checked: Checked, who: str) -> None:
    alliance, ours, theirs = checked
    kept = json.loads((ours if who == "acme-corp" else theirs).read_text())
    home = str(alliance.home(who))
    for name in (kept["run"], kept["run"][:6], "last"):
        shown = alliance.run("receipt", "show", name, "--home", home, "--json")
        assert shown.object == kept
    text = alliance.run("receipt", "show", "last", "--home", home).out
    assert "sizes      5,120 asked, 5,120 held; rounded up\n" in text
    assert f"own word   {who}: done " in text
    unknown = alliance.run("receipt", "show", "000000", "--home", home, "--json")
    assert (unknown.code, unknown.error["error"]) == (2, "usage")


def second_run(alliance: Alliance, receipt: Path) -> None:
    """Replace the close signature by that of nobody."""
    content = json.loads(receipt.read_text())
    content["signed"]["close_by_server"]["signature"] = "00" * 64
    receipt.write_text(json.dumps(content))


def other_words(alliance: Alliance, receipt: Path) -> None:
    """Claim another run in the words beside the signatures."""
    content = json.loads(receipt.read_text())
    content["run"] = "0" * 10
    receipt.write_text(json.dumps(content))


@pytest.mark.parametrize(("change", "code"), [(second_run, 5), (other_words, 1)])
def test_receipt_that_was_changed_expect_it_is_refused(
    checked: Checked, change: Callable[[Alliance, Path], None], code: int
) -> None:
    alliance, ours, theirs = checked
    change(alliance, ours)
    for words in (("verify", str(ours)), ("match", str(ours), str(theirs))):
        assert alliance.run("receipt", *words, *offline(alliance)).code == code


def test_receipts_of_two_runs_expect_what_differs(checked: Checked) -> None:
    alliance, ours, theirs = checked
    feed = alliance.feed("feed", ["evil.org"])
    assert alliance.check(feed, address=alliance.servers[0].listen).code == 0
    (other,) = set((alliance.home("acme-corp") / "results").glob("*/receipt.json")) - {ours}
    ended = alliance.run("receipt", "match", str(other), str(theirs), *offline(alliance))
    assert ended.code == 5
    assert "differs    client_hello.bucket: 1024 in receipt.json, 5120 in " in ended.out
    assert "FAIL       match\n" in ended.out
    assert "the two receipts differ in " in ended.err


def test_receipt_that_could_not_be_kept_at_once_expect_it_is_kept_at_the_next_start(
    alliance: Alliance,
) -> None:
    """The ledger has it; a server that died before the file was written makes up for it."""
    feed = alliance.feed("feed", ["evil.org"])
    server = alliance.serve("beta-bank", feed)
    assert alliance.check(feed, address=server.listen).code == 0
    server.stop()
    folder = alliance.home("beta-bank") / "audit" / "receipts"
    (lost,) = folder.iterdir()
    content = lost.read_bytes()
    lost.unlink()
    again = alliance.serve("beta-bank", feed)
    again.stop()
    assert json.loads(lost.read_bytes())["signed"] == json.loads(content)["signed"]


def test_receipts_hold_no_indicator(checked: Checked) -> None:
    _, ours, theirs = checked
    for file in (ours, theirs):
        data = file.read_bytes()
        signed = json.loads(data)["signed"].values()
        seen = data + b"".join(base64.b64decode(message["encoding"]) for message in signed)
        assert b"evil.org" not in seen


def test_client_that_never_closed_expect_no_receipt_at_the_server(alliance: Alliance) -> None:
    feed = alliance.feed("feed", [f"host-{n}.evil.org" for n in range(9000)])
    server = alliance.serve("beta-bank", feed)
    fault = {"OVERLAP_TEST_FAULT": "kill-after-keep:2"}
    alliance.check(feed, address=server.listen, command=FAULTY, environment=fault)
    assert not (alliance.home("beta-bank") / "audit" / "receipts").exists()

# SPDX-License-Identifier: Apache-2.0
"""A server that cheats leaves a file that convinces a third party, offline."""

import json
from pathlib import Path

import pytest
from system.support import FAULTY, Alliance, Result


@pytest.fixture
def cheated(alliance: Alliance) -> tuple[Alliance, Path, Result]:
    """A check of three parts whose second answer was made with another key."""
    ours = alliance.feed("ours", [f"host-{n}.evil.org" for n in range(9000)])
    fault = {"OVERLAP_TEST_FAULT": "wrong-key:2"}
    server = alliance.serve("beta-bank", ours, command=FAULTY, environment=fault)
    refused = alliance.check(ours, address=server.listen)
    (file,) = (alliance.home("acme-corp") / "evidence").iterdir()
    return alliance, file, refused


def test_cheated_check_expect_no_result_and_evidence_that_holds(
    cheated: tuple[Alliance, Path, Result],
) -> None:
    alliance, file, refused = cheated
    assert (refused.code, refused.error["error"]) == (3, "bad-proof")
    assert str(file) in refused.error["hint"]
    assert list((alliance.home("acme-corp") / "results").iterdir()) == []
    # The other member has a home in the alliance, and was no party to it in this role.
    shown = alliance.run("evidence", "verify", str(file), "--home", str(alliance.home("beta-bank")))
    assert shown.code == 0, shown.err
    assert "beta-bank signed the key, the run and its answer to part " in shown.out
    assert "; the answer does not fit the key\n" in shown.out
    assert "ok         keys of roster 1 of cti-test\n" in shown.out
    listed = alliance.run("evidence", "show", "--home", str(alliance.home("acme-corp"))).out
    assert listed.startswith(f"bad-proof  {file.name}: beta-bank, run {file.stem}, ")


def test_evidence_beside_a_roster_file_expect_no_home_needed(
    cheated: tuple[Alliance, Path, Result],
) -> None:
    alliance, file, _ = cheated
    roster = str(alliance.folder / "cti-test.roster.json")
    words = ["evidence", "verify", str(file), "--home", "/nonexistent", "--roster", roster]
    shown = alliance.run(*words)
    assert shown.code == 0
    assert "whose code is " in shown.out
    fields = alliance.run(*words, "--json").object
    assert (fields["format"], fields["holds"], fields["accused"]) == (
        "overlap-verify/1",
        True,
        "beta-bank",
    )


def test_evidence_with_other_elements_expect_exit_5(
    cheated: tuple[Alliance, Path, Result],
) -> None:
    alliance, file, _ = cheated
    content = json.loads(file.read_text())
    content["attachments"]["evaluated"] = content["attachments"]["elements"]
    forged = alliance.folder / "forged.json"
    forged.write_text(json.dumps(content))
    home = str(alliance.home("acme-corp"))
    shown = alliance.run("evidence", "verify", str(forged), "--home", home)
    assert shown.code == 5
    assert shown.out == "FAIL       evidence\n"
    assert "proves nothing against beta-bank: the evaluated elements are not those" in shown.err
    assert alliance.run("evidence", "verify", str(forged), "--home", home, "--json").error[
        "error"
    ] == ("does-not-hold")
    damaged = alliance.folder / "damaged.json"
    damaged.write_text("{}")
    assert alliance.run("evidence", "verify", str(damaged), "--home", home).code == 1


def test_home_without_evidence_expect_it_says_so(alliance: Alliance) -> None:
    words = ["evidence", "show", "--home", str(alliance.home("acme-corp"))]
    assert alliance.run(*words).out == "none       no peer has misbehaved\n"
    assert alliance.run(*words, "--json").object["files"] == []

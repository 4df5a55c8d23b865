# SPDX-License-Identifier: Apache-2.0
"""Saved runs: found, read, deleted, and dropped when their time is over."""

import os
from datetime import datetime
from pathlib import Path

import pytest
from unit.results.support import make_match, make_result

from psi.app.results import (
    delete_runs,
    drop_expired,
    find_run,
    find_runs,
    load_run,
    saved_runs,
)
from psi.errors import PsiError, StorageError
from psi.results.json_file import stream_json
from psi.results.result import CheckResult
from psi.trust.formats import LockRecord
from psi.trust.home import Home

DAY = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "results").mkdir()
    return Home(tmp_path, "principal", "acme-corp", LockRecord(kind="key-file", home_key=b""))


def save(home: Home, run: str, started_at: str, peer: str = "beta-bank") -> CheckResult:
    result = make_result(
        [make_match("a.example")],
        run=run,
        session=run + 54 * "e",
        started_at=started_at,
        server=peer,
    )
    folder = home.results / f"{started_at[:10]}_{peer}_{run}"
    folder.mkdir()
    (folder / "result.json").write_text("".join(stream_json(result)))
    (folder / "receipt.json").write_text("{}")
    return result


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def test_saved_runs_expect_the_newest_first_and_nothing_else(home: Home, tmp_path: Path) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    save(home, "bbbbbbbbbb", "2026-11-23T09:14:00Z", "city-hospital")
    save(home, "cccccccccc", "2026-11-23T09:13:59Z")
    (home.results / ".dddddddddd.part").mkdir()
    (home.results / "notes").mkdir()
    (home.results / "2026-11-24_beta-bank_eeeeeeeeee").symlink_to(tmp_path)
    (home.results / "2026-11-24_beta-bank_ffffffffff").write_text("no folder")
    runs = saved_runs(home)
    assert [run.run for run in runs] == ["bbbbbbbbbb", "cccccccccc", "aaaaaaaaaa"]
    assert (runs[0].peer, runs[0].date) == ("city-hospital", "2026-11-23")
    assert runs[0].summary is not None
    assert runs[0].summary.count == 1
    assert runs[0].receipt.read_text() == "{}"


def test_saved_runs_of_one_second_expect_the_later_folder_first(home: Home) -> None:
    for run, made in (("aaaaaaaaaa", 3), ("cccccccccc", 1), ("bbbbbbbbbb", 2)):
        save(home, run, "2026-11-20T10:00:00Z")
        os.utime(home.results / f"2026-11-20_beta-bank_{run}", ns=(made, made))
    assert [run.run[0] for run in saved_runs(home)] == ["a", "b", "c"]
    assert find_run(home, "last").run == "aaaaaaaaaa"


def test_saved_run_whose_result_is_damaged_expect_listed_and_not_loaded(home: Home) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    (run,) = saved_runs(home)
    (run.path / "result.json").write_text("{")
    (run,) = saved_runs(home)
    assert run.summary is None
    assert find_run(home, "aaaaaa") == run
    with pytest.raises(StorageError, match="is no saved result"):
        load_run(run)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("last", "bbbbbbbbbb"),
        ("aaaaaa", "aaaaaa1111"),
        ("AAAAAA1", "aaaaaa1111"),
        ("aaaaaa1111", "aaaaaa1111"),
        ("aaaaaa1111" + 54 * "e", "aaaaaa1111"),
    ],
)
def test_find_expect_the_run_that_is_named(home: Home, word: str, expected: str) -> None:
    saved = save(home, "aaaaaa1111", "2026-11-20T10:00:00Z")
    newest = save(home, "bbbbbbbbbb", "2026-11-23T09:14:00Z")
    run = find_run(home, word)
    assert run.run == expected
    assert load_run(run).session == (newest if word == "last" else saved).session


@pytest.mark.parametrize(
    ("word", "slug", "said"),
    [
        ("aaaaa", "usage", "at least 6 characters"),
        ("", "usage", "at least 6 characters"),
        ("aaaaaa", "unknown-run", "2 saved runs begin with aaaaaa"),
        ("aaaaaa9111", "unknown-run", "did you mean aaaaaa1111?"),
        ("aaaaaa1111" + 54 * "f", "unknown-run", "no saved run aaaaaa1111"),
        ("../../etc", "unknown-run", "no saved run"),
        ("zzzzzz\x1b[1m", "unknown-run", "no saved run zzzzzz\\x1b"),
    ],
)
def test_find_of_no_one_run_expect_what_is_wrong(
    home: Home, word: str, slug: str, said: str
) -> None:
    save(home, "aaaaaa1111", "2026-11-20T10:00:00Z")
    save(home, "aaaaaa2222", "2026-11-20T11:00:00Z")
    with pytest.raises(PsiError) as caught:
        find_run(home, word)
    assert caught.value.slug == slug
    assert said in caught.value.message


def test_last_of_nothing_expect_unknown_run(home: Home) -> None:
    with pytest.raises(PsiError, match="no saved run") as caught:
        find_run(home, "last")
    assert caught.value.outcome.exit_code == 2


def test_delete_expect_the_whole_folder_gone_and_the_others_kept(home: Home) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    save(home, "bbbbbbbbbb", "2026-11-23T09:14:00Z")
    runs = find_runs(home, ["last", "bbbbbb"])
    assert len(runs) == 1
    delete_runs(home, runs)
    assert [path.name for path in home.results.iterdir()] == ["2026-11-20_beta-bank_aaaaaaaaaa"]


def test_delete_that_was_cut_short_expect_no_run_any_more(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    (run,) = saved_runs(home)

    def crash(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            delete_runs(home, [run])
    assert saved_runs(home) == []
    assert len(list(home.results.iterdir())) == 1
    drop_expired(home, DAY, 0)
    assert list(home.results.iterdir()) == []


def test_drop_expired_expect_only_those_whose_time_is_over(home: Home) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    save(home, "bbbbbbbbbb", "2026-11-21T10:00:00Z")
    save(home, "cccccccccc", "2026-11-22T10:00:00Z")
    now = seconds("2026-11-23T10:00:00Z")
    assert drop_expired(home, 2 * DAY, now) == 1
    assert [run.run for run in saved_runs(home)] == ["cccccccccc", "bbbbbbbbbb"]
    assert drop_expired(home, 2 * DAY, now) == 0


def test_drop_expired_of_a_damaged_run_expect_the_end_of_its_day(home: Home) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    (run,) = saved_runs(home)
    (run.path / "result.json").unlink()
    assert drop_expired(home, DAY, seconds("2026-11-21T23:59:59Z")) == 0
    assert drop_expired(home, DAY, seconds("2026-11-22T00:00:01Z")) == 1


def test_drop_expired_when_nothing_is_kept_expect_older_runs_left_to_their_owner(
    home: Home,
) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")
    assert drop_expired(home, 0, seconds("2030-01-01T00:00:00Z")) == 0
    assert len(saved_runs(home)) == 1


def test_drop_expired_that_fails_expect_no_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(home, "aaaaaaaaaa", "2026-11-20T10:00:00Z")

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    assert drop_expired(home, DAY, seconds("2027-01-01T00:00:00Z")) == 0
    with pytest.raises(StorageError, match="cannot delete run aaaaaaaaaa: permission denied"):
        delete_runs(home, saved_runs(home))

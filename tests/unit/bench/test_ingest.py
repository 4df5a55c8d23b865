# SPDX-License-Identifier: Apache-2.0
"""The benchmark of reading runs, reads what it wrote, and writes its figures."""

import json
from pathlib import Path

import pytest

from psi.indicators import Profile, read_set
from psi_bench.feeds import MIX, mixed_values, text_feed
from psi_bench.ingest import main
from psi_bench.plain_reading import read_plainly


def test_ingest_when_small_expect_every_case_and_no_value_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In processes of their own."""
    main(["--n", "4000", "--times", "1", "--out", str(tmp_path / "ingest.json")])
    written = json.loads((tmp_path / "ingest.json").read_text())
    assert list(written["cases"]) == ["text", "cached", "misp", "stix", "plain"]
    assert written["cases"]["misp"]["n"] == written["cases"]["stix"]["n"] == 800
    assert all(case["us"] > 0 for case in written["cases"].values())
    assert "times as fast as" in capsys.readouterr().out


def test_feed_when_made_twice_expect_same_and_the_mix_asked_for() -> None:
    """Shares to a percent, one value in ten defanged."""
    values = list(mixed_values(20_000))
    assert values == list(mixed_values(20_000))
    for kind, share in MIX.items():
        assert abs(sum(k == kind for k, _ in values) / len(values) - share) < 0.01
    plain = [value for kind, value in values if kind != "hash"]
    assert 0.07 < sum("[.]" in value for value in plain) / len(plain) < 0.13


def test_plain_reading_when_compared_expect_about_as_many_elements(tmp_path: Path) -> None:
    """The comparison is with something that does the work."""
    path = tmp_path / "feed.txt"
    text_feed(path, 5_000)
    found = read_set([path], profile=Profile())
    assert abs(len(read_plainly(path)) - len(found)) < 50

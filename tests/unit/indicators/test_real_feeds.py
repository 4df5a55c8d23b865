# SPDX-License-Identifier: Apache-2.0
"""
Public feeds, where they have been put beside the project; skipped otherwise.

The figures are facts about snapshots of those feeds. Each folder is one member, read without any
option.
"""

from functools import cache
from pathlib import Path

import pytest

from psi.indicators import KINDS, IndicatorSet, Profile, ReadOptions, read_set

FEEDS = Path(__file__).parents[3] / ".." / "shared" / "data"

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="no real feeds beside the project")


@cache
def member(name: str) -> IndicatorSet:
    """The set of one folder."""
    return read_set(
        [FEEDS / name],
        profile=Profile.default(),
        options=ReadOptions(kinds=frozenset(KINDS)),
    )


@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("malicious-ip", 552_293),
        ("bitwire", 379_120),
        ("ipsum", 120_430),
        ("threatfox-ips", 19_856),
        ("signature-base", 4_826),
        # 26 names with a last label that is no top-level domain are rejected.
        ("maltrail", 204_566 - 26),
    ],
)
def test_feed_when_read_without_options_expect_count(name: str, elements: int) -> None:
    """As many elements as a reading with columns chosen by hand gives."""
    found = member(name)
    report = found.report
    assert len(found) == elements
    assert report.values_read == (
        report.to_use + report.duplicates + report.n_rejected + report.n_filtered
    )


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("malicious-ip", "ipsum", 79_243),
        ("malicious-ip", "bitwire", 21_235),
        ("bitwire", "ipsum", 9_490),
        ("bitwire", "maltrail", 2_106),
        ("maltrail", "signature-base", 1_405),
        ("maltrail", "sekoia", 282),
    ],
)
def test_feeds_when_intersected_expect_known_overlap(one: str, other: str, overlap: int) -> None:
    """The overlaps that only canonical forms find."""
    assert len(set(member(one).values) & set(member(other).values)) == overlap

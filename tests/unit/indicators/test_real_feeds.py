# SPDX-License-Identifier: Apache-2.0
"""
Public feeds, where they have been put beside the project; skipped otherwise.

The figures are facts about snapshots of those feeds. Each folder is one member, read without any
option.
"""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from psi.errors import IndicatorError
from psi.indicators import KINDS, IndicatorSet, Profile, ReadOptions, read_set

FEEDS = Path(__file__).parents[3] / ".." / "shared" / "data"

MEMBERS = (
    "malicious-ip", "bitwire", "maltrail", "ipsum", "infoblox", "unit42", "threatfox-ips", "eset",
    "tweetfeed", "sekoia", "avast", "spyware-stix", "signature-base", "volexity", "fireeye-openioc",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="no real feeds beside the project")


@cache
def member(name: str) -> IndicatorSet:
    """The set of one folder."""
    return read_set(
        [FEEDS / name],
        profile=Profile.default(),
        options=ReadOptions(kinds=frozenset(KINDS)),
    )


# The second figure is that of a study that chose the columns of each file by hand and knew no
# top-level domains. Where the two differ, the rule that makes the difference is named.
@pytest.mark.parametrize(
    ("name", "elements", "study"),
    [
        ("malicious-ip", 552_293, 552_293),
        ("bitwire", 379_120, 379_120),
        # Last labels that are no top-level domain (.unknown, .dcnames and the like).
        ("maltrail", 204_540, 204_566),
        ("ipsum", 120_430, 120_430),
        # Names below ip6.arpa, and a name that the feed itself calls legitimate.
        ("infoblox", 101_029, 101_035),
        # Names of Android packages (com.example.app), multicast addresses in a list of targets,
        # names of files and of legitimate sites in prose.
        ("unit42", 39_020, 41_873),
        ("threatfox-ips", 19_856, 19_856),
        ("eset", 17_163, 17_163),
        ("tweetfeed", 17_133, 17_133),
        # Links to the page of each indicator at its publisher, in a column behind it.
        ("sekoia", 7_113, 8_930),
        ("avast", 6_473, 6_475),
        ("spyware-stix", 5_178, 5_178),
        ("signature-base", 4_826, 4_826),
        # URLs to which the next column still stuck, and names and CVEs in remarks.
        ("volexity", 1_886, 1_950),
        ("fireeye-openioc", 493, 493),
    ],
)
def test_feed_when_read_without_options_expect_count(name: str, elements: int, study: int) -> None:
    """As many elements as a reading with columns chosen by hand gives, or fewer for a reason."""
    found = member(name)
    report = found.report
    assert len(found) == elements <= study
    assert report.values_read == (
        report.to_use + report.duplicates + report.n_rejected + report.n_filtered
    )
    assert report.damaged_records == 0


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("malicious-ip", "ipsum", 79_243),
        ("malicious-ip", "bitwire", 21_235),
        ("bitwire", "ipsum", 9_490),
        ("maltrail", "unit42", 2_133),
        ("bitwire", "maltrail", 2_106),
        ("maltrail", "spyware-stix", 1_495),
        ("maltrail", "signature-base", 1_405),
        ("maltrail", "tweetfeed", 470),
        ("eset", "signature-base", 355),
        ("maltrail", "sekoia", 282),
        ("maltrail", "infoblox", 80),
        ("eset", "avast", 72),
    ],
)
def test_feeds_when_intersected_expect_known_overlap(one: str, other: str, overlap: int) -> None:
    """The overlaps that only canonical forms find."""
    assert len(set(member(one).values) & set(member(other).values)) == overlap


def test_feeds_when_counted_together_expect_known_group() -> None:
    """How many members hold an element; the study has 106,137 in two and none in six either."""
    held = Counter(value for name in MEMBERS for value in member(name).values)
    at_least = [sum(count >= k for count in held.values()) for k in (1, 2, 3, 4, 5, 6)]
    assert at_least == [1_360_705, 106_136, 9_576, 130, 6, 0]


def test_feed_when_an_event_lacks_its_beginning_expect_its_hash() -> None:
    """The tail of a MISP event, as its publisher has it, is no JSON; its hash counts."""
    (path,) = (FEEDS / "eset").rglob("*.malformed-tail.txt")
    found = read_set([path], profile=Profile.default())
    assert found.kind_counts() == {"hex64": 1}
    assert found.report.n_rejected > 100


def test_feed_when_cut_short_expect_only_the_cut_lost(tmp_path: Path) -> None:
    """A real event that breaks off: whole attributes before the cut count, and it is said."""
    (path,) = (FEEDS / "eset").rglob("misp-xdspy-event.json")
    whole = read_set([path], profile=Profile.default())
    cut = tmp_path / "cut.json"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(IndicatorError, match="ends early after"):
        read_set([cut], profile=Profile.default())
    part = read_set([cut], profile=Profile.default(), options=ReadOptions(keep_going=True))
    assert 0 < len(part) < len(whole)
    assert set(part.values) < set(whole.values)
    assert len(part.report.damaged) == 1

# SPDX-License-Identifier: Apache-2.0
"""Matches out of a set: the same in blocks as one by one, with everything that is known of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.indicators import IndicatorSet, Profile, read_set
from psi.results.own_matches import matches_of

SIZE = 2500  # more than two blocks


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> IndicatorSet:
    """Values with one source and with several, written as they are and otherwise, with ids."""
    folder = tmp_path_factory.mktemp("feeds")
    lines = [f"host-{i}.evil.org" if i % 3 else f"HOST-{i}[.]evil[.]org" for i in range(SIZE)]
    (folder / "a.txt").write_text("".join(f"{line}\n" for line in lines))
    (folder / "b.txt").write_text("".join(f"{line}.\n" for line in lines[::5]))
    (folder / "c.json").write_text(EVENT)
    return read_set([folder], profile=Profile.default())


EVENT = """{"Event": {"uuid": "0af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a", "info": "x", "Tag":
 [{"name": "tlp:green"}], "Attribute": [{"uuid": "1af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a",
 "type": "domain", "category": "Network activity", "value": "host-7.evil.org", "to_ids": true},
 {"uuid": "2af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a", "type": "domain", "to_ids": true,
 "category": "Network activity", "value": "misp-only.evil.org"}]}}"""


def test_matches_in_blocks_expect_those_made_one_by_one(found: IndicatorSet) -> None:
    rows = np.arange(len(found))
    matches = matches_of(found, rows)
    assert len(matches) == SIZE + 1
    assert list(matches) == [matches[i] for i in range(len(matches))]
    assert len(matches[5].sources) == 2


def test_match_that_misp_holds_expect_its_ids_and_marking(found: IndicatorSet) -> None:
    by_value = {match.value: match for match in matches_of(found, np.arange(len(found)))}
    here, there = by_value["host-7.evil.org"].sources
    assert (here.id, here.event, here.tlp) == ("", "", "")
    assert there.id == "1af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a"
    assert there.event == "0af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a"
    assert there.tlp == "green"
    assert by_value["misp-only.evil.org"].sources[0].id.startswith("2af5e1b2")


@given(st.sets(st.integers(0, SIZE), max_size=30))
def test_matches_of_some_rows_expect_these_in_order(found: IndicatorSet, some: set[int]) -> None:
    rows = np.array(sorted(some), dtype=np.int64)
    matches = list(matches_of(found, rows))
    assert [f"{m.kind}:{m.value}".encode() for m in matches] == [
        found.values.value(row) for row in sorted(some)
    ]
    assert [list(m.sources) for m in matches] == [found.sources(row) for row in sorted(some)]

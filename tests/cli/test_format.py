# SPDX-License-Identifier: Apache-2.0
"""Times and durations as people read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi_cli._format import ago, clock, date, day, duration, in_time, moment, renewal, rfc3339

MONDAY = 1_795_996_800  # 2026-11-30 00:00 UTC
SECONDS = {"day": 86_400, "days": 86_400, "h": 3600, "min": 60, "s": 1}


def test_points_in_time_expect_utc_and_english_days() -> None:
    assert moment(MONDAY + 33_299) == "2026-11-30 09:14 UTC"
    assert clock(MONDAY + 33_299) == "09:14 UTC"
    assert date(MONDAY) == "2026-11-30"
    assert [day(MONDAY + n * 86_400)[:3] for n in range(7)] == [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
    ]  # fmt: skip
    assert rfc3339(MONDAY + 0.9) == "2026-11-30T00:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, "0.0 s"),
        (1.44, "1.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (372, "6 min 12 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (86_400, "1 day"),
        (86_400 + 59 * 60, "1 day"),
        (3 * 86_400 + 4 * 3600 + 59, "3 days 4 h"),
    ],
)
def test_duration_at_each_step_expect_two_units(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@given(st.floats(0, 10**9))
def test_duration_of_any_length_expect_at_most_one_smaller_unit_off(seconds: float) -> None:
    parts = re.findall(r"([\d.]+) (days?|h|min|s)", duration(seconds))
    assert 1 <= len(parts) <= 2
    shown = sum(float(n) * SECONDS[unit] for n, unit in parts)
    lost = {86_400: 3600, 3600: 60, 60: 1, 1: 1}[SECONDS[parts[0][1]]]
    assert abs(shown - seconds) <= lost


def test_deadlines_expect_how_long_beside_them() -> None:
    assert renewal(MONDAY, MONDAY - 3 * 86_400 - 4 * 3600) == (
        "Mon 2026-11-30 00:00 UTC (in 3 days 4 h)"
    )
    assert (in_time(0.5), in_time(-9), in_time(7.9)) == ("now", "now", "in 7 s")
    assert (ago(3 * 86_400 + 5), ago(17), ago(0)) == ("3 days ago", "17 s ago", "0 s ago")


@given(st.integers(-(2**64), 2**64))
def test_points_in_time_of_any_number_expect_a_text(unix_s: int) -> None:
    """Peers and rosters send them; they must not turn an error report into a bug."""
    for shown in (moment(unix_s), clock(unix_s), date(unix_s), day(unix_s), rfc3339(unix_s)):
        assert re.search(r"\d\d[:-]\d\d", shown)
    assert renewal(unix_s, MONDAY).endswith(")")


def test_points_in_time_outside_of_the_calendar_expect_its_ends() -> None:
    assert date(2**63) == "9999-12-31"
    assert rfc3339(-1) == "1970-01-01T00:00:00Z"

# SPDX-License-Identifier: Apache-2.0
"""
Dates and spans in messages; every number is allowed, since peers send them.

>>> moment(1796083200), span(274_500), span(372), span(17)
('Tue 2026-12-01 00:00 UTC', '3 days 4 h', '6 min 12 s', '17 s')
"""

from datetime import UTC, datetime
from typing import Final

__all__ = ["date", "day", "moment", "span"]

# The year 9999; datetime ends there.
_LAST: Final = 253_402_300_799
_UNITS: Final = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def date(unix_s: int) -> str:
    """A day in UTC: 2026-11-30."""
    return f"{_utc(unix_s):%Y-%m-%d}"


def day(unix_s: int) -> str:
    """A day with its weekday, Mon 2026-11-30; with the time too unless it is midnight."""
    return moment(unix_s).removesuffix(" 00:00 UTC")


def moment(unix_s: int) -> str:
    """A minute in UTC with its weekday: Mon 2026-11-30 00:00 UTC."""
    time = _utc(unix_s)
    # strftime's %a follows the locale of the process.
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[time.weekday()]
    return f"{weekday} {time:%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """A length of time in its two largest units, rounded down."""
    left = max(0, int(seconds))
    first = next(i for i, (size, _, _) in enumerate(_UNITS) if left >= size or size == 1)
    parts: list[str] = []
    for size, one, many in _UNITS[first : first + 2]:
        n, left = divmod(left, size)
        if n or not parts:
            parts.append(f"{n:,} {one if n == 1 else many}")
    return " ".join(parts)


def _utc(unix_s: int) -> datetime:
    return datetime.fromtimestamp(min(max(0, unix_s), _LAST), UTC)

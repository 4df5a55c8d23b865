# SPDX-License-Identifier: Apache-2.0
"""
Times and durations as people read them. Counts, shares and bytes are in `psi.results.text`.

Every number is allowed, since peers and rosters send them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = [
    "ago",
    "clock",
    "date",
    "day",
    "duration",
    "in_time",
    "moment",
    "per_period",
    "renewal",
    "rfc3339",
    "tilde",
]

_UNITS: Final = ((86_400, "day", "days"), (3600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


# The year 9999; datetime ends there.
_LAST: Final = 253_402_300_799


def _utc(unix_s: float) -> datetime:
    return datetime.fromtimestamp(min(max(0, unix_s), _LAST), UTC)


def moment(unix_s: float) -> str:
    """A point in time: 2026-11-23 09:14 UTC."""
    return f"{_utc(unix_s):%Y-%m-%d %H:%M} UTC"


def clock(unix_s: float) -> str:
    """The time of a day that is clear from elsewhere: 09:14 UTC."""
    return f"{_utc(unix_s):%H:%M} UTC"


def date(unix_s: float) -> str:
    """A day: 2027-11-23."""
    return f"{_utc(unix_s):%Y-%m-%d}"


def day(unix_s: float) -> str:
    """A day with its name: Mon 2026-11-30; the name is English on every machine."""
    when = _utc(unix_s)
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[when.weekday()]} {when:%Y-%m-%d}"


def rfc3339(unix_s: float) -> str:
    """A point in time for programs: 2026-11-23T09:14:00Z, whole seconds."""
    return f"{_utc(int(unix_s)):%Y-%m-%dT%H:%M:%S}Z"


def duration(seconds: float) -> str:
    """A duration in its two largest units: 1.4 s, 17 s, 6 min 12 s, 3 days 4 h."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    rest = round(seconds)
    parts: list[str] = []
    for size, one, many in _UNITS:
        n, rest = divmod(rest, size)
        if n:
            parts.append(f"{n} {one if n == 1 else many}")
        if parts and (len(parts) == 2 or not n):
            break
    return " ".join(parts)


def _whole(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 10 else duration(whole)


def in_time(seconds: float) -> str:
    """How long from now: in 3 days 4 h; what has passed is `now`."""
    return f"in {_whole(seconds)}" if seconds >= 1 else "now"


def ago(seconds: float) -> str:
    """How long since: 3 days ago."""
    return f"{_whole(seconds)} ago"


def renewal(unix_s: float, now_s: float) -> str:
    """A deadline: Mon 2026-11-30 00:00 UTC (in 3 days 4 h)."""
    return f"{day(unix_s)} {clock(unix_s)} ({in_time(unix_s - now_s)})"


def per_period(seconds: int) -> str:
    """How often a budget renews: a week, a day, in 14 days."""
    names = {604_800: "a week", 86_400: "a day", 3600: "an hour"}
    return names.get(seconds) or f"in {duration(seconds)}"


def tilde(path: Path) -> str:
    """A path as a person would type it: ~ for their own folder."""
    home = Path.home()
    if path.is_relative_to(home) and home != Path("/"):
        return str(Path("~") / path.relative_to(home))
    return str(path)

# SPDX-License-Identifier: Apache-2.0
"""
What is left out though it could be used: by its marking, its age, or the word of its source.

Filters only remove matches, so two members may set them differently. Each has a name under which
the report counts what it took out.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from psi.indicators.tlp import Tlp

__all__ = ["DEFAULT_TLP", "FILTER_TEXT", "Filter", "Filters", "Judge", "seconds_of"]


DEFAULT_TLP: Final = Tlp.AMBER


class Filter(StrEnum):
    """Why a usable value was left out; stable in `--json` output, never the name of a kind."""

    TLP = "tlp"
    NOT_TO_IDS = "not-to-ids"
    TOO_OLD = "too-old"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DELETED = "deleted"
    WARNINGLIST = "warninglist"


FILTER_TEXT: Final[Mapping[str, str]] = {
    Filter.TLP: "marked stricter than --tlp-max",
    Filter.NOT_TO_IDS: "without to_ids",
    Filter.TOO_OLD: "older than --max-age",
    Filter.REVOKED: "revoked by its source",
    Filter.EXPIRED: "no longer valid",
    Filter.DELETED: "deleted at its source",
    Filter.WARNINGLIST: "on a dropped warninglist",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """
    Attributes:
        tlp_max: The strictest marking that takes part, amber when None; what has none always does.
        to_ids: Only what its source marked for detection, where the format has such a mark.
        max_age_s: Only what is younger, where the format has a time.
        now_s: Unix time against which ages and validity are judged; None for that of the reading.
    """

    tlp_max: Tlp | None = None
    to_ids: bool = False
    max_age_s: int | None = None
    now_s: float | None = None


class Judge:
    """
    The filters at one moment, and until when their word holds.

    Attributes:
        made_at: That moment, Unix time.
        changes_at: When time alone would make the first of the answers another one.
    """

    __slots__ = ("changes_at", "made_at", "max_age_s", "tlp_limit", "to_ids")

    def __init__(self, filters: Filters) -> None:
        self.tlp_limit = DEFAULT_TLP if filters.tlp_max is None else filters.tlp_max
        self.to_ids = filters.to_ids
        self.max_age_s = filters.max_age_s
        self.made_at = time.time() if filters.now_s is None else filters.now_s
        self.changes_at = math.inf

    def too_old(self, *times: object) -> bool:
        """Whether the latest of the times (see `seconds_of`) is too long ago; no time is young."""
        if self.max_age_s is None:
            return False
        known = [seconds for seconds in map(seconds_of, times) if seconds is not None]
        return bool(known) and self._has_passed(max(known) + self.max_age_s)

    def expired(self, valid_until: object) -> bool:
        """Whether a time is there and has passed."""
        seconds = seconds_of(valid_until) if valid_until else None
        return seconds is not None and self._has_passed(seconds)

    def _has_passed(self, moment: float) -> bool:
        if moment > self.made_at:
            self.changes_at = min(self.changes_at, moment)
        return moment <= self.made_at


def seconds_of(moment: object) -> float | None:
    """The Unix time of `1785198240`, `2026-07-28` or `2026-08-16T01:04:58.000Z`, or None."""
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return float(moment) or None
    if not isinstance(moment, str) or not moment:
        return None
    if moment.isascii() and moment.isdigit():
        return float(moment) or None  # MISP writes 0 where it knows none
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None

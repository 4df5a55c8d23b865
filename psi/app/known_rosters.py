# SPDX-License-Identifier: Apache-2.0
"""The rosters that an offline verification goes by: those of a home, or one from a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psi.protocol.messages import Roster
from psi.trust.files import read_plain
from psi.trust.home import Home
from psi.trust.roster_store import RosterStore
from psi.trust.rosters import TrustedRoster, read_roster_file

__all__ = ["KnownRosters", "known_rosters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRosters:
    """
    Verified rosters of one alliance, the newest first.

    `compared` is True for the alliance that a home has joined: a person has compared its code.
    """

    alliance: str
    code: str
    compared: bool
    trusted: tuple[TrustedRoster, ...]

    @property
    def rosters(self) -> tuple[Roster, ...]:
        """Without their signatures."""
        return tuple(each.roster for each in self.trusted)


def known_rosters(home: Callable[[], Home], file: Path | None) -> KnownRosters:
    """
    Every roster that a home has adopted; or the one of a file, and then no home is needed.

    Raises:
        KeyFileError: There is no home, it has not joined, or a roster does not hold.
    """
    if file is None:
        trusted = tuple(RosterStore(home()).history())
    else:
        trusted = (read_roster_file(read_plain(file), str(file), "overlap-roster-file/1"),)
    return KnownRosters(
        alliance=trusted[0].roster.alliance,
        code=trusted[0].code,
        compared=file is None,
        trusted=trusted,
    )

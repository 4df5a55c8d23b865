# SPDX-License-Identifier: Apache-2.0
"""
The rosters of a home: the alliance it belongs to, the current roster, and all earlier ones.

    alliance/alliance.json      name and key of the alliance; written once, never changed
    alliance/roster-N.json      every roster that was adopted
    alliance/roster.json        the current one

A roster is adopted under the key that is here already, and never an older one.
"""

import os
from typing import Final

from psi.errors import KeyFileError, RefusedError
from psi.trust.formats import AllianceFile, read_json, unhex, write_json
from psi.trust.home import Home
from psi.trust.rosters import TrustedRoster, read_roster_file

__all__ = ["RosterStore"]

_ALLIANCE: Final = "alliance/alliance.json"
_CURRENT: Final = "alliance/roster.json"


class RosterStore:
    """The rosters of one home; cheap to ask for the current one, also from several threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._cached: tuple[tuple[int, ...], TrustedRoster] | None = None

    @property
    def joined(self) -> bool:
        """Whether this home belongs to an alliance."""
        return self._home.has(_CURRENT)

    def alliance_key(self) -> bytes | None:
        """The 32-byte key of the home's alliance, None before it has joined one."""
        if not self._home.has(_ALLIANCE):
            return None
        file = read_json(self._home.read(_ALLIANCE), AllianceFile, _ALLIANCE)
        return unhex(file.alliance_key, 32, _ALLIANCE)

    def current(self) -> TrustedRoster:
        """
        The roster in force; one that another process has adopted meanwhile is seen.

        Raises:
            KeyFileError: This home has not joined (`not-joined`), or its roster file is open to
                others, changed or damaged.
        """
        if not self.joined:
            raise KeyFileError(
                "this home belongs to no alliance yet",
                slug="not-joined",
                hint="send the request file to the operator, then `overlap join FILE`",
            )
        version = self._version()
        cached = self._cached
        if cached is not None and cached[0] == version:
            return cached[1]
        try:
            trusted = read_roster_file(self._home.read(_CURRENT), _CURRENT, "overlap-roster-file/1")
        except KeyFileError as error:
            if error.slug == "bad-roster":
                raise _damaged(f"{_CURRENT} was changed or is damaged; not used") from error
            raise
        if trusted.alliance_key != self.alliance_key():
            raise _damaged(f"{_CURRENT} is not of the alliance that this home has joined")
        self._cached = (version, trusted)
        return trusted

    def history(self) -> list[TrustedRoster]:
        """
        Every roster that this home has adopted, the newest first.

        Raises:
            KeyFileError: This home has not joined, or one of the files is not as it was written.
        """
        current = self.current()
        rosters = [current]
        for path in self._home.alliance.glob("roster-*.json"):
            shown = f"alliance/{path.name}"
            trusted = read_roster_file(self._home.read(shown), shown, "overlap-roster-file/1")
            if trusted.alliance_key != current.alliance_key:
                raise _damaged(f"{shown} is not of the alliance that this home has joined")
            if trusted.hash != current.hash:
                rosters.append(trusted)
        return sorted(rosters, key=lambda each: -each.roster.serial)

    def check_alliance(self, trusted: TrustedRoster) -> None:
        """
        Refuse a roster of another alliance than the one that this home has joined, if any.

        Raises:
            RefusedError: It is another one's (`bad-roster`).
        """
        known = self.alliance_key()
        if known is not None and known != trusted.alliance_key:
            raise _other_alliance(trusted)

    def found(self, trusted: TrustedRoster) -> None:
        """
        Take the first roster of a home, whose alliance code a person has compared.

        The same alliance again is an adoption, so that a join that was cut short can be repeated.

        Raises:
            RefusedError: The home has joined another alliance, or what `adopt` raises.
        """
        trusted.verify()
        with self._home.locked():
            self.check_alliance(trusted)
            if self.alliance_key() is None:
                record = AllianceFile(
                    format="overlap-alliance/1",
                    alliance=trusted.roster.alliance,
                    alliance_key=trusted.alliance_key.hex(),
                )
                self._home.write(_ALLIANCE, write_json(record))
            if self.joined:
                self._follow(trusted)
            else:
                self._store(trusted)

    def adopt(self, trusted: TrustedRoster) -> TrustedRoster:
        """
        Take a newer roster of the same alliance, durably; the same one again changes nothing.

        Args:
            trusted: From a file or a peer; verified here once more.

        Returns:
            The roster that is now in force.

        Raises:
            KeyFileError: It does not hold, is older, or differs from one with its serial
                (`bad-roster`).
            RefusedError: It is another alliance's.
        """
        trusted.verify()
        with self._home.locked():
            self._follow(trusted)
        return self.current()

    def _follow(self, trusted: TrustedRoster) -> None:
        current = self.current()
        self.check_alliance(trusted)
        if trusted.hash != current.hash:
            _check_successor(current, trusted)
            self._store(trusted)

    def _store(self, trusted: TrustedRoster) -> None:
        data = trusted.to_file()
        # The history first: what is in force is always in it.
        self._home.write(f"alliance/roster-{trusted.roster.serial}.json", data)
        self._home.write(_CURRENT, data)

    def _version(self) -> tuple[int, ...]:
        # A replaced file is another inode; the times tell an inode that was used again.
        status = os.lstat(self._home.path / _CURRENT)
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _check_successor(current: TrustedRoster, trusted: TrustedRoster) -> None:
    new, old = trusted.roster, current.roster
    if new.serial < old.serial:
        raise KeyFileError(
            f"roster {new.serial} is older than roster {old.serial}, which this home has; "
            "not adopted",
            slug="bad-roster",
            hint="ask the operator for the current roster file",
        )
    ask = "do not use it; ask the operator, who may have signed two different rosters"
    if new.serial == old.serial:
        raise KeyFileError(
            f"this roster {new.serial} differs from the roster {old.serial} that this home has",
            slug="bad-roster",
            hint=ask,
        )
    if (new.alliance, new.epoch_seconds) != (old.alliance, old.epoch_seconds):
        raise KeyFileError(
            f"roster {new.serial} changes the alliance's name or period, which are fixed",
            slug="bad-roster",
            hint=ask,
        )
    if new.serial == old.serial + 1 and new.previous != current.hash:
        raise KeyFileError(
            f"roster {new.serial} does not follow the roster {old.serial} that this home has",
            slug="bad-roster",
            hint=ask,
        )


def _damaged(message: str) -> KeyFileError:
    return KeyFileError(message, hint="restore the home from its backup")


def _other_alliance(trusted: TrustedRoster) -> RefusedError:
    return RefusedError(
        f"the roster is signed by another alliance's key; its code is {trusted.code}",
        slug="bad-roster",
        hint="one home is one identity in one alliance; join another from a second home",
    )

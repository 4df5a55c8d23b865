# SPDX-License-Identifier: Apache-2.0
"""An alliance in a temporary folder: homes, requests, join files, and a clock that stands still."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from psi.app import alliance, join
from psi.app.init import InitReport, initialise
from psi.errors import PsiError
from psi.trust.home import Home
from psi.trust.unlock import KeyFileUnlock, UnlockSource

# Tuesday 2026-11-24 14:20:00 UTC, in the week that began on Monday the 23rd.
NOW_S = 1_795_530_000
NOW_MS = NOW_S * 1000
WEEK = 604_800
DAY = 86_400
EPOCH = 2968


@contextmanager
def refused(slug: str, *words: str) -> Iterator[None]:
    """The body raises a PsiError with this slug, and its text says all of the words."""
    with pytest.raises(PsiError) as caught:
        yield
    said = f"{caught.value.message} | {caught.value.hint}"
    assert caught.value.slug == slug, said
    for word in words:
        assert word in said


def flip(path: Path, position: int) -> None:
    """Change one byte of a file in place."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def each_flip(path: Path, attempt: Callable[[], object]) -> list[tuple[int, object]]:
    """
    Flip the lowest bit of every byte of a file in turn and restore it.

    Returns:
        (position, what `attempt` returned) where it did not raise a PsiError.
    """
    original = path.read_bytes()
    passed = []
    for position in range(len(original)):
        flip(path, position)
        try:
            passed.append((position, attempt()))
        except PsiError:
            pass
        finally:
            path.write_bytes(original)
    return passed


class World:
    """One alliance, `cti-north`, and its principals, in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unlock: UnlockSource = KeyFileUnlock(root / "config" / "unlock.key")

    def init(
        self,
        name: str,
        *,
        roles: tuple[str, ...] = ("member",),
        now_s: int = NOW_S,
        folder: str | None = None,
        address: str | None = None,
    ) -> InitReport:
        """A new home in its own folder beside its request file."""
        where = self.root / (folder or name)
        where.mkdir()
        return initialise(
            where / "home",
            name,
            unlock=self.unlock,
            now_ms=now_s * 1000,
            roles=roles,
            address=f"{name}.example:9497" if address is None else address,
            contact=f"soc@{name}.example",
            request_directory=where,
        )

    def create(self, name: str = "cti-north", folder: str = "stick") -> Home:
        """A new alliance."""
        alliance.create_alliance(
            self.root / folder, name, unlock=self.unlock, board="board.example:9497"
        )
        return self.alliance_home(folder)

    def alliance_home(self, folder: str = "stick") -> Home:
        """The alliance's home."""
        return Home.open(self.root / folder, "alliance")

    def home(self, name: str) -> Home:
        """A principal's home."""
        return Home.open(self.root / name / "home")

    def request(self, name: str) -> Path:
        """A principal's request file."""
        return self.root / name / f"{name}.request.json"

    def enroll(
        self,
        *names: str,
        roles: tuple[str, ...] | None = None,
        now_s: int = NOW_S,
        folder: str = "stick",
    ) -> alliance.EnrollReport:
        """Enrol principals by their request files; the codes count as compared."""
        home = self.alliance_home(folder)
        pending = alliance.read_requests(home, [self.request(n) for n in names], now_s * 1000)
        return alliance.enroll(
            home,
            self.unlock,
            pending,
            now_ms=now_s * 1000,
            roles=roles,
            out_directory=self.root,
        )

    def join(self, name: str, now_s: int = NOW_S) -> join.JoinReport:
        """Join with the join file of the last enrolment."""
        home = self.home(name)
        pending = join.read_join(home, self.root / f"{name}.join.json")
        return join.accept_join(home, pending, self.unlock, now_s * 1000)

    def joined(self, *names: str) -> "World":
        """Make the alliance and these members, and let all join."""
        self.create()
        for name in names:
            self.init(name)
        self.enroll(*names)
        for name in names:
            self.join(name)
        return self

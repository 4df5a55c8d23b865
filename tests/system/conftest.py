# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from system.support import Alliance


@pytest.fixture
def make_alliance(tmp_path: Path) -> Iterator[Callable[..., Alliance]]:
    """Makes alliances, and ends their servers."""
    made: list[Alliance] = []

    def make(**options: object) -> Alliance:
        folder = tmp_path / f"alliance-{len(made)}"
        folder.mkdir()
        made.append(Alliance(folder, **options))  # type: ignore[arg-type]  # passed through
        return made[-1]

    yield make
    for alliance in made:
        alliance.close()


@pytest.fixture
def alliance(make_alliance: Callable[..., Alliance]) -> Alliance:
    """Two members with default limits."""
    return make_alliance()

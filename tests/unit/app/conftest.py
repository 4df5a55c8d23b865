# SPDX-License-Identifier: Apache-2.0
"""One fixture: a world in a fresh folder."""

from pathlib import Path

import pytest
from unit.trust.support import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)

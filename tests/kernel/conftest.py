# SPDX-License-Identifier: Apache-2.0
"""Runs every kernel that this CPU has, and says which ones they were."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from psi._native import kernel as native


@pytest.fixture(params=native.NAMES)
def kernel(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The module with one kernel of NAMES selected."""
    before = native.selected()
    native.select(request.param)
    yield native
    native.select(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line("kernels tested: " + ", ".join(native.NAMES))

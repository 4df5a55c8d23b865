# SPDX-License-Identifier: Apache-2.0
"""The processes that a demonstration starts."""

import subprocess
from pathlib import Path

import pytest
from cli.support import overlap

from psi.app.demo import DemoRequest


def test_command_of_the_demo_in_a_folder_with_modules_expect_they_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` puts the current folder first: a download beside the user would be run."""
    asked: list[DemoRequest] = []

    def take(request: DemoRequest, _events: object) -> int:
        asked.append(request)
        return 0

    monkeypatch.setattr("psi.app.demo.run_demo", take)
    assert overlap("demo").exit_code == 0
    for module in ("click", "psi", "ssl"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(77)\n")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    ended = subprocess.run(
        [*asked[0].command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("overlap ")

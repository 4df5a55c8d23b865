# SPDX-License-Identifier: Apache-2.0
"""docs/architecture.md names every folder and every dependency, and no other."""

import re
import tomllib

from docs.generate import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()


def first_cells(heading: str) -> set[str]:
    """What stands in backticks in the first column of the table under a heading."""
    section = TEXT.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_table_of_folders_equals_the_tree() -> None:
    """A new folder needs a row that says what must not be known there."""
    psi = {
        f"psi/{path.name}{'/' if path.is_dir() else ''}"
        for path in (ROOT / "psi").iterdir()
        if not path.name.startswith("__") and path.name not in {"_version.py", "py.typed"}
    }
    others = {"cli/psi_cli/", "benchmarks/psi_bench/", "tests/"}
    assert first_cells("Layers") == psi | others


def test_table_of_dependencies_equals_pyproject() -> None:
    """Each dependency has its reason."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=! ]", each)[0] for each in project["dependencies"]}
    assert first_cells("Dependencies") == names

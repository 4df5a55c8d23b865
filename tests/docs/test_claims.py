# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/threat-model.md names exists, and every claim names one."""

import re

from docs.generate import ROOT

MODEL = (ROOT / "docs" / "threat-model.md").read_text()
_TABLE = re.compile(r"^\| claim \|.*?(?=^[^|])", re.MULTILINE | re.DOTALL)


def names_of_all_tests() -> set[str]:
    """The names of all test functions."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= set(re.findall(r"^\s*def (test_\w+)", path.read_text(), re.MULTILINE))
    return found


def claims() -> list[tuple[str, list[str]]]:
    """Each row of the table: the claim, and the tests that it names."""
    table = _TABLE.search(MODEL + "\n-")
    assert table is not None, "the table begins with `| claim |`"
    rows = [line.strip("|\n ").split(" | ") for line in table[0].splitlines()[2:]]
    return [(row[0].strip(), re.findall(r"`(test_\w+)`", row[-1])) for row in rows]


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed or removed shows here."""
    named = set(re.findall(r"`(test_\w+)`", MODEL))
    assert named - names_of_all_tests() == set()


def test_every_claim_names_a_test() -> None:
    """A claim without a test is only a wish."""
    found = claims()
    assert len(found) > 20
    assert [claim for claim, tests in found if not tests] == []

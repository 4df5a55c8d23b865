# SPDX-License-Identifier: Apache-2.0
"""Known answers for the canonical form of untyped values under the default profile."""

import json
from pathlib import Path

import pytest

from psi.indicators import Canonical, Reject, canonicalise

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "canonical_indicators.json").read_text("utf-8")
)


def test_vectors_when_loaded_expect_all_of_them() -> None:
    """An empty or cut file must not pass."""
    assert len(VECTORS["cases"]) == VECTORS["number_of_cases"] == 155


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["raw"])
def test_canonicalise_when_untyped_expect_known_answer(case: dict[str, str]) -> None:
    """Each raw string has one canonical form, or one reason."""
    found = canonicalise(case["raw"])
    if "reject" in case:
        assert found == Reject(case["reject"])  # type: ignore[arg-type]  # a StrEnum is its text
    else:
        assert isinstance(found, Canonical)
        assert (found.kind, found.value) == (case["kind"], case["value"])
        assert found.text == f"{case['kind']}:{case['value']}"


@pytest.mark.parametrize(
    "case", [case for case in VECTORS["cases"] if "kind" in case], ids=lambda case: case["raw"]
)
def test_canonicalise_when_already_canonical_expect_same(case: dict[str, str]) -> None:
    """The canonical form is its own canonical form, with its kind as label or as type."""
    found = canonicalise(case["raw"])
    assert canonicalise(f"{case['kind']}:{case['value']}") == found
    assert canonicalise(case["value"], case["kind"]) == found

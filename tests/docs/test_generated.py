# SPDX-License-Identifier: Apache-2.0
"""What the documents say of the code is what the code says."""

from collections import Counter
from pathlib import Path

import pytest
from docs.generate import PARTS, ROOT, document_names, parts_of, rewritten


@pytest.mark.parametrize("path", document_names(), ids=lambda path: path.name)
def test_generated_parts_of_a_document_equal_the_code(path: Path) -> None:
    """`python tests/docs/generate.py` would change nothing."""
    text = path.read_text()
    assert rewritten(text) == text, f"run `python tests/docs/generate.py` for {path.name}"


def test_every_generated_part_stands_in_exactly_one_document() -> None:
    """No part is forgotten, and none is said twice."""
    found = Counter(name for path in document_names() for name in parts_of(path.read_text()))
    assert found == Counter(list(PARTS))


def test_changed_part_is_found() -> None:
    """The comparison would notice a table that was edited by hand."""
    text = (ROOT / "docs" / "protocol.md").read_text()
    changed = text.replace("`HELLO_SENT`", "`HELLO_SEND`", 1)
    assert changed != text
    assert rewritten(changed) == text

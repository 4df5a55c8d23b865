# SPDX-License-Identifier: Apache-2.0
"""
The shipped rule file: refanging patterns and top-level domains, and the digest of its bytes.

Two members whose files differ by a byte may write one indicator in two ways, so the digest is in
the profile and a check between them is refused.
"""

import hashlib
import re
from importlib.resources import files
from typing import Final

__all__ = ["RULES_DIGEST", "RULES_VERSION", "refang_rules", "top_level_domains"]

RULES_VERSION: Final = 1

_FILE: Final = files("psi.indicators").joinpath("data", f"rules-{RULES_VERSION}.txt").read_bytes()
RULES_DIGEST: Final = hashlib.sha256(_FILE).digest()


def _rows(name: str) -> list[list[str]]:
    """The fields of every row with this name, in the order of the file."""
    rows = (line.split("\t") for line in _FILE.decode("utf-8").split("\n"))
    return [fields for head, *fields in rows if head == name]


def refang_rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns and their replacements, to be applied in this order."""
    return tuple(
        (re.compile(pattern, re.IGNORECASE), replacement)
        for pattern, replacement in _rows("refang")
    )


def top_level_domains() -> frozenset[str]:
    """Every known top-level domain, lower case, as A-labels."""
    return frozenset(name for (name,) in _rows("tld"))

# SPDX-License-Identifier: Apache-2.0
"""
Undo defanging: `hxxp://evil[.]com` was written so that nobody clicks it.

The patterns are in the shipped rule file, because they change an element's bytes.
"""

import re
from typing import Final

from psi.indicators._rules import refang_rules

__all__ = ["may_be_defanged", "refang"]

_RULES: Final = refang_rules()

# Every pattern needs one of these, and most values hold none.
_HINT: Final = re.compile(r"[\[({\\]|^(?:h(?:xx|\*\*|xt|tx)p|meow|fxp)s?:", re.IGNORECASE)


def may_be_defanged(text: str) -> bool:
    """Whether any pattern could apply; cheap, and never wrong when it says no."""
    return _HINT.search(text) is not None


def refang(text: str) -> str:
    """The text with every known defanging undone; other text comes back as it is."""
    if not may_be_defanged(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text

# SPDX-License-Identifier: Apache-2.0
"""
Undo defanging: `hxxp://evil[.]com` was written so that nobody clicks it.

The patterns are in the shipped rule file, because they change an element's bytes.
"""

import re
from typing import Final

from psi.indicators._rules import refang_rules

__all__ = ["may_be_defanged", "refang", "refang_by_rules"]

_RULES: Final = refang_rules()

_SPACE: Final = re.compile(r"\s")
# Every pattern needs one of these, and most values hold none.
_HINT: Final = re.compile(r"[\[({\\]|^(?:h(?:xx|\*\*|xt|tx)p|meow|fxp)s?:", re.IGNORECASE)


def may_be_defanged(text: str) -> bool:
    """Whether any pattern could apply; cheap, and never wrong when it says no."""
    return _HINT.search(text) is not None


def refang(text: str) -> str:
    """The text with every known defanging undone; other text comes back as it is."""
    if not may_be_defanged(text):
        return text
    # Nine in ten are written like this and nothing else; white space is the first pattern's.
    simple = text.replace("[.]", ".")
    if not may_be_defanged(simple) and _SPACE.search(simple) is None:
        return simple
    return refang_by_rules(text)


def refang_by_rules(text: str) -> str:
    """What `refang` is defined by: every pattern in its order."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text

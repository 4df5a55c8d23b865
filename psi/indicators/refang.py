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
_SCHEME_RULES: Final = tuple(rule for rule in _RULES if rule[0].pattern.startswith("^"))

# Every pattern needs one of these, and most values hold none.
_INSIDE: Final = re.compile(r"[\[({\\]")
_SCHEME: Final = re.compile(r"h(?:xx|\*\*|xt|tx)ps?:|meows?:|fxps?:", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s")


def may_be_defanged(text: str) -> bool:
    """Whether any pattern could apply; cheap, and never wrong when it says no."""
    return _INSIDE.search(text) is not None or _SCHEME.match(text) is not None


def refang(text: str) -> str:
    """The text with every known defanging undone; other text comes back as it is."""
    if not may_be_defanged(text):
        return text
    # Nine in ten are written like this and nothing else; white space is the first pattern's.
    simple = text.replace("[.]", ".")
    if _INSIDE.search(simple) is not None or _SPACE.search(simple) is not None:
        return refang_by_rules(text)
    for pattern, replacement in _SCHEME_RULES:
        simple = pattern.sub(replacement, simple)
    return simple


def refang_by_rules(text: str) -> str:
    """What `refang` is defined by: every pattern in its order."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text

# SPDX-License-Identifier: Apache-2.0
"""Several values in one field, and values in prose."""

import re
from collections.abc import Callable
from typing import Final

from psi.indicators.hashes import hash_element
from psi.indicators.refang import may_be_defanged, refang

__all__ = ["is_marked", "spaced_dots", "split_values"]

_BREAKS: Final = re.compile(r"[\s,;|]+")
# In a URL, a comma or a semicolon parts values only in front of another URL.
_URL_BREAKS: Final = re.compile(r"[,;|]?\s+|[,;|](?=h(?:tt|xx|\*\*)ps?[:\[]|ftp:)", re.IGNORECASE)
_SPACED_DOT: Final = re.compile(r"\s{1,2}([\[({](?:\.|dot)[\])}])\s{1,2}", re.IGNORECASE)

IsValue = Callable[[str], bool]


def spaced_dots(text: str) -> str:
    """`1 [.] 2 [.] 3 [.] 4` without the spaces, so that it stays one word."""
    return _SPACED_DOT.sub(r"\1", text)


def split_values(text: str, is_value: IsValue) -> list[str]:
    """
    The values of a field: several only where every part is one, else the field as it is.

    `a.com, b.com` are two; `1.2.3.4;65` is one and a note, which the first part alone stands for.
    """
    breaks = _URL_BREAKS if "/" in text else _BREAKS
    parts = [part for part in breaks.split(text) if part]
    if len(parts) > 1 and all(map(is_value, parts)):
        return parts
    if len(parts) > 1 and not is_value(text) and is_value(parts[0]):
        return parts[:1]
    return [text]


def is_marked(word: str, is_value: IsValue) -> bool:
    """
    Whether a word in prose is certainly meant as an indicator: a hash, or a defanged value.

    Other addresses and names in prose are as often references, victims and examples.
    """
    if may_be_defanged(word) and refang(word) != word:
        return is_value(word)
    return hash_element(word) is not None

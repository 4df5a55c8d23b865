# SPDX-License-Identifier: Apache-2.0
"""Several values in one field, and values in prose."""

import re
from collections.abc import Callable
from typing import Final

from psi.indicators.hashes import hash_element
from psi.indicators.readers.stix_pattern import Atom, PatternError, atoms
from psi.indicators.refang import may_be_defanged, refang

__all__ = ["is_marked", "pattern_atoms", "spaced_dots", "split_values", "the_one_in_sentence"]

_BREAKS: Final = re.compile(r"[\s,;|]+")
# In a URL, a comma or a semicolon parts values only in front of another URL.
_URL_BREAKS: Final = re.compile(r"[,;|]?\s+|[,;|](?=h(?:tt|xx|\*\*)ps?[:\[]|ftp:)", re.IGNORECASE)
_SPACED_DOT: Final = re.compile(r"\s{1,2}([\[({](?:\.|dot)[\])}])\s{1,2}", re.IGNORECASE)

_ADDRESS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[:/][0-9]{1,5})?")
_AROUND_WORDS: Final = re.compile(r"[\s'\"()=]+")

IsValue = Callable[[str], bool]


def spaced_dots(text: str) -> str:
    """`1 [.] 2 [.] 3 [.] 4` without the spaces, so that it stays one word."""
    return _SPACED_DOT.sub(r"\1", text)


def split_values(text: str, is_value: IsValue) -> list[str]:
    """
    The values of a field: several only where every part is one, else the field as it is.

    `a.com, b.com` are two; `1.2.3.4;65` is one and a note, which the first part alone stands for,
    with the hashes among the others: one of several that lost a digit is no reason to lose all.
    """
    breaks = _URL_BREAKS if "/" in text else _BREAKS
    parts = [part for part in breaks.split(text) if part]
    if len(parts) > 1 and all(map(is_value, parts)):
        return parts
    if len(parts) > 1 and not is_value(text) and is_value(parts[0]):
        return parts[:1] + [part for part in parts[1:] if hash_element(part) is not None]
    return [text]


def pattern_atoms(cell: str) -> list[Atom]:
    """The comparisons of a cell that is a STIX pattern; none where it is not."""
    try:
        return atoms(cell)
    except PatternError:
        return []


def is_marked(word: str, is_value: IsValue) -> bool:
    """
    Whether a word in prose is certainly meant as an indicator: a hash, or a defanged value.

    Other addresses and names in prose are as often references, victims and examples.
    """
    if may_be_defanged(word) and refang(word) != word:
        return is_value(word)
    return hash_element(word) is not None


def the_one_in_sentence(text: str, is_value: IsValue) -> str | None:
    """
    The only indicator of a sentence in a column of indicators, or None.

    `Network traffic to 192.0.2.7 on port 80`, `[network-traffic:dst_ip = '192.0.2.7']`. Two would
    need somebody who understands the sentence. A bare name is not looked for, since most of those
    in sentences are names of files.
    """
    words = {word.strip("[],;.") for word in _AROUND_WORDS.split(text)}
    found = [
        word
        for word in words
        if (_ADDRESS.fullmatch(word) or "://" in word or is_marked(word, is_value))
        and is_value(word)
    ]
    return found[0] if len(found) == 1 else None

# SPDX-License-Identifier: Apache-2.0
"""
Text, one indicator a line: blocklists, hosts files, tables with a count, lists in reports.

A line is read by the first of these rules that fits:

* `#`, `;` or `//` at its start make it a comment; white space and `#` start a note.
* One word is a value, or several that commas part.
* `0.0.0.0 name name`: a line of a hosts file; the names are the values.
* `md5: value`: the label is the type.
* Words that are all indicators are all values.
* A first word that is an indicator is the value, the rest a note about it.
* Anything else is prose: only hashes and defanged values in it count.
"""

import re
from collections.abc import Iterator
from typing import Final

from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._open import Opened
from psi.indicators.readers._split import is_marked, spaced_dots, split_values
from psi.indicators.reasons import Reason
from psi.indicators.type_names import is_type_name

__all__ = ["read_text"]

_COMMENT: Final = re.compile(r"[#;]|//(?:\s|/|$)|<!--")
_SEVERAL: Final = re.compile(r"[\s,;|]")
_NOTE: Final = re.compile(r"\s(?:#|//\s|;\s).*")
_BULLET: Final = re.compile(r"(?:[-*+>|\u2022\u2023\u2043\u00b7]|[0-9]{1,3}[.)])\s+")
_SINKHOLES: Final = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "255.255.255.255"})  # noqa: S104  # not bound, read
_DASHES: Final = frozenset({"-", "\u2013", "\u2014", "|", "->", "=>", ":"})
_AROUND: Final = "()*`_|\"',;"


def read_text(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The values of a text; see the module for how a line is read."""
    for block, first in opened.blocks():
        data, at, number = block.encode("utf-8", "surrogateescape"), 0, first
        while True:
            at, number = scan.take_plain(data, at, number)
            if at > len(data):
                break
            end = data.find(b"\n", at)
            if end < 0:
                end = len(data)
            line = data[at:end].decode("utf-8", "surrogateescape")
            yield from _records(opened.checked(line, number), number, scan)
            at, number = end + 1, number + 1
            if at > len(data):
                break


def _records(line: str, number: int, scan: Scan) -> Iterator[Record]:
    text = line.strip()
    if not text or (text[0] in "#;/<" and _COMMENT.match(text)):
        return
    if _SEVERAL.search(text) is None:
        yield text, None, number, ""
        return
    found = _line(text, scan)
    if found is None:
        scan.reject(text, number, Reason.PROSE, "")
    else:
        for value, hint in found:
            yield value, hint, number, ""


def _line(text: str, scan: Scan) -> list[tuple[str, str | None]] | None:
    """The values of a line of several words, with a type where a label gives one; None: prose."""
    text = spaced_dots(_NOTE.sub("", text))
    while bullet := _BULLET.match(text):
        text = text[bullet.end() :]
    words = text.split()
    if not words:
        return []
    if len(words) == 1:
        return [(value, None) for value in split_values(words[0], scan.is_value)]
    if words[0] in _SINKHOLES:
        return [(name, None) for name in words[1:]]
    if text[:3].lower() == "cve" and scan.is_value(text):
        return [(text, None)]
    label, colon, rest = text.partition(":")
    if colon and rest.strip() and not rest.startswith("//") and is_type_name(label):
        return [(value, label) for value in _values(rest.split(), scan, label)] or None
    return [(value, None) for value in _values(words, scan, None)] or None


def _values(words: list[str], scan: Scan, hint: str | None) -> list[str]:
    """The values among the words of a line."""
    words = [bare for word in words if word not in _DASHES and (bare := word.strip(_AROUND))]
    if not words:
        return []

    def is_value(word: str) -> bool:
        return scan.is_value(word, hint)

    if all(map(is_value, words)):
        return words
    first, *others = words
    head = split_values(first, is_value)
    values = head if is_value(head[0]) else []
    return values + [word for word in others if is_marked(word, scan.is_value)]

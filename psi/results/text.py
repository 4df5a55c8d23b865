# SPDX-License-Identifier: Apache-2.0
"""
Counts, shares and foreign text as people read them; pure functions, no terminal.

>>> count(12804), share(301, 7310), si_bytes(1_312_000)
('12,804', '4.1%', '1.3 MB')
"""

import unicodedata
from typing import Final

__all__ = [
    "cell_width",
    "count",
    "escape",
    "plural",
    "share",
    "share_at_least",
    "share_bounds",
    "shorten",
    "si_bytes",
]

# What moves a cursor, reorders text or draws nothing: controls, formats (bidi, zero width), lone
# surrogates (bytes that were no UTF-8) and line separators.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SI: Final = ("B", "kB", "MB", "GB", "TB", "PB")
# The indicator readers reject a value that ends in dots as cut short, so a shortened
# value that is pasted back is never taken for another one.
_ELLIPSIS: Final = "..."


def count(n: int) -> str:
    """A count with commas: 12,804."""
    return f"{n:,}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count and its noun: `1 part`, `4 parts`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def _percent(tenths: int) -> str:
    """Tenths of a percent: one decimal below 10, whole above."""
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10}%"
    return f"{(tenths + 5) // 10}%"


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent: 0%, <0.1%, 4.1%, 41%, >99%, 100%; `-` of nothing."""
    if whole == 0:
        return "-"
    if part == 0:
        return "0%"
    if part >= whole:
        return "100%"
    if part * 1000 < whole:
        return "<0.1%"
    if part * 100 > 99 * whole:
        return ">99%"
    tenths = (2000 * part + whole) // (2 * whole)
    # Rounded once: 10.46 is 10, not 10.5 and then 11.
    return _percent(tenths) if tenths < 100 else f"{(200 * part + whole) // (2 * whole)}%"


def _floor_share(part: int, whole: int) -> str:
    """As `share`, but never above the truth."""
    if part == 0 or part >= whole or part * 1000 < whole:
        return share(part, whole)
    tenths = part * 1000 // whole
    return _percent(tenths) if tenths < 100 else f"{part * 100 // whole}%"


def _ceiling_share(part: int, whole: int) -> str:
    """As `share`, but never below the truth."""
    if part == 0 or part >= whole or part * 1000 < whole or part * 100 > 99 * whole:
        return share(part, whole)
    tenths = -(-part * 1000 // whole)
    return _percent(tenths) if tenths < 100 else f"{-(-part * 100 // whole)}%"


def share_at_least(part: int, largest: int) -> str:
    """The smallest share that `part` can be of a whole of at most `largest`: 4.0%."""
    return _floor_share(part, largest)


def share_bounds(part: int, smallest: int, largest: int) -> str:
    """The share of `part` in a whole between two sizes, rounded outwards: 1.0-1.3%."""
    low, high = _floor_share(part, largest), _ceiling_share(part, max(part, smallest))
    if low == high:
        return low
    if low[0] == "<" or high[0] == ">":
        return f"{low.removesuffix('%')} to {high}"
    return f"{low.removesuffix('%')}-{high}"


def si_bytes(n: int) -> str:
    """A size in SI bytes, one decimal below 10: 512 B, 1.3 MB, 42 MB."""
    if n < 1000:
        return f"{n} B"
    size, unit = float(n), 0
    # 999.5 of a unit would round to 1000 of it.
    while size >= 999.5 and unit < len(_SI) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_SI[unit]}" if size < 9.95 else f"{size:.0f} {_SI[unit]}"


def escape(text: str) -> str:
    r"""Foreign text that is safe to show: control, bidi and invisible characters as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )


def cell_width(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def shorten(text: str, width: int) -> str:
    """Text that fits `width` columns: what is longer loses its middle."""
    if cell_width(text) <= width:
        return text
    room = max(0, width - len(_ELLIPSIS))
    head, tail = room - room // 2, room // 2
    front = _fit(text, head)
    back = _fit(text[::-1], tail)[::-1]
    return f"{front}{_ELLIPSIS}{back}"[: max(0, width)]


def _fit(text: str, width: int) -> str:
    """The longest beginning of `text` that takes at most `width` columns."""
    used = 0
    for position, character in enumerate(text):
        used += cell_width(character)
        if used > width:
            return text[:position]
    return text

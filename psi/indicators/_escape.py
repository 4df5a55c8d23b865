# SPDX-License-Identifier: Apache-2.0
"""
Text from files, peers and rosters, made safe to show on a terminal.

A control character could move the cursor over what was printed before, and a direction mark could
show `moc.live` for `evil.com`; both are shown as escapes.
"""

import unicodedata
from typing import Final

__all__ = ["printable"]

# Control, format (direction marks, zero-width), surrogate, private, unassigned, line separators.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was not UTF-8 (PEP 383)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def printable(text: str) -> str:
    """The text with every character that could disturb a terminal written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escape(char) if unicodedata.category(char) in _UNSAFE else char for char in text
    )

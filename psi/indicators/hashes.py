# SPDX-License-Identifier: Apache-2.0
"""
Hashes by their length alone, and the two TLS fingerprints with a pattern of their own.

A JA3 is an MD5 in a plain list, so the kind says how many digits, not which algorithm.
"""

import re
from typing import Final

from psi.indicators.reasons import Reason

__all__ = ["HEX_PATTERN", "TRIVIAL", "hash_element", "ja4_element", "jarm_element"]

_LENGTHS: Final = (32, 40, 56, 64, 96, 128)
HEX_PATTERN: Final = "|".join(f"[0-9a-f]{{{length}}}" for length in _LENGTHS)

_HEX: Final = re.compile(HEX_PATTERN)
_PAIRS: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2})+")
_JARM: Final = re.compile(r"[0-9a-f]{62}")
# Protocol, TLS version, SNI, counts of ciphers and extensions, ALPN, two truncated hashes: the
# format is FoxIO's JA4.
_JA4: Final = re.compile(
    r"[tqd](?:1[0-3]|s[23]|d[123]|00)[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}"
)

# All digits alike stand for "unknown", and the hashes of the empty file turn up in every feed.
TRIVIAL: Final = frozenset(
    {digit * length for digit in "0123456789abcdef" for length in _LENGTHS}
    | {
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)


def hash_element(text: str) -> bytes | Reason | None:
    """The element of a hash, a reason, or None when the text is no hash."""
    if len(text) < _LENGTHS[0]:
        return None
    text = text.lower()
    if _PAIRS.fullmatch(text):
        text = text.replace(":", "")
    if not _HEX.fullmatch(text):
        return None
    if text in TRIVIAL:
        return Reason.TRIVIAL_HASH
    return f"hex{len(text)}:{text}".encode()


def jarm_element(text: str) -> bytes | Reason:
    """The element of a JARM; all zeros means that nobody spoke TLS."""
    text = text.lower()
    if not _JARM.fullmatch(text):
        return Reason.NOT_JARM
    return Reason.TRIVIAL_HASH if text == "0" * 62 else f"jarm:{text}".encode()


def ja4_element(text: str) -> bytes | Reason:
    """The element of a JA4."""
    text = text.lower()
    return f"ja4:{text}".encode() if _JA4.fullmatch(text) else Reason.NOT_JA4

# SPDX-License-Identifier: Apache-2.0
"""
The kinds of indicator, and what `hash` stands for.

The order of `Kind` is fixed: its position is the code in `IndicatorSet.kinds`.
"""

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from psi.errors import UsageError

__all__ = ["DEFAULT_KINDS", "HASH_KINDS", "KINDS", "Kind", "parse_kinds"]


class Kind(StrEnum):
    """What an element is; the text before the first colon of its canonical form."""

    IP = "ip"
    CIDR = "cidr"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    HEX32 = "hex32"
    HEX40 = "hex40"
    HEX56 = "hex56"
    HEX64 = "hex64"
    HEX96 = "hex96"
    HEX128 = "hex128"
    JARM = "jarm"
    JA4 = "ja4"
    CVE = "cve"


KINDS: Final = tuple(Kind)
HASH_KINDS: Final = frozenset(kind for kind in KINDS if kind.startswith("hex"))
# CVE identifiers are few and public, so whoever answers for them can be probed for all of them.
DEFAULT_KINDS: Final = frozenset(KINDS) - {Kind.CVE}


def parse_kinds(names: Iterable[str]) -> frozenset[Kind]:
    """
    The kinds that a command line or a policy names; `hash` stands for every hexNN.

    Raises:
        UsageError: A name is no kind; the hint holds the nearest one.
    """
    chosen: set[Kind] = set()
    for name in names:
        if name == "hash":
            chosen |= HASH_KINDS
        elif name in Kind.__members__.values():
            chosen.add(Kind(name))
        else:
            known = ["hash", *KINDS]
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"expected a kind of indicator, got {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}",
            )
    return frozenset(chosen)

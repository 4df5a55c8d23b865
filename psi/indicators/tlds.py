# SPDX-License-Identifier: Apache-2.0
"""Whether the last label of a name tells a domain from a file name, as in free text it must."""

from typing import Final

from psi.indicators._rules import top_level_domains
from psi.indicators.reserved import SPECIAL_TLDS

__all__ = ["TLDS", "is_known_tld"]

TLDS: Final = top_level_domains()
_KNOWN: Final = TLDS | SPECIAL_TLDS


def is_known_tld(label: str) -> bool:
    """Whether `label`, lower case and as an A-label, ends domains rather than file names."""
    return label in _KNOWN

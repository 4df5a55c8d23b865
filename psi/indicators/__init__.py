# SPDX-License-Identifier: Apache-2.0
"""
Indicators: what is read, and the one form in which it is compared.

    from psi.indicators import Profile, ReadOptions, read_set

    found = read_set(["feeds/"], profile=Profile.default(), options=ReadOptions())
    found.values       # distinct `kind:value`, packed
    found.report       # what became of everything else

Nothing here knows a key, a peer or the network.
"""

from psi.indicators._escape import printable
from psi.indicators.canonical import Canonical, Canonicaliser, Reject, canonicalise
from psi.indicators.filters import FILTER_TEXT, Filter, Filters
from psi.indicators.kinds import DEFAULT_KINDS, HASH_KINDS, KINDS, Kind, parse_kinds
from psi.indicators.profile import Profile
from psi.indicators.read import STDIN, ReadOptions, read_set
from psi.indicators.reasons import REASON_TEXT, Reason
from psi.indicators.report import Damage, Position, ReadReport, Rejected, Skipped
from psi.indicators.set import IndicatorSet, Source
from psi.indicators.tlp import Tlp
from psi.indicators.values import PackedValues
from psi.indicators.warninglists import Warninglists, load_warninglists

__all__ = [
    "DEFAULT_KINDS",
    "FILTER_TEXT",
    "HASH_KINDS",
    "KINDS",
    "REASON_TEXT",
    "STDIN",
    "Canonical",
    "Canonicaliser",
    "Damage",
    "Filter",
    "Filters",
    "IndicatorSet",
    "Kind",
    "PackedValues",
    "Position",
    "Profile",
    "ReadOptions",
    "ReadReport",
    "Reason",
    "Reject",
    "Rejected",
    "Skipped",
    "Source",
    "Tlp",
    "Warninglists",
    "canonicalise",
    "load_warninglists",
    "parse_kinds",
    "printable",
    "read_set",
]

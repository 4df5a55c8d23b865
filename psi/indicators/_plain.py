# SPDX-License-Identifier: Apache-2.0
"""
The C module, and what it must know of the rules.

It decides the values that are written canonically, or nearly, and leaves the others to
`canonical`. Where it is not built, `canonical` decides all of them.
"""

from typing import Final

from psi.indicators.profile import Profile
from psi.indicators.reserved import SPECIAL_TLDS, SUSPECT_NUMBERS
from psi.indicators.tlds import TLDS

try:
    from psi.indicators import _fast as fast
except ImportError:  # pragma: no cover  # not built
    fast = None  # type: ignore[assignment]

__all__ = ["fast", "plain_rules"]

_KNOWN: Final = "\n".join(sorted(TLDS - SPECIAL_TLDS)).encode()
_SPECIAL: Final = "\n".join(sorted(SPECIAL_TLDS)).encode()


def plain_rules(profile: Profile, *, allow_reserved: bool) -> "fast.Rules | None":
    """The rules of a profile in C, or None."""
    if fast is None:
        return None
    suspect = bytes(not allow_reserved and first in SUSPECT_NUMBERS for first in range(256))
    return fast.Rules(
        _KNOWN,
        _SPECIAL,
        suspect,
        profile.fold_https,
        urls=not profile.derive_host,
        networks=profile.expand_v4 == 0,
    )

# SPDX-License-Identifier: Apache-2.0
"""The matching rules of a run: everything that changes an element's bytes, and nothing else."""

from dataclasses import dataclass
from typing import Final, Self

from psi.errors import UsageError
from psi.indicators._rules import RULES_DIGEST, RULES_VERSION

__all__ = ["EXPANSIONS", "Profile"]

EXPANSIONS: Final = (0, 24, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    Two members with equal profiles write an indicator in the same bytes.

    Filters (kinds, reserved addresses) are not in it: they may differ, as they only remove matches.

    Raises:
        UsageError: `expand_v4` is not 0, 24 or 28, or the digest has not 32 bytes.
    """

    version: int = RULES_VERSION
    #: `https` becomes `http`, since feeds disagree about it.
    fold_https: bool = True
    #: The host of a URL is an element too.
    derive_host: bool = False
    #: IPv4 networks with a prefix at least this long become their addresses; 0 leaves them.
    expand_v4: int = 0
    #: SHA-256 of the shipped file of refanging patterns and top-level domains.
    rules_digest: bytes = RULES_DIGEST

    def __post_init__(self) -> None:
        if self.expand_v4 not in EXPANSIONS:
            raise UsageError(f"expand_v4: expected 0, 24 or 28, got {self.expand_v4}")
        if len(self.rules_digest) != 32:
            raise UsageError(f"rules_digest: expected 32 bytes, got {len(self.rules_digest)}")

    @classmethod
    def default(cls) -> Self:
        """The rules of a new installation."""
        return cls()

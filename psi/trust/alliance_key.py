# SPDX-License-Identifier: Apache-2.0
"""The alliance key, sealed in a home of its own: `identity/alliance.sealed`, 32 bytes of seed."""

import secrets
from typing import Final

from psi.crypto.sealing import Sealer
from psi.crypto.signing import Signer
from psi.errors import KeyFileError, VerifyError
from psi.trust.home import Home
from psi.trust.unlock import UnlockSource, open_sealer

__all__ = ["create_alliance_key", "load_alliance_key"]

_ROLE: Final = "alliance key"
_FILE: Final = "identity/alliance.sealed"


def create_alliance_key(home: Home, sealer: Sealer) -> Signer:
    """Make the key of a new alliance and write it into its home."""
    seed = secrets.token_bytes(32)
    home.write(_FILE, sealer.seal(_ROLE, seed))
    return Signer(seed)


def load_alliance_key(home: Home, unlock: UnlockSource) -> Signer:
    """
    The signer of an alliance's rosters.

    Raises:
        KeyFileError: The home does not open, or the file is missing, open to others or changed.
    """
    try:
        return Signer(open_sealer(home, unlock).unseal(_ROLE, home.read(_FILE)))
    except VerifyError:
        raise KeyFileError(
            f"{_FILE} was changed or is damaged; not used",
            hint="restore the home from its backup",
        ) from None

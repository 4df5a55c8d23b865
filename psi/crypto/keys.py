# SPDX-License-Identifier: Apache-2.0
"""
The keys of a pairwise check, derived from one master an epoch (docs/protocol.md, section 4).

    master_{e+1} = HMAC-SHA256(master_e, "OVL1-RATCHET")
    key_seed     = HMAC-SHA256(master_e, LP(server) || LP(client) || u64(epoch))
    pad_key      = HMAC-SHA256(master_e,
                       LP("OVL1-PADKEY") || LP(server) || LP(client) || u64(epoch))

The ratchet is forward-secure only: who holds one master can compute all later ones, no earlier one.

>>> next_master(bytes(32)) == next_master(bytes(32))
True
"""

import hmac

from psi.encoding import lp, u64

__all__ = ["key_seed", "next_master", "pad_key"]


def next_master(master: bytes) -> bytes:
    """The 32-byte master of the epoch after that of `master`; constant time in it."""
    return hmac.digest(master, b"OVL1-RATCHET", "sha256")


def key_seed(master: bytes, server: str, client: str, epoch: int) -> bytes:
    """
    The 32-byte seed from which `DeriveKeyPair` makes the key pair of one client in one epoch.

    Security: constant time in `master`. Source: docs/protocol.md section 4.
    """
    return hmac.digest(master, _scope(server, client, epoch), "sha256")


def pad_key(master: bytes, server: str, client: str, epoch: int) -> bytes:
    """
    The 32-byte key of the padding tags, the same through the epoch.

    Security: constant time in `master`. Source: docs/protocol.md section 4.
    """
    return hmac.digest(master, lp(b"OVL1-PADKEY") + _scope(server, client, epoch), "sha256")


def _scope(server: str, client: str, epoch: int) -> bytes:
    return lp(server.encode()) + lp(client.encode()) + u64(epoch)

# SPDX-License-Identifier: Apache-2.0
"""`overlap ping PEER`: how far one gets with a peer; nothing is asked, nothing charged."""

from collections.abc import Iterator
from pathlib import Path

from psi.app.clock import Clock
from psi.app.member import Member
from psi.app.peers import peer_of
from psi.transport.ping import Stage, ping
from psi.trust.unlock import UnlockSource

__all__ = ["ping_peer"]


def ping_peer(
    home: Path,
    unlock: UnlockSource,
    name: str,
    *,
    address: str | None = None,
    clock: Clock | None = None,
) -> Iterator[Stage]:
    """
    The stages on the way to a peer; the first that fails is the last.

    Raises:
        PsiError: The home can't be used, or the roster has no such peer.
    """
    member = Member.open(home, unlock)
    clock = clock or Clock()
    peer = peer_of(member, name, clock.now_s)
    yield from ping(
        peer=peer,
        identity=member.identity,
        trusted=member.roster,
        profile=member.profile,
        now_ms=clock.now_ms,
        address=address or member.config.address_of(peer.name, peer.address),
    )

# SPDX-License-Identifier: Apache-2.0
"""Whom a member can ask."""

from psi.app.member import Member
from psi.errors import RefusedError, UsageError
from psi.protocol.messages import Principal

__all__ = ["peer_of"]


def peer_of(member: Member, name: str, now_s: int) -> Principal:
    """
    The roster's entry of a peer that can be asked.

    Raises:
        UsageError: There is no such member, or it is ourselves.
        RefusedError: Its time in the roster has not begun, or is over.
    """
    peer = member.roster.principal(name)
    if not peer.not_before <= now_s < peer.not_after:
        raise RefusedError(
            f"roster {member.roster.roster.serial} lists {name} for another time",
            slug="not-a-member",
            hint="`overlap roster update` (from the board, or a FILE); else ask the operator",
        )
    if name == member.name:
        raise UsageError(f"{name} is this home; name a peer", hint="`overlap roster show`")
    if "member" not in peer.roles:
        raise UsageError(
            f"{name} is {' and '.join(peer.roles)} in {member.roster.roster.alliance}, "
            "not a member that can be asked",
            slug="unknown-peer",
            hint="`overlap roster show`",
        )
    return peer

# SPDX-License-Identifier: Apache-2.0
"""
Addresses and names that mean something in one's own network only: a frozen table.

The table is here because `ipaddress.is_private` changes between Python releases, and two members
would then filter differently without knowing. It is a filter, not part of the profile: it can only
remove matches. Source: the IANA special-purpose address registries, RFC 6761, RFC 6762, RFC 9637.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

__all__ = [
    "RESERVED_V4",
    "RESERVED_V6",
    "SPECIAL_TLDS",
    "SUSPECT_NUMBERS",
    "is_reserved_v4",
    "is_reserved_v4_text",
    "is_reserved_v6",
]

RESERVED_V4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)

RESERVED_V6: Final = (
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)

SPECIAL_TLDS: Final = frozenset(
    {
        "arpa",
        "corp",
        "example",
        "home",
        "internal",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "test",
    }
)


def _spans(networks: tuple[IPv4Network, ...] | tuple[IPv6Network, ...]) -> list[tuple[int, int]]:
    """First and last address of each network, as numbers."""
    return [(int(n.network_address), int(n.broadcast_address)) for n in networks]


_V4: Final = _spans(tuple(IPv4Network(text) for text in RESERVED_V4))
_V6: Final = _spans(tuple(IPv6Network(text) for text in RESERVED_V6))

# Most addresses are settled by their first number: no reserved block begins with it.
SUSPECT_NUMBERS: Final = frozenset(
    first for first in range(256) if any(low >> 24 <= first <= high >> 24 for low, high in _V4)
)
_SUSPECT: Final = frozenset(map(str, SUSPECT_NUMBERS))


def is_reserved_v4(first: int, last: int) -> bool:
    """Whether the whole range of IPv4 addresses lies in one reserved block."""
    if first >> 24 not in SUSPECT_NUMBERS:
        return False
    return any(low <= first and last <= high for low, high in _V4)


def is_reserved_v6(first: int, last: int) -> bool:
    """Whether the whole range of IPv6 addresses lies in one reserved block."""
    return any(low <= first and last <= high for low, high in _V6)


def is_reserved_v4_text(address: str) -> bool:
    """Whether an IPv4 address in dotted decimal, without leading zeros, is reserved."""
    head, rest = address.split(".", 1)
    if head not in _SUSPECT:
        return False
    second, third, fourth = rest.split(".")
    number = int(head) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
    return is_reserved_v4(number, number)

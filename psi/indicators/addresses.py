# SPDX-License-Identifier: Apache-2.0
"""IPv4 and IPv6 addresses and networks: dotted decimal and RFC 5952, host bits masked."""

import re
from ipaddress import IPv6Address
from socket import inet_aton
from typing import Final

from psi.indicators.reasons import Reason
from psi.indicators.reserved import is_reserved_v4, is_reserved_v6

__all__ = ["V4_PATTERN", "address_or_network", "unmapped_host"]

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
V4_PATTERN: Final = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"

_STRICT: Final = re.compile(V4_PATTERN)
_PADDED: Final = re.compile(r"[0-9]{3}(?:\.[0-9]{3}){3}")
_DOTTED: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_V4_PORT: Final = re.compile(rf"\[?({_DOTTED})\]?(?:[:|][0-9]{{1,5}})?")
_V4_NET: Final = re.compile(rf"({_DOTTED})/([0-9]{{1,2}}|{_DOTTED})")
_V6: Final = re.compile(r"\[([0-9a-f:.]+)(?:%[^\]]*)?\](?:[:|][0-9]{1,5})?|([0-9a-f:.]+)(?:%.*)?")
_V6_NET: Final = re.compile(r"\[?([0-9a-f:.]+)\]?/([0-9]{1,3})")

_V4_BITS: Final = 32
_V6_BITS: Final = 128
_MAPPED: Final = 0xFFFF  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2
# Wider networks cover so much of the Internet that a match says nothing.
_MIN_V4_PREFIX: Final = 8
_MIN_V6_PREFIX: Final = 16

Result = bytes | tuple[bytes, ...] | Reason


def _v4_number(text: str) -> int | None:
    """
    An IPv4 address as a number; leading zeros only where all four numbers have three digits.

    `01.2.3.4` is octal to some readers and decimal to others; `001.002.003.004` is how tables
    with fixed columns pad.
    """
    if _STRICT.fullmatch(text) is None:
        if _PADDED.fullmatch(text) is None:
            return None
        text = ".".join(str(int(part)) for part in text.split("."))
        if _STRICT.fullmatch(text) is None:
            return None
    return int.from_bytes(inet_aton(text), "big")


def _v4_text(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _v6_number(text: str) -> int | None:
    try:
        return int(IPv6Address(text))
    except ValueError:
        return None


def _v4_prefix(text: str) -> int | None:
    """The prefix length of `24` or of a netmask with its ones in front."""
    if "." not in text:
        return int(text) if int(text) <= _V4_BITS else None
    mask = _v4_number(text)
    if mask is None:
        return None
    ones = mask.bit_count()
    return ones if mask == (1 << _V4_BITS) - (1 << (_V4_BITS - ones)) else None


def _v4_element(number: int, allow_reserved: bool) -> bytes | Reason:
    if not allow_reserved and is_reserved_v4(number, number):
        return Reason.RESERVED_IP
    return f"ip:{_v4_text(number)}".encode()


def _v6_element(number: int, allow_reserved: bool) -> bytes | Reason:
    if number >> _V4_BITS == _MAPPED:
        return _v4_element(number & 0xFFFFFFFF, allow_reserved)
    if not allow_reserved and is_reserved_v6(number, number):
        return Reason.RESERVED_IP
    return f"ip:{IPv6Address(number)}".encode()


def _v4_network(number: int, prefix: int, expand: int, allow_reserved: bool) -> Result:
    if prefix == _V4_BITS:
        return _v4_element(number, allow_reserved)
    size = 1 << (_V4_BITS - prefix)
    first = number & -size
    if not allow_reserved and is_reserved_v4(first, first + size - 1):
        return Reason.RESERVED_IP
    if prefix < _MIN_V4_PREFIX:
        return Reason.CIDR_TOO_WIDE
    if expand and prefix >= expand:
        return tuple(f"ip:{_v4_text(first + i)}".encode() for i in range(size))
    return f"cidr:{_v4_text(first)}/{prefix}".encode()


def _v6_network(number: int, prefix: int, expand: int, allow_reserved: bool) -> Result:
    if number >> _V4_BITS == _MAPPED and prefix >= _V6_BITS - _V4_BITS:
        prefix -= _V6_BITS - _V4_BITS
        return _v4_network(number & 0xFFFFFFFF, prefix, expand, allow_reserved)
    if prefix == _V6_BITS:
        return _v6_element(number, allow_reserved)
    size = 1 << (_V6_BITS - prefix)
    first = number & -size
    if not allow_reserved and is_reserved_v6(first, first + size - 1):
        return Reason.RESERVED_IP
    if prefix < _MIN_V6_PREFIX:
        return Reason.CIDR_TOO_WIDE
    return f"cidr:{IPv6Address(first)}/{prefix}".encode()


def address_or_network(  # noqa: PLR0911  # one return a form
    text: str, *, expand_v4: int, allow_reserved: bool
) -> Result | None:
    """
    The element of an address or a network, several with `expand_v4`, a reason, or None.

    Args:
        text: Refanged; a port, brackets and a zone id are dropped.

    Returns:
        None when the text is neither, so that another kind can be tried.
    """
    text = text.rstrip(".").lower()
    if match := _V4_PORT.fullmatch(text):
        number = _v4_number(match[1])
        return None if number is None else _v4_element(number, allow_reserved)
    if match := _V4_NET.fullmatch(text):
        number, prefix = _v4_number(match[1]), _v4_prefix(match[2])
        if number is None or prefix is None:
            return Reason.NOT_IP
        return _v4_network(number, prefix, expand_v4, allow_reserved)
    if text.count(":") < 2:
        return None
    if match := _V6.fullmatch(text):
        number = _v6_number(match[1] or match[2])
        return None if number is None else _v6_element(number, allow_reserved)
    if match := _V6_NET.fullmatch(text):
        number, prefix = _v6_number(match[1]), int(match[2])
        if number is None or prefix > _V6_BITS:
            return Reason.NOT_IP
        return _v6_network(number, prefix, expand_v4, allow_reserved)
    return None


def unmapped_host(host: str) -> tuple[str, bytes] | None:
    """
    A parsed URL host that is an address: as it stands in a URL, and as an element.

    `[::ffff:102:304]` becomes `1.2.3.4`; None when the host is a name.
    """
    if host.startswith("["):
        number = _v6_number(host[1:-1])
        if number is None:
            return None
        if number >> _V4_BITS == _MAPPED:
            text = _v4_text(number & 0xFFFFFFFF)
            return text, f"ip:{text}".encode()
        text = str(IPv6Address(number))
        return f"[{text}]", f"ip:{text}".encode()
    if _STRICT.fullmatch(host):
        return host, f"ip:{host}".encode()
    return None

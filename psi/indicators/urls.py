# SPDX-License-Identifier: Apache-2.0
"""
URLs: WHATWG parsing, then the equivalences of RFC 3986 section 6.2.2.

Dropped: fragment, user and password, default port, an empty query, a host's trailing dot. Kept:
the case of the path, a trailing slash, the order of a query.
"""

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from psi.indicators._whatwg import parse_url
from psi.indicators.addresses import V4_PATTERN, unmapped_host
from psi.indicators.domains import host_name
from psi.indicators.reasons import Reason
from psi.indicators.reserved import is_reserved_v4_text, is_reserved_v6
from psi.indicators.tlds import is_known_tld

__all__ = ["CanonicalUrl", "schemeless_url", "url"]

_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
# A triplet, a percent sign that begins none, or a character that RFC 3986 allows in no path or
# query. The last are written as triplets: parsers of different years disagree about which of them
# they escape, and feeds hold both spellings.
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?|[^A-Za-z0-9._~!$&'()*+,;=:@/?-]")
_HOST_AS_WRITTEN: Final = re.compile(r"(?://)?([^/?\\@]+?)(?::[0-9]{1,5})?[/?\\]")
_V4: Final = re.compile(V4_PATTERN)


class CanonicalUrl(NamedTuple):
    """A URL in its one spelling, and the element of its host."""

    text: str
    host: bytes


def _escape(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:
        return f"%{ord(match[0]):02X}"
    code = int(digits, 16)
    return chr(code) if code in _UNRESERVED else f"%{digits.upper()}"


def _host(host: str, allow_reserved: bool) -> tuple[str, bytes] | Reason:
    """The host as it stands in the URL and as an element."""
    if address := unmapped_host(host.rstrip(".")):
        return Reason.RESERVED_IP if not allow_reserved and _is_reserved(address[0]) else address
    name = host_name(host, allow_reserved=allow_reserved)
    return name if isinstance(name, Reason) else (name, f"domain:{name}".encode())


def _is_reserved(host: str) -> bool:
    if host.startswith("["):
        number = int(IPv6Address(host[1:-1]))
        return is_reserved_v6(number, number)
    return is_reserved_v4_text(host)


def url(text: str, *, fold_https: bool, allow_reserved: bool) -> CanonicalUrl | Reason:
    """
    The canonical form of a URL that begins with http, https or ftp, or why there is none.

    The result can have a canonical form other than itself, where unescaping or the removal of the
    fragment has exposed something; the caller repeats until it stands still.
    """
    parsed = parse_url(text)
    if parsed is None:
        return Reason.NOT_URL
    host = _host(parsed.host, allow_reserved)
    if isinstance(host, Reason):
        return host
    scheme = "http" if fold_https and parsed.scheme == "https" else parsed.scheme
    port = "" if scheme == "http" and parsed.port == "80" else parsed.port
    path = _ESCAPE.sub(_escape, parsed.path)
    query = _ESCAPE.sub(_escape, parsed.query)
    return CanonicalUrl(
        f"{scheme}://{host[0]}{f':{port}' if port else ''}{path}{f'?{query}' if query else ''}",
        host[1],
    )


def schemeless_url(
    text: str, *, typed: bool, fold_https: bool, allow_reserved: bool
) -> CanonicalUrl | Reason:
    """
    The canonical form of `host/path` or `//host/path`, which is read as http.

    Here the host must look like one as written: `24/7` is no address, and without a type only a
    known top-level domain tells `evil.com/a` from `main.c/a`.
    """
    written = _HOST_AS_WRITTEN.match(text)
    if written is None or not _may_be_host(written[1].rstrip(".")):
        return Reason.NOT_DOMAIN
    result = url(
        f"http://{text.removeprefix('//')}", fold_https=fold_https, allow_reserved=allow_reserved
    )
    if isinstance(result, Reason):
        return Reason.NOT_DOMAIN if result is Reason.NOT_URL else result
    if result.host.startswith(b"ip:"):
        return result if written[1].isascii() else Reason.NOT_DOMAIN
    tld = result.host.rpartition(b".")[2].decode()
    return result if typed or is_known_tld(tld) else Reason.NOT_DOMAIN


def _may_be_host(host: str) -> bool:
    """Whether a host without a scheme in front looks like an address or a name with a dot."""
    if host.startswith("[") or _V4.fullmatch(host) or not host.isascii():
        return True
    _, dot, last = host.rpartition(".")
    return bool(dot) and not last[:1].isdigit()

# SPDX-License-Identifier: Apache-2.0
"""Domain names and e-mail addresses: lower case, A-labels, no trailing dot."""

import re
from typing import Final

from psi.indicators._whatwg import to_ascii
from psi.indicators.reasons import Reason
from psi.indicators.reserved import SPECIAL_TLDS
from psi.indicators.tlds import is_known_tld

__all__ = ["DOMAIN_PATTERN", "MAX_DOMAIN", "domain_element", "email_element", "host_name"]

# RFC 1035 section 2.3.4; the underscore is not a host name's, but `_dmarc` and its like are real.
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_LAST: Final = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
DOMAIN_PATTERN: Final = rf"(?:{_LABEL}\.)+{_LAST}"
MAX_DOMAIN: Final = 253

_DOMAIN: Final = re.compile(DOMAIN_PATTERN)
# In URLs a label may begin or end with a hyphen: resolvers answer, so campaigns use it.
_URL_HOST: Final = re.compile(rf"(?:[a-z0-9_-]{{1,63}}\.)+{_LAST}")
_WILDCARD: Final = re.compile(r"(?:\*?\.)+")
_PORT: Final = re.compile(r"[:|][0-9]{1,5}$")
_LOCAL_PART: Final = re.compile(r"[a-z0-9.!#$%&'*+=?^_~-]{1,64}")


def _ascii_name(text: str) -> str | None:
    """The name in A-labels without leading wildcard and trailing dots; None if it can't be one."""
    name = _PORT.sub("", text.lower() if text.isascii() else text)
    if not name.isascii() or "xn--" in name:
        converted = to_ascii(name)
        if converted is None:
            return None
        name = converted
    if match := _WILDCARD.match(name):
        name = name[match.end() :]
    return name.rstrip(".")


def _is_domain(name: str) -> bool:
    return len(name) <= MAX_DOMAIN and _DOMAIN.fullmatch(name) is not None


def _tld(name: str) -> str:
    return name[name.rfind(".") + 1 :]


def domain_element(text: str, *, typed: bool, allow_reserved: bool) -> bytes | Reason:
    """
    The element of a domain or host name, or the reason why not.

    Args:
        text: Refanged; `*.`, a port and dots around it are dropped.
        typed: Somebody said that it is one, so that its last label needs no list.
    """
    name = _ascii_name(text)
    if name is None or not _is_domain(name):
        return Reason.NOT_DOMAIN
    tld = _tld(name)
    if not (typed or is_known_tld(tld)):
        return Reason.NOT_DOMAIN
    if tld in SPECIAL_TLDS and not allow_reserved:
        return Reason.SPECIAL_TLD
    return f"domain:{name}".encode()


def email_element(text: str, *, typed: bool, allow_reserved: bool) -> bytes | Reason:
    """The element of an e-mail address, or the reason why not; `typed` as in `domain_element`."""
    local, _, host = text.rpartition("@")
    local = local.lower()
    if not _LOCAL_PART.fullmatch(local) or _PORT.search(host):
        return Reason.NOT_EMAIL
    domain = domain_element(host, typed=typed, allow_reserved=allow_reserved)
    if domain is Reason.SPECIAL_TLD:
        return domain
    if not isinstance(domain, bytes):
        return Reason.NOT_EMAIL
    return b"email:" + local.encode() + b"@" + domain[len(b"domain:") :]


def host_name(host: str, *, allow_reserved: bool) -> str | Reason:
    """The host of a parsed URL, when it is a name that others could hold too."""
    name = host.rstrip(".")
    if len(name) > MAX_DOMAIN or not _URL_HOST.fullmatch(name):
        return Reason.NOT_URL
    if _tld(name) in SPECIAL_TLDS and not allow_reserved:
        return Reason.SPECIAL_TLD
    return name

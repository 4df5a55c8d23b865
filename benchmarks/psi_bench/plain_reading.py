# SPDX-License-Identifier: Apache-2.0
"""
Reading a feed the straightforward way, to compare with: `ipaddress`, `idna`, `urllib`.

It does less than the rules of docs/formats.md ask for: no list of top-level domains, no reserved
addresses, no equivalences of URLs beyond the host, no sources.
"""

import contextlib
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

with contextlib.suppress(ImportError):
    import idna

__all__ = ["HAS_IDNA", "read_plainly"]

HAS_IDNA = "idna" in globals()

_HASH = re.compile(r"[0-9a-f]+")


def _host(name: str) -> str:
    name = name.rstrip(".").lower()
    if HAS_IDNA:
        return idna.encode(name, uts46=True).decode()
    return name.encode("idna").decode()


def _element(text: str) -> str:
    text = text.strip().replace("[.]", ".").replace("hxxp", "http", 1)
    lowered = text.lower()
    if len(text) in (32, 40, 64) and _HASH.fullmatch(lowered):
        return f"hash:{lowered}"
    if "://" in text:
        parts = urlsplit(text)
        return f"url:http://{_host(parts.hostname or '')}{parts.path}?{parts.query}"
    if "/" in text:
        return f"cidr:{ip_network(text, strict=False)}"
    head, colon, port = text.rpartition(":")
    try:
        return f"ip:{ip_address(head if colon and port.isdigit() else text)}"
    except ValueError:
        return f"domain:{_host(text)}"


def read_plainly(path: Path) -> set[str]:
    """The distinct elements of a file."""
    found: set[str] = set()
    with path.open() as file:
        for line in file:
            try:
                found.add(_element(line))
            except (ValueError, UnicodeError):
                continue
    return found

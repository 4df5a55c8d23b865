# SPDX-License-Identifier: Apache-2.0
"""
The one door to the URL and IDNA engine, so that it can be replaced in one place.

Names and URL hosts go through the same UTS-46 processing (non-transitional), or `faß.de` in a list
would not meet `http://faß.de/`.
"""

from typing import NamedTuple

import can_ada

__all__ = ["ParsedUrl", "parse_url", "to_ascii"]


class ParsedUrl(NamedTuple):
    """The parts that a canonical URL is made of, as the WHATWG parser leaves them."""

    scheme: str
    host: str
    port: str
    path: str
    query: str


def parse_url(text: str) -> ParsedUrl | None:
    """
    Parse an absolute URL by the WHATWG standard; None when that fails.

    Args:
        text: Without surrogates, which the engine's binding refuses.
    """
    try:
        url = can_ada.parse(text)
    except ValueError:
        return None
    return ParsedUrl(url.protocol[:-1], url.hostname, url.port, url.pathname, url.search[1:])


def to_ascii(name: str) -> str | None:
    """
    A domain name as A-labels, lower case (UTS-46); None when a label is not valid.

    Args:
        name: Without surrogates.
    """
    return can_ada.idna_encode(name).decode("ascii") or None

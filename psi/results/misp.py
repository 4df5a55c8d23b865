# SPDX-License-Identifier: Apache-2.0
"""
A result for MISP: which of the own attributes get a local tag (docs/formats.md, "MISP").

It has the form of an event that stays in the own organisation. A tag or sighting that is
synchronised tells others who holds what, so the tags are local and sightings are left out.
"""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from psi.indicators.tlp import Tlp
from psi.results.json_file import stream_object
from psi.results.result import DEFAULT_TLP, CheckResult, Match
from psi.results.text import count

__all__ = ["stream_misp", "tag_name"]

_NAMESPACE: Final = uuid.UUID("23a9a16c-25e1-4c97-b6ec-5ad042f4f34a")
# Type and category of an attribute that was not read from MISP. Of addresses MISP keeps two types
# and of names as well; a search by value finds both.
_TYPES: Final = {
    "ip": ("ip-dst", "Network activity"),
    "cidr": ("ip-dst", "Network activity"),
    "domain": ("domain", "Network activity"),
    "url": ("url", "Network activity"),
    "email": ("email", "Payload delivery"),
    "hex32": ("md5", "Payload delivery"),
    "hex40": ("sha1", "Payload delivery"),
    "hex56": ("sha224", "Payload delivery"),
    "hex64": ("sha256", "Payload delivery"),
    "hex96": ("sha384", "Payload delivery"),
    "hex128": ("sha512", "Payload delivery"),
    "jarm": ("jarm-fingerprint", "Network activity"),
    "ja4": ("other", "Other"),
    "cve": ("vulnerability", "External analysis"),
}
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HTTPS: Final = re.compile(r"h..ps", re.IGNORECASE)  # defanged or not

_Object = dict[str, Any]


def tag_name(peer: str) -> str:
    """The machine tag that an attribute gets: overlap:also-held-by="beta-bank"."""
    return f'overlap:also-held-by="{peer}"'


def stream_misp(result: CheckResult, *, sightings: bool = False) -> Iterator[str]:
    """
    The event with an attribute a line.

    Args:
        result: A finished check.
        sightings: Add a sighting to each attribute.
    """
    seen_at = int(datetime.fromisoformat(result.started_at).timestamp())
    strictest = [DEFAULT_TLP]
    yield '{"Event": '
    yield from stream_object(
        {
            "uuid": str(uuid.uuid5(_NAMESPACE, result.session)),
            "info": f"{count(result.count)} of the indicators of {result.client} are also held by"
            f" {result.server} (overlap, run {result.run})",
            "date": result.started_at[:10],
            "timestamp": str(seen_at),
            "distribution": "0",
            "threat_level_id": "4",
            "analysis": "2",
            "published": False,
            "Attribute": map(json.dumps, _attributes(result, seen_at, sightings, strictest)),
            # Made last: only now is it known.
            "Tag": (f'{{"name": "tlp:{tlp.label}"}}' for tlp in strictest),
        }
    )
    yield "}\n"


def _attributes(
    result: CheckResult, seen_at: int, sightings: bool, strictest: list[Tlp]
) -> Iterator[_Object]:
    tags = [{"name": tag_name(result.server), "local": True}]
    sighting = {"type": "0", "source": "overlap", "date_sighting": str(seen_at)}
    extra = {"Sighting": [sighting]} if sightings else {}
    for match in result.matches:
        strictest[0] = max(strictest[0], match.tlp)
        kind, category = _TYPES[match.kind]
        for identity in _identities(match):
            yield {
                **identity,
                "type": kind,
                "category": category,
                "to_ids": False,
                "distribution": "0",
                "Tag": tags,
                **extra,
            }


def _identities(match: Match) -> Iterator[_Object]:
    """How to find the attributes: by their own uuids, or by value where none is known."""
    found = {
        source.id.lower(): source.as_written
        for source in match.sources
        if _UUID.fullmatch(source.id)
    }
    for own, written in found.items():
        yield {"uuid": own, "value": written}
    if not found:
        yield {"value": _searched(match)}


def _searched(match: Match) -> str:
    """The canonical value; a search in MISP is literal, so https is not folded into http."""
    if match.kind == "url" and match.sources and match.value.startswith("http:"):
        written = match.sources[0].as_written
        if _HTTPS.match(written):
            return f"https{match.value[4:]}"
    return match.value

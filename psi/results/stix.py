# SPDX-License-Identifier: Apache-2.0
"""
A result as a STIX 2.1 bundle: an Indicator of the client and a Sighting by the server a match.

Ids are made of names and canonical values (RFC 9562, version 5), so importing a bundle twice adds
nothing, and a later run gives newer versions of the same objects. A CVE becomes a Vulnerability:
it is no pattern.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from psi.indicators.tlp import Tlp
from psi.results.json_file import stream_object
from psi.results.result import DEFAULT_TLP, CheckResult, Match

__all__ = ["pattern_of", "stream_stix"]

_NAMESPACE: Final = uuid.UUID("be31e065-2c73-47a4-ae9d-128ec85ff209")
# An id that depends on the value alone belongs to an object that was created at one moment only
# (STIX 2.1, section 3.6.1); what differs from run to run is `modified`.
_CREATED: Final = "2026-01-01T00:00:00.000Z"
# The markings as OASIS has published them: extension-definition-specifications/tlp-2.0.
_TLP_CREATED: Final = "2022-10-01T00:00:00.000Z"
_TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP_IDS: Final = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
# A hash is named by its length, as everywhere; JARM and JA4 have no property in STIX 2.1.
_PATHS: Final = {
    "domain": "domain-name:value",
    "url": "url:value",
    "email": "email-addr:value",
    "hex32": "file:hashes.MD5",
    "hex40": "file:hashes.'SHA-1'",
    "hex56": "file:hashes.'SHA-224'",
    "hex64": "file:hashes.'SHA-256'",
    "hex96": "file:hashes.'SHA-384'",
    "hex128": "file:hashes.'SHA-512'",
    "jarm": "network-traffic:x_jarm",
    "ja4": "network-traffic:x_ja4",
}

_Object = dict[str, Any]


def stream_stix(result: CheckResult) -> Iterator[str]:
    """The bundle, an object a line."""
    return stream_object(
        {
            "type": "bundle",
            "id": _id("bundle", result.session),
            "objects": map(json.dumps, _objects(result)),
        }
    )


def pattern_of(kind: str, value: str) -> str:
    """The STIX pattern of a canonical value that is not a CVE."""
    path = _PATHS.get(kind) or f"ipv{6 if ':' in value else 4}-addr:value"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"[{path} = '{quoted}']"


def _objects(result: CheckResult) -> Iterator[_Object]:
    """Every object of the bundle; a marking stands before the first object that has it."""
    markings: set[Tlp] = set()
    for tlp, made in _marked(result):
        if tlp not in markings:
            markings.add(tlp)
            yield _marking(tlp)
        yield {**made, "object_marking_refs": [_TLP_IDS[tlp]]}


def _marked(result: CheckResult) -> Iterator[tuple[Tlp, _Object]]:
    client, server = _id("identity", result.client), _id("identity", result.server)
    for name, identity in ((result.client, client), (result.server, server)):
        common = _common("identity", identity, client, _CREATED, _CREATED)
        yield DEFAULT_TLP, {**common, "name": name, "identity_class": "organization"}
    modified = _milliseconds(result.started_at)
    for match in result.matches:
        subject = _subject(match, result.client, client, modified)
        yield match.tlp or DEFAULT_TLP, subject
        sighting = _id("sighting", result.session, match.kind, match.value)
        # Which of them the peer holds was told in confidence, also where the value is public.
        yield (
            max(match.tlp, DEFAULT_TLP),
            {
                **_common("sighting", sighting, client, modified, modified),
                "sighting_of_ref": subject["id"],
                "where_sighted_refs": [server],
            },
        )


def _subject(match: Match, owner: str, client: str, modified: str) -> _Object:
    """What both hold, with the ids that it has at its sources."""
    kind = "vulnerability" if match.kind == "cve" else "indicator"
    made = _id(kind, owner, match.kind, match.value)
    subject = {**_common(kind, made, client, _CREATED, modified), "name": match.value}
    ids = dict.fromkeys(source.id for source in match.sources if source.id)
    references = [{"source_name": owner, "external_id": own} for own in ids]
    if match.kind == "cve":
        references.insert(0, {"source_name": "cve", "external_id": match.value.upper()})
    else:
        subject["pattern"] = pattern_of(match.kind, match.value)
        subject["pattern_type"] = "stix"
        subject["valid_from"] = modified
    if references:
        subject["external_references"] = references
    return subject


def _marking(tlp: Tlp) -> _Object:
    extension = {"extension_type": "property-extension", "tlp_2_0": tlp.label}
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _TLP_IDS[tlp],
        "created": _TLP_CREATED,
        "name": f"TLP:{tlp.label.upper()}",
        "extensions": {_TLP_EXTENSION: extension},
    }


def _common(kind: str, made: str, creator: str, created: str, modified: str) -> _Object:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": made,
        "created_by_ref": creator,
        "created": created,
        "modified": modified,
    }


def _id(kind: str, *parts: str) -> str:
    # No part but the last, a canonical value, can hold the separator; so no two meet.
    return f"{kind}--{uuid.uuid5(_NAMESPACE, ' '.join((kind, *parts)))}"


def _milliseconds(time: str) -> str:
    moment = datetime.fromisoformat(time).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

# SPDX-License-Identifier: Apache-2.0
"""
STIX 2.0 and 2.1: bundles, TAXII envelopes, lists and single objects.

Indicators by their pattern, comparison by comparison; cyber-observables (SCOs) by their value or
hashes. A later version of an object that is revoked does not take earlier ones out: a bundle
holds one version.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._document import read_document
from psi.indicators.readers._open import Opened
from psi.indicators.readers.stix_pattern import PatternError, atoms
from psi.indicators.reasons import Reason
from psi.indicators.tlp import STIX_MARKINGS, Tlp, tlp_of_tags
from psi.indicators.type_names import is_type_name

__all__ = ["STIX_KEYS", "read_stix", "type_of_path"]

STIX_KEYS: Final = r'"type"\s*:\s*"bundle"|"id"\s*:\s*"[a-z0-9-]+--[0-9a-f]{8}-|"spec_version"\s*:'
_LISTS: Final = frozenset({"objects"})

_VALUES: Final = {
    "ipv4-addr": "ip",
    "ipv6-addr": "ip",
    "domain-name": "domain",
    "url": "url",
    "email-addr": "email",
}
_OBSERVED: Final = frozenset({*_VALUES, "file", "artifact", "x509-certificate", "observed-data"})
_REF: Final = re.compile(r"_refs?(?:\[(?:\d+|\*)\])?\.value$")
_HASHES: Final = re.compile(r"(?:^|[:.])hashes\.(.+)$")
_NOT_EXACT: Final = "pattern-in-file"  # a type name that says so


class _Object(msgspec.Struct):
    """An object, or a bundle of them; `objects` of observed-data in STIX 2.0 is a mapping."""

    type: str = ""
    id: str = ""
    objects: "list[_Object] | dict[str, Any] | None" = None
    pattern: Any = None
    pattern_type: str | None = None
    revoked: Any = None
    valid_from: Any = None
    valid_until: Any = None
    modified: Any = None
    created: Any = None
    object_marking_refs: list[str] | None = None
    granular_markings: Any = None
    definition: Any = None
    extensions: Any = None
    name: Any = None
    value: Any = None
    hashes: Any = None


def read_stix(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The values of all objects, in the order of the file."""
    document = read_document(opened, list[_Object] | _Object, _LISTS)  # type: ignore[arg-type]
    for _ in range(document.bad_records):
        scan.reject("", 0, Reason.BAD_RECORD, "")
    if document.content is not None:
        objects = list(_flat(document.content))
        yield from _records(objects, {**STIX_MARKINGS, **_own_markings(objects)}, scan)
    if document.damage is not None:
        raise document.damage


def _flat(found: list[_Object] | _Object) -> Iterator[_Object]:
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item.objects, list):
            yield from _flat(item.objects)
        else:
            yield item


def _records(objects: list[_Object], markings: Mapping[str, Tlp], scan: Scan) -> Iterator[Record]:
    filters, place = scan.filters, Tlp.NONE
    for found in objects:
        is_indicator = found.type == "indicator"
        if not is_indicator and found.type not in _OBSERVED:
            continue
        tlp = _level(found, markings)
        if found.revoked is True:
            scan.leave_out(Filter.REVOKED, 1)
        elif tlp > filters.tlp_limit:
            scan.leave_out(Filter.TLP, 1)
        elif found.valid_until and filters.expired(found.valid_until):
            scan.leave_out(Filter.EXPIRED, 1)
        elif filters.max_age_s is not None and filters.too_old(
            found.modified, found.valid_from, found.created
        ):
            scan.leave_out(Filter.TOO_OLD, 1)
        else:
            if tlp is not place:
                place = tlp
                scan.begin_place("", tlp)
            yield from _indicator(found, scan) if is_indicator else _observables(found, scan)


def _indicator(found: _Object, scan: Scan) -> Iterator[Record]:
    pattern = found.pattern
    if found.pattern_type not in (None, "stix"):
        scan.reject(pattern if isinstance(pattern, str) else "", 0, Reason.NOT_EXACT, found.id)
        return
    if not isinstance(pattern, str):
        scan.reject("", 0, Reason.BAD_RECORD, found.id)
        return
    try:
        compared = atoms(pattern)
    except PatternError:
        scan.reject(pattern, 0, Reason.BAD_PATTERN, found.id)
        return
    for atom in compared:
        if atom.exact:
            yield atom.value, type_of_path(atom.path), 0, found.id
        else:
            scan.reject(atom.value, 0, Reason.OPERATOR, found.id)


def _observables(found: _Object, scan: Scan) -> Iterator[Record]:
    if isinstance(found.objects, dict):  # observed-data of STIX 2.0
        for inner in found.objects.values():
            if isinstance(inner, dict) and inner.get("type") in _OBSERVED:
                yield from _observable(
                    inner["type"], inner.get("value"), inner.get("hashes"), found.id, scan
                )
    else:
        yield from _observable(found.type, found.value, found.hashes, found.id, scan)


def _observable(
    kind: str, value: object, hashes: object, own_id: str, scan: Scan
) -> Iterator[Record]:
    if kind in _VALUES:
        if isinstance(value, str):
            yield value, _VALUES[kind], 0, own_id
        else:
            scan.reject("", 0, Reason.BAD_RECORD, own_id)
    elif isinstance(hashes, dict):
        for algorithm, digest in hashes.items():
            if isinstance(digest, str):
                yield digest, type_of_path(f"{kind}:hashes.{algorithm}"), 0, own_id
            else:
                scan.reject("", 0, Reason.BAD_RECORD, own_id)


@lru_cache(maxsize=1024)
def type_of_path(path: str) -> str | None:
    """
    The type name that an object path stands for.

    `file:hashes.'SHA-256'` is a hash, `network-traffic:dst_ref.value` has a value of some kind,
    `file:name` is nothing that is matched exactly.
    """
    kind, _, rest = path.partition(":")
    if rest == "value" and kind in _VALUES:
        return _VALUES[kind]
    if _REF.search(path):
        return "email" if kind == "email-message" else None
    if found := _HASHES.search(path):
        name = found[1].strip("'")
        return name if is_type_name(name) else "hash"
    return _NOT_EXACT


def _level(found: _Object, markings: Mapping[str, Tlp]) -> Tlp:
    """The strictest marking of an object, also where it is of one property only."""
    level = Tlp.NONE
    for ref in found.object_marking_refs or ():
        level = max(level, markings.get(ref, Tlp.NONE))
    if isinstance(found.granular_markings, list):
        for marking in found.granular_markings:
            if isinstance(marking, dict):
                level = max(level, markings.get(str(marking.get("marking_ref")), Tlp.NONE))
    return level


def _own_markings(objects: list[_Object]) -> dict[str, Tlp]:
    """The TLP levels of marking definitions that the file brings along."""
    found: dict[str, Tlp] = {}
    for item in objects:
        if item.type != "marking-definition":
            continue
        names = [item.name] if isinstance(item.name, str) else []
        if isinstance(item.definition, dict) and "tlp" in item.definition:
            names.append(f"tlp:{item.definition['tlp']}")
        if isinstance(item.extensions, dict):
            names += [
                f"tlp:{extension['tlp_2_0']}"
                for extension in item.extensions.values()
                if isinstance(extension, dict) and "tlp_2_0" in extension
            ]
        found[item.id] = tlp_of_tags(names)
    return found

# SPDX-License-Identifier: Apache-2.0
"""
STIX 2.0 and 2.1: bundles, TAXII envelopes, lists and single objects.

Indicators by their pattern, comparison by comparison; cyber-observables (SCOs) by their value or
hashes. A later version of an object that is revoked does not take earlier ones out: a bundle
holds one version.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._document import decoded, read_document
from psi.indicators.readers._open import Opened
from psi.indicators.readers.stix_pattern import (
    VALUE_TYPES,
    PatternError,
    atoms,
    single,
    type_of_path,
)
from psi.indicators.reasons import Reason
from psi.indicators.tlp import STIX_MARKINGS, Tlp, tlp_of_tags

__all__ = ["STIX_KEYS", "read_stix"]

STIX_KEYS: Final = r'"type"\s*:\s*"bundle"|"id"\s*:\s*"[a-z0-9-]+--[0-9a-f]{8}-|"spec_version"\s*:'
_LISTS: Final = frozenset({"objects"})
_DEFINES_MARKINGS: Final = b'"marking-definition"'

_OBSERVED: Final = frozenset(
    {*VALUE_TYPES, "file", "artifact", "x509-certificate", "observed-data"}
)


class _Object(msgspec.Struct, gc=False):
    """An object, or a bundle of them; `objects` of observed-data in STIX 2.0 is a mapping."""

    type: str = ""
    id: str = ""
    objects: list[Raw] | dict[str, Any] | None = None
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


_DOCUMENT: Final = Decoder(list[Raw] | _Object, strict=False)
_OBJECT: Final = Decoder(_Object, strict=False)


def read_stix(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The values of all objects, in the order of the file."""
    document = read_document(opened, _DOCUMENT, _LISTS)
    content = document.content
    reader = _Objects(scan, brings_markings=_DEFINES_MARKINGS in document.data)
    if isinstance(content, list):
        yield from reader.of_list(content)
    elif content is not None:
        yield from reader.of_object(content)
    if document.damage is not None:
        raise document.damage


class _Objects:
    """The objects of one file, with the markings that it brings along."""

    def __init__(self, scan: Scan, *, brings_markings: bool) -> None:
        self._scan = scan
        self._brings_markings = brings_markings
        self._markings = dict(STIX_MARKINGS)
        self._place = Tlp.NONE

    def of_list(self, raws: list[Raw]) -> Iterator[Record]:
        """The values of each, once the markings of all are known."""
        if self._brings_markings:
            for raw in raws:
                # Type and reference differ in what follows the name; most objects have neither.
                if _DEFINES_MARKINGS in bytes(raw) and (found := decoded(raw, _OBJECT)):
                    self._markings |= _own_marking(found)
        raws.reverse()
        while raws:
            # One by one they go, while the set grows.
            item = decoded(raws.pop(), _OBJECT)
            if item is None:
                self._scan.reject("", 0, Reason.BAD_RECORD, "")
            else:
                yield from self.of_object(item)

    def of_object(self, found: _Object) -> Iterable[Record]:
        """The values of an object, or of a bundle of them."""
        if isinstance(found.objects, list):
            return self.of_list(found.objects)
        is_indicator = found.type == "indicator"
        if not is_indicator and found.type not in _OBSERVED:
            return ()
        scan, filters = self._scan, self._scan.filters
        tlp = Tlp.NONE
        if found.object_marking_refs or found.granular_markings:
            tlp = _level(found, self._markings)
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
            if tlp is not self._place:
                self._place = tlp
                scan.begin_place("", tlp)
            return _indicator(found, scan) if is_indicator else list(_observables(found, scan))
        return ()


def _indicator(found: _Object, scan: Scan) -> list[Record]:
    pattern, own_id = found.pattern, found.id
    if found.pattern_type is not None and found.pattern_type != "stix":
        scan.reject(pattern if isinstance(pattern, str) else "", 0, Reason.NOT_EXACT, own_id)
    elif not isinstance(pattern, str):
        scan.reject("", 0, Reason.BAD_RECORD, own_id)
    elif one := single(pattern):
        return [(one[1], type_of_path(one[0]), 0, own_id)]
    else:
        try:
            compared = atoms(pattern)
        except PatternError:
            scan.reject(pattern, 0, Reason.BAD_PATTERN, own_id)
            return []
        for atom in compared:
            if not atom.exact:
                scan.reject(atom.value, 0, Reason.OPERATOR, own_id)
        return [(atom.value, type_of_path(atom.path), 0, own_id) for atom in compared if atom.exact]
    return []


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
    if kind in VALUE_TYPES:
        if isinstance(value, str):
            yield value, VALUE_TYPES[kind], 0, own_id
        else:
            scan.reject("", 0, Reason.BAD_RECORD, own_id)
    elif isinstance(hashes, dict):
        for algorithm, digest in hashes.items():
            if isinstance(digest, str):
                yield digest, type_of_path(f"{kind}:hashes.{algorithm}"), 0, own_id
            else:
                scan.reject("", 0, Reason.BAD_RECORD, own_id)


def _level(found: _Object, markings: Mapping[str, Tlp]) -> Tlp:
    """The strictest marking of an object, also where it is of one property only."""
    level = Tlp.NONE
    for ref in found.object_marking_refs or ():
        if (marking := markings.get(ref, level)) > level:
            level = marking
    if isinstance(found.granular_markings, list):
        for part in found.granular_markings:
            if isinstance(part, dict):
                level = max(level, markings.get(str(part.get("marking_ref")), Tlp.NONE))
    return level


def _own_marking(found: _Object) -> dict[str, Tlp]:
    """The TLP level of a marking definition that the file brings along, by its id."""
    if found.type != "marking-definition":
        return {}
    names = [found.name] if isinstance(found.name, str) else []
    if isinstance(found.definition, dict) and "tlp" in found.definition:
        names.append(f"tlp:{found.definition['tlp']}")
    if isinstance(found.extensions, dict):
        names += [
            f"tlp:{extension['tlp_2_0']}"
            for extension in found.extensions.values()
            if isinstance(extension, dict) and "tlp_2_0" in extension
        ]
    return {found.id: tlp_of_tags(names)}

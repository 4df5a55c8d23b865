# SPDX-License-Identifier: Apache-2.0
"""
MISP events as JSON, in every envelope: an event, a list, a feed file, an answer of the REST API.

Attributes and the attributes of objects count. Proposals (ShadowAttribute), deleted ones and
attached data do not. The type of an attribute says what may be in it.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._document import decoded, read_document
from psi.indicators.readers._open import Opened
from psi.indicators.reasons import Reason
from psi.indicators.tlp import Tlp, tlp_of_tags

__all__ = ["MISP_KEYS", "read_misp"]

MISP_KEYS: Final = r'"(?:Event|Attribute|response)"\s*:\s*[\[{]'
_LISTS: Final = frozenset({"response", "Event", "Attribute", "Object"})


class _Tag(msgspec.Struct, gc=False):
    name: str = ""


class _EventOf(msgspec.Struct, gc=False):
    """The event of an attribute that a search found."""

    uuid: str | None = None
    Tag: list[_Tag] | None = None


class _Attribute(msgspec.Struct, gc=False):
    type: str = ""
    value: str | int | float | bool | None = None
    uuid: str | None = None
    to_ids: Any = None
    deleted: Any = None
    timestamp: str | int | None = None
    last_seen: Any = None
    Tag: list[_Tag] | None = None
    Event: _EventOf | None = None


class _Object(msgspec.Struct):
    deleted: Any = None
    timestamp: str | int | None = None
    Attribute: list[Raw] | None = None


class _Node(msgspec.Struct):
    """An event, or anything around one."""

    response: "list[_Node] | _Node | None" = None
    Event: "list[_Node] | _Node | None" = None
    uuid: str | None = None
    timestamp: str | int | None = None
    date: str | None = None
    Tag: list[_Tag] | None = None
    Attribute: list[Raw] | None = None
    Object: list[Raw] | None = None


_DOCUMENT: Final = Decoder(list[Raw] | _Node, strict=False)
_NODE: Final = Decoder(_Node, strict=False)
_OBJECT: Final = Decoder(_Object, strict=False)
_ATTRIBUTE: Final = Decoder(_Attribute, strict=False)


def read_misp(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The attributes of all events, in the order of the file."""
    document = read_document(opened, _DOCUMENT, _LISTS)
    if isinstance(document.content, list):
        for raw in document.content:
            node = decoded(raw, _NODE)
            if node is None:
                scan.reject("", 0, Reason.BAD_RECORD, "")
            else:
                yield from _nodes(node, scan)
    else:
        yield from _nodes(document.content, scan)
    if document.damage is not None:
        raise document.damage


def _nodes(found: list[_Node] | _Node | None, scan: Scan) -> Iterator[Record]:
    if found is None:
        return
    for node in found if isinstance(found, list) else [found]:
        yield from _nodes(node.response, scan)
        yield from _nodes(node.Event, scan)
        if node.Attribute or node.Object:
            yield from _event(node, scan)


def _event(event: _Node, scan: Scan) -> Iterator[Record]:
    tlp = _level(event.Tag)
    time = event.timestamp or event.date
    if event.Attribute:
        yield from _attributes(event.Attribute, event.uuid or "", tlp, time, scan)
    for raw in event.Object or ():
        found = decoded(raw, _OBJECT)
        if found is None:
            scan.reject("", 0, Reason.BAD_RECORD, "")
        elif _is_true(found.deleted):
            scan.leave_out(Filter.DELETED, len(found.Attribute or ()))
        elif found.Attribute:
            own_time = found.timestamp or time
            yield from _attributes(found.Attribute, event.uuid or "", tlp, own_time, scan)


def _attributes(
    raws: list[Raw], uuid: str, event_tlp: Tlp, time: str | int | None, scan: Scan
) -> Iterator[Record]:
    filters = scan.filters
    tlp_limit, aged = filters.tlp_limit, filters.max_age_s is not None
    place = None
    raws.reverse()
    while raws:
        # One by one they go, while the set grows.
        attribute = decoded(raws.pop(), _ATTRIBUTE)
        if attribute is None or attribute.value is None:
            own_id = "" if attribute is None else attribute.uuid or ""
            scan.reject("", 0, Reason.BAD_RECORD, own_id)
            continue
        event, tlp = uuid, event_tlp
        if attribute.Tag:
            tlp = max(tlp, _level(attribute.Tag))
        if attribute.Event is not None:
            event = attribute.Event.uuid or uuid
            tlp = max(tlp, _level(attribute.Event.Tag))
        if attribute.deleted and _is_true(attribute.deleted):
            scan.leave_out(Filter.DELETED, 1)
        elif tlp > tlp_limit:
            scan.leave_out(Filter.TLP, 1)
        elif filters.to_ids and not _is_true(attribute.to_ids):
            scan.leave_out(Filter.NOT_TO_IDS, 1)
        elif aged and filters.too_old(attribute.timestamp or time, attribute.last_seen):
            scan.leave_out(Filter.TOO_OLD, 1)
        else:
            value = attribute.value
            if place != (event, tlp):
                place = (event, tlp)
                scan.begin_place(event, tlp)
            own_id = attribute.uuid or ""
            yield value if isinstance(value, str) else str(value), attribute.type, 0, own_id


def _level(tags: list[_Tag] | None) -> Tlp:
    return tlp_of_tags([tag.name for tag in tags]) if tags else Tlp.NONE


def _is_true(flag: Any) -> bool:
    """MISP writes true, 1 and "1"; an odd value is no yes."""
    return flag in (True, 1, "1", "true", "True")

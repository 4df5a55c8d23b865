# SPDX-License-Identifier: Apache-2.0
"""
MISP events as JSON, in every envelope: an event, a list, a feed file, an answer of the REST API.

Attributes and the attributes of objects count. Proposals (ShadowAttribute), deleted ones and
attached data do not. The type of an attribute says what may be in it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from psi.indicators.filters import Filter
from psi.indicators.readers._base import Record, Scan
from psi.indicators.readers._document import read_document
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
    Attribute: list[_Attribute] | None = None


class _Node(msgspec.Struct):
    """An event, or anything around one."""

    response: "list[_Node] | _Node | None" = None
    Event: "list[_Node] | _Node | None" = None
    uuid: str | None = None
    timestamp: str | int | None = None
    date: str | None = None
    Tag: list[_Tag] | None = None
    Attribute: list[_Attribute] | None = None
    Object: list[_Object] | None = None


def read_misp(opened: Opened, scan: Scan) -> Iterator[Record]:
    """The attributes of all events, in the order of the file."""
    document = read_document(opened, list[_Node] | _Node, _LISTS)  # type: ignore[arg-type]
    for _ in range(document.bad_records):
        scan.reject("", 0, Reason.BAD_RECORD, "")
    if document.content is not None:
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
            yield from _Attributes(node, scan)


class _Attributes:
    """The attributes of one event."""

    def __init__(self, event: _Node, scan: Scan) -> None:
        self._event = event
        self._scan = scan
        self._tlp = _level(event.Tag)

    def __iter__(self) -> Iterator[Record]:
        event, scan = self._event, self._scan
        if event.Attribute:
            yield from self._records(event.Attribute, event.timestamp or event.date)
        for found in event.Object or ():
            if _is_true(found.deleted):
                scan.leave_out(Filter.DELETED, len(found.Attribute or ()))
            elif found.Attribute:
                yield from self._records(found.Attribute, found.timestamp or event.timestamp)

    def _records(
        self, attributes: Sequence[_Attribute], time: str | int | None
    ) -> Iterator[Record]:
        scan, filters = self._scan, self._scan.filters
        tlp_max, aged = filters.tlp_limit, filters.max_age_s is not None
        uuid, place = self._event.uuid or "", None
        for attribute in attributes:
            event, tlp = uuid, self._tlp
            if attribute.Tag:
                tlp = max(tlp, _level(attribute.Tag))
            if attribute.Event is not None:
                event = attribute.Event.uuid or uuid
                tlp = max(tlp, _level(attribute.Event.Tag))
            if attribute.deleted and _is_true(attribute.deleted):
                scan.leave_out(Filter.DELETED, 1)
            elif tlp > tlp_max:
                scan.leave_out(Filter.TLP, 1)
            elif filters.to_ids and not _is_true(attribute.to_ids):
                scan.leave_out(Filter.NOT_TO_IDS, 1)
            elif aged and filters.too_old(attribute.timestamp or time, attribute.last_seen):
                scan.leave_out(Filter.TOO_OLD, 1)
            else:
                value = attribute.value
                if not isinstance(value, str):
                    if value is None:
                        scan.reject("", 0, Reason.BAD_RECORD, attribute.uuid or "")
                        continue
                    value = str(value)
                if place != (event, tlp):
                    place = (event, tlp)
                    scan.begin_place(event, tlp)
                yield value, attribute.type, 0, attribute.uuid or ""


def _level(tags: list[_Tag] | None) -> Tlp:
    return tlp_of_tags([tag.name for tag in tags]) if tags else Tlp.NONE


def _is_true(flag: Any) -> bool:
    """MISP writes true, 1 and "1"; an odd value is no yes."""
    return flag in (True, 1, "1", "true", "True")

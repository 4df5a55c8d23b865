# SPDX-License-Identifier: Apache-2.0
"""
MISP warninglists: values that turn up everywhere and seldom mean anything.

They flag by default. Dropping is asked for list by list, since whole collections of them would
take real overlap away: addresses of hosters and popular domains are used by attackers too.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from psi.errors import IndicatorError, UsageError
from psi.indicators._escape import printable
from psi.indicators.canonical import Canonicaliser
from psi.indicators.profile import Profile
from psi.indicators.values import PackedValues

__all__ = ["Warninglist", "Warninglists", "load_warninglists"]

_MAX_FILE: Final = 1 << 28
_HOST: Final = re.compile(r"[a-z]+://(?:\[([^\]]+)\]|([^/:?]+))")
_TYPES: Final = frozenset({"cidr", "hostname", "string", "substring", "regex"})


class _File(msgspec.Struct):
    """`lists/NAME/list.json` of the collection."""

    name: str
    type: str
    list: list[str]


@dataclass(frozen=True, slots=True)
class Warninglist:
    """A list, and whether a value `kind`, `value` is on it."""

    name: str
    holds: Callable[[str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warninglists:
    """
    Attributes:
        lists: What values are compared with.
        drop: Names of the lists whose values are left out.
    """

    lists: tuple[Warninglist, ...] = ()
    drop: frozenset[str] = frozenset()

    def hits(self, values: PackedValues) -> dict[str, npt.NDArray[np.uint32]]:
        """The rows that are on each list, ascending; lists without one left out."""
        found: dict[str, list[int]] = {}
        for row, element in enumerate(values):
            kind, _, value = element.decode().partition(":")
            for warninglist in self.lists:
                if warninglist.holds(kind, value):
                    found.setdefault(warninglist.name, []).append(row)
        return {name: np.array(rows, dtype=np.uint32) for name, rows in sorted(found.items())}


def load_warninglists(folder: Path, drop: Iterable[str] = ()) -> Warninglists:
    """
    Every list below a folder, such as a copy of the MISP project's.

    Raises:
        UsageError: A list that should be dropped is not there.
        IndicatorError: The folder or a list can't be read.
    """
    lists = tuple(_load(path) for path in _paths(folder))
    names = frozenset(drop)
    unknown = sorted(names - {one.name for one in lists})
    if unknown:
        raise UsageError(
            f"no warninglist is called {unknown[0]!r}",
            hint="the name is what stands under `name` in its list.json",
        )
    return Warninglists(lists=lists, drop=names)


def _paths(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("list.json") if path.is_file())
    if not found:
        raise IndicatorError(
            f"{printable(str(folder))} holds no warninglist",
            hint="expected a folder with NAME/list.json, as in MISP's collection",
        )
    return found


def _load(path: Path) -> Warninglist:
    try:
        with path.open("rb") as stream:
            content = msgspec.json.decode(stream.read(_MAX_FILE), type=_File)
        if content.type not in _TYPES:
            raise ValueError
        return Warninglist(content.name, _MATCHERS[content.type](content.list))
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError, re.error) as error:
        raise IndicatorError(
            f"{printable(str(path))} is no warninglist that can be read",
            hint="fetch it again, or take it out of the folder",
        ) from error


def _hosts(kind: str, value: str) -> Iterator[str]:
    """The host names and addresses of a value."""
    if kind in ("ip", "domain"):
        yield value
    elif kind == "email":
        yield value.rpartition("@")[2]
    elif kind == "url" and (match := _HOST.match(value)):
        yield match[1] or match[2]


def _hostname(entries: list[str]) -> Callable[[str, str], bool]:
    """A name is on the list with every name below it."""
    names = frozenset(entry.lower().strip(".") for entry in entries)

    def holds(kind: str, value: str) -> bool:
        for host in _hosts(kind, value):
            name = host
            while name:
                if name in names:
                    return True
                name = name.partition(".")[2]
        return False

    return holds


def _cidr(entries: list[str]) -> Callable[[str, str], bool]:
    """An address or a whole network inside one of the networks."""
    spans: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for entry in entries:
        network = ip_network(entry.strip(), strict=False)
        spans[network.version].append(
            (int(network.network_address), int(network.broadcast_address))
        )
    merged = {version: _merged(found) for version, found in spans.items()}

    def holds(kind: str, value: str) -> bool:
        for text in (value,) if kind == "cidr" else _hosts(kind, value):
            if not (text[-1].isdigit() or ":" in text):
                continue
            try:
                network = ip_network(text)
            except ValueError:
                continue
            starts, ends = merged[network.version]
            at = bisect_right(starts, int(network.network_address)) - 1
            if at >= 0 and int(network.broadcast_address) <= ends[at]:
                return True
        return False

    return holds


def _merged(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Starts and ends of the ranges that the spans cover together."""
    starts: list[int] = []
    ends: list[int] = []
    for low, high in sorted(spans):
        if ends and low <= ends[-1] + 1:
            ends[-1] = max(ends[-1], high)
        else:
            starts.append(low)
            ends.append(high)
    return starts, ends


def _string(entries: list[str]) -> Callable[[str, str], bool]:
    """The same value, compared in canonical form where the entry has one."""
    canonicaliser = Canonicaliser(Profile.default(), allow_reserved=True)
    texts: set[str] = set()
    for entry in entries:
        found = canonicaliser.elements(entry)
        texts.add(entry.strip().lower())
        for element in (found,) if isinstance(found, bytes) else found:
            if isinstance(element, bytes):
                texts.add(element.decode().partition(":")[2])
    return lambda _, value: value in texts


def _substring(entries: list[str]) -> Callable[[str, str], bool]:
    """A value that holds one of the entries."""
    pattern = re.compile("|".join(re.escape(entry.lower()) for entry in entries if entry) or "(?!)")
    return lambda _, value: pattern.search(value.lower()) is not None


def _regex(entries: list[str]) -> Callable[[str, str], bool]:
    """PHP's way to write an expression: delimiters, then flags."""
    patterns = [_php(entry) for entry in entries]
    return lambda _, value: any(pattern.search(value) for pattern in patterns)


def _php(entry: str) -> re.Pattern[str]:
    body, flags = entry, ""
    if len(entry) > 1 and entry[0] in "/#~" and entry[0] in entry[1:]:
        body, _, flags = entry[1:].rpartition(entry[0])
    return re.compile(body, re.IGNORECASE if "i" in flags else 0)


_MATCHERS: Final[dict[str, Callable[[list[str]], Callable[[str, str], bool]]]] = {
    "cidr": _cidr,
    "hostname": _hostname,
    "string": _string,
    "substring": _substring,
    "regex": _regex,
}

# SPDX-License-Identifier: Apache-2.0
"""Names, roles and addresses of principals: the rules that a person may run into when typing."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from psi.errors import UsageError

__all__ = [
    "MAX_TEXT",
    "ROLES",
    "check_name",
    "check_roles",
    "check_text",
    "did_you_mean",
    "split_address",
]

# The closed set, in the order in which it is shown.
ROLES: Final = ("member", "keyholder", "operator", "auditor")
# Characters of an address or a contact: one line of a terminal and more.
MAX_TEXT: Final = 200

# As psi.protocol.structure.Name; repeated to say it before a structure is built.
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?")
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:.]{2,45})\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})"
)

# Python calls them printable, and a terminal shows nothing or a blank: Unicode's default-ignorable
# letters and marks (DerivedCoreProperties.txt), and the braille pattern without dots.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def check_name(what: str, name: str) -> str:
    """
    The name, if it is one of a principal or an alliance.

    Raises:
        UsageError: It is not; `what` says whose it is.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{what}: expected 1 to 63 lower-case letters, digits and inner '-', "
            f"got {len(name)} characters",
            hint="for example acme-corp",
        )
    return name


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """
    The distinct roles in the order of `ROLES`.

    Raises:
        UsageError: None, one outside the closed set, or an operator who also takes part: it would
            see the counts and hold a set or a share.
    """
    chosen = set(roles)
    unknown = sorted(chosen - set(ROLES))
    if unknown:
        raise UsageError(
            f"role: expected {', '.join(ROLES)}, got {unknown[0]!a}"
            + did_you_mean(unknown[0], ROLES)
        )
    if not chosen:
        raise UsageError(f"role: expected at least one of {', '.join(ROLES)}, got none")
    if "operator" in chosen and chosen & {"member", "keyholder"}:
        raise UsageError(
            "role: an operator is neither member nor key holder",
            hint="give the operator a name and a home of its own",
        )
    return tuple(role for role in ROLES if role in chosen)


def check_text(what: str, text: str) -> str:
    """
    The text, if it is short and printable.

    Raises:
        UsageError: It is longer than `MAX_TEXT` or holds control characters, or some
            that show nothing.
    """
    if len(text) > MAX_TEXT or not text.isprintable() or _INVISIBLE.search(text):
        raise UsageError(f"{what}: expected at most {MAX_TEXT} printable characters")
    return text


def split_address(what: str, address: str) -> tuple[str, int]:
    """
    Host and port of `HOST:PORT` or `[IPv6]:PORT`.

    Raises:
        UsageError: It is neither, or the port is not 1 to 65535.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not address.isascii():
        raise UsageError(
            f"{what}: expected HOST:PORT, got {_shown(address)}",
            hint="for example overlap.acme.example:9497",
        )
    host = match["v6"] or match["host"]
    if not match["v6"] and not _HOST.fullmatch(host):
        raise UsageError(f"{what}: expected a host name before the port, got {_shown(address)}")
    port = int(match["port"])
    if not 1 <= port <= 65_535:
        raise UsageError(f"{what}: expected a port from 1 to 65535, got {port}")
    return host, port


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when one of the known words is close, else nothing."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")

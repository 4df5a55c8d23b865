# SPDX-License-Identifier: Apache-2.0
"""
STIX patterns, taken apart into the values that they compare with.

    >>> [atom.value for atom in atoms("[ipv4-addr:value = '1.2.3.4' OR url:value IN ('a', 'b')]")]
    ['1.2.3.4', 'a', 'b']

Grammar: STIX 2.1 section 9. AND, OR, FOLLOWEDBY, qualifiers and brackets join atoms and do not
change what each of them says, so they are checked for their place only as far as that needs.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from psi.indicators.type_names import is_type_name

__all__ = ["VALUE_TYPES", "Atom", "PatternError", "atoms", "single", "type_of_path"]

_STRING: Final = r"'(?:[^'\\]|\\.)*+'"
_STEP: Final = rf"(?:[A-Za-z0-9_-]+|{_STRING})(?:\[(?:\d+|\*)\])*"
_TOKEN: Final = re.compile(
    rf"""\s*(?:
        (?P<path>[A-Za-z0-9-]+:{_STEP}(?:\.{_STEP})*)
      | (?P<string>{_STRING})
      | (?P<literal>[tbh]{_STRING} | [+-]?(?:\d+\.\d*|\.?\d+)(?![\w]))
      | (?P<operator>=|!=|<>|<=|>=|<|>)
      | (?P<word>[A-Za-z]+)
      | (?P<sign>[()\[\],])
    )\s*""",
    re.VERBOSE | re.DOTALL,
)
_FRONT: Final = re.compile(r"\s*\[\s*([a-z0-9-]+:[A-Za-z0-9_.'-]+)\s*=\s*", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_INEXACT: Final = frozenset({"LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"})
_JOINING: Final = frozenset(
    {"AND", "OR", "FOLLOWEDBY", "WITHIN", "REPEATS", "START", "STOP", "SECONDS", "TIMES"}
)
_WORDS: Final = _INEXACT | _JOINING | {"NOT", "IN", "EXISTS", "TRUE", "FALSE"}


#: Objects whose `value` is an indicator, and the type name that stands for it.
VALUE_TYPES: Final = {
    "ipv4-addr": "ip",
    "ipv6-addr": "ip",
    "domain-name": "domain",
    "url": "url",
    "email-addr": "email",
}
# Not in the specification, but in feeds.
_ENDPOINTS: Final = frozenset({"network-traffic:src_ip", "network-traffic:dst_ip"})
_REF: Final = re.compile(r"_refs?(?:\[(?:\d+|\*)\])?\.value$")
_HASHES: Final = re.compile(r"(?:^|[:.])hashes\.(.+)$")
_NOT_EXACT: Final = "pattern-in-file"  # a type name that says so


class PatternError(Exception):
    """The text is no STIX pattern."""


class Atom(NamedTuple):
    """One value that a pattern compares with; `exact` when by `=` or IN, and not negated."""

    path: str
    value: str
    exact: bool


class _Token(NamedTuple):
    kind: str
    text: str


def single(pattern: str) -> tuple[str, str] | None:
    """
    Path and value of a pattern that is one comparison by `=`, as nearly every one of a feed is.

    None where that can't be told at a glance; `atoms` always can.
    """
    if not pattern.endswith("']") or "\\" in pattern:
        return None
    front, _, value = pattern[:-2].rpartition("'")
    path = _path_of_front(front)
    return None if path is None else (path, value)


@lru_cache(maxsize=1024)
def _path_of_front(front: str) -> str | None:
    """The path in `[domain-name:value = `; a feed has few of them."""
    match = _FRONT.fullmatch(front)
    return None if match is None else match[1]


def atoms(pattern: str) -> list[Atom]:
    """
    The comparisons of a pattern in its order, each member of a set on its own.

    Raises:
        PatternError: It can't be parsed; nothing of it should be used.
    """
    found = list(_atoms(_tokens(pattern)))
    if not found:
        raise PatternError
    return found


def _tokens(pattern: str) -> list[_Token]:
    tokens, at, depth = [], 0, list[str]()
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None or match.lastgroup is None:
            raise PatternError
        kind, text, at = match.lastgroup, match[match.lastgroup], match.end()
        if kind == "word":
            text = text.upper()
            if text not in _WORDS:
                raise PatternError
        elif text in ("(", "["):
            depth.append(")" if text == "(" else "]")
        elif text in (")", "]") and (not depth or depth.pop() != text):
            raise PatternError
        tokens.append(_Token(kind, text))
    if depth:
        raise PatternError
    return tokens


def _atoms(tokens: list[_Token]) -> Iterator[Atom]:
    position = 0
    inside = False
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token.text == "[":
            inside = True
        elif token.text == "]":
            inside = False
        elif token.text == "EXISTS":
            if position >= len(tokens) or tokens[position].kind != "path":
                raise PatternError
            position += 1
        elif token.kind == "path":
            if not inside:
                raise PatternError
            position, found = _comparison(token.text, tokens, position)
            yield from found
        elif inside and (token.kind in ("string", "operator") or token.text in _INEXACT):
            raise PatternError


def _comparison(path: str, tokens: list[_Token], position: int) -> tuple[int, list[Atom]]:
    """What stands behind an object path: NOT, an operator, and a value or a set."""
    rest = iter(tokens[position : position + 3])
    token = next(rest, None)
    negated = token is not None and token.text == "NOT"
    if negated:
        position += 1
        token = next(rest, None)
    if token is None or not (token.kind == "operator" or token.text in _INEXACT | {"IN"}):
        raise PatternError
    position += 1
    exact = not negated and token.text in ("=", "IN")
    if token.text != "IN":
        return position + 1, _values(path, tokens[position : position + 1], exact)
    end = position
    while end < len(tokens) and tokens[end].text != ")":
        end += 1
    if end == len(tokens) or tokens[position].text != "(":
        raise PatternError
    members = [token for token in tokens[position + 1 : end] if token.text != ","]
    return end + 1, _values(path, members, exact)


def _values(path: str, members: list[_Token], exact: bool) -> list[Atom]:
    found = []
    for member in members:
        if member.kind == "string":
            found.append(Atom(path, _ESCAPED.sub(r"\1", member.text[1:-1]), exact))
        elif member.kind == "literal" or member.text in ("TRUE", "FALSE"):
            found.append(Atom(path, member.text, exact))
        else:
            raise PatternError
    if not found:
        raise PatternError
    return found


@lru_cache(maxsize=1024)
def type_of_path(path: str) -> str | None:
    """
    The type name that an object path stands for.

    `file:hashes.'SHA-256'` is a hash, `network-traffic:dst_ref.value` has a value of some kind,
    `file:name` is nothing that is matched exactly.
    """
    kind, _, rest = path.partition(":")
    if rest == "value" and kind in VALUE_TYPES:
        return VALUE_TYPES[kind]
    if path in _ENDPOINTS:
        return "ip"
    if _REF.search(path):
        return "email" if kind == "email-message" else None
    if found := _HASHES.search(path):
        name = found[1].strip("'")
        return name if is_type_name(name) else "hash"
    return _NOT_EXACT

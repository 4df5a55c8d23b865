# SPDX-License-Identifier: Apache-2.0
"""
TOML read strictly: every key known, every value of its kind, every error with its line.

`tomllib` tells no positions, so the line of a key is looked for in the text; when it can't be
found (a key in an odd notation), the message has none.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Final

from psi.errors import PsiError
from psi.trust.names import did_you_mean

__all__ = ["Table", "open_toml"]

MAX_TOML_BYTES: Final = 64 * 1024
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Source:
    """One file: its text, its name in messages, and the slug and hint of its errors."""

    def __init__(self, text: str, shown: str, slug: str, hint: str) -> None:
        self._text = text
        self._shown = shown
        self._slug = slug
        self._hint = hint

    def error(self, path: Sequence[str], reason: str) -> PsiError:
        """The failure of one key, with its line when that can be found."""
        line = self._line_of(path)
        where = self._shown if line is None else f"{self._shown} line {line}"
        key = f"{'.'.join(map(_safe_key, path))}: " if path else ""
        return PsiError(f"{where}: {key}{reason}", slug=self._slug, hint=self._hint)

    def _line_of(self, path: Sequence[str]) -> int | None:
        best: tuple[int, int] | None = None
        table: list[str] = []
        for number, line in enumerate(self._text.splitlines(), start=1):
            header = _header(line)
            key, sign, _ = line.partition("=")
            if header is not None:
                here = table = header
            elif sign:
                here = table + _split(key)
            else:
                continue
            # The longest beginning of the path; the rest of it is in an inline table there.
            if here and list(path[: len(here)]) == here and (best is None or len(here) > best[0]):
                best = (len(here), number)
        return None if best is None else best[1]


class Table:
    """One table of a file; `close` refuses what nobody asked for."""

    def __init__(self, source: Source, path: tuple[str, ...], values: dict[str, object]) -> None:
        self._source = source
        self._path = path
        self._values = values
        self._known: set[str] = set()

    def error(self, key: str, reason: str) -> PsiError:
        """The failure of one key of this table."""
        return self._source.error((*self._path, key), reason)

    def names(self) -> list[str]:
        """The keys of a table whose keys are names."""
        return list(self._values)

    def table(self, key: str) -> "Table":
        """A table inside this one; empty if absent."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self._expected(key, "a table { ... }", value)
        return Table(self._source, (*self._path, key), value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._expected(key, _whole(value, low, high), value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self._expected(key, "true or false", value)
        return value

    def text(self, key: str, default: str) -> str:
        """One line of text."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value.isprintable():
            raise self._expected(key, "a text", value)
        return value

    def choice(self, key: str, default: str, known: Sequence[str]) -> str:
        """One word of a closed set."""
        value = self._take(key, default)
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            raise self._expected(key, " or ".join(f'"{word}"' for word in known), value, hint)
        return value

    def words(
        self, key: str, default: Sequence[str], known: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """A list of distinct texts, of a closed set if that is given."""
        value = self._take(key, list(default))
        if not isinstance(value, list):
            raise self._expected(key, "a list [ ... ]", value)
        for word in value:
            if not isinstance(word, str) or not word.isprintable() or not word:
                raise self._expected(key, "a list of texts", word)
            if known is not None and word not in known:
                raise self._expected(
                    key, f"only {', '.join(known)}", word, did_you_mean(word, known)
                )
        if len(set(value)) != len(value):
            raise self.error(key, "an entry stands there twice")
        return tuple(value)

    def wholes(self, key: str, default: Sequence[int], low: int, high: int) -> tuple[int, ...]:
        """A list of distinct whole numbers from `low` to `high`, in ascending order."""
        value = self._take(key, list(default))
        if not isinstance(value, list):
            raise self._expected(key, "a list [ ... ]", value)
        for number in value:
            if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
                raise self._expected(key, f"whole numbers from {low} to {high}", number)
        if value != sorted(set(value)):
            raise self.error(key, "expected each number once, in ascending order")
        return tuple(value)

    def one_of(self, key: str, default: object, known: Sequence[str | int]) -> str | int:
        """One of a few texts and numbers."""
        value = self._take(key, default)
        for candidate in known:
            # 1 == true and 24 == 24.0 in Python, but not in a file.
            if type(value) is type(candidate) and value == candidate:
                return candidate
        raise self._expected(key, " or ".join(_shown(word) for word in known), value)

    def duration(self, key: str, default: str) -> int:
        """Seconds, from `90s`, `10m`, `1h` or `30d`."""
        value = self._take(key, default)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None or not match[1].isascii():
            raise self._expected(key, "a duration like 90s, 10m, 1h or 30d", value)
        return int(match[1]) * _SECONDS[match[2]]

    def has(self, key: str) -> bool:
        """Whether the file says anything about a key."""
        return key in self._values

    def close(self) -> None:
        """Refuse the first key that is none of those that were asked for."""
        for key in self._values:
            if key not in self._known:
                raise self.error(key, f"no such key{did_you_mean(key, self._known)}")

    def _take(self, key: str, default: object) -> object:
        self._known.add(key)
        return self._values.get(key, default)

    def _expected(self, key: str, what: str, value: object, more: str = "") -> PsiError:
        return self.error(key, f"expected {what}, got {_shown(value)}{more}")


def open_toml(data: bytes, shown: str, slug: str, hint: str) -> Table:
    """
    The outermost table of a file.

    Args:
        data: The bytes of the file.
        shown: Its name in messages.
        slug: Of every error.
        hint: Of every error.

    Raises:
        PsiError: It is too large, not UTF-8, or not TOML.
    """
    plain = Source("", shown, slug, hint)
    if len(data) > MAX_TOML_BYTES:
        raise plain.error((), f"expected at most {MAX_TOML_BYTES} bytes, got {len(data)}")
    try:
        text = data.decode()
        values = tomllib.loads(text)
    except UnicodeDecodeError:
        raise plain.error((), "expected UTF-8") from None
    except RecursionError:
        raise plain.error((), "nested too deep") from None
    except tomllib.TOMLDecodeError as error:
        raise plain.error((), f"not TOML: {_first_line(error)}") from None
    except ValueError:
        # int() refuses more than 4,300 digits, datetime the 30th of February.
        raise plain.error((), "not TOML: a number is too long, or a date does not exist") from None
    return Table(Source(text, shown, slug, hint), (), values)


def _safe_key(key: str) -> str:
    # A quoted key may hold anything.
    return key if key.isascii() and key.isprintable() and len(key) <= 63 else "(a quoted key)"


def _whole(value: object, low: int, high: int) -> str:
    if low == high:
        return str(low)
    # The upper limit is of interest to whoever wrote a number.
    return f"a whole number from {low}" + (f" to {high}" if type(value) is int else "")


def _header(line: str) -> list[str] | None:
    """The path of a line `[a.b]`; without a regular expression, whose time an odd line decides."""
    start, bracket, rest = line.partition("[")
    name, closing, end = rest.removeprefix("[").partition("]")
    end = end.removeprefix("]").strip()
    if start.strip() or not (bracket and closing) or (end and not end.startswith("#")):
        return None
    return _split(name)


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = value if len(value) <= 40 else value[:37] + "..."
            return '"' + ascii(text)[1:-1] + '"'
        case int() | float():
            return str(value)[:40] if abs(value) < 1e30 else "a very large number"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"a table of {len(value)}"
    return "a date or time"


def _first_line(error: ValueError) -> str:
    text = ascii(str(error).split("\n", 1)[0])[1:-1]
    return text[:1].lower() + text[1:120]

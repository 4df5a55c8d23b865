# SPDX-License-Identifier: Apache-2.0
"""
Synthetic feeds for `overlap demo`: nobody's indicators, in the shapes that real feeds have.

Addresses are those set aside for documentation (RFC 5737, RFC 3849), names lie under example.com,
example.net and example.org (RFC 2606). Each side writes what both hold in its own way: defanged,
with a port, in upper case, as https, or with a comment.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["write_feeds"]

_SEED: Final = 2606
_DOMAINS: Final = ("example.com", "example.net", "example.org")
_WORDS: Final = ("login", "update", "cdn", "mail", "secure", "portal", "files", "static")
_BLOCKS: Final = ("192.0.2", "198.51.100", "203.0.113")

_Spell = Callable[[str, random.Random], str]


def write_feeds(folder: Path) -> tuple[Path, Path]:
    """
    Write the feeds of two members.

    Args:
        folder: An existing folder; the feeds go into two new folders in it.

    Returns:
        The folders of member a and member b.
    """
    draw = random.Random(_SEED)  # noqa: S311  # the same feeds in every demo
    only_a, both, only_b = (_values(draw, n) for n in (2600, 410, 3300))
    folders = (folder / "feeds-a", folder / "feeds-b")
    _write_member_a(folders[0], only_a, both, draw)
    _write_member_b(folders[1], only_b, both, draw)
    return folders


def _values(draw: random.Random, count: int) -> dict[str, list[str]]:
    """Values by sort: half names, a quarter hashes, the rest addresses and URLs."""
    names = [_name(draw) for _ in range(count // 2)]
    hashes = [f"{draw.getrandbits(256):064x}" for _ in range(count // 4)]
    addresses = [_address(draw) for _ in range(count // 8)]
    urls = [
        f"https://{_name(draw)}/{draw.choice(_WORDS)}/{draw.getrandbits(24):x}.bin"
        for _ in range(count // 8)
    ]
    return {"names": names, "hashes": hashes, "addresses": addresses, "urls": urls}


def _name(draw: random.Random) -> str:
    return f"{draw.choice(_WORDS)}-{draw.getrandbits(32):08x}.{draw.choice(_DOMAINS)}"


def _address(draw: random.Random) -> str:
    if draw.random() < 0.3:
        return f"{draw.choice(_BLOCKS)}.{draw.randrange(1, 255)}"
    return f"2001:db8::{draw.getrandbits(16):x}:{draw.getrandbits(16):x}"


def _plain(value: str, _: random.Random) -> str:
    return value


def _defanged(value: str, draw: random.Random) -> str:
    dot = draw.choice(("[.]", "(.)", "[dot]"))
    return value.replace(".", dot, 1).replace("https:", "hxxps:", 1)


def _shouted(value: str, _: random.Random) -> str:
    return value.upper()


def _with_port(value: str, draw: random.Random) -> str:
    return f"[{value}]:{draw.randrange(1024, 9999)}" if ":" in value else f"{value}:8443"


def _lines(values: list[str], spell: _Spell, draw: random.Random) -> str:
    return "".join(f"{spell(value, draw)}\n" for value in values)


def _write_member_a(
    folder: Path, own: dict[str, list[str]], both: dict[str, list[str]], draw: random.Random
) -> None:
    """Text files, one sort each."""
    folder.mkdir()
    for sort, spell in (
        ("names", _defanged),
        ("hashes", _shouted),
        ("addresses", _with_port),
        ("urls", _defanged),
    ):
        values = own[sort] + both[sort]
        draw.shuffle(values)
        head = f"# {sort} of member a; synthetic\n"
        (folder / f"{sort}.txt").write_text(head + _lines(values, spell, draw))


def _write_member_b(
    folder: Path, own: dict[str, list[str]], both: dict[str, list[str]], draw: random.Random
) -> None:
    """One CSV file with types, one text file of hashes."""
    folder.mkdir()
    rows = [
        f"{_plain(value, draw)},{sort},{draw.choice(_WORDS)} campaign"
        for sort, typed in (("domain", "names"), ("ip", "addresses"), ("url", "urls"))
        for value in own[typed] + both[typed]
    ]
    draw.shuffle(rows)
    table = "\n".join(["indicator,type,comment", *rows])
    (folder / "indicators.csv").write_text(table + "\n")
    hashes = own["hashes"] + both["hashes"]
    (folder / "hashes.txt").write_text(_lines(hashes, _plain, draw))

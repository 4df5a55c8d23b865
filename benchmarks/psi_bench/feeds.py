# SPDX-License-Identifier: Apache-2.0
"""Made-up feeds, the same for the same seed; none of the values was ever seen."""

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MIX", "misp_event", "mixed_values", "stix_bundle", "text_feed"]

#: Shares of a mixed feed; one value in ten is defanged.
MIX = {"domain": 0.35, "ip:port": 0.34, "hash": 0.18, "url": 0.09, "cidr": 0.04}

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_TLDS = (".com", ".net", ".org", ".info", ".ru", ".top", ".co.uk")
_TYPES = {"domain": "domain", "ip:port": "ip-dst|port", "url": "url", "cidr": "ip-dst"}
_PATHS = {"domain": "domain-name:value", "url": "url:value"}


def mixed_values(n: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Kind as in `MIX`, and value."""
    chance = random.Random(seed)
    kinds = chance.choices(list(MIX), list(MIX.values()), k=n)
    for kind in kinds:
        value = _value(kind, chance)
        if chance.random() < 0.1:
            value = value.replace("http", "hxxp", 1).replace(".", "[.]")
        yield kind, value


def _name(chance: random.Random) -> str:
    label = "".join(chance.choices(_LETTERS, k=chance.randint(5, 16)))
    below = f"sub{chance.randint(0, 9)}." if chance.random() < 0.4 else ""
    return f"{below}{label}{chance.choice(_TLDS)}"


def _value(kind: str, chance: random.Random) -> str:
    address = f"{chance.randint(11, 99)}.{chance.getrandbits(8)}.{chance.getrandbits(8)}"
    if kind == "domain":
        return _name(chance)
    if kind == "ip:port":
        return f"{address}.{chance.randint(1, 254)}:{chance.choice((80, 443, 8080, 65535))}"
    if kind == "hash":
        length = chance.choice((32, 40, 64, 64))
        return f"{chance.getrandbits(4 * length):0{length}x}"
    if kind == "cidr":
        return f"{address}.0/{chance.choice((24, 20, 16))}"
    path = "".join(chance.choices("abcdefgXYZ0123/", k=chance.randint(3, 20)))
    query = chance.choice(("", ".php?id=3"))
    return f"{chance.choice(('http', 'https'))}://{_name(chance)}/{path}{query}"


def text_feed(path: Path, n: int) -> None:
    """One value a line."""
    with path.open("w") as file:
        file.writelines(f"{value}\n" for _, value in mixed_values(n))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def misp_event(path: Path, n: int) -> None:
    """One event with the fields that MISP writes."""
    chance = random.Random(2)
    with path.open("w") as file:
        head = {"uuid": _uuid(chance), "info": "made up", "timestamp": "1785198240"}
        file.write(json.dumps({"Event": head})[:-2] + ', "Attribute": [')
        for index, (kind, value) in enumerate(mixed_values(n)):
            written = value.replace(":", "|") if kind == "ip:port" else value
            attribute = {
                "id": str(index), "event_id": "1", "object_id": "0", "object_relation": None,
                "category": "Network activity", "type": _TYPES.get(kind, "md5"),
                "to_ids": True, "uuid": _uuid(chance), "timestamp": "1785198240",
                "distribution": "5", "sharing_group_id": "0", "comment": "", "deleted": False,
                "disable_correlation": False, "first_seen": None, "last_seen": None,
                "value": written,
            }  # fmt: skip
            file.write(("," if index else "") + json.dumps(attribute))
        file.write('], "Tag": [{"name": "tlp:green"}]}}')


def stix_bundle(path: Path, n: int) -> None:
    """One indicator a value."""
    chance = random.Random(3)
    time = "2026-08-16T01:04:58.000Z"
    with path.open("w") as file:
        file.write(f'{{"type": "bundle", "id": "bundle--{_uuid(chance)}", "objects": [')
        for index, (kind, value) in enumerate(mixed_values(n)):
            if kind == "hash":
                name = {32: "MD5", 40: "SHA-1", 64: "SHA-256"}[len(value)]
                where = f"file:hashes.'{name}'"
            else:
                where = _PATHS.get(kind, "ipv4-addr:value")
            indicator = {
                "type": "indicator", "spec_version": "2.1", "id": f"indicator--{_uuid(chance)}",
                "created": time, "modified": time, "valid_from": time, "name": value,
                "indicator_types": ["malicious-activity"], "pattern_type": "stix",
                "pattern": f"[{where} = '{value}']",
                "object_marking_refs": [
                    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
                ],
            }  # fmt: skip
            file.write(("," if index else "") + json.dumps(indicator))
        file.write("]}")

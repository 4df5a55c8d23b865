# SPDX-License-Identifier: Apache-2.0
"""
The Traffic Light Protocol, version 2.0: who may see what was read.

Level names stand in tags (MISP), in marking definitions (STIX) and in policy.toml.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, Self

from psi.errors import UsageError

__all__ = ["STIX_MARKINGS", "Tlp", "tlp_of_tags"]


class Tlp(IntEnum):
    """How far something may travel; a higher number is stricter, 0 is unmarked."""

    NONE = 0
    CLEAR = 1
    GREEN = 2
    AMBER = 3
    AMBER_STRICT = 4
    RED = 5

    @property
    def label(self) -> str:
        """`amber+strict`, as policies and tags write it; empty when unmarked."""
        return _LABELS[self]

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        The level of a name such as `amber+strict`; `white` is the old name of clear.

        Raises:
            UsageError: There is no such level.
        """
        try:
            return cls(_BY_LABEL[text.strip().lower()])
        except KeyError:
            raise UsageError(
                f"expected a TLP level, got {text!r}",
                hint=f"one of: {', '.join(label for label in _LABELS.values() if label)}",
            ) from None


_LABELS: Final[Mapping[Tlp, str]] = {
    Tlp.NONE: "",
    Tlp.CLEAR: "clear",
    Tlp.GREEN: "green",
    Tlp.AMBER: "amber",
    Tlp.AMBER_STRICT: "amber+strict",
    Tlp.RED: "red",
}
_BY_LABEL: Final = {
    **{label: level for level, label in _LABELS.items() if label},
    "white": Tlp.CLEAR,
    "amber-strict": Tlp.AMBER_STRICT,
}
_TAG: Final = "tlp:"

# The fixed marking definitions of TLP 1 (STIX 2.1 section 7.2.1.4) and of TLP 2.0 (OASIS
# extension definition 60a3c5c5-0d10-413e-aab3-9e08dde9e88d).
STIX_MARKINGS: Final[Mapping[str, Tlp]] = {
    f"marking-definition--{uuid}": level
    for uuid, level in (
        ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp.CLEAR),
        ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp.GREEN),
        ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp.AMBER),
        ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp.RED),
        ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp.CLEAR),
        ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp.GREEN),
        ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp.AMBER),
        ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp.AMBER_STRICT),
        ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp.RED),
    )
}


def tlp_of_tags(names: Iterable[str]) -> Tlp:
    """
    The strictest level among tags such as `tlp:amber`.

    A level that nobody knows counts as red: whoever set it meant to hold something back.
    """
    level = Tlp.NONE
    for name in names:
        lowered = name.strip().lower()
        if lowered.startswith(_TAG):
            word = lowered[len(_TAG) :].strip().strip('"')
            level = max(level, _BY_LABEL.get(word, Tlp.RED))
    return level

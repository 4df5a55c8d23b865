# SPDX-License-Identifier: Apache-2.0
"""What a policy makes of the options of a command."""

import pytest

from psi.app.reading import under_policy
from psi.indicators import HASH_KINDS, Filters, Kind, ReadOptions, Tlp
from psi.trust.policy import Policy


@pytest.mark.parametrize(
    ("policy", "option", "level"),
    [
        ("amber", None, Tlp.AMBER),
        ("red", None, Tlp.RED),
        ("clear", None, Tlp.CLEAR),
        ("green", Tlp.RED, Tlp.GREEN),
        ("red", Tlp.GREEN, Tlp.GREEN),
    ],
)
def test_under_policy_when_levels_differ_expect_the_stricter(
    policy: str, option: Tlp | None, level: Tlp
) -> None:
    """An option narrows what the policy allows and never widens it."""
    rules = Policy.parse(f'version = 1\ntlp_max = "{policy}"\n'.encode())
    found = under_policy(ReadOptions(filters=Filters(tlp_max=option, to_ids=True)), rules)
    assert found.filters == Filters(tlp_max=level, to_ids=True)


def test_under_policy_when_kinds_differ_expect_those_of_both() -> None:
    """Of the command and of the policy."""
    rules = Policy.parse(b'version = 1\nkinds = ["ip", "hash"]\n')
    found = under_policy(ReadOptions(kinds=frozenset({Kind.IP, Kind.URL, Kind.HEX32})), rules)
    assert found.kinds == {Kind.IP, Kind.HEX32}
    assert under_policy(ReadOptions(), rules).kinds == {Kind.IP, *HASH_KINDS}

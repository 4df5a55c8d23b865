# SPDX-License-Identifier: Apache-2.0
"""Comparing codes: all 30 digits, in any grouping."""

import pytest
from unit.trust.support import refused

from psi.crypto.signing import verification_code
from psi.trust.codes import compare_code

CODE = verification_code(bytes(32))


@pytest.mark.parametrize(
    "typed", [CODE, CODE.replace(" ", ""), CODE.replace(" ", "-"), f" {CODE}\n"]
)
def test_compare_code_of_the_same_digits_accepts(typed: str) -> None:
    compare_code("acme-corp", CODE, typed)


def test_compare_code_of_other_digits_refuses() -> None:
    for position in (0, 18, 34):
        digit = str((int(CODE[position]) + 1) % 10)
        with refused("code-differs", "acme-corp", "nothing was accepted"):
            compare_code("acme-corp", CODE, CODE[:position] + digit + CODE[position + 1 :])


@pytest.mark.parametrize("typed", ["", CODE[:-1], CODE + "0", CODE[:17], "x" * 30, "²" * 30])
def test_compare_code_of_anything_but_30_digits_is_a_typing_error(typed: str) -> None:
    with refused("usage", "expected 30 digits"):
        compare_code("acme-corp", CODE, typed)

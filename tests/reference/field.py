# SPDX-License-Identifier: Apache-2.0
"""The field of p = 2^255 - 19, RFC 9496 sections 3 and 4.1; elements are ints in [0, p)."""

from typing import Final

P: Final = 2**255 - 19


def inverse(x: int) -> int:
    """1/x, and 0 for 0."""
    return pow(x, P - 2, P)


def is_negative(x: int) -> bool:
    """Section 3.1: the least non-negative representative is odd."""
    return x % P % 2 == 1


def absolute(x: int) -> int:
    """CT_ABS of section 3.1."""
    return -x % P if is_negative(x) else x % P


D: Final = -121665 * inverse(121666) % P
SQRT_M1: Final = absolute(pow(2, (P - 1) // 4, P))


def sqrt_ratio_m1(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of section 4.2: (u/v is square, the root of u/v or of i*u/v)."""
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    correct_sign = check == u % P
    flipped_sign = check == -u % P
    flipped_sign_i = check == -u * SQRT_M1 % P
    if flipped_sign or flipped_sign_i:
        r = r * SQRT_M1 % P
    return correct_sign or flipped_sign, absolute(r)


INVSQRT_A_MINUS_D: Final = sqrt_ratio_m1(1, -1 - D)[1]
ONE_MINUS_D_SQ: Final = (1 - D * D) % P
D_MINUS_ONE_SQ: Final = (D - 1) ** 2 % P
# Section 4.1 fixes this root of a*d - 1, which is the negative one.
SQRT_AD_MINUS_ONE: Final = -sqrt_ratio_m1(-D - 1, 1)[1] % P

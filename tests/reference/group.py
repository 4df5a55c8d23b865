# SPDX-License-Identifier: Apache-2.0
"""ristretto255, RFC 9496 section 4.3: elements as points of the Edwards curve, and their bytes."""

from dataclasses import dataclass
from typing import Final

from reference.field import (
    D_MINUS_ONE_SQ,
    INVSQRT_A_MINUS_D,
    ONE_MINUS_D_SQ,
    SQRT_AD_MINUS_ONE,
    SQRT_M1,
    D,
    P,
    absolute,
    inverse,
    is_negative,
    sqrt_ratio_m1,
)

IDENTITY_BYTES: Final = bytes(32)


class NotAnElementError(ValueError):
    """The bytes are not the canonical encoding of a group element."""


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """A point (x, y) = (X/Z, Y/Z), XY = ZT; equal if the encodings are, section 4.3.3."""

    X: int
    Y: int
    Z: int
    T: int

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return (self.X * other.Y - self.Y * other.X) % P == 0 or (
            self.Y * other.Y - self.X * other.X
        ) % P == 0

    __hash__ = None  # type: ignore[assignment]  # equal points may have different coordinates

    def __add__(self, other: "Element") -> "Element":
        """The complete addition of twisted Edwards curves with a = -1."""
        a = (self.Y - self.X) * (other.Y - other.X)
        b = (self.Y + self.X) * (other.Y + other.X)
        c = 2 * D * self.T * other.T
        d = 2 * self.Z * other.Z
        e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
        return Element(e * f % P, g * h % P, f * g % P, e * h % P)

    def __neg__(self) -> "Element":
        return Element(-self.X % P, self.Y, self.Z, -self.T % P)

    def __rmul__(self, scalar: int) -> "Element":
        """Double and add."""
        result = IDENTITY
        for bit in bin(scalar)[2:]:
            result += result
            if bit == "1":
                result += self
        return result


IDENTITY: Final = Element(0, 1, 1, 0)


def decode(encoded: bytes) -> Element:
    """DECODE of section 4.3.1; accepts the identity."""
    s = int.from_bytes(encoded, "little")
    if len(encoded) != 32 or s >= P or is_negative(s):
        raise NotAnElementError("not canonical")
    ss = s * s % P
    u1 = (1 - ss) % P
    u2 = (1 + ss) % P
    u2_sqr = u2 * u2 % P
    v = (-(D * u1 * u1) - u2_sqr) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u2_sqr)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x = absolute(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or is_negative(t) or y == 0:
        raise NotAnElementError("not an element")
    return Element(x, y, 1, t)


def encode(element: Element) -> bytes:
    """ENCODE of section 4.3.2."""
    x0, y0, z0, t0 = element.X, element.Y, element.Z, element.T
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, invsqrt = sqrt_ratio_m1(1, u1 * u2 * u2)
    den1 = invsqrt * u1 % P
    den2 = invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    if is_negative(t0 * z_inv):
        x, y = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = x0, y0, den2
    if is_negative(x * z_inv):
        y = -y % P
    return absolute(den_inv * (z0 - y)).to_bytes(32, "little")


def _map(t: int) -> Element:
    """MAP of section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    if was_square:
        c = P - 1
    else:
        s = -absolute(s * t) % P
        c = r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0 = 2 * s * v % P
    w1 = n * SQRT_AD_MINUS_ONE % P
    w2 = (1 - s * s) % P
    w3 = (1 + s * s) % P
    return Element(w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def from_uniform(uniform: bytes) -> Element:
    """Element derivation of section 4.3.4 from 64 bytes; the top bit of each half is ignored."""
    if len(uniform) != 64:
        raise ValueError("expected 64 bytes")
    halves = (int.from_bytes(uniform[i : i + 32], "little") % 2**255 for i in (0, 32))
    first, second = (_map(half) for half in halves)
    return first + second


def _generator() -> Element:
    """The base point of RFC 8032 section 5.1: y = 4/5, x even."""
    y = 4 * inverse(5) % P
    _, x = sqrt_ratio_m1(y * y - 1, D * y * y + 1)
    return Element(x, y, 1, x * y % P)


GENERATOR: Final = _generator()

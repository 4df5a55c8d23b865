# SPDX-License-Identifier: Apache-2.0
"""Short ways to read a text and to see what came out."""

import io
from collections.abc import Callable

from psi.indicators import KINDS, IndicatorSet, Profile, ReadOptions, Rejected, read_set

__all__ = ["read_bytes", "read_text", "texts"]


def read_bytes(
    data: bytes,
    on_reject: Callable[[Rejected], None] | None = None,
    profile: Profile | None = None,
    **options: object,
) -> IndicatorSet:
    """The set of one stream; every kind is kept unless `kinds` says otherwise."""
    options.setdefault("kinds", frozenset(KINDS))
    return read_set(
        ["-"],
        profile=profile or Profile.default(),
        options=ReadOptions(**options),  # type: ignore[arg-type]  # keyword by keyword
        stdin=io.BytesIO(data),
        on_reject=on_reject,
    )


def read_text(text: str, **options: object) -> IndicatorSet:
    """The set of a text."""
    return read_bytes(text.encode("utf-8", "surrogateescape"), **options)  # type: ignore[arg-type]


def texts(found: IndicatorSet) -> list[str]:
    """Its elements."""
    return [value.decode() for value in found.values]

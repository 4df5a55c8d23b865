# SPDX-License-Identifier: Apache-2.0
"""
Blinding and unblinding of one session's set, part by part (docs/protocol.md, section 2).

Position j of a session is the j-th distinct indicator, then dummies up to the bucket. Inputs are

    x_j = label || scope || kind:value                                  real, label "OVL1-P"
    x_j = "OVL1-D" || HMAC-SHA256(session_seed, "OVL1-DUMMY" || u64(j)) dummies

and blinds come from the seed, the position and the input itself, so that no resume or copied
machine can use one blind for two inputs. Dummies take the same path as real elements to the end.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from psi._native import kernel
from psi.crypto.voprf import ELEMENT_LENGTH, Offsets
from psi.errors import DeserializeError, InternalError

__all__ = ["PAIRWISE_LABEL", "Blinding"]

PAIRWISE_LABEL: Final = b"OVL1-P"
_DUMMY_LABEL: Final = b"OVL1-D"
_DUMMY_INPUT_LENGTH: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Blinding:
    """
    A frozen set with the secret of its session; pure, so parts may be computed in any order.

    Attributes:
        data, offsets: The packed canonical indicators, n + 1 offsets.
        bucket: How many elements are sent, at least n.
        session_seed: 32 secret random bytes, used for this set and session only.
    """

    data: bytes = field(repr=False)
    offsets: Offsets = field(repr=False)
    bucket: int
    session_seed: bytes = field(repr=False)

    @property
    def n_real(self) -> int:
        """How many of the elements are indicators."""
        return len(self.offsets) - 1

    def set_fingerprint(self) -> bytes:
        """
        `HMAC-SHA256(session_seed, SHA256(u32(count) || LP ...))`, 32 bytes.

        Kept beside the seed; a resumed session whose set gives another value is abandoned.
        """
        return hmac.digest(
            self.session_seed, kernel.packed_digest(self.data, self.offsets), "sha256"
        )

    def blind(self, prefix: bytes, first: int, count: int) -> bytes:
        """
        The blinded elements of positions `first` to `first + count`, count * 32 bytes.

        Args:
            prefix: label || scope, what stands before every real indicator.

        Raises:
            InternalError: A blind is one of the two that are not used; the session ends.

        Security: constant time in seed and inputs, except for the inputs' lengths.
        """
        real, dummies = self._split(first, count)
        parts: list[bytes] = []
        if real:
            offsets = self.offsets[first : first + real + 1]
            parts.append(
                _usable(kernel.blind(self.data, offsets, prefix, self.session_seed, first))
            )
        if dummies:
            texts, offsets = self._dummy_texts(first + real, dummies)
            parts.append(
                _usable(kernel.blind(texts, offsets, _DUMMY_LABEL, self.session_seed, first + real))
            )
        return b"".join(parts)

    def finalize(
        self, prefix: bytes, first: int, count: int, evaluated: bytes, length: int
    ) -> bytes:
        """
        Unblind one part's answer and cut `F` to tags.

        Args:
            evaluated: count * 32 bytes whose proof has been verified.
            length: Bytes of a tag, 1 to 64.

        Returns:
            `length` bytes for each *real* position; what dummies give is discarded here.

        Raises:
            DeserializeError: An element is not canonical, or is the identity.
        """
        real, dummies = self._split(first, count)
        cut = real * ELEMENT_LENGTH
        tags = b""
        if real:
            offsets = self.offsets[first : first + real + 1]
            tags = _decoded(
                kernel.unblind_finalize(
                    self.data, offsets, prefix, self.session_seed, first, evaluated[:cut], length
                ),
                base=0,
            )
        if dummies:
            texts, offsets = self._dummy_texts(first + real, dummies)
            _decoded(
                kernel.unblind_finalize(
                    texts,
                    offsets,
                    _DUMMY_LABEL,
                    self.session_seed,
                    first + real,
                    evaluated[cut:],
                    length,
                ),
                base=real,
            )
        return tags

    def _split(self, first: int, count: int) -> tuple[int, int]:
        assert 0 <= first <= first + count <= self.bucket, "positions lie in the bucket"
        real = min(max(self.n_real - first, 0), count)
        return real, count - real

    def _dummy_texts(self, first: int, count: int) -> tuple[bytes, Offsets]:
        texts = kernel.dummy_inputs(self.session_seed, first, count)
        offsets = np.arange(0, len(texts) + 1, _DUMMY_INPUT_LENGTH, dtype=np.uint64)
        return texts, offsets


def _usable(result: tuple[bytes, int]) -> bytes:
    blinded, bad = result
    if bad >= 0:
        raise InternalError("a blind is one of the two that are not used; start a new run")
    return blinded


def _decoded(result: tuple[bytes, int], base: int) -> bytes:
    tags, bad = result
    if bad >= 0:
        raise DeserializeError(
            f"element {base + bad} is not a canonical, non-zero encoding", index=base + bad
        )
    return tags

# SPDX-License-Identifier: Apache-2.0
"""
Blinding and unblinding of one session's set, part by part (docs/protocol.md, section 2).

Position j of a session is the j-th distinct indicator, then dummies up to the bucket. Inputs are

    x_j = label || scope || kind:value                                  real, label "OVL1-P"
    x_j = "OVL1-D" || HMAC-SHA256(session_seed, "OVL1-DUMMY" || u64(j)) dummies

and blinds come from the seed, the position and the input itself, so that no resume or copied
machine can use one blind for two inputs. Dummies take the same path as real elements to the end.

There are two forms of the same wire and the same F (section 2.2): B = r*H(x), N = D/r by a ladder,
and B = H(x) + r*G, N = D - r*K by tables of multiples of G and of the server's key K.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

import numpy as np

from psi._native import kernel
from psi.crypto.voprf import ELEMENT_LENGTH, Offsets
from psi.errors import DeserializeError, InternalError

__all__ = ["PAIRWISE_LABEL", "BlindForm", "Blinding", "form_for"]

T = TypeVar("T")

PAIRWISE_LABEL: Final = b"OVL1-P"
_DUMMY_LABEL: Final = b"OVL1-D"
_DUMMY_INPUT_LENGTH: Final = 32
# A table of multiples of K takes 29 ms on the vector kernel, and saves 7 us an element. A change of
# this number ends the runs that were unfinished under the old one.
_LADDER_UP_TO: Final = 4096


class BlindForm(Enum):
    """How a session blinds; the server can't tell, and it is fixed for the session."""

    LADDER = "multiplicative"
    FIXED_BASE = "additive"


def form_for(bucket: int) -> BlindForm:
    """The form that is faster for a set of this size; the same for every resume of its session."""
    return BlindForm.FIXED_BASE if bucket > _LADDER_UP_TO else BlindForm.LADDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Blinding:
    """
    A frozen set with the secret of its session; pure, so parts may be computed in any order.

    Attributes:
        data, offsets: The packed canonical indicators, n + 1 offsets.
        bucket: How many elements are sent, at least n.
        session_seed: 32 secret random bytes, used for this set and session only.
        form: Multiplicative or additive; their blinds have labels of their own.
    """

    data: bytes = field(repr=False)
    offsets: Offsets = field(repr=False)
    bucket: int
    session_seed: bytes = field(repr=False)
    form: BlindForm = BlindForm.LADDER

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
            parts.append(self._blind(self.data, offsets, prefix, first))
        if dummies:
            texts, offsets = self._dummy_texts(first + real, dummies)
            parts.append(self._blind(texts, offsets, _DUMMY_LABEL, first + real))
        return b"".join(parts)

    def _blind(self, texts: bytes, offsets: Offsets, prefix: bytes, first: int) -> bytes:
        blind = kernel.blind if self.form is BlindForm.LADDER else kernel.blind_fixed
        blinded, bad = _with_tables(lambda: blind(texts, offsets, prefix, self.session_seed, first))
        if bad >= 0:
            raise InternalError("a blind is one of those that are not used; start a new run")
        return blinded

    def finalize(
        self,
        prefix: bytes,
        first: int,
        count: int,
        evaluated: bytes,
        length: int,
        public_key: bytes,
    ) -> bytes:
        """
        Unblind one part's answer and cut `F` to tags.

        Args:
            evaluated: count * 32 bytes whose proof has been verified under `public_key`.
            length: Bytes of a tag, 1 to 64.
            public_key: K of the pinned, signature-checked KeyCert.

        Returns:
            `length` bytes for each *real* position; what dummies give is discarded here.

        Raises:
            DeserializeError: An element is not canonical, or is the identity.
            InternalError: This machine makes tables that are wrong.
        """
        real, dummies = self._split(first, count)
        cut = real * ELEMENT_LENGTH
        tags = b""
        if real:
            offsets = self.offsets[first : first + real + 1]
            tags = self._finalize(
                self.data, offsets, prefix, first, evaluated[:cut], length, public_key, 0
            )
        if dummies:
            texts, offsets = self._dummy_texts(first + real, dummies)
            self._finalize(
                texts,
                offsets,
                _DUMMY_LABEL,
                first + real,
                evaluated[cut:],
                length,
                public_key,
                real,
            )
        return tags

    def _finalize(
        self,
        texts: bytes,
        offsets: Offsets,
        prefix: bytes,
        first: int,
        evaluated: bytes,
        length: int,
        public_key: bytes,
        base: int,
    ) -> bytes:
        seed = self.session_seed
        if self.form is BlindForm.LADDER:
            tags, bad = kernel.unblind_finalize(
                texts, offsets, prefix, seed, first, evaluated, length
            )
        else:
            tags, bad = _with_tables(
                lambda: kernel.unblind_finalize_fixed(
                    texts, offsets, prefix, seed, first, evaluated, public_key, length
                )
            )
        if bad >= 0:
            raise DeserializeError(
                f"element {base + bad} is not a canonical, non-zero encoding", index=base + bad
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


def _with_tables(work: Callable[[], T]) -> T:
    """A faulty table would give silent false negatives; the kernel checks each and gives up."""
    try:
        return work()
    except RuntimeError as error:
        raise InternalError("this machine computes wrong tables; the session ends") from error

# SPDX-License-Identifier: Apache-2.0
"""Buckets, chunks, pages, tag lengths and epochs (docs/protocol.md, sections 2 and 4)."""

from typing import Final

from psi.errors import LimitError

__all__ = [
    "CHUNK_ELEMENTS",
    "CLOCK_TOLERANCE_MS",
    "EPOCH_OFFSET_S",
    "MAX_BUCKET",
    "MAX_REPEATS",
    "MIN_BUCKET",
    "NONCE_MEMORY_MS",
    "PAGE_TAGS",
    "SESSION_LIFE_MS",
    "bucket_for",
    "bucket_range",
    "chunk_count",
    "chunk_size",
    "epoch_bounds",
    "epoch_of",
    "is_bucket",
    "tag_length",
]

CHUNK_ELEMENTS: Final = 4096
PAGE_TAGS: Final = 32_768
MIN_BUCKET: Final = 1024
MAX_BUCKET: Final = 2**26
MAX_REPEATS: Final = 8
CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000
NONCE_MEMORY_MS: Final = 10 * 60 * 1000
SESSION_LIFE_MS: Final = 24 * 60 * 60 * 1000
# Four days after the Unix epoch, a Thursday: weeks begin on Monday 00:00 UTC.
EPOCH_OFFSET_S: Final = 345_600


def _buckets() -> tuple[int, ...]:
    sizes: list[int] = []
    power = MIN_BUCKET
    while power < MAX_BUCKET:
        sizes.extend(power * quarters // 4 for quarters in (4, 5, 6, 7))
        power *= 2
    return (*sizes, MAX_BUCKET)


_BUCKETS: Final = _buckets()


def bucket_for(n: int) -> int:
    """
    The smallest bucket `1024 * {1, 1.25, 1.5, 1.75} * 2^i` that holds n indicators.

    Raises:
        LimitError: n is above 2^26, the largest bucket.
    """
    if n > MAX_BUCKET:
        raise LimitError(
            f"a set has at most {MAX_BUCKET:,} indicators, this one has {n:,}",
            slug="set-too-large",
            hint="narrow it (`--kinds`), or check in parts",
        )
    return next(bucket for bucket in _BUCKETS if bucket >= n)


def is_bucket(n: int) -> bool:
    """Whether n is a size that a set may be padded to."""
    return n in _BUCKETS


def bucket_range(bucket: int) -> tuple[int, int]:
    """The smallest and the largest set size that `bucket` stands for."""
    position = _BUCKETS.index(bucket)
    return (_BUCKETS[position - 1] + 1 if position else 0), bucket


def chunk_count(bucket: int) -> int:
    """How many chunks a bucket is sent in."""
    return -(-bucket // CHUNK_ELEMENTS)


def chunk_size(bucket: int, chunk: int) -> int:
    """Elements of one chunk: 4096, in the last one what is left."""
    return min(CHUNK_ELEMENTS, bucket - chunk * CHUNK_ELEMENTS)


def tag_length(client_bucket: int, server_bucket: int) -> int:
    """
    Bytes of a tag: false matches stay below 2^-40 for the whole check.

    `max(8, ceil((40 + ceil(log2 n_c) + ceil(log2 n_s)) / 8))`, at most 16.
    """
    bits = 40 + (client_bucket - 1).bit_length() + (server_bucket - 1).bit_length()
    return min(16, max(8, -(-bits // 8)))


def epoch_of(unix_s: int, epoch_seconds: int) -> int:
    """The number of the budget period that holds this second."""
    return (unix_s - EPOCH_OFFSET_S) // epoch_seconds


def epoch_bounds(epoch: int, epoch_seconds: int) -> tuple[int, int]:
    """First second of an epoch and the first one after it, Unix time."""
    start = EPOCH_OFFSET_S + epoch * epoch_seconds
    return start, start + epoch_seconds

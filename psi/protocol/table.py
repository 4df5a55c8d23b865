# SPDX-License-Identifier: Apache-2.0
"""
The server's table of tags: how it is padded, checked and matched (docs/protocol.md, section 4).

Tags are cut to the session's length first; equal ones are kept once; padding tags fill up to the
bucket, one that is there already is skipped and the next is taken. The table is strictly ascending
bytewise and holds exactly `bucket` tags, so it tells nothing but the bucket. numpy's void dtype
carries the tags: the `S` dtype would drop trailing zero bytes.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from psi._native import kernel
from psi.encoding import lp
from psi.errors import PeerProtocolError

__all__ = ["MAX_TAG_LENGTH", "check_table", "has_repeated_element", "match", "session_table"]

MAX_TAG_LENGTH: Final = 16
Rows = npt.NDArray[np.int64]


def session_table(tags: bytes, bucket: int, length: int, pad_key: bytes) -> bytes:
    """
    The table that a session of this tag length sees.

    Args:
        tags: n * 16 bytes, the tags of the frozen set at full length, in any order.
        bucket: The bucket of n.
        length: Tag length of the session, 8 to 16.
        pad_key: 32 secret bytes of this (server, client, epoch).

    Returns:
        bucket * length bytes, strictly ascending.
    """
    n = len(tags) // MAX_TAG_LENGTH
    full = np.frombuffer(tags, np.uint8).reshape(n, MAX_TAG_LENGTH)
    cut = _distinct(full[:, :length])
    first_j = 0
    while len(cut) < bucket:
        missing = bucket - len(cut)
        padding = kernel.counter_tags(lp(b"OVL1-PADTAG") + pad_key, first_j, missing, length)
        first_j += missing
        rows = np.frombuffer(padding, np.uint8).reshape(missing, length)
        # Padding equal to a tag, or to other padding, falls away here and the next j are taken.
        cut = _distinct(np.concatenate([cut, rows]))
    return cut.tobytes()


def check_table(table: bytes, bucket: int, length: int, digest: bytes) -> None:
    """
    Refuse a table that is not the one of the ServerHello.

    Raises:
        PeerProtocolError: Wrong length, another digest, or not strictly ascending
            (`list-differs`).
    """
    if len(table) != bucket * length:
        raise PeerProtocolError(
            f"the list has {len(table):,} bytes, expected {bucket:,} tags of {length}",
            slug="list-differs",
        )
    if hashlib.sha256(table).digest() != digest:
        raise PeerProtocolError("the list does not fit its signed digest", slug="list-differs")
    rows = np.frombuffer(table, np.uint8).reshape(bucket, length)
    high, low = _columns(rows)
    ascending = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
    if not bool(ascending.all()):
        raise PeerProtocolError("the list is not strictly ascending", slug="list-differs")


def match(own_tags: bytes, table: bytes, length: int) -> Rows:
    """
    Which rows of the own set are in the table.

    Args:
        own_tags: n * length bytes, one tag for each own indicator in the order of the set; equal
            tags of two indicators both match.
        table: A table that `check_table` has accepted.

    Returns:
        Ascending row numbers of the matches.
    """
    own_high, own_low = _columns(np.frombuffer(own_tags, np.uint8).reshape(-1, length))
    high, low = _columns(np.frombuffer(table, np.uint8).reshape(-1, length))
    first = np.searchsorted(high, own_high, side="left")
    last = np.searchsorted(high, own_high, side="right")
    count = last - first
    matched = count > 0
    single = np.flatnonzero(count == 1)
    matched[single] = own_low[single] == low[first[single]]
    # Several tags of the table may share their first eight bytes: compare the rest one by one.
    for row in np.flatnonzero(count > 1):
        matched[row] = own_low[row] in low[int(first[row]) : int(last[row])]
    return np.flatnonzero(matched)


def has_repeated_element(elements: bytes) -> bool:
    """Whether a chunk of 32-byte elements holds one of them twice."""
    columns = np.frombuffer(elements, "<u8").reshape(-1, 4)
    order = np.argsort(columns[:, 0], kind="stable")
    ordered = columns[order]
    equal_heads = np.flatnonzero(ordered[1:, 0] == ordered[:-1, 0])
    if len(equal_heads) == 0:
        return False
    # Honest elements never share eight bytes; count exactly only when some do.
    cut = {elements[i : i + 32] for i in range(0, len(elements), 32)}
    return len(cut) != len(elements) // 32


def _columns(rows: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """First eight and following bytes of each row as numbers that compare as the bytes do."""
    padded = np.zeros((len(rows), MAX_TAG_LENGTH), np.uint8)
    padded[:, : rows.shape[1]] = rows
    numbers = padded.view(">u8").astype(np.uint64)
    return np.ascontiguousarray(numbers[:, 0]), np.ascontiguousarray(numbers[:, 1])


def _distinct(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The distinct rows in ascending bytewise order."""
    if len(rows) == 0:
        return rows
    high, low = _columns(rows)
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    keep = np.ones(len(rows), bool)
    keep[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return rows[order[keep]]

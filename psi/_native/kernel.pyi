# SPDX-License-Identifier: Apache-2.0
"""
The native kernel: ristretto255 and the oblivious PRF on batches, bytes in and bytes out.

A batch is one buffer of n rows. An element is 32 bytes (RFC 9496), never the identity; a scalar is
32 bytes little-endian, below the group order l. Packed texts are `data` with `offsets`, a
native-endian uint64 buffer of n + 1 absolute positions: text i is data[offsets[i]:offsets[i+1]],
and with its prefix it has at most 65,534 bytes. `mode` is the mode byte of RFC 9497.

Wrong types raise TypeError, wrong lengths and ranges ValueError: both are programming errors of
the caller. What a peer may get wrong is reported as `bad`, the index of the first bad row; it is
-1 when all are good, and otherwise the bytes beside it are empty. Empty batches work.

Security: constant time in elements, scalars, seeds and texts (not in lengths and counts), except
where it says variable time. Large batches run without the GIL.
"""

from typing import Any, TypeAlias

import numpy.typing as npt
from typing_extensions import Buffer

_Bytes: TypeAlias = Buffer | npt.NDArray[Any]

NAMES: tuple[str, ...]
"""Kernels that this CPU can run, fastest first. OVERLAP_KERNEL chooses another at import."""

def selected() -> str:
    """The name of the kernel in use."""

def select(name: str) -> None:
    """Use another kernel of NAMES from now on; ValueError for any other name."""

def limit_threads(threads: int) -> int:
    """
    Bound the threads that work on one batch, 1 to 256; returns the bound before.

    At import it is OVERLAP_THREADS, or the number of processors. The helpers are shared by all
    batches of the process and take a piece of each in turn.
    """

def uniform_bytes(data: _Bytes, offsets: _Bytes, prefix: _Bytes, mode: int) -> bytes:
    """n * 64: expand_message_xmd of prefix || text, DST of HashToGroup (RFC 9497 section 4.1)."""

def element_from_uniform(uniform: _Bytes) -> bytes:
    """n * 32 from n * 64: element derivation, RFC 9496 section 4.3.4. May give the identity."""

def hash_to_group(data: _Bytes, offsets: _Bytes, prefix: _Bytes, mode: int) -> bytes:
    """n * 32: both of the above."""

def check_elements(elements: _Bytes) -> int:
    """The index of the first that is not canonical, or is the identity; -1 if there is none."""

def check_scalars(scalars: _Bytes) -> int:
    """The index of the first that is not below l; -1 if there is none."""

def blind(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, session_seed: _Bytes, first_j: int
) -> tuple[bytes, int]:
    """n * 32: r_j * HashToGroup(x_j), j from first_j; `bad` where r_j is 0 or l - 2."""

def blind_scalars(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, session_seed: _Bytes, first_j: int
) -> bytes:
    """n * 32: the r_j of `blind`. Secrets: for vectors and tests only."""

def unblind_finalize(
    data: _Bytes,
    offsets: _Bytes,
    prefix: _Bytes,
    session_seed: _Bytes,
    first_j: int,
    evaluated: _Bytes,
    length: int,
) -> tuple[bytes, int]:
    """n * length: the first `length` of the 64 bytes of F(x_j), with r_j as in `blind`."""

def blind_with(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, mode: int, blinds: _Bytes
) -> tuple[bytes, int]:
    """Blind with n given scalars; `bad` where one is 0 or not below l."""

def finalize_with(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, blinds: _Bytes, evaluated: _Bytes, length: int
) -> tuple[bytes, int]:
    """Finalize with n given scalars; `bad` where a scalar or an element is."""

def evaluate(elements: _Bytes, k: _Bytes) -> tuple[bytes, int]:
    """n * 32: k times each element; ValueError if k is 0, l - 2 or not below l."""

def table_tags(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, mode: int, k: _Bytes, length: int
) -> bytes:
    """n * length: the first bytes of F(x), RFC 9497 Evaluate; ValueError for k as in `evaluate`."""

def mul(elements: _Bytes, scalars: _Bytes) -> tuple[bytes, int]:
    """n * 32: each element times its scalar, any below l. A product may be the identity."""

def blind_fixed(
    data: _Bytes, offsets: _Bytes, prefix: _Bytes, session_seed: _Bytes, first_j: int
) -> tuple[bytes, int]:
    """
    n * 32: HashToGroup(x_j) + r_j * G, fixed-base blinding with blinds of their own label.

    `bad` where r_j is 0 or l - 2, or the sum is the identity. Tables of multiples are kept for
    eight elements; RuntimeError if one comes out wrong twice.
    """

def unblind_finalize_fixed(
    data: _Bytes,
    offsets: _Bytes,
    prefix: _Bytes,
    session_seed: _Bytes,
    first_j: int,
    evaluated: _Bytes,
    public_key: _Bytes,
    length: int,
) -> tuple[bytes, int]:
    """
    n * length: the first bytes of F(x_j) from D_j - r_j * K, with r_j as in `blind_fixed`.

    K is a pinned, checked key, and every proof was verified before; ValueError if it is no element.
    """

def mul_fixed(element: _Bytes, scalars: _Bytes) -> bytes:
    """n * 32: each scalar, any below l, times one element; from a table, for many scalars."""

def mul_base(scalars: _Bytes) -> bytes:
    """n * 32: each scalar, any below l, times the generator. May be the identity."""

def add(a: _Bytes, b: _Bytes) -> tuple[bytes, int]:
    """n * 32: a_i + b_i. A sum may be the identity."""

def prove_sums(c: _Bytes, seed: _Bytes) -> tuple[bytes, int]:
    """M = sum rho_i * C_i of the batched proof, weights from the 64-byte seed. Variable time."""

def verify_sums(c: _Bytes, d: _Bytes, seed: _Bytes) -> tuple[bytes, bytes, int]:
    """M and Z = sum rho_i * D_i. `bad` where C_i or D_i is. Variable time, public data only."""

def weighted_sum(elements: _Bytes, scalars: _Bytes) -> tuple[bytes, int]:
    """The sum of s_i * E_i. Variable time, public data only."""

def scalar_reduce(wide: _Bytes) -> bytes:
    """n * 32 from n * 64: little-endian integers mod l."""

def scalar_invert(scalars: _Bytes) -> tuple[bytes, int]:
    """n * 32; `bad` where a scalar is 0 or not below l."""

def scalar_muladd(a: _Bytes, b: _Bytes, c: _Bytes) -> bytes:
    """a * b + c mod l, one each."""

def scalar_sub(a: _Bytes, b: _Bytes) -> bytes:
    """a - b mod l, one each."""

def dummy_inputs(session_seed: _Bytes, first_j: int, n: int) -> bytes:
    """n * 32: HMAC-SHA256(session_seed, "OVL1-DUMMY" || u64(j)), j from first_j."""

def counter_tags(prefix: _Bytes, first_j: int, n: int, length: int) -> bytes:
    """n * length: the first bytes of SHA512(prefix || u64(j)), j from first_j."""

def packed_digest(data: _Bytes, offsets: _Bytes) -> bytes:
    """SHA256(u32(n) || u32(length) || text || ...)."""

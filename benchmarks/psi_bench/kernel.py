# SPDX-License-Identifier: Apache-2.0
"""
What the kernels cost an element, and how that compares with libraries on the same machine.

Thread CPU time, median of the runs; every kernel and every library is measured in the same process.
A ratio says how many of our operations fit into one scalar multiplication of the other library (of
libsodium's `from_hash` for hash_to_group).
"""

import argparse
import ctypes
import ctypes.util
import json
import os
import statistics
import time
from array import array
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.bindings import crypto_scalarmult_ed25519_noclamp

from psi._native import kernel

OUT = Path(__file__).parents[1] / "out" / "kernel.json"
PREFIX = b"OVL1-P" + bytes(32)
TAG_LENGTH = 12
CALLS = 24
"""Calls of a library that are timed together."""

Operation = Callable[[], object]


def cpu_ns(operation: Operation, count: int, runs: int) -> float:
    """Nanoseconds of this thread's CPU time for one of `count`: the median of the runs."""
    operation()
    times = []
    for _ in range(runs):
        begin = time.thread_time_ns()
        operation()
        times.append((time.thread_time_ns() - begin) / count)
    return statistics.median(times)


def _repeated(operation: Operation) -> Operation:
    def repeat() -> None:
        for _ in range(CALLS):
            operation()

    return repeat


def baselines(runs: int) -> dict[str, float | None]:
    """Nanoseconds of the other libraries' operations; None where there is no library."""
    scalar = os.urandom(31) + b"\x01"
    point = kernel.mul_base(scalar)
    mine, theirs = X25519PrivateKey.generate(), X25519PrivateKey.generate().public_key()
    # 4/5, the base point of RFC 8032; PyNaCl wants a point of the main subgroup
    base = b"\x58" + b"\x66" * 31
    found: dict[str, Operation] = {
        "openssl_x25519": lambda: mine.exchange(theirs),
        "pynacl": lambda: crypto_scalarmult_ed25519_noclamp(scalar, base),
    }
    name = ctypes.util.find_library("sodium")
    if name is not None:
        sodium = ctypes.CDLL(name)
        out, wide = ctypes.create_string_buffer(32), os.urandom(64)
        found["libsodium"] = lambda: sodium.crypto_scalarmult_ristretto255(out, scalar, point)
        found["libsodium_from_hash"] = lambda: sodium.crypto_core_ristretto255_from_hash(out, wide)
    return {
        name: cpu_ns(_repeated(found[name]), CALLS, runs) if name in found else None
        for name in ("libsodium", "libsodium_from_hash", "openssl_x25519", "pynacl")
    }


class Batch:
    """Inputs of n elements, and the operations on them that are measured."""

    def __init__(self, n: int) -> None:
        self.n = n
        texts = [b"domain:host-%07d.example.com" % i for i in range(n)]
        self.texts = b"".join(texts), array("Q", accumulate(map(len, texts), initial=0)), PREFIX
        self.session = os.urandom(32), 0
        self.key = os.urandom(31) + b"\x01"
        self.seed = os.urandom(64)
        self.sent, _ = kernel.blind(*self.texts, *self.session)
        self.answer, _ = kernel.evaluate(self.sent, self.key)
        self.public_key = kernel.mul_base(self.key)

    def operations(self) -> dict[str, Operation]:
        """The simple ones; the others come from differences."""
        return {
            "evaluate": lambda: kernel.evaluate(self.sent, self.key),
            "blind": lambda: kernel.blind(*self.texts, *self.session),
            "finalize": lambda: kernel.unblind_finalize(
                *self.texts, *self.session, self.answer, TAG_LENGTH
            ),
            "blind_fixed": lambda: kernel.blind_fixed(*self.texts, *self.session),
            "finalize_fixed": lambda: kernel.unblind_finalize_fixed(
                *self.texts, *self.session, self.answer, self.public_key, TAG_LENGTH
            ),
        }

    def measure(self, runs: int) -> dict[str, float]:
        """
        Nanoseconds an element of every operation, with the kernel that is selected.

        `hash_to_group` is up to the point, without its encoding, which is what an addition takes
        beyond two decodings. `prove` and `verify` are what the sums cost beyond the decoding of C,
        of C and D, which happens anyway.
        """

        def cpu(operation: Operation) -> float:
            return cpu_ns(operation, self.n, runs)

        result = {name: cpu(operation) for name, operation in self.operations().items()}
        decode = cpu(lambda: kernel.check_elements(self.sent))
        encode = cpu(lambda: kernel.add(self.sent, self.answer)) - 2 * decode
        encoded = cpu(lambda: kernel.hash_to_group(*self.texts, 1))
        prove = cpu(lambda: kernel.prove_sums(self.sent, self.seed))
        verify = cpu(lambda: kernel.verify_sums(self.sent, self.answer, self.seed))
        return result | {
            "hash_to_group": encoded - encode,
            "prove": prove - decode,
            "verify": verify - 2 * decode,
        }

    def two_threads(self, runs: int) -> float:
        """How much faster two threads evaluate than one, by the clock; other work spoils it."""

        def wall(threads: int) -> float:
            kernel.limit_threads(threads)
            begin = time.perf_counter()
            kernel.evaluate(self.sent, self.key)
            return time.perf_counter() - begin

        wall(2)
        return statistics.median(wall(1) / wall(2) for _ in range(runs))


def _row(
    operation: str, name: str, batch: int, ns: float, theirs: dict[str, float | None]
) -> dict[str, str | int | float | None]:
    def ratio(baseline: str) -> float | None:
        value = theirs[baseline]
        return None if value is None else round(value / ns, 2)

    sodium = "libsodium_from_hash" if operation == "hash_to_group" else "libsodium"
    return {
        "operation": operation,
        "kernel": name,
        "batch": batch,
        "ns": round(ns, 1),
        "ratio_libsodium": ratio(sodium),
        "ratio_openssl_x25519": ratio("openssl_x25519"),
        "ratio_pynacl": ratio("pynacl"),
    }


def _print(rows: list[dict[str, str | int | float | None]]) -> None:
    columns = list(rows[0])
    lines = [columns, *([("-" if v is None else str(v)) for v in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def main() -> None:
    """Measure every kernel of this CPU; print a table, write benchmarks/out/kernel.json."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    kernel.limit_threads(1)  # CPU time is this thread's
    theirs = baselines(options.runs)
    rows = []
    for name in kernel.NAMES:
        kernel.select(name)
        # the portable kernel is ten times slower: a smaller batch, and as many runs
        batch = Batch(options.batch if name != "portable" else max(options.batch // 8, 1))
        for operation, ns in batch.measure(options.runs).items():
            rows.append(_row(operation, name, batch.n, ns, theirs))
    kernel.select(kernel.NAMES[0])
    threads = round(Batch(options.batch).two_threads(options.runs), 2)
    _print(rows)
    for name, value in theirs.items():
        print(f"{name}: " + ("not here" if value is None else f"{value:.0f} ns"))
    print(f"two threads against one: {threads} x, {os.cpu_count()} processors")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    document = {"rows": rows, "baselines_ns": theirs, "two_threads": threads}
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    print(f"written: {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}")


if __name__ == "__main__":
    main()

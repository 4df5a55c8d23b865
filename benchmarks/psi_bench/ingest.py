# SPDX-License-Identifier: Apache-2.0
"""
How fast files become sets: `make bench-ingest`.

Each case runs in a process of its own, so that its peak of memory is its own. A case is read
several times and the fastest counts, in CPU seconds of the process and in seconds of the clock: the
others say what else the machine was doing. What is read is compared with what was written.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from psi.indicators import IndicatorSet, Profile, read_set
from psi_bench.feeds import misp_event, stix_bundle, text_feed
from psi_bench.plain_reading import HAS_IDNA, read_plainly

__all__ = ["main"]

OUT: Final = Path("benchmarks") / "out" / "ingest.json"
#: Microseconds an indicator, and bytes an indicator beyond the file, that a case may take.
GOALS: Final = {"text": 2.5, "misp": 6.0, "stix": 6.0, "cached": 0.2}
MEMORY_GOAL: Final = 150
_STRUCTURED_SHARE: Final = 5  # MISP and STIX files take twenty times the space
_PLAIN_SHARE: Final = 10


def _measured(read: Callable[[], Any], times: int) -> tuple[Any, float, float]:
    """The last result, and the least CPU and clock seconds."""
    cpu, clock, found = [], [], None
    for _ in range(times):
        found = None  # or two of them would be in memory
        before = time.process_time(), time.perf_counter()
        found = read()
        cpu.append(time.process_time() - before[0])
        clock.append(time.perf_counter() - before[1])
    return found, min(cpu), min(clock)


def _peak() -> int:
    """Bytes of memory that this process has used at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_case(name: str, path: Path, cache: Path, times: int) -> dict[str, object]:
    """Measure one case in this process."""

    def read() -> IndicatorSet:
        return read_set([path], profile=Profile(), cache=cache if name == "cached" else None)

    before = _resident()
    if name == "plain":
        found, cpu, clock = _measured(lambda: read_plainly(path), 1)
        return {"n": len(found), "cpu_s": cpu, "clock_s": clock}
    if name == "cached":
        first = read()
        assert list(cache.glob("*.set")), "the first reading is kept"
        values = first.values
        del first
        found, cpu, clock = _measured(read, times)
        assert found.values == values
    else:
        found, _, _ = _measured(read, 1)
    peak = _peak() - before
    if name != "cached":
        del found
        found, cpu, clock = _measured(read, times)
    report = found.report
    return {
        "n": report.values_read,
        "distinct": len(found),
        "rejected": report.n_rejected,
        "cpu_s": cpu,
        "clock_s": clock,
        "peak_bytes": peak,
        "file_bytes": path.stat().st_size,
    }


def _in_process(name: str, path: Path, cache: Path, times: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "psi_bench.ingest", "--case", name, "--file", str(path)]
    command += ["--cache", str(cache), "--times", str(times)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _row(name: str, found: dict[str, Any], n: int) -> dict[str, Any]:
    row = {**found, "us": found["cpu_s"] / n * 1e6, "clock_us": found["clock_s"] / n * 1e6}
    if name in GOALS:
        row["goal_us"] = GOALS[name]
    if name in ("text", "misp", "stix"):
        row["bytes"] = (found["peak_bytes"] - found["file_bytes"]) / n
    return row


def _cases(n: int, times: int) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        cache.mkdir(mode=0o700)
        parts = max(n // _STRUCTURED_SHARE, 1)
        for name, write, size in (
            ("text", text_feed, n),
            ("cached", text_feed, n),
            ("misp", misp_event, parts),
            ("stix", stix_bundle, parts),
            ("plain", text_feed, max(n // _PLAIN_SHARE, 1)),
        ):
            path = Path(folder) / name
            write(path, size)
            rows[name] = _row(name, _in_process(name, path, cache, times), size)
            path.unlink()
    assert rows["text"]["n"] == rows["cached"]["n"] == n, "no value is lost"
    assert rows["text"]["rejected"] == 0, "every value is usable"
    return rows


def _print(rows: dict[str, dict[str, Any]], ratio: float) -> None:
    print(f"{'case':8} {'values':>10} {'us (CPU)':>10} {'us (clock)':>11} {'goal':>6} {'bytes':>7}")
    for name, row in rows.items():
        goal = f"{row['goal_us']:.1f}" if "goal_us" in row else ""
        memory = f"{row['bytes']:.0f}" if "bytes" in row else ""
        print(
            f"{name:8} {row['n']:>10,} {row['us']:>10.2f} {row['clock_us']:>11.2f} {goal:>6} "
            f"{memory:>7}"
        )
    engine = "idna" if HAS_IDNA else "the codec of the standard library"
    print(f"text is {ratio:.1f} times as fast as ipaddress, urllib and {engine}")
    print("bytes: peak of memory an indicator, beyond the size of the file")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write benchmarks/out/ingest.json."""
    parser = argparse.ArgumentParser(description="How fast files become sets.")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.case:
        found = run_case(options.case, options.file, options.cache, options.times)
        json.dump(found, sys.stdout)
        return
    rows = _cases(options.n, options.times)
    ratio = rows["plain"]["us"] / rows["text"]["us"]
    _print(rows, ratio)
    about = {
        "format": "overlap-bench-ingest/1",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "idna": HAS_IDNA,
        "memory_goal_bytes": MEMORY_GOAL,
        "ratio_to_plain": ratio,
        "cases": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()

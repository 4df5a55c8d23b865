# SPDX-License-Identifier: Apache-2.0
"""
A whole check between two real processes, from file to result: `make bench-check N=1048576`.

Two homes of the real command, mutual TLS on loopback, sets that overlap by half. The result is
compared with the plain intersection. CPU seconds and peak memory are the operating system's own
accounts of each process; bytes are counted by a forwarder between them, so they include TLS,
framing and acknowledgements of HTTP/2, in both directions. With `--checks 2` the second finds the
files read and the list made already.
"""

import argparse
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from psi._native import kernel
from psi.app.demo_alliance import House, found_alliance
from psi.trust.unlock import KeyFileUnlock

__all__ = ["main"]

COMMAND: Final = (sys.executable, "-m", "psi_cli")
OUT: Final = Path("benchmarks") / "out" / "check.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


class Forwarder:
    """Passes one address on to another and counts the bytes each way."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.to_server = 0
        self.to_client = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for source, sink, up in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, sink, up), daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 18):
                if up:
                    self.to_server += len(data)
                else:
                    self.to_client += len(data)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def _launched(words: list[str], account: Path) -> list[str]:
    return [sys.executable, "-S", str(Path(__file__).with_name("_launch.py")), str(account), *words]


def _cost(account: Path) -> Cost:
    return Cost(**json.loads(account.read_text()))


def _feeds(folder: Path, n: int) -> tuple[Path, Path, set[str]]:
    """Two files of n names that share half, and what they share."""
    shared = n // 2
    files = []
    for name, first in (("a", 0), ("b", n - shared)):
        path = folder / f"{name}.txt"
        with path.open("w") as file:
            file.writelines(f"host-{i}.example-feed.net\n" for i in range(first, first + n))
        files.append(path)
    return files[0], files[1], {f"host-{i}.example-feed.net" for i in range(n - shared, n)}


@contextmanager
def _serving(house: House, unlock: Path, account: Path) -> Iterator[str]:
    words = [*COMMAND, "serve", *house.feeds, "--home", str(house.home)]
    words += ["--unlock-file", str(unlock), "--listen", "127.0.0.1:0", "--json", "-q"]
    process = subprocess.Popen(
        _launched(words, account), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start; its message stands above")
        yield json.loads(line)["listen"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _check(house: House, unlock: Path, address: str, folder: Path) -> tuple[dict[str, Any], Cost]:
    words = [*COMMAND, "check", "beta-bank", *house.feeds, "--home", str(house.home)]
    words += ["--unlock-file", str(unlock), "--address", address, "--no-save", "--json", "-q"]
    out, account = folder / "out.json", folder / "client.account"
    with out.open("wb") as file:
        code = subprocess.run(
            _launched(words, account), stdout=file, stdin=subprocess.DEVNULL, check=False
        ).returncode
    if code:
        raise SystemExit(f"the check failed with exit {code}")
    result: dict[str, Any] = json.loads(out.read_text())
    return result, _cost(account)


def _run(n: int, n_checks: int, folder: Path) -> dict[str, Any]:
    ours, theirs, expected = _feeds(folder, n)
    houses = [
        House(name=name, home=folder / name, feeds=(str(path),), works_in=folder)
        for name, path in (("acme-corp", ours), ("beta-bank", theirs))
    ]
    unlock = KeyFileUnlock(folder / "unlock.key")
    found_alliance(folder, houses, unlock)
    checks = []
    account = folder / "server.account"
    with _serving(houses[1], unlock.path, account) as listen:
        for number in range(1, n_checks + 1):
            forwarder = Forwarder(listen)
            result, cost = _check(houses[0], unlock.path, forwarder.address, folder)
            forwarder.close()
            found = {match["value"] for match in result["intersection"]}
            if found != expected or result["count"] != len(expected):
                raise SystemExit("the result differs from the plain intersection")
            checks.append(
                {
                    "check": number,
                    "client": asdict(cost),
                    "bytes_to_server": forwarder.to_server,
                    "bytes_to_client": forwarder.to_client,
                    "seconds": result["seconds"],
                    "equal_to_plain_intersection": True,
                }
            )
            print(
                f"check {number}: client {cost.cpu_s:7.2f} s CPU, {cost.wall_s:7.2f} s wall, "
                f"{cost.peak_mb:6.1f} MB; {forwarder.to_server / 1e6:.1f} MB up, "
                f"{forwarder.to_client / 1e6:.1f} MB down; {result['count']:,} matches, as expected"
            )
    server_cost = _cost(account)
    print(
        f"server, {n_checks} in all: {server_cost.cpu_s:7.2f} s CPU, {server_cost.peak_mb:6.1f} MB "
        f"({server_cost.cpu_s / n * 1e6:.1f} us an indicator)"
    )
    return {
        "n": n,
        "kernel": kernel.selected(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "checks": checks,
        "server_in_all": asdict(server_cost),
    }


def main() -> None:
    """Parse the command line, run, print, and write benchmarks/out/check.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("-n", type=int, default=2**20, help="indicators on each side")
    parser.add_argument("--checks", type=int, default=1, help="how often the same is checked")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overlap-bench-") as name:
        report = _run(arguments.n, arguments.checks, Path(name))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {OUT}")


if __name__ == "__main__":
    main()

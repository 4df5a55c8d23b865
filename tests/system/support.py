# SPDX-License-Identifier: Apache-2.0
"""An alliance on this machine whose members are real processes of the real command."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psi.app.alliance import create_alliance, enroll, read_requests, set_limits
from psi.app.clock import Clock
from psi.app.init import initialise
from psi.app.join import accept_join, read_join
from psi.indicators import Profile, read_set
from psi.trust.home import Home
from psi.trust.unlock import KeyFileUnlock

COMMAND = (sys.executable, "-m", "psi_cli")
FAULTY = (sys.executable, str(Path(__file__).with_name("faulty.py")))
WAIT_S = 60.0


def plain_values(*paths: Path) -> set[str]:
    """The canonical set of some files, as plain texts: the oracle's input."""
    values = read_set(paths, profile=Profile.default()).values
    return {values.value(row).decode() for row in range(len(values))}


@dataclass
class Server:
    """One `overlap serve`, ended at the end of its test at the latest."""

    process: "subprocess.Popen[str]"
    listen: str
    log: Path

    def wait_for(self, text: str) -> None:
        """Wait until the log says something."""
        deadline = time.monotonic() + WAIT_S
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, f"the log never says {text!r}"
            select.select([], [], [], 0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.returncode


@dataclass
class Result:
    """What one command gave."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one object of `--json`."""
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed

    @property
    def error(self) -> dict[str, Any]:
        """The `overlap-error/1` line at the end of stderr."""
        assert self.out == "", "a failure leaves standard output empty"
        parsed: dict[str, Any] = json.loads(self.err.splitlines()[-1])
        assert parsed["format"] == "overlap-error/1"
        assert parsed["exit"] == self.code
        return parsed

    @property
    def matches(self) -> set[str]:
        """The matching values as `kind:value`."""
        return {f"{match['kind']}:{match['value']}" for match in self.object["intersection"]}


@dataclass
class Alliance:
    """Homes below one folder, all members of one alliance."""

    folder: Path
    names: tuple[str, ...] = ("acme-corp", "beta-bank")
    limits: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.unlock = KeyFileUnlock(self.folder / "unlock.key")
        now_ms = Clock().now_ms()
        path = self.folder / "alliance"
        create_alliance(path, "cti-test", unlock=self.unlock)
        self.alliance = Home.open(path, "alliance")
        requests = [
            initialise(
                self.home(name),
                name,
                unlock=self.unlock,
                now_ms=now_ms,
                roles=self.roles.get(name, ("member",)),
                contact=f"soc@{name}.example",
                address="127.0.0.1:9",
                request_directory=self.folder,
            ).request_file
            for name in self.names
        ]
        pending = read_requests(self.alliance, requests, now_ms)
        enroll(self.alliance, self.unlock, pending, now_ms=now_ms, out_directory=self.folder)
        if self.limits:
            for name in self.names:
                set_limits(
                    self.alliance, self.unlock, name, out_directory=self.folder, **self.limits
                )
            enroll(self.alliance, self.unlock, pending, now_ms=now_ms, out_directory=self.folder)
        for name in self.names:
            home = Home.open(self.home(name))
            joining = read_join(home, self.folder / f"{name}.join.json")
            accept_join(home, joining, self.unlock, now_ms)

    def home(self, name: str) -> Path:
        """Where a member lives."""
        return self.folder / name

    def feed(self, name: str, lines: Iterable[str]) -> Path:
        """A text file of indicators."""
        path = self.folder / f"{name}.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def words(self, name: str) -> list[str]:
        """The flags that open a member's home."""
        return ["--home", str(self.home(name)), "--unlock-file", str(self.unlock.path)]

    def serve(
        self,
        name: str,
        *paths: Path,
        listen: str = "127.0.0.1:0",
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
    ) -> Server:
        """Start a server and wait until it answers."""
        words = [*command, "serve", *map(str, paths), *self.words(name)]
        log = self.folder / f"{name}-{len(self.servers)}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*words, "--listen", listen, "--json", *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **(environment or {})},
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the server did not start: {log.read_text()}"
        server = Server(process, json.loads(line)["listen"], log)
        self.servers.append(server)
        return server

    def run(
        self,
        *words: str,
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
    ) -> Result:
        """Run one command to its end."""
        done = subprocess.run(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S * 3,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def check(
        self,
        *paths: Path,
        address: str,
        flags: Sequence[str] = (),
        name: str = "acme-corp",
        peer: str = "beta-bank",
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
    ) -> Result:
        """`overlap check --json`."""
        words = ["check", peer, *map(str, paths), *self.words(name)]
        return self.run(
            *words,
            "--address",
            address,
            "--json",
            *flags,
            command=command,
            environment=environment,
        )

    def close(self) -> None:
        """End every server that is still there."""
        for server in self.servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait(WAIT_S)
            if server.process.stdout is not None:
                server.process.stdout.close()

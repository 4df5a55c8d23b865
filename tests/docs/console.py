# SPDX-License-Identifier: Apache-2.0
"""
Runs the transcripts of a document with real processes on a terminal, each person in a home of
their own; `python tests/docs/console.py docs/member.md` writes what came out into the document.

A document holds blocks of two forms:

    ```console                          lines `PERSON$ COMMAND` with what the terminal shows
    acme$ overlap init acme-corp

    ```text                             after a line that ends in "`PERSON:PATH`:", a file
    evil.example

A command that ends in `&` stays in the background until `kill %1`. A question is answered with y.
A block behind `<!-- by hand -->` is not run. The members' hosts are ports of this machine: what
`overlap init` writes into overlap.toml is changed accordingly.
"""

import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from typing import Final

__all__ = ["Block", "Stage", "Step", "blocks_of", "comparable", "run_document"]

ROOT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(
    r"(?P<hand><!-- by hand -->\n)?(?:`(?P<who>\w+):(?P<path>[\w./-]+)`:\n\n)?"
    r"```(?P<kind>console|text|csv)\n(?P<body>.*?)```\n",
    re.DOTALL,
)
_PROMPT: Final = re.compile(r"^(\w+)\$ (.*)$")
_INIT: Final = re.compile(r"overlap init (\S+) .*--address (\S+):9497\b")
_CONFIG: Final = ".local/share/overlap/overlap.toml"
_TIMEOUT_S: Final = 120.0
_COLUMNS: Final = 100

# What differs from run to run; both sides of a comparison lose it.
_VOLATILE: Final = (
    (re.compile(r"\b\d{5}(?: \d{5}){5}\b"), "CODE"),
    (re.compile(r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\b\d{4}-\d\d-\d\d(?!\d)"), "DATE"),
    (re.compile(r"\b\d\d:\d\d(?::\d\d)? UTC"), "TIME"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"), "DIGEST"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])"), "KEY"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{10}(?![0-9a-f])"), "RUN"),
    (re.compile(r"\b\d+ tr(?:y|ies)\b"), "TRIES"),
    (re.compile(r"\b[\d.]+ (?:ms|s|min|h|days?)\b(?: \d+ (?:h|min|s)\b)?"), "SPAN"),
    (re.compile(r"\b[\d.]+ [kM]?B\b"), "SIZE"),
)


@dataclass(frozen=True)
class Step:
    """One command of one person, and what the document says it shows."""

    person: str
    command: str
    shown: str


@dataclass(frozen=True)
class Block:
    """A transcript, or a file of a person."""

    start: int
    end: int
    steps: tuple[Step, ...] = ()
    file: tuple[str, str, str] | None = None


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a document that are acted on, in order."""
    for match in _BLOCK.finditer(text):
        if match["hand"]:
            continue
        if match["kind"] == "console":
            yield Block(match.start("body"), match.end("body"), tuple(_steps(match["body"])))
        elif match["who"]:
            file = (match["who"], match["path"], match["body"])
            yield Block(match.start("body"), match.end("body"), file=file)


def _steps(body: str) -> Iterator[Step]:
    person, command, shown = "", "", ""
    for line in body.splitlines(keepends=True):
        prompt = _PROMPT.match(line)
        if prompt is None:
            shown += line
            continue
        if command:
            yield Step(person, command, shown)
        person, command, shown = prompt[1], prompt[2], ""
    if command:
        yield Step(person, command, shown)


def comparable(shown: str) -> str:
    """A transcript without what differs from run to run."""
    for pattern, word in _VOLATILE:
        shown = pattern.sub(word, shown)
    return shown


@dataclass
class _Process:
    """A process on a terminal of its own."""

    pid: int
    terminal: int
    output: bytearray = field(default_factory=bytearray)
    status: int | None = None

    def read(self, seconds: float) -> bool:
        """Read what there is, waiting so long; False at the end."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if not ready:
            return True
        try:
            piece = os.read(self.terminal, 4096)
        except OSError:  # Linux says EIO when the last process has gone
            piece = b""
        self.output += piece
        return bool(piece)

    def end(self) -> int:
        """Its exit status, once it has ended."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.terminal)
        return self.status


@dataclass(frozen=True)
class _Address:
    """Where a member is, in the document and here."""

    person: str
    host: str
    port: int


class Stage:
    """The people of a document and their processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # By the member's name in the alliance.
        self._addresses: dict[str, _Address] = {}
        self._background: dict[str, _Process] = {}

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        for person in list(self._background):
            self._stop(person)

    def home(self, person: str) -> Path:
        """The folder in which a person works, which is their HOME too."""
        path = self._folder / person
        path.mkdir(exist_ok=True)
        return path

    def put(self, person: str, path: str, content: str) -> None:
        """Give a person a file."""
        target = self.home(person) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def act(self, step: Step) -> str:
        """Run one command; what the terminal showed, in the words of the document."""
        if step.command == "kill %1":
            self._stop(step.person)
            return ""
        self._bring_files(step)
        background = step.command.endswith("&")
        # With exec the signal of `kill %1` reaches the command itself.
        words = f"exec {step.command.rstrip('& ')}" if background else step.command
        process = self._start(step.person, words)
        ends = time.monotonic() + _TIMEOUT_S
        answered = 0
        while process.read(0.1):
            if process.output.count(b"[y/N] ") > answered:
                answered += 1
                os.write(process.terminal, b"y\n")
            if background and b"Ctrl-C ends" in process.output:
                self._background[step.person] = process
                break
            assert time.monotonic() < ends, f"{step.command}: {process.output.decode()}"
        else:
            process.end()
        if made := _INIT.search(step.command):
            self._settle(step.person, made[1], made[2])
        return self._as_in_document(step.person, process.output.decode())

    def _bring_files(self, step: Step) -> None:
        """What one person sent to another is in the other's folder before it is used."""
        home = self.home(step.person)
        for word in step.command.split():
            if word.endswith(".json") and "/" not in word:
                found = [path for path in self._folder.glob(f"*/{word}") if path.is_file()]
                newest = max(found, key=lambda path: path.stat().st_mtime_ns, default=None)
                if newest is not None and newest.parent != home:
                    # With its time: the one who made it has the original.
                    shutil.copy2(newest, home / word)

    def _start(self, person: str, command: str) -> _Process:
        home = self.home(person)
        environment = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
        }
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(home)
            os.execve("/bin/sh", ["/bin/sh", "-c", command], environment)
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
        return _Process(pid, terminal)

    def _stop(self, person: str) -> None:
        process = self._background.pop(person)
        os.kill(process.pid, signal.SIGTERM)
        while process.read(_TIMEOUT_S):
            pass
        process.end()

    def _settle(self, person: str, name: str, host: str) -> None:
        """Give a new member a free port, and let everybody know of everybody's."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._addresses[name] = _Address(person, host, port)
        own = self.home(person) / _CONFIG
        own.write_text(own.read_text().replace("[::]:9497", f"127.0.0.1:{port}"))
        for one, address in self._addresses.items():
            for other in self._addresses.values():
                if other.person != address.person:
                    known = self.home(other.person) / _CONFIG
                    line = f'peer.{one} = {{ address = "127.0.0.1:{address.port}" }}\n'
                    if line not in (text := known.read_text()):
                        known.write_text(text + line)

    def _as_in_document(self, person: str, output: str) -> str:
        output = re.sub(r"\r+\n", "\n", output)
        output = output.replace(str(self.home(person)), f"/home/{person}")
        for address in self._addresses.values():
            here = f"127.0.0.1:{address.port}"
            output = output.replace(f"listening on {here}", "listening on [::]:9497")
            output = output.replace(here, f"{address.host}:9497")
        return output


def run_document(text: str, folder: Path) -> tuple[str, list[tuple[Step, str]]]:
    """
    Act on every block of a document.

    Returns:
        The document with its transcripts replaced, and each step with what was really shown.
    """
    acted: list[tuple[Step, str]] = []
    replaced, position = "", 0
    with Stage(folder) as stage:
        for block in blocks_of(text):
            if block.file is not None:
                stage.put(*block.file)
                continue
            body = ""
            for step in block.steps:
                shown = stage.act(step)
                acted.append((step, shown))
                body += f"{step.person}$ {step.command}\n{shown}"
            replaced += text[position : block.start] + body
            position = block.end
    return replaced + text[position:], acted


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            document = Path(name)
            document.write_text(run_document(document.read_text(), Path(scratch))[0])

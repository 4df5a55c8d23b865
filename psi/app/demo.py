# SPDX-License-Identifier: Apache-2.0
"""
`overlap demo`: an alliance of two members on this machine, with nothing left out.

The server and the client are two processes of the real command, with real homes, certificates
and mutual TLS on loopback. What the demo adds is a folder that goes away, and limits that fit.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from psi.app.demo_alliance import House, found_alliance
from psi.app.demo_feeds import write_feeds
from psi.app.events import Events
from psi.errors import UnreachableError, UsageError
from psi.trust.unlock import KeyFileUnlock

__all__ = ["CLIENT", "SERVER", "DemoRequest", "run_demo"]

CLIENT: Final = "acme-corp"
SERVER: Final = "beta-bank"
_STOP_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """
    Attributes:
        command: How this very program is started, as words: `python -m psi_cli`.
        member_a, member_b: Files or folders; both empty takes synthetic feeds.
        client_flags: Passed on to `check`: `--json`, `--color never` and the like.
    """

    command: tuple[str, ...]
    member_a: tuple[str, ...] = ()
    member_b: tuple[str, ...] = ()
    client_flags: tuple[str, ...] = ()


class _Listening(msgspec.Struct):
    """What `serve --json` says once it answers; it says more."""

    listen: str


def run_demo(request: DemoRequest, events: Events) -> int:
    """
    Set up, run and take away; the result goes to standard output by `check` itself.

    Returns:
        The exit code of the check.

    Raises:
        UsageError: Only one member's feeds are named.
        PsiError: What setting up may raise.
    """
    if bool(request.member_a) != bool(request.member_b):
        raise UsageError(
            "the feeds of one member are named, those of the other are not",
            hint="give both `--member-a PATH` and `--member-b PATH`, or neither",
        )
    with tempfile.TemporaryDirectory(prefix="overlap-demo-") as name:
        folder = Path(name)
        houses, reserved = _feeds(request, folder)
        unlock = KeyFileUnlock(folder / "unlock.key")
        found_alliance(folder, houses, unlock)
        events.note(
            "demo", f"{CLIENT} asks, {SERVER} answers: two processes, certificates made just now"
        )
        flags = ("--unlock-file", str(unlock.path), *reserved)
        with _serving(request.command, houses[1], flags) as address:
            return _check(request, houses[0], flags, address)


def _feeds(request: DemoRequest, folder: Path) -> tuple[list[House], tuple[str, ...]]:
    """The two houses, and the flag that lets documentation addresses in, for our own feeds only."""
    if request.member_a:
        feeds: tuple[tuple[str, ...], ...] = (request.member_a, request.member_b)
        reserved: tuple[str, ...] = ()
        works_in = Path.cwd()
    else:
        # Both processes work in the demo's folder, so that the result names short paths.
        works_in = folder
        feeds = tuple((path.name,) for path in write_feeds(folder))
        reserved = ("--allow-reserved",)
    houses = [
        House(name=name, home=folder / name, feeds=paths, works_in=works_in)
        for name, paths in zip((CLIENT, SERVER), feeds, strict=True)
    ]
    return houses, reserved


@contextlib.contextmanager
def _serving(command: Sequence[str], house: House, flags: Sequence[str]) -> Iterator[str]:
    """The server process; the address on which it answers."""
    words = [*command, "serve", *house.feeds, "--home", str(house.home), *flags]
    words += ["--listen", "127.0.0.1:0", "--json", "-q"]
    process = subprocess.Popen(  # noqa: S603  # our own program with our own words
        words, cwd=house.works_in, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _address(process: "subprocess.Popen[bytes]") -> str:
    """
    Wait until the server answers.

    Raises:
        UnreachableError: It ended before; it has said why.
    """
    stream: IO[bytes] | None = process.stdout
    line = stream.readline() if stream is not None else b""
    if not line:
        raise UnreachableError(
            f"{SERVER} did not start (exit {process.wait()})",
            slug="peer-failed",
            hint="its own message stands above",
        )
    return msgspec.json.decode(line, type=_Listening).listen


def _check(request: DemoRequest, house: House, flags: Sequence[str], address: str) -> int:
    words = [*request.command, "check", SERVER, *house.feeds, "--home", str(house.home), *flags]
    words += ["--address", address, "--no-save", *request.client_flags]
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if name != "OVERLAP_HOME"}
    done = subprocess.run(words, cwd=house.works_in, env=environment, check=False)  # noqa: S603
    return done.returncode

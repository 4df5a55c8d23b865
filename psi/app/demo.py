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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import msgspec

from psi.app.alliance import create_alliance, enroll, read_requests, set_limits
from psi.app.clock import Clock
from psi.app.demo_feeds import write_feeds
from psi.app.events import Events
from psi.app.init import initialise
from psi.app.join import accept_join, read_join
from psi.errors import UnreachableError, UsageError
from psi.protocol.sizes import MAX_BUCKET, bucket_for
from psi.trust.home import Home
from psi.trust.policy import DEFAULT_POLICY
from psi.trust.unlock import KeyFileUnlock

__all__ = ["CLIENT", "SERVER", "DemoRequest", "run_demo"]

CLIENT: Final = "acme-corp"
SERVER: Final = "beta-bank"
_ALLIANCE: Final = "cti-demo"
_CHECKS: Final = 8
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _House:
    """One member of the demo: its home and its feeds."""

    name: str
    home: Path
    feeds: tuple[str, ...]
    works_in: Path


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
        _found_alliance(folder, houses, unlock)
        events.note(
            "demo", f"{CLIENT} asks, {SERVER} answers: two processes, certificates made just now"
        )
        flags = ("--unlock-file", str(unlock.path), *reserved)
        with _serving(request.command, houses[1], flags) as address:
            return _check(request, houses[0], flags, address)


def _feeds(request: DemoRequest, folder: Path) -> tuple[list[_House], tuple[str, ...]]:
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
        _House(name=name, home=folder / name, feeds=paths, works_in=works_in)
        for name, paths in zip((CLIENT, SERVER), feeds, strict=True)
    ]
    return houses, reserved


def _found_alliance(folder: Path, houses: Sequence[_House], unlock: KeyFileUnlock) -> None:
    """What an operator and two members do in ten minutes, without the phone calls."""
    now_ms = Clock().now_ms()
    alliance_path = folder / "alliance"
    create_alliance(alliance_path, _ALLIANCE, unlock=unlock)
    requests = [
        initialise(
            house.home, house.name, unlock=unlock, now_ms=now_ms, request_directory=folder
        ).request_file
        for house in houses
    ]
    alliance = Home.open(alliance_path, "alliance")
    pending = read_requests(alliance, requests, now_ms)
    enroll(alliance, unlock, pending, now_ms=now_ms, out_directory=folder)
    limit = _limit([house.works_in / path for house in houses for path in house.feeds])
    for house in houses:
        set_limits(
            alliance,
            unlock,
            house.name,
            bucket_limit=limit,
            budget=_CHECKS * limit,
            sessions=_CHECKS,
            out_directory=folder,
        )
        _allow(house.home / "policy.toml", limit)
    # The join files again, now with the limits.
    enroll(
        alliance,
        unlock,
        [replace(item, update=True) for item in pending],
        now_ms=now_ms,
        out_directory=folder,
    )
    for house in houses:
        home = Home.open(house.home)
        joining = read_join(home, folder / f"{house.name}.join.json")
        accept_join(home, joining, unlock, now_ms)


def _limit(paths: Sequence[Path]) -> int:
    """A set size that surely holds these feeds: a value has at least three bytes and an end."""
    n_bytes = sum(map(_size, paths))
    return bucket_for(min(max(131_072, n_bytes // 4), MAX_BUCKET))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(child) for child in path.iterdir() if not child.is_symlink())
    # Compressed files hold more values than bytes would tell; ten times is generous for gzip.
    with contextlib.suppress(OSError):
        return path.stat().st_size * (10 if path.suffix == ".gz" else 1)
    return 0


def _allow(policy: Path, limit: int) -> None:
    """Set the limits of the default policy to those of the demo's alliance."""
    default = "limits  = { set_size = 131072, indicators = 524288, checks = 8 }"
    ours = f"limits  = {{ set_size = {limit}, indicators = {_CHECKS * limit}, checks = {_CHECKS} }}"
    assert default in DEFAULT_POLICY, "the demo changes the default policy in this one line"
    policy.write_text(DEFAULT_POLICY.replace(default, ours))


@contextlib.contextmanager
def _serving(command: Sequence[str], house: _House, flags: Sequence[str]) -> Iterator[str]:
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


def _check(request: DemoRequest, house: _House, flags: Sequence[str], address: str) -> int:
    words = [*request.command, "check", SERVER, *house.feeds, "--home", str(house.home), *flags]
    words += ["--address", address, "--no-save", *request.client_flags]
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if name != "OVERLAP_HOME"}
    done = subprocess.run(words, cwd=house.works_in, env=environment, check=False)  # noqa: S603
    return done.returncode

# SPDX-License-Identifier: Apache-2.0
"""Run the command line in this process, and as a process of its own on a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from psi_cli.main import cli

__all__ = ["REPOSITORY", "Ended", "overlap", "run_process", "run_script_on_terminal", "visible"]

REPOSITORY = Path(__file__).parents[2]


def overlap(*arguments: str | Path, home: Path | None = None) -> Result:
    """Run `overlap` in this process; `home` becomes OVERLAP_HOME, by default one that is not."""
    environment = {
        "OVERLAP_HOME": str(home or "/nonexistent/overlap"),
        "OVERLAP_UNLOCK_FILE": str(home.parent / "unlock.key") if home else None,
        "NO_COLOR": None,
        "FORCE_COLOR": None,
        "COLUMNS": None,
    }
    return CliRunner(env=environment).invoke(cli, [str(argument) for argument in arguments])


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "OVERLAP_HOME")
    }
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "cli")))
    fixed = {"PYTHONPATH": path, "OVERLAP_HOME": "/nonexistent/overlap", "TERM": "xterm"}
    return {**inherited, **fixed, **(extra or {})}


def run_process(
    *arguments: str, extra: Mapping[str, str] | None = None, script: str | None = None
) -> Ended:
    """Run `overlap`, or a Python script, with pipes and without a controlling terminal."""
    command = ["-c", script] if script else ["-m", "psi_cli"]
    ended = subprocess.run(
        [sys.executable, *command, *arguments],
        capture_output=True,
        text=True,
        env=_environment(extra),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def run_script_on_terminal(
    script: str,
    *arguments: str,
    extra: Mapping[str, str] | None = None,
    answers: Sequence[tuple[str, bytes]] = (),
) -> tuple[int, str]:
    """
    Run a Python script with a terminal of 100 columns as its stdin, stdout, stderr and /dev/tty.

    Args:
        script: The text of the script.
        arguments: Its arguments.
        extra: More environment.
        answers: Prompts, and what a person types when they have seen each.

    Returns:
        Exit code, and all that the terminal got.
    """
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes another program
        environment = _environment({"COLUMNS": "100", **(extra or {})})
        os.execve(sys.executable, [sys.executable, "-c", script, *arguments], environment)
    shown = bytearray()
    waiting = list(answers)
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        try:
            piece = os.read(terminal, 4096) if ready else b""
        except OSError:  # Linux says EIO when the last process has closed the terminal
            piece = b""
        if not piece:
            break
        shown += piece
        if waiting and waiting[0][0].encode() in shown:
            os.write(terminal, waiting.pop(0)[1])
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def visible(shown: str) -> str:
    """What is left to read when the terminal has followed returns and erasures."""
    lines: list[str] = []
    for line in shown.split("\n"):
        cells, column = "", 0
        for piece in re.split(r"(\r|\x1b\[K)", line):
            if piece == "\r":
                column = 0
            elif piece == "\x1b[K":
                cells = cells[:column]
            else:
                cells = cells[:column] + piece + cells[column + len(piece) :]
                column += len(piece)
        lines.append(cells)
    return "\n".join(lines)

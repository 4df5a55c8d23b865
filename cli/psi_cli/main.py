# SPDX-License-Identifier: Apache-2.0
"""
The command `overlap`: parses, runs one command, and turns every failure into a line and a code.

This is the only place that catches `PsiError`, and the only one that ends the process.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from psi.errors import PsiError, UsageError
from psi_cli._command import Group
from psi_cli._errors import (
    INTERRUPTED,
    TERMINATED,
    from_click,
    report,
    report_bug,
    report_interrupt,
)
from psi_cli._print import OutputClosedError
from psi_cli._process import forbid_core_dumps
from psi_cli._settings import Settings, pass_settings
from psi_cli._welcome import show_welcome
from psi_cli.commands.alliance import alliance
from psi_cli.commands.audit import audit
from psi_cli.commands.check import check
from psi_cli.commands.config import config
from psi_cli.commands.demo import demo
from psi_cli.commands.evidence import evidence
from psi_cli.commands.init import init
from psi_cli.commands.inspect import inspect
from psi_cli.commands.join import join
from psi_cli.commands.keys import keys
from psi_cli.commands.ping import ping
from psi_cli.commands.policy import policy
from psi_cli.commands.receipt import receipt
from psi_cli.commands.result import result
from psi_cli.commands.roster import roster
from psi_cli.commands.serve import serve
from psi_cli.commands.status import status

__all__ = ["cli", "main"]

# What a shell sees of a program that SIGPIPE ended.
_PIPE_CLOSED = 141


class _TerminatedError(BaseException):
    """SIGTERM came; not an Exception, so that no handler on the way takes it for a failure."""


class _Root(Group):
    """The group `overlap`; `main` is ours so that tests and the process behave alike."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run one command line and exit with its code."""
        sys.exit(_run(self, list(sys.argv[1:] if args is None else args)))


@click.group(cls=_Root, root=True, invoke_without_command=True, name="overlap")
@click.pass_context
@pass_settings
def cli(settings: Settings, context: click.Context) -> None:
    """Find out which threat indicators you and a partner both hold, and show nothing else."""
    if context.invoked_subcommand is None:
        show_welcome(settings)


for _command in (
    *(demo, init, join, inspect, ping, status, check, serve, result),
    *(receipt, audit, evidence, policy, keys, roster, alliance, config),
):
    cli.add_command(_command)


def main() -> NoReturn:
    """The entry point of the command `overlap`."""
    forbid_core_dumps()
    _mend_streams()
    threading.excepthook = _report_thread
    cli.main()


def _mend_streams() -> None:
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open to the end
    if sys.stdout is None:
        # Closed by whoever started us. Open for reading only: writing a result there must fail.
        sys.stdout = Path(os.devnull).open()  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that is not UTF-8 gets \u escapes instead of a traceback.
            stream.reconfigure(errors="backslashreplace")


def _report_thread(failed: threading.ExceptHookArgs) -> None:
    """Python would print the message of the exception, which may hold a value."""
    if isinstance(failed.exc_value, Exception):
        report_bug(failed.exc_value, Settings())


def _run(root: click.Group, args: list[str]) -> int:
    settings = Settings()
    # A usage error may come before the option was parsed; a script still gets its JSON.
    asked_json = "--json" in args
    code = 0
    try:
        with _signals():
            context = root.make_context("overlap", args, obj=settings)
            with context:
                root.invoke(context)
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except (PsiError, click.ClickException) as error:
        settings.json |= asked_json
        code = report(error if isinstance(error, PsiError) else from_click(error), settings)
    except OutputClosedError:
        # What is buffered can't be written any more, and must not be tried at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _PIPE_CLOSED
    except (KeyboardInterrupt, click.Abort):
        code = report_interrupt(settings, INTERRUPTED)
    except _TerminatedError:
        code = report_interrupt(settings, TERMINATED)
    except ImportError as error:
        code = _report_import(error, settings)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a report
        code = report_bug(error, settings)
    return code


def _report_import(error: ImportError, settings: Settings) -> int:
    """The kernel is chosen when it is imported: a wrong choice is the user's, the rest is ours."""
    if error.msg.startswith("OVERLAP_KERNEL"):
        return report(UsageError(error.msg, hint="unset OVERLAP_KERNEL"), settings)
    return report_bug(error, settings)


@contextmanager
def _signals() -> Iterator[None]:
    """
    While it is open, SIGTERM unwinds the stack as Ctrl-C does, so that state is kept.

    SIGUSR1 asks for progress; it must not end a command that has none to show.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, _on_sigterm),
        signal.SIGUSR1: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _on_sigterm(_: int, __: FrameType | None) -> None:
    raise _TerminatedError

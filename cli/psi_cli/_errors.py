# SPDX-License-Identifier: Apache-2.0
"""
The one form in which every failure is said: `overlap: error: WHAT [slug]` and a hint.

With `--json` stdout stays empty and the last line of stderr is an `overlap-error/1` object.
"""

import json
import os
from pathlib import Path

import click

from psi.errors import PsiError, UsageError
from psi.trust.home import find_home
from psi_cli._bug import trace, write_report
from psi_cli._format import rfc3339
from psi_cli._settings import Settings

__all__ = ["INTERRUPTED", "TERMINATED", "from_click", "report", "report_bug", "report_interrupt"]

INTERRUPTED = 130
TERMINATED = 143


def from_click(error: click.ClickException) -> UsageError:
    """A usage error of click in our own words' form."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if type(error) is click.UsageError and context and isinstance(context.command, click.Group):
        # The only usage error of a group that is no subclass: it was given no command.
        message = f"{context.command_path} needs a command: {', '.join(context.command.commands)}"
    elif isinstance(error, click.NoSuchOption):
        close = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        message = f"no option {error.option_name}{close}"
    else:
        text = error.format_message().strip().rstrip(".")
        message = text[:1].lower() + text[1:]
    hint = f"`{context.command_path} --help` shows the usage" if context else None
    return UsageError(message, hint=hint)


def report(error: PsiError, settings: Settings) -> int:
    """Say a failure that the project explains; gives the exit code."""
    if error.slug == "bug":
        return report_bug(error, settings, message=error.message)
    outcome = error.outcome
    return _say(
        settings,
        exit_code=outcome.exit_code,
        end=outcome.end,
        slug=error.slug,
        message=error.message,
        hint=error.hint,
        detail=dict(error.detail),
        cause=error,
    )


def report_bug(error: Exception, settings: Settings, *, message: str | None = None) -> int:
    """Say an unexpected failure and leave a file without values; gives the exit code."""
    state = find_home(settings.home, os.environ) / "state"
    file = write_report(error, [state, Path.cwd()])
    kept = f"; {settings.kept}" if settings.kept else ""
    hint = f"report {file}: versions and a traceback, no values" if file else "run it with -vv"
    return _say(
        settings,
        exit_code=1,
        end="internal",
        slug="bug",
        message=message or f"unexpected failure ({type(error).__name__}){kept}",
        hint=hint,
        detail={},
        cause=error,
    )


def report_interrupt(settings: Settings, code: int) -> int:
    """Say that a person or the system stopped us, and how to go on; gives the exit code."""
    word = "interrupted" if code == INTERRUPTED else "stopped by SIGTERM"
    kept = settings.kept
    return _say(
        settings,
        exit_code=code,
        end="aborted",
        slug="not-finished",
        message=f"{word}; {kept}" if kept else f"{word}; nothing was kept",
        hint="run the same command again to go on" if kept else "run it again",
        detail={},
        cause=None,
    )


def _say(
    settings: Settings,
    *,
    exit_code: int,
    end: str,
    slug: str,
    message: str,
    hint: str | None,
    detail: dict[str, int | str],
    cause: BaseException | None,
) -> int:
    screen = settings.screen
    screen.failure("error", f"{message} [{slug}]")
    if hint:
        screen.failure("hint", hint)
    if settings.verbose and detail:
        screen.failure("detail", ", ".join(f"{key} {value}" for key, value in detail.items()))
    if settings.verbose > 1 and cause is not None:
        screen.say(trace(cause).rstrip("\n"))
    if settings.json:
        fields: dict[str, object] = {
            "format": "overlap-error/1",
            "exit": exit_code,
            "end": end,
            "error": slug,
            "message": message,
        }
        if hint:
            fields["hint"] = hint
        for key, value in detail.items():
            fields.setdefault(key, _for_json(key, value))
        screen.say(json.dumps(fields, separators=(",", ":")))
    return exit_code


def _for_json(key: str, value: int | str) -> int | str:
    """Unix seconds become RFC 3339, as every time in our JSON."""
    return rfc3339(value) if key.endswith("_at") and isinstance(value, int) else value

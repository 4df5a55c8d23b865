# SPDX-License-Identifier: Apache-2.0
"""What the global options say, in one object that every command gets."""

from dataclasses import dataclass
from pathlib import Path

import click

from psi_cli._print import ColorMode, Screen

__all__ = ["Settings", "pass_settings"]


@dataclass(slots=True)
class Settings:
    """Filled while the command line is parsed, from options before and after the command."""

    home: Path | None = None
    json: bool = False
    verbose: int = 0
    quiet: bool = False
    color: ColorMode = "auto"
    # What Ctrl-C, SIGTERM or a bug leaves behind; a command that keeps state says so here.
    kept: str | None = None

    @property
    def screen(self) -> Screen:
        """The writer for this command."""
        return Screen(color=self.color, quiet=self.quiet)


pass_settings = click.make_pass_decorator(Settings, ensure=True)

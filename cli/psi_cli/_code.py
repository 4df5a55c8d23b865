# SPDX-License-Identifier: Apache-2.0
"""Comparing a verification code: by a person, or with the one that a script was given."""

from collections.abc import Callable
from typing import Any

import click

from psi.errors import RefusedError
from psi_cli._settings import Settings
from psi_cli._tty import confirm

__all__ = ["code_options", "compare_code"]


def code_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--code` and `--yes`."""
    function = click.option(
        "--yes", is_flag=True, help="Skip the question: the code was compared, or need not be."
    )(function)
    return click.option(
        "--code", metavar="CODE", help="The code that was read to you, 30 digits; for scripts."
    )(function)


def compare_code(
    settings: Settings, shown: str, question: str, *, code: str | None, yes: bool
) -> None:
    """
    Go on only when the code of a file is the one that its owner read out.

    Args:
        settings: Decide whether a person can be asked.
        shown: The code that follows from the file.
        question: For a person, who sees the code above it.
        code: What `--code` says; spaces and dashes do not count.
        yes: `--yes`: do not ask.

    Raises:
        RefusedError: The codes differ (`code-differs`).
        UsageError: Nobody can be asked.
    """
    if code is not None:
        given = "".join(character for character in code if character.isdigit())
        if given != shown.replace(" ", ""):
            raise RefusedError(
                "the code differs from the one that you gave; nothing was changed",
                slug="code-differs",
                hint=f"the file's code is {shown}; if it was read to you otherwise, the file was "
                "replaced on its way: get it again",
            )
        return
    if not yes and not confirm(settings, question, flag="--code CODE"):
        raise RefusedError(
            "the code was not confirmed; nothing was changed",
            slug="code-differs",
            hint="compare the codes by phone, then run it again",
        )

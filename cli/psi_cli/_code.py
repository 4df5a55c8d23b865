# SPDX-License-Identifier: Apache-2.0
"""Comparing a verification code: by a person, or with the one that a script was given."""

from collections.abc import Callable
from typing import Any

import click

from psi.errors import RefusedError
from psi.trust.codes import compare_code
from psi_cli._settings import Settings
from psi_cli._tty import confirm

__all__ = ["code_options", "confirm_code"]


def code_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--code` and `--yes`."""
    function = click.option(
        "--yes", is_flag=True, help="Skip the question: the code was compared, or need not be."
    )(function)
    return click.option(
        "--code", metavar="CODE", help="The code that was read to you, 30 digits; for scripts."
    )(function)


def confirm_code(
    settings: Settings, whose: str, shown: str, question: str, *, code: str | None, yes: bool
) -> None:
    """
    Go on only when the code of a file is the one that its owner read out.

    Args:
        settings: Decide whether a person can be asked.
        whose: The name of the principal or the alliance.
        shown: The code that follows from the file.
        question: For a person, who sees the code above it.
        code: What `--code` says.
        yes: `--yes`: do not ask.

    Raises:
        RefusedError: The codes differ, or the person says no (`code-differs`).
        UsageError: Nobody can be asked, or `code` is none.
    """
    if code is not None:
        compare_code(whose, shown, code)
        return
    about = f"{'code':10} {shown} for {whose}"
    if not yes and not confirm(settings, question, flag="--code CODE", about=about):
        raise RefusedError(
            f"the code of {whose} was not confirmed; nothing was changed",
            slug="code-differs",
            hint="compare the codes by phone, then run it again",
        )

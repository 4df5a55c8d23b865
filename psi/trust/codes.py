# SPDX-License-Identifier: Apache-2.0
"""Comparing a verification code that a person typed or a script was given."""

import hmac

from psi.errors import RefusedError, UsageError

__all__ = ["compare_code"]


def compare_code(whose: str, code: str, typed: str) -> None:
    """
    Refuse unless the typed code is the code; spaces and hyphens do not count.

    Args:
        whose: Name of the principal or alliance, for the message.
        code: From `verification_code`.
        typed: What the other side read out; all 30 digits.

    Raises:
        UsageError: It is not 30 digits, so somebody mistyped.
        RefusedError: It is another code (`code-differs`).
    """
    digits = "".join(typed.replace("-", " ").split())
    if len(digits) != 30 or not (digits.isascii() and digits.isdigit()):
        raise UsageError(
            f"code: expected 30 digits, got {len(digits)} characters",
            hint="all six groups of five, as the other side reads them",
        )
    if not hmac.compare_digest(digits, code.replace(" ", "")):
        raise RefusedError(
            f"the code of {whose} is another one; nothing was accepted",
            slug="code-differs",
            hint="the file is not the one that they made: ask for it on another channel",
        )

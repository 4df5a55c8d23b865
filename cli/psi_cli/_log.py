# SPDX-License-Identifier: Apache-2.0
"""
The log of commands that stay in the foreground: one line an event on stderr.

A traceback in a log is written without values, as in a bug report.
"""

import json
import logging
import os
import sys
import time
from types import TracebackType
from typing import Final, Literal

from psi.errors import UsageError
from psi.results.text import escape
from psi_cli._bug import trace
from psi_cli._format import rfc3339
from psi_cli._settings import Settings

__all__ = ["LogFormat", "start_log"]

LogFormat = Literal["text", "json"]
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# What a log call may add with `extra=`, beside the text.
_FIELDS: Final = ("run", "peer", "part", "count", "seconds", "error")
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class _WithoutValues(logging.Formatter):
    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - the library's name
        return trace(ei[1]).rstrip("\n") if ei[1] is not None else ""


class _Text(_WithoutValues):
    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.created))
        line = f"{moment} {record.levelname.lower():7} {escape(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(_WithoutValues):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            # A type of the audit log, with what it says beside it; else what was said.
            "event": getattr(record, "event", record.getMessage()),
        }
        values = {name: getattr(record, name, None) for name in _FIELDS}
        fields |= {name: value for name, value in values.items() if value is not None}
        if hasattr(record, "event"):
            fields["text"] = record.getMessage()
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info).splitlines()
        return json.dumps(fields)


def start_log(settings: Settings, form: LogFormat) -> None:
    """
    Send the logger `overlap` to stderr; `-q` leaves warnings, `-v` adds details.

    Raises:
        UsageError: OVERLAP_LOG names no level.
    """
    level = logging.DEBUG if settings.verbose else logging.INFO
    named = os.environ.get("OVERLAP_LOG", "")
    if named:
        if named not in _LEVELS:
            raise UsageError(f"OVERLAP_LOG: expected {', '.join(_LEVELS)}, got {named!r}")
        level = _LEVELS[named]
    if settings.quiet:
        level = max(level, logging.WARNING)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logger = logging.getLogger("overlap")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False

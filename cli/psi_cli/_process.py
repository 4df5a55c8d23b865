# SPDX-License-Identifier: Apache-2.0
"""What this process asks of the system before it has a secret."""

import ctypes
import resource
import sys
from typing import Final

__all__ = ["forbid_core_dumps"]

# linux/prctl.h
_PR_SET_DUMPABLE: Final = 4


def forbid_core_dumps() -> None:
    """
    Keep our memory, which holds keys and indicators, out of core dumps, as far as the system can.

    The limit keeps a file from being written. Where the system pipes dumps to a program, which the
    limit does not stop, Linux is told that there is nothing to dump; debuggers of the same user
    then have no access either.
    """
    # A filter of system calls, as in the unit of docs/examples, may end whoever sets a limit.
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A system that refuses leaves us where we were.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

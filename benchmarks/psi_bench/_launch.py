# SPDX-License-Identifier: Apache-2.0
"""
Start a command, wait for it, and tell what it took: `python -S _launch.py ACCOUNT WORD...`.

A process of its own and a small one: what the operating system calls the peak memory of a child
begins with that of whoever started it.
"""

import json
import os
import signal
import sys
import time


def main() -> int:
    """Run the words; write {"cpu_s", "wall_s", "peak_mb"} to ACCOUNT; pass SIGTERM on."""
    account, words = sys.argv[1], sys.argv[2:]
    started = time.monotonic()
    child = os.spawnvp(os.P_NOWAIT, words[0], words)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
    _, status, usage = os.wait4(child, 0)
    cost = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "wall_s": round(time.monotonic() - started, 3),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }
    with open(account, "w") as file:  # noqa: PTH123  # this process imports as little as it can
        json.dump(cost, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What a process of the command line asks of the system."""

import json
import sys

import pytest
from cli.support import run_process

SCRIPT = """
import ctypes, json, resource, sys
import psi_cli.main
psi_cli.main.cli.main = lambda: None
psi_cli.main.main()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else None
print(json.dumps([resource.getrlimit(resource.RLIMIT_CORE), dumpable]))
"""


def test_process_of_a_command_expect_no_core_dump() -> None:
    """Its memory holds keys and indicators, and crash reporters upload what they find."""
    limits, dumpable = json.loads(run_process(script=SCRIPT).stdout)
    assert limits == [0, 0]
    if sys.platform == "linux":
        assert dumpable == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/fd in /proc")
def test_process_that_is_not_dumpable_expect_it_still_reads_its_descriptors() -> None:
    """Shells hand over `<(command)` as a file of /dev/fd, also to a user who is not root."""
    script = """
import os
from psi_cli._process import forbid_core_dumps
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
reading, writing = os.pipe()
os.write(writing, b"198.51.100.7")
forbid_core_dumps()
print(os.read(os.open(f"/dev/fd/{reading}", os.O_RDONLY), 100))
"""
    ended = run_process(script=script)
    assert ended.stdout == "b'198.51.100.7'\n", ended.stderr

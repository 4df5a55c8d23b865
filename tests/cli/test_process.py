# SPDX-License-Identifier: Apache-2.0
"""What a process of the command line asks of the system."""

import json
import resource
import sys

import pytest
from cli.support import run_process

from psi_cli._process import forbid_core_dumps

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


def test_limit_that_is_zero_already_expect_it_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit of docs/examples has the limit set, and kills who sets one."""

    def refuse(*_: object) -> None:
        raise AssertionError("a limit was set")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(sys, "platform", "other")
    forbid_core_dumps()


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

# SPDX-License-Identifier: Apache-2.0
"""On a file system that is really full nothing is answered that can't be recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.store import full_child

TESTS = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size=512k,mode=700 none "$1" && exec "$2" "$3" "$1"'


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("full")
    arguments = ["sh", "-c", MOUNT, "sh", str(folder), sys.executable, full_child.__file__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    try:
        subprocess.run(["unshare", "--mount", "--map-root-user", "true"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mount namespaces here")
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    assert not list(folder.iterdir()), "the full file system was the child's alone"
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("call", ["open_session", "record_chunk", "table", "evidence", "run"])
def test_call_on_a_full_disk_is_refused_as_disk_full(found: dict[str, Any], call: str) -> None:
    slug, message, hint = found[call]
    assert slug == "disk-full"
    assert message.startswith("cannot record this run: no space in ")
    assert message.endswith("; nothing was answered or sent")
    assert hint == "free space, run it again"


def test_session_that_found_no_space_is_neither_charged_nor_recorded(
    found: dict[str, Any],
) -> None:
    assert found["charged"] is True, "usage is that of the answered sessions"
    assert found["recorded"] is False


def test_old_file_stays_and_no_half_file_is_left(found: dict[str, Any]) -> None:
    assert found["old table"] == "old"
    assert found["left over"] == []


def test_ledger_goes_on_when_there_is_space_again(found: dict[str, Any]) -> None:
    assert found["after"] is True

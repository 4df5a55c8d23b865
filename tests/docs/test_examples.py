# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/examples fit the program and what the documents say of them."""

import json
import re
import shlex

from docs.generate import ROOT
from docs.test_references import faults_of
from prometheus_client import generate_latest

from psi.app.metrics import Facts, Metrics

EXAMPLES = ROOT / "docs" / "examples"
UNIT = (EXAMPLES / "overlap.service").read_text()
UNATTENDED = (ROOT / "docs" / "unattended.md").read_text()


def setting(name: str) -> list[str]:
    """The values of a key of the unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def test_command_of_the_unit_exists() -> None:
    """With every option, and the unlock file from the credential that the unit loads."""
    (command,) = setting("ExecStart")
    words = shlex.split(command)
    assert words[0].endswith("/overlap")
    assert list(faults_of(" ".join(["overlap", *words[1:]]))) == []
    (credential,) = setting("LoadCredentialEncrypted")
    assert f"${{CREDENTIALS_DIRECTORY}}/{credential.partition(':')[0]}" in words


def test_unit_keeps_the_home_private_and_does_not_loop() -> None:
    """The state folder is 0700 and no link; exit codes that do not mend themselves end it."""
    assert setting("StateDirectoryMode") == ["0700"]
    assert setting("DynamicUser") == []
    assert setting("RestartPreventExitStatus") == ["2 4"]
    assert setting("LimitCORE") == ["0"]


def test_command_of_the_container_exists() -> None:
    """And it does not run as root."""
    text = (EXAMPLES / "Containerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert list(faults_of(" ".join(["overlap", *json.loads(command)]))) == []
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["overlap"]


def test_table_of_metrics_equals_what_is_served() -> None:
    """Names and labels of every metric."""
    facts = Facts(
        roster_version=1, certificate_not_after=1, audit_records=1, budget_left={"acme-corp": 1}
    )
    metrics = Metrics(lambda: facts)
    metrics.opened("acme-corp", 1)
    metrics.part_answered(1)
    metrics.ended("acme-corp", "done", 1, 1)
    metrics.refused("acme-corp", "busy")
    served: dict[str, set[str]] = {}
    for line in generate_latest(metrics.registry).decode().splitlines():
        match = re.fullmatch(r"(\w+?)(?:_bucket|_count|_sum)?(?:\{(.*)\})? \S+", line)
        if not line.startswith("#") and match is not None:
            labels = set(re.findall(r'(\w+)="', match[2] or "")) - {"le"}
            served.setdefault(match[1], set()).update(labels)
    rows = re.findall(r"^\| `(overlap_\w+)` \| (.*?) \|", UNATTENDED, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == served

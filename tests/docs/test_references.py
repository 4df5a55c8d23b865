# SPDX-License-Identifier: Apache-2.0
"""Links, commands, make targets and paths that the documents name are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docs.generate import ROOT, document_names

from psi_cli.main import cli

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
_SHOWN = re.compile(r"^(?!\w+\$ ).*\n", re.MULTILINE)
_COMMAND = re.compile(r"(?:^\s*(?:\w+\$ |\$ )?|`)(overlap(?: [^`\n|&]+)?)", re.MULTILINE)
_TARGET = re.compile(r"\bmake ([a-z-]+)")
_PATH = re.compile(r"`((?:psi|cli|tests|docs|protos|benchmarks)/[\w./-]+)`")
_HAND_WRITTEN = [path for path in document_names() if path.name not in ("commands.md", "errors.md")]


def anchor(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """All anchors of a document."""
    return {anchor(heading) for heading in _HEADING.findall(_FENCED.sub("", path.read_text()))}


@pytest.mark.parametrize("path", document_names(), ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    """Files of the project and headings in them; what is on the web is not followed."""
    lost = []
    for target in _LINK.findall(_CODE.sub("", _FENCED.sub("", path.read_text()))):
        if target.startswith(("https://", "http://")):
            continue
        file, _, heading = target.partition("#")
        found = path.parent / file if file else path
        if not found.exists() or (heading and heading not in anchors(found)):
            lost.append(target)
    assert lost == []


def written_by_hand(path: Path) -> str:
    """A document without its generated parts, and without what commands have shown."""
    text = _GENERATED.sub("", path.read_text())
    return _FENCED.sub(lambda block: _SHOWN.sub("", block[0]), text)


def _known_options(command: click.Command) -> set[str]:
    options = {name for parameter in command.params for name in parameter.opts}
    return options | {"--help"}


def faults_of(line: str) -> Iterator[str]:
    """What a command line of a document names that the program does not have."""
    words = line.split()[1:]
    command: click.Command = cli
    known = _known_options(cli)
    while words and isinstance(command, click.Group):
        word = words.pop(0)
        if word.startswith("-"):
            if word not in known:
                yield f"{line}: no option {word}"
            continue
        if word not in command.commands:
            # `overlap X|Y` and names in capitals are text about commands.
            if re.fullmatch(r"[a-z]+", word):
                yield f"{line}: no command {word}"
            return
        command = command.commands[word]
        known |= _known_options(command)
    for word in words:
        option = word.partition("=")[0].rstrip(",.;:)")
        if re.fullmatch(r"--[a-z-]+|-[a-z]", option) and option not in known:
            yield f"{line}: no option {option}"


@pytest.mark.parametrize("path", _HAND_WRITTEN, ids=lambda path: path.name)
def test_commands_of_a_document_exist(path: Path) -> None:
    """No document shows a command or an option that is only planned."""
    lines = [
        match[1]
        for match in _COMMAND.finditer(written_by_hand(path))
        if not match[1].startswith(("overlap:", "overlap-"))
    ]
    assert [fault for line in lines for fault in faults_of(line)] == []


@pytest.mark.parametrize(
    "line", ["overlap chekc beta-bank", "overlap check --fast", "overlap roster mend", "overlap -x"]
)
def test_command_that_does_not_exist_is_found(line: str) -> None:
    """The check itself would notice."""
    assert list(faults_of(line)) != []


def test_make_targets_that_are_named_exist() -> None:
    """In README and CONTRIBUTING, every `make X`."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for name in ("README.md", "CONTRIBUTING.md")
        for line in re.findall(
            r"`make [^`]+`|^    make .*", (ROOT / name).read_text(), re.MULTILINE
        )
        for target in _TARGET.findall(line)
    }
    assert named
    assert named - targets == set()


@pytest.mark.parametrize("path", _HAND_WRITTEN, ids=lambda path: path.name)
def test_paths_that_a_document_names_exist(path: Path) -> None:
    """`psi/...`, `tests/...` in backticks; a pattern with capitals stands for several."""
    named = {name for name in _PATH.findall(path.read_text()) if not re.search(r"[A-Z]{2}", name)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_documents_name_no_folder_of_this_machine() -> None:
    """They are written for every machine."""
    places = {str(ROOT), str(ROOT.parent), str(Path.home())} - {"/"}
    for path in document_names():
        text = path.read_text()
        assert [place for place in places if place in text] == [], path.name


def test_readme_is_short() -> None:
    """Under 120 lines, so that it is read."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 120

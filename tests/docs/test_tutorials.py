# SPDX-License-Identifier: Apache-2.0
"""The tutorials, run as they are written: real processes, real certificates, real output."""

from pathlib import Path

import pytest
from docs.console import ROOT, Stage, Step, blocks_of, comparable, run_document

TUTORIALS = ("member.md", "operator.md")


@pytest.mark.parametrize("name", TUTORIALS)
def test_transcripts_of_a_tutorial_equal_what_the_commands_show(name: str, tmp_path: Path) -> None:
    """Codes, dates, run ids, durations and sizes aside, every line is as printed."""
    text = (ROOT / "docs" / name).read_text()
    _, acted = run_document(text, tmp_path)
    assert len(acted) >= 8, "the blocks of the document are found"
    for step, shown in acted:
        said = f"{step.person}$ {step.command}\n{step.shown}"
        assert comparable(said) == comparable(f"{step.person}$ {step.command}\n{shown}")


def test_demo_shows_what_the_readme_says(tmp_path: Path) -> None:
    """The block of the README is how the demo begins."""
    readme = (ROOT / "README.md").read_text()
    said = readme.split("```text\n", 1)[1].split("```", 1)[0]
    with Stage(tmp_path) as stage:
        shown = stage.act(Step("anybody", "overlap demo", said))
    assert comparable(shown).startswith(comparable(said))


def test_blocks_by_hand_are_not_run() -> None:
    """What can't be repeated at will is marked, and only that is left out."""
    text = "<!-- by hand -->\n```console\na$ x\n```\n\n```console\nb$ y\nz\n```\n"
    (block,) = blocks_of(text)
    assert [(step.person, step.command, step.shown) for step in block.steps] == [("b", "y", "z\n")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("code 12345 12345 12345 12345 12345 12345", "code 54321 54321 54321 54321 54321 54321"),
        ("until Mon 2026-11-30 00:00 UTC", "until Thu 2027-01-07 00:00 UTC"),
        ("0.4 s, 76 kB", "12 s, 1.3 MB"),
        ("run 9b604365d5 with", "run 0123456789 with"),
        ("in 5 days 10 h)", "in 6 h 59 min)"),
    ],
)
def test_comparable_drops_what_differs_from_run_to_run(one: str, other: str) -> None:
    """Two runs of one command compare as equal."""
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 of your 6", "4 of your 6"),
        ("8 checks a week", "7 checks a week"),
        ("roster 1", "roster 2"),
    ],
)
def test_comparable_keeps_what_matters(one: str, other: str) -> None:
    """A wrong count, limit or version shows."""
    assert comparable(one) != comparable(other)

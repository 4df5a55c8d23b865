# SPDX-License-Identifier: Apache-2.0
"""docs/formats.md names the fields and keys that the code has, and no other."""

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pymisp
import pytest
from docs.generate import ROOT
from unit.results.support import make_match, make_result

from psi.results import csv_table
from psi.results.formats import FORMATS
from psi.results.json_file import stream_json
from psi.results.misp import stream_misp
from psi.results.result import CheckResult, Sizes
from psi.store import evidence
from psi.trust import formats
from psi.trust.config import Config
from psi.trust.policy import Policy

TEXT = (ROOT / "docs" / "formats.md").read_text()
_KEY_CALL = re.compile(
    r"\b(?:words|wholes|text|duration|whole|flag|choice|one_of|table)\(\s*\"(\w+)\""
)


def section(heading: str) -> str:
    """The text under a heading of the second level."""
    return TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(heading: str) -> list[str]:
    """The names in backticks in the first column of the table under a heading."""
    rows = re.findall(r"^\| (`.*?`) \|", section(heading), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_fields_of_a_result_equal_the_object() -> None:
    """In the same order."""
    result = CheckResult(
        client="acme-corp",
        server="beta-bank",
        run="0" * 10,
        session="0" * 64,
        profile="0" * 64,
        started_at="2026-11-23T09:14:00Z",
        ended_at="2026-11-23T09:14:01Z",
        end="done",
        sizes=Sizes(client=1, client_bucket=1024, server_bucket=1024, client_by_kind={"ip": 1}),
        matches=(),
        by_kind={},
        proofs_verified=True,
        parts=1,
        bytes={},
        budget={},
        resumed=False,
        seconds={},
    )
    made = json.loads("".join(stream_json(result)))
    assert first_cells("The result") == list(made)
    for name in made["sizes"]:
        assert f"`{name}`" in section("The result")
    assert ",".join(csv_table.COLUMNS) in section("The result in other formats")


def test_formats_of_a_result_are_named() -> None:
    """Every writer has a row, and every row is a writer."""
    rows = re.findall(r"^\| `(\w+)` \| ", section("The result in other formats"), re.MULTILINE)
    assert tuple(rows) == FORMATS


class _Misp:
    """Stands in for a MISP server: one attribute is known by its uuid, another by its value."""

    def __init__(self) -> None:
        self.tagged: list[tuple[str, str, bool]] = []

    def search(self, *arguments: Any, **named: Any) -> list[str]:
        bound = inspect.signature(pymisp.PyMISP.search).bind(self, *arguments, **named).arguments
        assert bound["controller"] == "attributes"
        known = bound.get("uuid") == _OWN or bound.get("value") == "b.example"
        return [str(bound.get("value", "by uuid"))] if known else []

    def tag(self, *arguments: Any, **named: Any) -> None:
        bound = inspect.signature(pymisp.PyMISP.tag).bind(self, *arguments, **named).arguments
        self.tagged.append((bound["misp_entity"], bound["tag"].name, bound["local"]))


_OWN = "1af5e1b2-7c1f-4f5e-9d35-3a1c6d1c2b3a"


def test_lines_that_apply_misp_tags_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By uuid where it is known, else by value, and always local."""
    lines = section("MISP").split("```python\n", 1)[1].split("```", 1)[0]
    result = make_result([make_match("a.example", id=_OWN), make_match("b.example")])
    (tmp_path / "tags.json").write_text("".join(stream_misp(result)))
    monkeypatch.chdir(tmp_path)
    server = _Misp()
    exec(lines, {"MISPEvent": pymisp.MISPEvent, "misp": server})
    tag = 'overlap:also-held-by="beta-bank"'
    assert server.tagged == [("by uuid", tag, True), ("b.example", tag, True)]


@pytest.mark.parametrize("kind", [formats.RequestFile, formats.RosterFile])
def test_fields_of_enrolment_files_are_named(kind: type) -> None:
    """Beside `format`, which all have."""
    named = re.findall(r"`(\w+)`", section("Files of enrolment"))
    assert set(kind.__annotations__) - {"format"} <= set(named)


def test_fields_of_evidence_equal_the_file() -> None:
    """In the same order."""
    fields = [name for name in evidence._File.__annotations__ if name != "format"]
    assert first_cells("Evidence") == fields


def test_names_of_objects_equal_those_that_commands_print() -> None:
    """`overlap-NAME/1` of every `screen.object("NAME", ...)`."""
    sources = "".join(path.read_text() for path in (ROOT / "cli" / "psi_cli").rglob("*.py"))
    printed = set(re.findall(r"screen\.object\(\s*\"([a-z-]+)\"", sources))
    documented = set(re.findall(r"`overlap-([a-z-]+)/1`", section("Other objects")))
    assert documented == printed


def _keys_in(source: str) -> set[str]:
    return set(_KEY_CALL.findall((ROOT / source).read_text()))


@pytest.mark.parametrize(
    ("heading", "source"),
    [("overlap.toml", "psi/trust/config.py"), ("policy.toml", "psi/trust/policy.py")],
)
def test_keys_of_a_toml_file_equal_those_of_its_parser(heading: str, source: str) -> None:
    """Every key that the parser asks for has a row, and every row is a key."""
    documented = {part for key in first_cells(heading) for part in key.split(".")} - {"NAME"}
    assert documented == _keys_in(source)


def _toml_of(heading: str) -> bytes:
    match = re.search(r"```toml\n(.*?)```", section(heading), re.DOTALL)
    assert match is not None
    return match[1].encode()


def test_example_of_overlap_toml_is_accepted() -> None:
    """And says what it seems to say."""
    config = Config.parse(_toml_of("overlap.toml"))
    assert config.listen == "[::]:9497"
    assert config.set.paths == ("/srv/feeds",)
    assert config.address_of("beta-bank", "") == "10.8.0.2:9497"


def test_defaults_of_policy_toml_are_those_of_an_empty_file() -> None:
    """What `init` writes changes nothing."""
    written = Policy.parse(_toml_of("policy.toml"))
    empty = Policy.parse(b"version = 1\n")
    assert tomllib.loads(_toml_of("policy.toml").decode())["version"] == 1
    for name in ("kinds", "tlp_max", "min_set", "rules", "limits", "group", "peers"):
        assert getattr(written, name) == getattr(empty, name), name


def test_files_of_a_home_are_named(tmp_path: Path) -> None:
    """Every folder that a new home gets has a row."""
    from psi.trust.home import _FOLDERS

    named = " ".join(first_cells("The home"))
    for folder in _FOLDERS["principal"]:
        assert f"{folder}/" in named
    assert "requests/" in section("The home")

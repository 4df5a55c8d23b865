# SPDX-License-Identifier: Apache-2.0
"""
The layers of docs/architecture.md: an arrow of an import may only point to the left.

Imports are read from the sources, not observed, so an import inside a function or behind
TYPE_CHECKING counts as well.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {"psi": ROOT / "psi", "psi_bench": ROOT / "benchmarks", "psi_cli": ROOT / "cli"}

# From left to right; layers in one set do not know each other.
ORDER: tuple[frozenset[str], ...] = (
    frozenset({"_version", "encoding", "errors", "_native", "proto"}),
    frozenset({"indicators"}),
    frozenset({"crypto"}),
    frozenset({"protocol"}),
    frozenset({"results"}),
    frozenset({"store", "trust"}),
    frozenset({"transport"}),
    frozenset({"app"}),
    frozenset({"psi_bench"}),
    frozenset({"psi_cli"}),
)
RANK = {layer: rank for rank, layers in enumerate(ORDER) for layer in layers}

# Who alone may import it; everybody else must not know that it exists.
ONLY_IN: dict[str, frozenset[str]] = {
    "psi.proto": frozenset({"proto", "transport"}),
    "grpc": frozenset({"proto", "transport"}),
    "google": frozenset({"proto", "transport"}),
    "sqlite3": frozenset({"store"}),
    "click": frozenset({"psi_cli"}),
}

# What a pure layer must not touch: sockets, files, threads, clocks.
_WORLD = frozenset({"socket", "ssl", "os", "pathlib", "threading", "time", "datetime"})
FORBIDDEN: dict[str, frozenset[str]] = {
    "crypto": _WORLD,
    "protocol": _WORLD,
    "results": frozenset({"socket", "ssl", "threading"}),
    "store": frozenset({"socket", "ssl"}),
    "trust": frozenset({"socket", "ssl"}),
}


@dataclass(frozen=True)
class Import:
    """One imported module, by whom and where."""

    layer: str
    module: str
    where: str


def layer_of(module: str) -> str:
    """`psi.store.ledger` -> store, `psi_cli.main` -> psi_cli."""
    parts = module.split(".")
    return parts[1] if parts[0] == "psi" and len(parts) > 1 else parts[0]


def imports_of(source: str, layer: str, where: str) -> Iterator[Import]:
    """Every module that a source names in an import, with what is imported from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where}:{node.lineno}: imports are absolute"
            assert node.module is not None
            # `from psi import errors` names the module in its second half.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (Import(layer, name, f"{where}:{node.lineno}") for name in names)


def faults_of(found: Import) -> list[str]:
    """What is wrong with an import, in words."""
    head = found.module.split(".")[0]
    faults = []
    if head in SOURCES:
        target = layer_of(found.module)
        if target not in RANK:
            return [f"{found.where}: {found.module} belongs to no layer"]
        right = RANK[target] > RANK[found.layer]
        beside = RANK[target] == RANK[found.layer] and target != found.layer
        if right or beside:
            faults.append(f"{found.where}: {found.layer} must not know {target}")
    for name, allowed in ONLY_IN.items():
        if f"{found.module}.".startswith(f"{name}.") and found.layer not in allowed:
            faults.append(f"{found.where}: {found.layer} must not know {name}")
    if head in FORBIDDEN.get(found.layer, frozenset()):
        faults.append(f"{found.where}: {found.layer} must not know {head}")
    return faults


def all_imports() -> Iterator[Import]:
    """The imports of every source of the project."""
    for package, folder in SOURCES.items():
        for path in sorted((folder if package == "psi" else folder / package).rglob("*.py")):
            module = ".".join(path.relative_to(folder.parent if package == "psi" else folder).parts)
            layer = layer_of(module.removesuffix(".py"))
            if layer == "__init__":
                continue
            yield from imports_of(path.read_text(), layer, str(path.relative_to(ROOT)))


def test_imports_of_all_layers_point_to_the_left() -> None:
    """The rule of docs/architecture.md holds in every source file."""
    found = list(all_imports())
    assert len(found) > 500, "the walk finds the sources"
    faults = [fault for each in found for fault in faults_of(each)]
    assert faults == []


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("errors", "from psi.crypto import voprf"),
        ("crypto", "import psi.protocol.sizes"),
        ("protocol", "from psi import store"),
        ("protocol", "def late() -> None:\n    from psi.transport.client import PeerChannel"),
        ("store", "from psi.trust.files import write_private"),
        ("trust", "from psi.store.database import Database"),
        ("app", "from psi_cli.main import cli"),
        ("psi_bench", "import psi_cli"),
        ("protocol", "import grpc"),
        ("store", "from google.protobuf.message import DecodeError"),
        ("app", "import click"),
        ("app", "import sqlite3"),
        ("app", "from psi.proto.v1 import pairwise_pb2"),
        ("crypto", "import time"),
        ("protocol", "from psi.nowhere import thing"),
    ],
)
def test_import_that_points_right_is_found(layer: str, source: str) -> None:
    """The check itself would notice: each of these is an arrow that must not exist."""
    assert [fault for each in imports_of(source, layer, "x.py") for fault in faults_of(each)]


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("app", "from psi.transport.client import PeerChannel"),
        ("transport", "import grpc"),
        ("store", "from psi.protocol.ledger import Ledger"),
        ("psi_cli", "import psi.errors, click"),
        ("crypto", "from psi._native import kernel"),
        ("protocol", "import hashlib"),
    ],
)
def test_import_that_points_left_is_no_fault(layer: str, source: str) -> None:
    """The check does not cry wolf."""
    assert not [fault for each in imports_of(source, layer, "x.py") for fault in faults_of(each)]


_WITHOUT_GRPC = """
import importlib, importlib.abc, pkgutil, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("grpc", "google", "click"):
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Absent())
import psi

count = 0
for found in pkgutil.walk_packages(psi.__path__, "psi.", onerror=lambda name: None):
    if found.name.startswith(("psi.proto.", "psi.transport.", "psi.app.")) or found.name in (
        "psi.transport",
        "psi.app",
    ):
        continue
    importlib.import_module(found.name)
    count += 1
print(count)
"""


def test_psi_imports_when_grpc_is_absent() -> None:
    """All layers left of the transport work where neither grpc nor protobuf is installed."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_GRPC], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50

# SPDX-License-Identifier: Apache-2.0
"""`overlap config show`: what holds for this home, and where each value comes from."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from psi.results.text import escape
from psi.trust.config import Config
from psi.trust.home import Home, find_home
from psi.trust.unlock import find_unlock_file
from psi_cli._command import Group
from psi_cli._format import duration
from psi_cli._home import unlock_option
from psi_cli._settings import Settings, pass_settings

__all__ = ["config"]

_FILE = "overlap.toml"


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    value: object
    shown: str
    origin: str


@click.group(cls=Group)
def config() -> None:
    """The settings of this installation."""


@config.command(example="overlap config show")
@unlock_option
@pass_settings
def show(settings: Settings, *, unlock_file: Path | None) -> None:
    """
    Show each setting and where it comes from.

    That is a flag, a variable of the environment, overlap.toml, or the default.
    """
    home = Home.open(find_home(settings.home, os.environ))
    rows = [*_places(settings, home, unlock_file), *_file(home)]
    screen = settings.screen
    if settings.json:
        entries = [{"key": row.key, "value": row.value, "origin": row.origin} for row in rows]
        screen.object("config", {"settings": entries})
        return
    keys = max(len(row.key) for row in rows)
    values = max(len(escape(row.shown)) for row in rows)
    for row in rows:
        left, shown = screen.dim(f"{row.key:{keys}}"), escape(row.shown)
        screen.out(f"{left}  {shown:{values}}  {row.origin}\n")


def _places(settings: Settings, home: Home, unlock_file: Path | None) -> Iterator[_Row]:
    origin = _origin(settings.home is not None, "--home", "OVERLAP_HOME")
    yield _Row("home", str(home.path), str(home.path), origin)
    if home.lock.kind == "argon2id":
        yield _Row("unlock", None, "a passphrase", "home.json")
    else:
        path = str(find_unlock_file(unlock_file, os.environ))
        origin = _origin(unlock_file is not None, "--unlock-file", "OVERLAP_UNLOCK_FILE")
        yield _Row("unlock", path, path, origin)
    for name in ("OVERLAP_KERNEL", "OVERLAP_THREADS", "OVERLAP_LOG"):
        if value := os.environ.get(name):
            yield _Row(name.removeprefix("OVERLAP_").lower(), value, ascii(value)[1:-1], name)


def _origin(flag_given: bool, flag: str, variable: str) -> str:
    if flag_given:
        return flag
    return variable if os.environ.get(variable) else "default"


def _file(home: Home) -> Iterator[_Row]:
    loaded = Config.load(home.config_path)
    written = tomllib.loads(home.config_path.read_text()) if home.config_path.exists() else {}

    def row(key: str, value: object, shown: str) -> _Row:
        table, _, name = key.partition(".")
        origin = _FILE if name in written.get(table, {}) else "default"
        return _Row(key, value, shown or "none", origin)

    paths = list(loaded.set.paths)
    yield row("set.paths", paths, ", ".join(ascii(path)[1:-1] for path in paths))
    yield row("serve.listen", loaded.listen, loaded.listen)
    yield row("check.timeout", loaded.check.timeout_s, duration(loaded.check.timeout_s))
    keep = loaded.check.keep_results_s
    yield row("check.keep_results", keep, duration(keep) if keep else "never saved")
    yield row("metrics.listen", loaded.metrics_listen or None, loaded.metrics_listen)
    for name, address in sorted(loaded.addresses.items()):
        yield _Row(f"peer.{name}.address", address, address, _FILE)

# SPDX-License-Identifier: Apache-2.0
"""Which home a command uses, how far it has come, and how it is opened."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import click

from psi.errors import KeyFileError, PsiError
from psi.trust.config import Config
from psi.trust.home import Home, find_home
from psi.trust.roster_store import RosterStore
from psi.trust.unlock import KeyFileUnlock, PassphraseUnlock, UnlockSource, find_unlock_file
from psi_cli._settings import Settings
from psi_cli._tty import ask_secret

__all__ = ["Stage", "home_path", "home_stage", "protected_paths", "unlock_option", "unlock_source"]

Stage = Literal["none", "alliance", "new", "joined"]


def home_path(settings: Settings) -> Path:
    """`--home`, else OVERLAP_HOME, else the default."""
    return find_home(settings.home, os.environ)


def home_stage(settings: Settings) -> Stage:
    """
    No home yet, the home of an alliance's key, one that waits for its join file, or a member's.

    Raises:
        KeyFileError: There is a home, and it is open to others or damaged.
    """
    path = home_path(settings)
    try:
        return "joined" if RosterStore(Home.open(path)).joined else "new"
    except KeyFileError as error:
        if error.slug != "no-home":
            raise
        return "alliance" if (path / "requests").is_dir() else "none"


def protected_paths(settings: Settings) -> list[Path]:
    """
    What no output may replace: the home, what opens it, and the files of the set in overlap.toml.

    A home that can't be read is no failure here: whether it is needed, the command knows.
    """
    home = home_path(settings)
    paths = [home, find_unlock_file(None, os.environ)]
    with suppress(PsiError):
        paths += map(Path, Config.load(home / "overlap.toml").set.paths)
    return paths


def unlock_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--unlock-file`, for every command that opens a home."""
    return click.option(
        "--unlock-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Opens the home [OVERLAP_UNLOCK_FILE].",
    )(function)


def unlock_source(settings: Settings, home: Home, unlock_file: Path | None) -> UnlockSource:
    """
    What opens this home: its unlock file, or the passphrase that a person types.

    Raises:
        UsageError: It needs a passphrase, and nobody can be asked.
    """
    if home.lock.kind == "argon2id" and unlock_file is None:
        return PassphraseUnlock(ask_secret(settings, "Passphrase", flag="--unlock-file FILE"))
    return KeyFileUnlock(find_unlock_file(unlock_file, os.environ))

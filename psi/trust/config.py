# SPDX-License-Identifier: Apache-2.0
"""
overlap.toml: how this installation works; no secret in it, and nothing that weakens policy.toml.

Everything in it has a default, and the file may be missing.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from psi.errors import UsageError
from psi.trust._toml import Table, open_toml
from psi.trust.files import read_guarded
from psi.trust.names import check_name, split_address

__all__ = ["DEFAULT_LISTEN", "CheckConfig", "Config", "SetConfig", "default_config"]

DEFAULT_LISTEN: Final = "127.0.0.1:9497"
_HINT: Final = "docs/formats.md lists the keys of overlap.toml; `overlap config show`"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfig:
    """Where our own indicators are; `refresh_s` is 0 when they are read at start only."""

    paths: tuple[str, ...]
    token_file: str
    refresh_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """How long a check may take; how long its result is kept, 0 = not at all."""

    timeout_s: int
    keep_results_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A checked overlap.toml; `metrics_listen` is empty when there are no metrics."""

    set: SetConfig
    listen: str
    check: CheckConfig
    metrics_listen: str
    addresses: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> "Config":
        """
        Read and check a configuration file; a missing one has all defaults.

        Raises:
            KeyFileError: It is a link, or others can change it (`open-permissions`).
            PsiError: Something in it is not as it must be (`bad-config`).
        """
        return cls.parse(read_guarded(path) if os.path.lexists(path) else b"", path.name)

    @classmethod
    def parse(cls, data: bytes, shown: str = "overlap.toml") -> "Config":
        """
        Check the bytes of a configuration file.

        Raises:
            PsiError: Something is not as it must be (`bad-config`); key and line are named.
        """
        top = open_toml(data, shown, "bad-config", _HINT)
        config = cls(
            set=_set(top.table("set")),
            listen=_listen(top.table("serve"), DEFAULT_LISTEN),
            check=_check(top.table("check")),
            metrics_listen=_listen(top.table("metrics"), ""),
            addresses=_addresses(top.table("peer")),
        )
        top.close()
        return config

    def address_of(self, name: str, in_roster: str) -> str:
        """The address of a peer: ours if one is configured, else the roster's, may be empty."""
        return self.addresses.get(name, in_roster)


def default_config(address: str) -> str:
    """
    The text of a new overlap.toml.

    Args:
        address: HOST:PORT at which peers will reach this home. Empty: serve stays on loopback.
    """
    if address:
        port = split_address("address", address)[1]
        listen = f'serve   = {{ listen = "[::]:{port}" }}'
    else:
        listen = f'# serve   = {{ listen = "{DEFAULT_LISTEN}" }}   # the default: this machine only'
    return f"""\
# overlap.toml: how this installation works; no secret in it, and nothing that weakens policy.toml.

# set     = {{ paths = ["/srv/feeds"] }}        # what `check` and `serve` use when no file is named
{listen}
# check   = {{ timeout = "10m", keep_results = "90d" }}     # "0d" never saves
# peer.beta-bank = {{ address = "10.8.0.2:9497" }}          # instead of the roster's
"""


def _set(table: Table) -> SetConfig:
    config = SetConfig(
        paths=table.words("paths", ()),
        token_file=table.text("token_file", ""),
        refresh_s=table.duration("refresh", "0s"),
    )
    table.close()
    return config


def _check(table: Table) -> CheckConfig:
    config = CheckConfig(
        timeout_s=table.duration("timeout", "10m"),
        keep_results_s=table.duration("keep_results", "90d"),
    )
    if config.timeout_s == 0:
        raise table.error("timeout", "expected more than no time")
    table.close()
    return config


def _listen(table: Table, default: str) -> str:
    listen = table.text("listen", default)
    if listen:
        _check_address(table, "listen", listen)
    elif table.has("listen"):
        raise table.error("listen", "expected HOST:PORT, got nothing")
    table.close()
    return listen


def _addresses(table: Table) -> Mapping[str, str]:
    addresses = {}
    for name in table.names():
        try:
            check_name("name", name)
        except UsageError as error:
            raise table.error(name, error.message.removeprefix("name: ")) from None
        entry = table.table(name)
        address = entry.text("address", "")
        _check_address(entry, "address", address)
        entry.close()
        addresses[name] = address
    return MappingProxyType(addresses)


def _check_address(table: Table, key: str, address: str) -> None:
    try:
        split_address("address", address)
    except UsageError as error:
        raise table.error(key, error.message.removeprefix("address: ")) from None

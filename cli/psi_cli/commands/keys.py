# SPDX-License-Identifier: Apache-2.0
"""`overlap keys`: which keys this home has, and new ones through the roster."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from psi.errors import UsageError
from psi.trust.home import Home
from psi.trust.rotation import RotationKind
from psi_cli._command import Group
from psi_cli._format import date, rfc3339
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._settings import Settings, pass_settings
from psi_cli._tty import confirm

if TYPE_CHECKING:
    from psi.app.keys import KeysView

__all__ = ["keys"]

_WORDS = {"tls": "a new TLS key", "identity": "new identity and TLS keys"}


@click.group(cls=Group)
def keys() -> None:
    """The keys and the certificate of this home."""


@keys.command(example="overlap keys show")
@pass_settings
def show(settings: Settings) -> None:
    """Show code, certificate and what waits to be listed; no secret."""
    from psi.app.keys import show_keys

    view = show_keys(Home.open(home_path(settings)))
    if settings.json:
        settings.screen.object("keys", _fields(view))
    else:
        _show(settings, view)


@keys.command(example="overlap keys rotate --tls")
@click.option("--tls", is_flag=True, help="A new TLS key and certificate; this is the default.")
@click.option("--identity", is_flag=True, help="Also a new identity key: your code changes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@unlock_option
@pass_settings
def rotate(
    settings: Settings, *, tls: bool, identity: bool, yes: bool, unlock_file: Path | None
) -> None:
    """
    Make new keys and the request to have them listed.

    The old keys stay in use until you have a roster that lists the new ones. Renew the TLS key
    once a year, and the identity key if somebody else may have had it. Repeated, it writes the
    same request.
    """
    from psi.app.keys import rotate_keys

    if tls and identity:
        raise UsageError("--tls and --identity exclude each other", hint="--identity renews both")
    home = Home.open(home_path(settings))
    kind: RotationKind = "identity" if identity else "tls"
    question = f"Make {_WORDS[kind]} for {home.name}?"
    if not yes and not confirm(settings, question, flag="--yes"):
        settings.screen.note("kept", "the keys in use; nothing was changed")
        return
    unlock = unlock_source(settings, home, unlock_file)
    report = rotate_keys(home, unlock, kind, time.time_ns() // 1_000_000)
    screen = settings.screen
    if settings.json:
        screen.object(
            "rotate",
            {"kind": report.kind, "request_file": str(report.request_file), "code": report.code},
        )
        return
    screen.row("request", f"{report.request_file}: {_WORDS[report.kind]}; it holds no secret")
    screen.row("your code", report.code)
    screen.next_step("send the request to the operator; peers take the new roster first, you last")


def _show(settings: Settings, view: "KeysView") -> None:
    screen = settings.screen
    where = f", in roster {view.roster} of {view.alliance}" if view.roster is not None else ""
    screen.row("name", f"{view.name}{where}")
    screen.row("code", view.code)
    state = ""
    if view.roster is not None:
        state = ", listed" if view.listed else f", not listed in roster {view.roster}"
    both = f" with {view.n_listed - 1} more" if view.listed and view.n_listed > 1 else ""
    ends = date(view.certificate.not_after)
    screen.row("tls", f"certificate to {ends}{state}{both}; key {view.certificate.spki.hex()[:16]}")
    screen.row("log", f"key {view.log_key.hex()[:16]}")
    if view.pending is not None:
        made = date(view.pending.certificate.not_before)
        screen.row(
            "waiting",
            f"{_WORDS[view.pending.kind]} of {made}, code {view.pending.code}:"
            " in use once a roster lists it",
        )


def _fields(view: "KeysView") -> dict[str, object]:
    pending = view.pending
    return {
        "name": view.name,
        "alliance": view.alliance or None,
        "roster": view.roster,
        "code": view.code,
        "identity_key": view.identity_key.hex(),
        "log_key": view.log_key.hex(),
        "certificate": {
            "spki": view.certificate.spki.hex(),
            "not_before": rfc3339(view.certificate.not_before),
            "not_after": rfc3339(view.certificate.not_after),
            "listed": view.listed,
        },
        "certificates_listed": view.n_listed,
        "waiting": None
        if pending is None
        else {
            "kind": pending.kind,
            "code": pending.code,
            "spki": pending.certificate.spki.hex(),
            "not_after": rfc3339(pending.certificate.not_after),
        },
    }

# SPDX-License-Identifier: Apache-2.0
"""A roster as a person and as a program read it; for `roster show` and `alliance show`."""

from typing import TYPE_CHECKING

from psi.results.text import count, escape, plural
from psi_cli._format import date, per_period, rfc3339
from psi_cli._settings import Settings

if TYPE_CHECKING:
    from psi.app.roster import EntryView, RosterView

__all__ = ["show_entry", "show_roster"]


def show_roster(settings: Settings, view: "RosterView") -> None:
    """Print a whole roster: the alliance, then one line an entry."""
    screen = settings.screen
    if settings.json:
        screen.object("roster", _fields(view))
        return
    screen.row("alliance", f"{view.alliance}, roster {view.serial}; code {view.code}")
    board = f"; board {view.board}" if view.board else ""
    entries = plural(len(view.entries), "entry", "entries")
    screen.row("period", f"budgets renew once {per_period(view.epoch_seconds)}; {entries}{board}")
    if not view.entries:
        return
    rows = [("name", "roles", "address", "certificate to")]
    rows += [_cells(entry) for entry in view.entries]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        padded = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
        left = screen.dim(padded[0]) if number else padded[0]
        screen.out("  ".join([left, *padded[1:]]).rstrip() + "\n")


def show_entry(settings: Settings, view: "RosterView") -> None:
    """Print one entry with all that is known of it."""
    screen = settings.screen
    if settings.json:
        screen.object("roster", _fields(view))
        return
    (shown,) = view.entries
    entry = shown.entry
    you = " (you)" if shown.own else ""
    screen.row("name", f"{entry.name}{you}, in roster {view.serial} of {view.alliance}")
    screen.row("roles", ", ".join(entry.roles))
    screen.row("address", entry.address or "none: it asks, but does not answer")
    screen.row("contact", entry.contact or "none")
    screen.row("code", shown.code)
    until = " and ".join(date(end) for end in shown.certificates_not_after)
    screen.row("valid", f"certificate to {until}, entry to {date(entry.not_after)}")
    screen.row(
        "limits",
        f"{count(entry.bucket_limit)} indicators a check; {count(entry.budget)} indicators and"
        f" {plural(entry.sessions, 'check')} {per_period(view.epoch_seconds)} with each peer",
    )


def _cells(shown: "EntryView") -> tuple[str, str, str, str]:
    entry = shown.entry
    return (
        f"{entry.name} (you)" if shown.own else entry.name,
        escape(", ".join(entry.roles)),
        escape(entry.address) or "-",
        date(shown.certificates_not_after[0]) if shown.certificates_not_after else "-",
    )


def _fields(view: "RosterView") -> dict[str, object]:
    return {
        "alliance": view.alliance,
        "roster": view.serial,
        "hash": view.hash.hex(),
        "code": view.code,
        "period_seconds": view.epoch_seconds,
        "board": view.board,
        "entries": [_entry_fields(shown) for shown in view.entries],
    }


def _entry_fields(shown: "EntryView") -> dict[str, object]:
    entry = shown.entry
    return {
        "name": entry.name,
        "own": shown.own,
        "roles": list(entry.roles),
        "address": entry.address,
        "contact": entry.contact,
        "code": shown.code,
        "certificates": [
            {"spki": spki.hex(), "not_after": rfc3339(end)}
            for spki, end in zip(entry.certificates, shown.certificates_not_after, strict=True)
        ],
        "not_before": rfc3339(entry.not_before),
        "not_after": rfc3339(entry.not_after),
        "limits": {
            "set_size": entry.bucket_limit,
            "indicators": entry.budget,
            "checks": entry.sessions,
        },
    }

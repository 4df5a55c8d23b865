# SPDX-License-Identifier: Apache-2.0
"""`overlap alliance`: the operator's side, with the alliance key; its home stays offline."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from psi.errors import UsageError
from psi.results.text import count, plural
from psi.trust.home import Home
from psi.trust.names import check_roles, did_you_mean
from psi_cli._code import code_options, confirm_code
from psi_cli._command import Group
from psi_cli._home import home_path, unlock_option, unlock_source
from psi_cli._roster_view import show_roster
from psi_cli._settings import Settings, pass_settings
from psi_cli._tty import confirm
from psi_cli.commands.init import new_unlock, passphrase_option, say_unlock

if TYPE_CHECKING:
    from psi.app.alliance import EnrollReport, PendingRequest, RosterReport

__all__ = ["alliance"]

_PERIOD: Final = re.compile(r"(\d{1,4})([hd])")
_LIMITS: Final = ("set_size", "indicators", "checks")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _home(settings: Settings) -> Home:
    return Home.open(home_path(settings), "alliance")


@click.group(cls=Group)
def alliance() -> None:
    """
    Run an alliance, as its operator.

    The alliance's key signs the roster. Its home is one of its own; keep it offline.
    """


@alliance.command(example="overlap alliance create cti-north --home cti-north.alliance")
@click.argument("name")
@click.option("--board", default="", metavar="HOST:PORT", help="Where the operator's board is.")
@click.option(
    "--period",
    default="week",
    show_default=True,
    metavar="WHEN",
    help="How often budgets renew: week, day, 14d, 12h; fixed for the alliance's life.",
)
@unlock_option
@passphrase_option
@pass_settings
def create(
    settings: Settings,
    *,
    name: str,
    board: str,
    period: str,
    unlock_file: Path | None,
    passphrase: bool,
) -> None:
    """Make an alliance: its key, and a roster without entries."""
    from psi.app.alliance import create_alliance

    report = create_alliance(
        home_path(settings),
        name,
        unlock=new_unlock(settings, unlock_file, passphrase=passphrase),
        board=board,
        period_s=_period(period),
    )
    screen = settings.screen
    if settings.json:
        screen.object(
            "alliance",
            {
                "alliance": report.name,
                "home": str(report.home),
                "unlock_file": None if report.unlock_file is None else str(report.unlock_file),
                "code": report.code,
            },
        )
        return
    screen.row("created", f"{report.name}, code {report.code}; keep this folder offline")
    if report.unlock_made or report.unlock_file is None:
        screen.note("unlock", say_unlock(report.unlock_file))


@alliance.command(example="overlap alliance enroll acme-corp.request.json")
@click.argument("requests", metavar="REQUEST...", nargs=-1, required=True, type=Path)
@click.option("--role", metavar="ROLE[,ROLE]", help="Instead of the roles that are asked for.")
@click.option("--new-identity", is_flag=True, help="A listed member may come with a new code.")
@code_options
@unlock_option
@pass_settings
def enroll(
    settings: Settings,
    *,
    requests: tuple[Path, ...],
    role: str | None,
    new_identity: bool,
    code: str | None,
    yes: bool,
    unlock_file: Path | None,
) -> None:
    """
    List members and sign the next roster.

    Each REQUEST is a file that `overlap init` made. Compare each code with its owner by phone. The
    join files and the roster are written into this folder; no file holds a secret. Where no
    question is asked, roles other than member have to be named with --role.
    """
    from psi.app.alliance import enroll as enroll_requests
    from psi.app.alliance import read_requests

    if code is not None and len(requests) > 1:
        raise UsageError(
            f"--code is for one request, got {len(requests)}", hint="enrol them one by one"
        )
    home = _home(settings)
    roles = None if role is None else check_roles(role.split(","))
    pending = read_requests(home, requests, _now_ms(), new_identity=new_identity)
    if roles is None and (yes or code is not None or settings.json):
        _refuse_unseen(pending)
    for item in pending:
        _compare(settings, item, roles, code=code, yes=yes)
    unlock = unlock_source(settings, home, unlock_file)
    report = enroll_requests(home, unlock, pending, now_ms=_now_ms(), roles=roles)
    screen = settings.screen
    if settings.json:
        files = [str(file) for file in report.join_files]
        enrolled = [
            {"name": item.name, "roles": list(roles or item.roles), "code": item.code}
            for item in pending
        ]
        screen.object(
            "enroll", {"join_files": files, **_roster_fields(report), "enrolled": enrolled}
        )
        return
    screen.row("wrote", _written(report, pending))


@alliance.command(name="set", example="overlap alliance set acme-corp set_size=262144 checks=16")
@click.argument("member")
@click.argument("limits", metavar="LIMIT=N...", nargs=-1, required=True)
@unlock_option
@pass_settings
def set_(
    settings: Settings, *, member: str, limits: tuple[str, ...], unlock_file: Path | None
) -> None:
    """
    Change what a member may ask of each peer in a period.

    LIMIT is set_size (indicators in one check), indicators or checks (in one period).
    """
    from psi.app.alliance import set_limits

    wanted = _limits(limits)
    home = _home(settings)
    report = set_limits(
        home,
        unlock_source(settings, home, unlock_file),
        member,
        bucket_limit=wanted.get("set_size"),
        budget=wanted.get("indicators"),
        sessions=wanted.get("checks"),
    )
    _say_roster(settings, report)


@alliance.command(example="overlap alliance remove acme-corp")
@click.argument("member")
@click.option("--yes", is_flag=True, help="Do not ask.")
@unlock_option
@pass_settings
def remove(settings: Settings, *, member: str, yes: bool, unlock_file: Path | None) -> None:
    """
    Take a member off the roster.

    Peers refuse it as soon as they have the new roster.
    """
    from psi.app.alliance import remove as remove_member

    home = _home(settings)
    if not yes and not confirm(settings, f"Remove {member} from the roster?", flag="--yes"):
        settings.screen.note("kept", f"{member}; nothing was changed")
        return
    unlock = unlock_source(settings, home, unlock_file)
    _say_roster(settings, remove_member(home, unlock, member))


@alliance.command(example="overlap alliance show")
@pass_settings
def show(settings: Settings) -> None:
    """Show the alliance and its roster."""
    from psi.app.roster import show as show_entries

    show_roster(settings, show_entries(_home(settings)))


def _refuse_unseen(pending: list["PendingRequest"]) -> None:
    """A request asks for what its sender likes; where no person reads it, only a member's role."""
    for item in pending:
        if not item.update and item.roles != ("member",):
            asked = ",".join(item.roles)
            raise UsageError(
                f"{item.name} asks to be {asked}, which nobody has seen",
                hint=f"`--role {asked}` grants it, `--role member` makes it a member",
            )


def _compare(
    settings: Settings,
    item: "PendingRequest",
    roles: tuple[str, ...] | None,
    *,
    code: str | None,
    yes: bool,
) -> None:
    granted = ", ".join(item.roles if roles is None else roles)
    place = f", {item.address}" if item.address else ""
    if not settings.json:
        changed = "; its code was another one before" if item.new_identity else ""
        settings.screen.row("code", f"{item.code} for {item.name}, {granted}{place}{changed}")
    question = f"Did {item.name} read you this code by phone?"
    confirm_code(settings, item.name, item.code, question, code=code, yes=yes)


def _written(report: "EnrollReport", pending: list["PendingRequest"]) -> str:
    if len(pending) == 1:
        return (
            f"{report.join_files[0]} (send it to {pending[0].name}),"
            f" {report.roster_file} (version {report.serial})"
        )
    return f"{len(pending)} join files, {report.roster_file} ({_composition(report)})"


def _composition(report: "RosterReport") -> str:
    counts = (
        (report.n_members, "member"),
        (report.n_key_holders, "key holder"),
        (report.n_operators, "operator"),
    )
    people = ", ".join(plural(n, noun) for n, noun in counts if n)
    return f"version {report.serial}: {people or 'no entry'}"


def _say_roster(settings: Settings, report: "RosterReport") -> None:
    if settings.json:
        settings.screen.object("roster-file", _roster_fields(report))
        return
    settings.screen.row("wrote", f"{report.roster_file} ({_composition(report)})")
    settings.screen.next_step("send it to every member: overlap roster update FILE")


def _roster_fields(report: "RosterReport") -> dict[str, object]:
    return {
        "roster_file": str(report.roster_file),
        "roster": report.serial,
        "members": report.n_members,
        "key_holders": report.n_key_holders,
        "operators": report.n_operators,
    }


def _period(text: str) -> int:
    named = {"week": 604_800, "day": 86_400}
    if text in named:
        return named[text]
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise UsageError("--period: expected week, day, or a length like 14d or 12h")
    return int(match[1]) * {"h": 3600, "d": 86_400}[match[2]]


def _limits(words: tuple[str, ...]) -> dict[str, int]:
    limits: dict[str, int] = {}
    for word in words:
        key, _, number = word.partition("=")
        if key not in _LIMITS:
            raise UsageError(
                f"no limit {key}{did_you_mean(key, _LIMITS)}",
                hint="LIMIT=N with set_size, indicators or checks",
            )
        digits = number.replace(",", "").replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
            raise UsageError(f"{key}: expected a whole number, as in {key}={count(8)}")
        limits[key] = int(digits)
    return limits

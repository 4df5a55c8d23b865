# SPDX-License-Identifier: Apache-2.0
"""An alliance of members on this machine, as an operator and they would make it, without phones."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from psi.app.alliance import create_alliance, enroll, read_requests, set_limits
from psi.app.clock import Clock
from psi.app.init import initialise
from psi.app.join import accept_join, read_join
from psi.protocol.sizes import MAX_BUCKET, bucket_for
from psi.trust.home import Home
from psi.trust.policy import DEFAULT_POLICY
from psi.trust.unlock import KeyFileUnlock

__all__ = ["House", "found_alliance"]

_ALLIANCE: Final = "cti-demo"
_CHECKS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One member of the demo: its home and its feeds."""

    name: str
    home: Path
    feeds: tuple[str, ...]
    works_in: Path


def found_alliance(folder: Path, houses: Sequence[House], unlock: KeyFileUnlock) -> None:
    """What an operator and two members do in ten minutes, without the phone calls."""
    now_ms = Clock().now_ms()
    alliance_path = folder / "alliance"
    create_alliance(alliance_path, _ALLIANCE, unlock=unlock)
    requests = [
        initialise(
            house.home, house.name, unlock=unlock, now_ms=now_ms, request_directory=folder
        ).request_file
        for house in houses
    ]
    alliance = Home.open(alliance_path, "alliance")
    pending = read_requests(alliance, requests, now_ms)
    enroll(alliance, unlock, pending, now_ms=now_ms, out_directory=folder)
    limit = _limit([house.works_in / path for house in houses for path in house.feeds])
    for house in houses:
        set_limits(
            alliance,
            unlock,
            house.name,
            bucket_limit=limit,
            budget=_CHECKS * limit,
            sessions=_CHECKS,
            out_directory=folder,
        )
        _allow(house.home / "policy.toml", limit)
    # The join files again, now with the limits.
    enroll(
        alliance,
        unlock,
        [replace(item, update=True) for item in pending],
        now_ms=now_ms,
        out_directory=folder,
    )
    for house in houses:
        home = Home.open(house.home)
        joining = read_join(home, folder / f"{house.name}.join.json")
        accept_join(home, joining, unlock, now_ms)


def _limit(paths: Sequence[Path]) -> int:
    """A set size that surely holds these feeds: a value has at least three bytes and an end."""
    n_bytes = sum(map(_size, paths))
    return bucket_for(min(max(131_072, n_bytes // 4), MAX_BUCKET))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(child) for child in path.iterdir() if not child.is_symlink())
    # Compressed files hold more values than bytes would tell; ten times is generous for gzip.
    with contextlib.suppress(OSError):
        return path.stat().st_size * (10 if path.suffix == ".gz" else 1)
    return 0


def _allow(policy: Path, limit: int) -> None:
    """Set the limits of the default policy to those of the demo's alliance."""
    default = "limits  = { set_size = 131072, indicators = 524288, checks = 8 }"
    ours = f"limits  = {{ set_size = {limit}, indicators = {_CHECKS * limit}, checks = {_CHECKS} }}"
    assert default in DEFAULT_POLICY, "the demo changes the default policy in this one line"
    policy.write_text(DEFAULT_POLICY.replace(default, ours))

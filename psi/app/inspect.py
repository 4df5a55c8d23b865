# SPDX-License-Identifier: Apache-2.0
"""`overlap inspect`: what of some files a check would use, and why the rest is not used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from psi.app.events import Events
from psi.app.member import profile_message
from psi.app.reading import under_policy
from psi.errors import KeyFileError, UsageError
from psi.indicators import (
    IndicatorSet,
    Profile,
    ReadOptions,
    Rejected,
    read_set,
)
from psi.protocol.sizes import MAX_BUCKET, bucket_for
from psi.trust.config import Config
from psi.trust.home import Home
from psi.trust.policy import Policy

__all__ = ["InspectReport", "inspect_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectReport:
    """A set, the digest of its matching rules, and the size that a peer would see."""

    found: IndicatorSet
    profile_digest: bytes
    bucket: int | None


def inspect_files(
    home: Path,
    paths: Sequence[str],
    options: ReadOptions,
    events: Events,
    *,
    stdin: BinaryIO | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> InspectReport:
    """
    Read files as a check would, without keys, peers or a home where there is none.

    Args:
        home: Its policy gives kinds and matching rules; without a home the defaults hold.
        paths: Files and directories; none for those of overlap.toml.
        options: What to keep and how to read.
        events: Hears the progress.
        stdin: For `-`.
        on_reject: Gets each rejected value.

    Raises:
        UsageError: No file was named, here or in overlap.toml.
        IndicatorError: A file can't be used.
        PsiError: `bad-policy`, `bad-config`.
    """
    policy, configured, cache = _rules_of(home)
    chosen = tuple(paths) or configured
    if not chosen:
        raise UsageError(
            "no file was named, and overlap.toml names no set",
            hint="name files or folders, or set `set = { paths = [...] }` in overlap.toml",
        )
    profile = Profile.default()
    if policy is not None:
        profile = Profile(
            fold_https=policy.rules.fold_https,
            derive_host=policy.rules.derive_host,
            expand_v4=policy.rules.expand_v4,
        )
        options = under_policy(options, policy)
    found = read_set(
        chosen,
        profile=profile,
        options=options,
        stdin=stdin,
        progress=lambda n: events.progress("reading", n, 0, 0),
        on_reject=on_reject,
        cache=cache,
    )
    return InspectReport(
        found=found,
        profile_digest=profile_message(profile).digest(),
        bucket=bucket_for(len(found)) if 0 < len(found) <= MAX_BUCKET else None,
    )


def _rules_of(path: Path) -> tuple[Policy | None, tuple[str, ...], Path | None]:
    try:
        home = Home.open(path)
    except KeyFileError as error:
        if error.slug != "no-home":
            raise
        return None, (), None
    policy, config = Policy.load(home.policy_path), Config.load(home.config_path)
    return policy, config.set.paths, home.cache

# SPDX-License-Identifier: Apache-2.0
"""Read a member's own set under its policy, and say what became of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from psi.app.events import Events
from psi.app.member import Member
from psi.errors import IndicatorError, LimitError, UsageError
from psi.indicators import (
    REASON_TEXT,
    IndicatorSet,
    Kind,
    PackedValues,
    ReadOptions,
    ReadReport,
    Tlp,
    read_set,
)
from psi.protocol.sizes import bucket_for
from psi.results.text import plural
from psi.trust.policy import Policy

__all__ = ["check_own_set", "read_own_set", "summary_line", "under_policy"]


def read_own_set(
    member: Member,
    paths: Sequence[str],
    options: ReadOptions,
    events: Events,
    stdin: BinaryIO | None = None,
) -> IndicatorSet:
    """
    The set of this run: of the files named, else those of overlap.toml, what the policy allows.

    Raises:
        UsageError: No file was named, here or in overlap.toml.
        IndicatorError: A file can't be used; or nothing in them can (`nothing-to-check`).
    """
    chosen = tuple(paths) or member.config.set.paths
    if not chosen:
        raise UsageError(
            "no file was named, and overlap.toml names no set",
            hint="name files or folders, or set `set = { paths = [...] }` in overlap.toml",
        )
    found = read_set(
        chosen,
        profile=member.rules_profile,
        options=under_policy(options, member.policy),
        stdin=stdin,
        progress=lambda n: events.progress("reading", n, 0, 0),
        cache=member.home.cache,
    )
    events.note("read", summary_line(found.report))
    return found


def under_policy(options: ReadOptions, policy: Policy) -> ReadOptions:
    """The options, as far as the policy allows: its kinds, and nothing marked more strictly."""
    level = Tlp.parse(policy.tlp_max)
    chosen = options.filters.tlp_max
    return replace(
        options,
        kinds=options.kinds & frozenset(Kind(kind) for kind in policy.kinds),
        filters=replace(options.filters, tlp_max=level if chosen is None else min(level, chosen)),
    )


def check_own_set(member: Member, values: PackedValues, report: ReadReport) -> None:
    """
    Compare the set with our own rules before anyone hears of it.

    Raises:
        IndicatorError: It is empty (`nothing-to-check`).
        LimitError: It is smaller than our policy's `min_set`, or larger than the roster allows.
    """
    if len(values) == 0:
        raise _nothing(report)
    if len(values) < member.policy.min_set:
        raise LimitError(
            f"your set has {len(values):,} indicators; your policy wants at least "
            f"{member.policy.min_set:,} (min_set)",
            slug="set-too-small",
            hint="add feeds, or lower `min_set` in policy.toml",
        )
    limit = member.principal.bucket_limit
    # The padded set is what is asked and answered, so the bucket must fit.
    if bucket_for(len(values)) > limit:
        raise LimitError(
            f"your set has {len(values):,} indicators; "
            f"{member.roster.roster.alliance} allows {member.name} {limit:,}",
            slug="set-too-large",
            hint="narrow it (`--kinds`, `--max-age`), or ask the operator for a higher limit",
        )


def summary_line(report: ReadReport) -> str:
    """`13,377 values in 9 files: 12,804 to use, 391 duplicates, 182 rejected (overlap inspect)`."""
    parts = [f"{report.to_use:,} to use"]
    if report.duplicates:
        parts.append(plural(report.duplicates, "duplicate"))
    if report.n_filtered:
        parts.append(f"{report.n_filtered:,} left out")
    if report.n_rejected:
        parts.append(f"{report.n_rejected:,} rejected (overlap inspect)")
    if report.skipped:
        parts.append(f"{plural(len(report.skipped), 'file')} skipped (overlap inspect)")
    if report.damaged:
        parts.append(f"{plural(len(report.damaged), 'file')} damaged (overlap inspect)")
    return (
        f"{plural(report.values_read, 'value')} in {plural(len(report.files), 'file')}: "
        f"{', '.join(parts)}"
    )


def _nothing(report: ReadReport) -> IndicatorError:
    reasons = [
        f"{count:,} {REASON_TEXT[reason]}"
        for reason, count in sorted(report.rejected.items(), key=lambda item: -item[1])
    ]
    if report.n_filtered:
        reasons.append(f"{report.n_filtered:,} left out")
    why = f": {', '.join(reasons)}" if reasons else ""
    return IndicatorError(
        f"none of {report.values_read:,} values can be used{why}",
        slug="nothing-to-check",
        hint="`overlap inspect FILES --rejected out.csv`",
    )

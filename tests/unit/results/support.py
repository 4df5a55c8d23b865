# SPDX-License-Identifier: Apache-2.0
"""Results of checks that never took place, for tests of what is shown of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from psi.results.matches import LazyMatches
from psi.results.result import CheckResult, Match, Sizes, Source

__all__ = ["make_match", "make_result", "tutorial_result"]


def make_match(
    value: str,
    *,
    kind: str = "domain",
    written: str | None = None,
    file: str = "a.csv",
    line: int = 1,
    **more: Any,
) -> Match:
    source = Source(value if written is None else written, file, line, **more)
    return Match(kind=kind, value=value, sources=(source,))


def make_result(
    matches: Sequence[Match] = (),
    *,
    yours: Mapping[str, int] | None = None,
    server_bucket: int = 40_960,
    **changes: Any,
) -> CheckResult:
    """A result of `matches` out of a set with `yours` indicators by kind."""
    by_kind = changes.get("by_kind") or dict(Counter(match.kind for match in matches))
    held = dict(yours or {"domain": 100 + by_kind.get("domain", 0)})
    sizes = Sizes(
        client=sum(held.values()),
        client_bucket=14_336,
        server_bucket=server_bucket,
        client_by_kind=held,
    )
    fields: dict[str, Any] = {
        "client": "acme-corp",
        "server": "beta-bank",
        "run": "7c41f09be2",
        "session": "7c41f09be2" + 54 * "0",
        "profile": 64 * "a",
        "started_at": "2026-11-23T09:14:00Z",
        "ended_at": "2026-11-23T09:14:01.500000Z",
        "end": "done",
        "sizes": sizes,
        "matches": matches if isinstance(matches, LazyMatches) else tuple(matches),
        "by_kind": by_kind,
        "proofs_verified": True,
        "parts": 4,
        "bytes": {"sent": 500_000, "received": 800_000},
        "budget": {
            "indicators_left": 509_952,
            "checks_left": 7,
            "renews_at": "2026-11-30T00:00:00Z",
        },
        "resumed": False,
        "seconds": {"total": 1.5},
    }
    return CheckResult(**{**fields, **changes})


def tutorial_result() -> CheckResult:
    """The check of the member's tutorial: 412 of 12,804."""
    found = {"domain": 301, "ip": 62, "hex64": 37, "url": 12}
    matches = [make_match(f"{kind}-{i}", kind=kind) for kind, n in found.items() for i in range(n)]
    yours = {"domain": 7310, "ip": 2902, "hex64": 1644, "url": 948}
    return make_result(matches, yours=yours)

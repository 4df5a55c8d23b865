# SPDX-License-Identifier: Apache-2.0
"""
Read files, directories and standard input into a set.

A damaged container stops the reading before anything could be sent; a damaged record is counted
and named.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from psi.errors import IndicatorError, UsageError
from psi.indicators._cache import Cache
from psi.indicators._escape import printable
from psi.indicators._files import find_files, unreadable
from psi.indicators._merge import Merger
from psi.indicators._one_file import FileReader, Outcome
from psi.indicators.options import ReadOptions
from psi.indicators.profile import Profile
from psi.indicators.report import Damage, Rejected, Skipped
from psi.indicators.set import IndicatorSet

__all__ = ["STDIN", "ReadOptions", "read_set"]

STDIN: Final = "-"
_HINT_DAMAGED: Final = "fetch it again, or `--keep-going` to use what is readable"


class _Run:
    """One call of `read_set`."""

    def __init__(
        self, reader: FileReader, options: ReadOptions, cache: Cache | None, merger: Merger
    ) -> None:
        self._reader = reader
        self._options = options
        self._cache = cache
        self._merger = merger
        self._values_read = 0
        self.progress: Callable[[int], None] | None = None
        self._damage: list[Damage] = []
        self._skipped: list[Skipped] = []
        self._left_out = 0

    def path(self, path: str) -> None:
        """Read a file, or every file below a directory."""
        found = find_files(path)
        self._skipped += found.skipped
        self._left_out += found.left_out
        for damage in found.unreadable:
            self._damaged(damage.file, damage.what)
        for name in found.files:
            try:
                stream = Path(name).open("rb")  # noqa: SIM115  # closed below
            except OSError as error:
                self._damaged(name, unreadable(error))
                continue
            with contextlib.closing(stream):
                if self._cache is None:
                    outcome = self._reader.read(stream, name, self._tell())
                else:
                    outcome = self._cache.read(self._reader, stream, name, self._tell())
                self._take(outcome, name, named=name == path)

    def stream(self, stream: BinaryIO, name: str) -> None:
        """Read a stream that is no file."""
        self._take(self._reader.read(stream, name, self._tell()), name, named=True)

    def _take(self, outcome: Outcome, name: str, *, named: bool) -> None:
        """Use what a file holds; `named` when the user named it rather than a directory above."""
        if outcome.unknown is not None:
            self._unsupported(name, outcome.unknown, named=named)
        if outcome.found is not None:
            self._values_read += outcome.found.report.values_read
            self._merger.add(outcome.found)
        if outcome.damage is not None:
            self._damaged(name, outcome.damage)
        if self.progress is not None:
            self.progress(self._values_read)

    def _tell(self) -> Callable[[int], None] | None:
        progress, before = self.progress, self._values_read
        return None if progress is None else lambda count: progress(before + count)

    def merged(self) -> IndicatorSet:
        """The set of everything read."""
        found = self._merger.merged()
        found.report = replace(
            found.report,
            damaged=tuple(self._damage),
            skipped=tuple(self._skipped),
            left_out=self._left_out,
        )
        lists = self._options.warninglists
        return found.warned(lists) if lists.lists else found

    def _damaged(self, name: str, what: str) -> None:
        if not self._options.keep_going:
            raise IndicatorError(f"{printable(name)} {what}; nothing was sent", hint=_HINT_DAMAGED)
        self._damage.append(Damage(name, what))

    def _unsupported(self, name: str, what: str, *, named: bool) -> None:
        if named and not self._options.keep_going:
            raise IndicatorError(
                f"{printable(name)} is {what}, which can't be read; nothing was sent",
                hint="convert it to text or CSV, or force a reader with `--input-format`",
            )
        self._skipped.append(Skipped(name, f"unsupported format: {what}"))


def read_set(
    paths: Sequence[str | Path],
    *,
    profile: Profile,
    options: ReadOptions | None = None,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
    cache: Path | None = None,
) -> IndicatorSet:
    """
    The indicators of all paths together.

    Args:
        paths: Files, directories, or `-` for `stdin`; read in this order.
        profile: The matching rules.
        options: What to keep and how to read.
        stdin: A binary stream, for `-`.
        progress: Called now and then with the number of values read so far.
        on_reject: Called for each rejected value; values are not kept otherwise.
        cache: A private folder for what was read, so that no file is parsed twice; not used
            with `on_reject` and `strict`, which want to see each value.

    Returns:
        The set, empty when nothing was usable: whether that is an error, the caller knows.

    Raises:
        IndicatorError: A container is damaged, not there or of no known format, unless
            `keep_going`; a record is damaged, with `strict`.
        UsageError: A column that the options name is not there; `-` without `stdin`.
    """
    chosen = options or ReadOptions()
    reader = FileReader(profile, chosen, on_reject)
    cached = cache is not None and on_reject is None and not chosen.strict
    run = _Run(
        reader,
        chosen,
        Cache(cache, profile, chosen) if cached and cache is not None else None,
        Merger(chosen.kinds, reader.empty()),
    )
    run.progress = progress
    for path in paths:
        if path == STDIN:
            if stdin is None:
                raise UsageError("`-` stands for standard input, which is not open")
            run.stream(stdin, STDIN)
        else:
            run.path(str(path))
    return run.merged()

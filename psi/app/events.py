# SPDX-License-Identifier: Apache-2.0
"""
What a use case says while it runs: facts before and after, progress between, and waiting.

A use case never prints. It tells an `Events` object, and whoever started it decides what a
person sees of that; nothing of it is part of the result.
"""

from typing import Protocol

__all__ = ["Events", "SilentEvents"]


class Events(Protocol):
    """The listener of one run; its methods are called from any thread and do not raise."""

    def note(self, label: str, text: str) -> None:
        """
        One fact for a person: `read`, "13,377 values in 9 files ...".

        An empty label is a sentence of its own.
        """

    def progress(self, verb: str, done: int, total: int, nbytes: int) -> None:
        """
        How far a step is: reading, preparing, asking, fetching, matching.

        Args:
            verb: The step; a new verb begins a new measurement.
            done: Indicators done so far.
            total: Indicators in all, 0 while that is unknown.
            nbytes: Bytes sent and received in this step.
        """

    def wait(self, peer: str, seconds: float) -> None:
        """The peer has not answered for so many seconds; the next progress ends it."""


class SilentEvents:
    """Hears everything and shows nothing: tests, library use, `-q` without an error."""

    def note(self, label: str, text: str) -> None:
        """Nothing is shown."""

    def progress(self, verb: str, done: int, total: int, nbytes: int) -> None:
        """Nothing is shown."""

    def wait(self, peer: str, seconds: float) -> None:
        """Nothing is shown."""

# SPDX-License-Identifier: Apache-2.0
"""The one line that says how far a run is, and that it is gone at the end."""

import signal

import pytest
from cli.support import run_process, run_script_on_terminal, visible
from hypothesis import given
from hypothesis import strategies as st

from psi_cli._events import TerminalEvents
from psi_cli._progress import Meter
from psi_cli._settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_line_of_the_specified_moment_expect_its_text() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update("asking", 0, 1_048_576, 0)
    clock.now += 8.686797
    meter.update("asking", 618_496, 1_048_576, 42_000_000)
    assert meter.line(100) == (
        "asking  [###########---------]  58%  618,496 of 1,048,576  71,199/s  42 MB  6 s left"
    )


def test_line_before_two_seconds_expect_no_time_left() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update("fetching", 0, 1000, 0)
    clock.now += 1.9
    meter.update("fetching", 500, 1000, 0)
    assert "left" not in meter.line(100)
    clock.now += 0.2
    assert meter.line(100).endswith("2 s left")


def test_rate_after_a_slow_start_expect_the_last_five_seconds() -> None:
    clock = Clock()
    meter = Meter(clock)
    for second in range(21):
        meter.update("asking", 10 * max(0, second - 10), 1000, 0)
        clock.now += 1
    clock.now -= 1
    assert "  10/s" in meter.line(100)


def test_new_verb_expect_a_new_measurement() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update("asking", 0, 10, 0)
    clock.now += 4
    meter.update("asking", 10, 10, 0)
    meter.update("matching", 0, 10, 0)
    assert meter.line(100) == "matching  [--------------------]   0%  0 of 10"


def test_line_of_an_unknown_total_expect_a_count() -> None:
    meter = Meter(Clock())
    meter.update("reading", 13_377, 0, 0)
    assert meter.line(100) == "reading  13,377"


def test_wait_expect_seconds_that_go_on_until_the_next_progress() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update("asking", 0, 10, 0)
    meter.wait("beta-bank", 5.0)
    clock.now += 2.5
    assert meter.line(100) == "waiting for beta-bank, 7 s"
    meter.update("asking", 5, 10, 0)
    assert meter.line(100).startswith("asking  [##########----------]  50%")


def test_line_before_anything_happened_expect_nothing() -> None:
    assert Meter(Clock()).line(100) == ""


@given(
    st.sampled_from(["reading", "preparing", "asking", "fetching", "matching"]),
    st.integers(0, 2**26),
    st.integers(0, 2**26),
    st.integers(0, 2**40),
    st.floats(0, 10**6),
    st.integers(10, 120),
)
def test_line_of_any_numbers_expect_it_fits(
    verb: str, done: int, total: int, nbytes: int, seconds: float, width: int
) -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update(verb, 0, total, 0)
    clock.now += seconds
    meter.update(verb, min(done, total) if total else done, total, nbytes)
    line = meter.line(width)
    assert len(line) < width
    assert line.startswith(verb[: width - 1])


SCRIPT = """
import sys, threading
import psi_cli._progress as progress
from psi_cli._events import TerminalEvents
from psi_cli._settings import Settings

progress._REDRAW_S = progress._PLAIN_S = 0.01
shown = threading.Event()
draw = progress.ProgressLine._write

def write(self, text):
    draw(self, text)
    shown.set()

progress.ProgressLine._write = write
settings = Settings(verbose="-v" in sys.argv, quiet="-q" in sys.argv)
try:
    with TerminalEvents(settings) as events:
        events.progress("asking", 618, 1000, 0)
        if "-n" not in sys.argv:
            shown.wait(30)
        events.note("read", "13,377 values in 9 files")
        if "-u" in sys.argv:
            import signal
            signal.raise_signal(signal.SIGUSR1)
        if "-f" in sys.argv:
            raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
print("412 of your")
"""
LINE = "asking  [############--------]  61%  618 of 1,000"


@pytest.mark.parametrize("ending", ["", "-f"])
def test_progress_on_a_terminal_expect_drawn_and_gone_at_the_end(ending: str) -> None:
    code, shown = run_script_on_terminal(SCRIPT, ending, extra={"NO_COLOR": "1"})
    assert code == 0, shown
    assert f"\r{LINE}\x1b[K" in shown
    assert visible(shown) == "read       13,377 values in 9 files\n412 of your\n"


def test_progress_on_a_dumb_terminal_expect_nothing_drawn() -> None:
    _, shown = run_script_on_terminal(SCRIPT, "-n", extra={"TERM": "dumb"})
    assert shown == "read       13,377 values in 9 files\n412 of your\n"


def test_progress_in_a_pipe_expect_nothing() -> None:
    ended = run_process("-n", script=SCRIPT)
    assert ended.stderr == "read       13,377 values in 9 files\n"
    assert ended.stdout == "412 of your\n"


def test_progress_in_a_pipe_with_v_expect_plain_lines() -> None:
    ended = run_process("-v", script=SCRIPT)
    lines = set(ended.stderr.splitlines())
    assert lines == {LINE, "read       13,377 values in 9 files"}


def test_progress_in_a_pipe_when_sigusr1_comes_expect_one_line() -> None:
    ended = run_process("-n", "-u", script=SCRIPT)
    assert ended.stderr.splitlines() == ["read       13,377 values in 9 files", LINE]


def test_progress_with_q_expect_nothing_at_all() -> None:
    _, shown = run_script_on_terminal(SCRIPT, "-q", "-n")
    assert shown == "412 of your\n"


def test_events_closed_expect_the_signal_handler_as_before() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with TerminalEvents(Settings()):
        assert signal.getsignal(signal.SIGUSR1) is not before
    assert signal.getsignal(signal.SIGUSR1) is before

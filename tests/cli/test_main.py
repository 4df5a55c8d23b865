# SPDX-License-Identifier: Apache-2.0
"""Global options, failures and exit codes of the command line."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from cli.support import overlap, run_process, run_script_on_terminal

from psi.errors import SLUGS, LimitError, LocalProtocolError, PsiError, VerifyError
from psi_cli._command import Command
from psi_cli._settings import Settings
from psi_cli.main import cli

Callback = Callable[..., Any]
SECRET = "secret.example"


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callback], None]:
    """Gives the command line a command `act` for one test."""

    def add(callback: Callback) -> None:
        command = Command("act", callback=callback, example="overlap act")
        monkeypatch.setitem(cli.commands, "act", command)

    return add


def test_overlap_alone_without_a_home_expect_six_lines_and_init() -> None:
    ended = overlap()
    assert ended.exit_code == 0
    lines = ended.stdout.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("next: overlap init NAME")
    assert ended.stderr == ""
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("arguments", [("-v", "--version"), ("--version", "-v")])
def test_version_with_v_in_any_order_expect_kernel_and_libraries(
    arguments: tuple[str, ...],
) -> None:
    lines = overlap(*arguments).stdout.splitlines()
    assert lines[0].startswith("overlap ")
    assert [line.split()[0] for line in lines[1:]] == ["kernel", "python", "grpcio"]


def test_version_alone_and_as_json_expect_one_line() -> None:
    assert overlap("--version").stdout.count("\n") == 1
    shown = json.loads(overlap("--json", "--version").stdout)
    assert list(shown) == ["format", "version", "kernel", "python", "grpcio"]
    assert shown["format"] == "overlap-version/1"


def test_version_behind_a_command_that_misses_arguments_expect_version() -> None:
    assert overlap("check", "--version").stdout.startswith("overlap ")


@pytest.mark.parametrize("before", [True, False])
def test_global_options_before_or_after_the_command_expect_the_same(
    act: Callable[[Callback], None], before: bool, tmp_path: Path
) -> None:
    seen: list[Settings | None] = []
    act(lambda: seen.append(click.get_current_context().find_object(Settings)))
    options = ["--home", str(tmp_path), "--json", "-vv", "-q", "--color", "never"]
    ended = overlap(*options, "act") if before else overlap("act", *options)
    assert ended.exit_code == 0, ended.stderr
    assert seen == [
        Settings(home=tmp_path, json=True, verbose=2, quiet=True, color="never"),
    ]


def test_verbosity_on_both_sides_expect_the_sum(act: Callable[[Callback], None]) -> None:
    seen: list[int] = []
    act(
        lambda: seen.append(
            (click.get_current_context().find_object(Settings) or Settings()).verbose
        )
    )
    overlap("-v", "act", "-v")
    assert seen == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chekc",), "no command overlap chekc; did you mean check?"),
        (("zzzzz",), "no command overlap zzzzz"),
        (("--hom", "x"), "no option --hom; did you mean --home?"),
        (("check",), "missing argument 'PEER'"),
        (("alliance",), "overlap alliance needs a command: create, enroll, set, remove, show"),
        (("--color", "blue"), "invalid value for '--color': 'blue' is not one of "
         "'auto', 'always', 'never'"),
    ],
)  # fmt: skip
def test_usage_error_expect_the_common_form(arguments: tuple[str, ...], message: str) -> None:
    ended = overlap(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    first, second = ended.stderr.splitlines()
    assert first == f"overlap: error: {message} [usage]"
    assert second.startswith("overlap: hint: `overlap")


def test_usage_error_before_json_is_parsed_expect_the_json_line() -> None:
    ended = overlap("--json", "--nonsense")
    shown = json.loads(ended.stderr.splitlines()[-1])
    assert (shown["format"], shown["exit"], shown["error"]) == ("overlap-error/1", 2, "usage")
    assert ended.stdout == ""


@pytest.mark.parametrize("slug", sorted(set(SLUGS) - {"bug"}))
def test_failure_of_each_slug_expect_its_exit_code_and_json(
    act: Callable[[Callback], None], slug: str
) -> None:
    def fail() -> None:
        raise PsiError("what was seen", slug=slug, hint="what to do")

    act(fail)
    ended = overlap("act", "--json")
    assert ended.exit_code == SLUGS[slug].exit_code
    assert ended.stdout == ""
    *said, last = ended.stderr.splitlines()
    assert said == [f"overlap: error: what was seen [{slug}]", "overlap: hint: what to do"]
    assert json.loads(last) == {
        "format": "overlap-error/1",
        "exit": SLUGS[slug].exit_code,
        "end": SLUGS[slug].end,
        "error": slug,
        "message": "what was seen",
        "hint": "what to do",
    }


def test_failure_with_detail_expect_it_in_json_with_times_and_with_v(
    act: Callable[[Callback], None],
) -> None:
    def fail() -> None:
        raise LimitError("used up", detail={"renews_at": 1_795_996_800, "left": 0, "exit": 9})

    act(fail)
    shown = json.loads(overlap("act", "--json").stderr.splitlines()[-1])
    assert shown["renews_at"] == "2026-11-30T00:00:00Z"
    assert shown["left"] == 0
    assert shown["exit"] == 4
    assert "hint" not in shown
    assert "overlap: detail: renews_at 1795996800, left 0" in overlap("act", "-v").stderr
    assert "detail" not in overlap("act").stderr


def test_failure_with_a_time_outside_of_the_calendar_expect_the_same_error(
    act: Callable[[Callback], None],
) -> None:
    """Peers send these times: none of them may turn a refusal into a bug."""

    def fail() -> None:
        raise LimitError("used up", detail={"renews_at": 2**63})

    act(fail)
    ended = overlap("act", "--json")
    shown = json.loads(ended.stderr.splitlines()[-1])
    assert (shown["error"], shown["renews_at"]) == ("budget-exhausted", "9999-12-31T23:59:59Z")
    assert ended.exit_code == 4


def test_failure_with_foreign_characters_expect_escapes(act: Callable[[Callback], None]) -> None:
    def fail() -> None:
        raise PsiError("file \x1b[2J\u202e", slug="usage")

    act(fail)
    ended = overlap("act")
    assert ended.stderr == "overlap: error: file \\x1b[2J\\u202e [usage]\n"


def test_failure_with_vv_expect_a_trace_without_values(act: Callable[[Callback], None]) -> None:
    def fail() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise VerifyError("does not hold") from error

    act(fail)
    ended = overlap("-vv", "act")
    assert "ValueError\nwhich led to\n" in ended.stderr
    assert " in test_failure_with_vv_expect_a_trace_without_values.<locals>.fail" in ended.stderr
    assert SECRET not in ended.stderr
    assert ended.exit_code == 3


def _explode() -> None:
    def inner(value: str) -> int:
        return int(value)

    try:
        inner(SECRET)
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def test_bug_expect_a_private_report_without_values(
    act: Callable[[Callback], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    act(_explode)
    ended = overlap("act", "--json")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    (report,) = tmp_path.iterdir()
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "builtins.ValueError\nwhich led to\n" in text
    assert "in _explode.<locals>.inner" in text
    assert "kernel: " in text
    assert SECRET not in text + ended.stderr
    assert str(Path(__file__).parent) not in text
    first, second, last = ended.stderr.splitlines()
    assert first == "overlap: error: unexpected failure (RuntimeError) [bug]"
    assert second == f"overlap: hint: report {report}: versions and a traceback, no values"
    assert json.loads(last)["end"] == "internal"


def test_bug_in_a_home_expect_the_report_in_its_state_folder(
    act: Callable[[Callback], None], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    act(_explode)
    overlap("act", home=tmp_path)
    assert [path.name[:12] for path in (tmp_path / "state").iterdir()] == ["overlap-bug-"]


def test_misuse_of_a_session_expect_a_bug_report_with_its_own_words(
    act: Callable[[Callback], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misuse() -> None:
        raise LocalProtocolError("finish was called twice")

    monkeypatch.chdir(tmp_path)
    act(misuse)
    ended = overlap("act")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("overlap: error: finish was called twice [bug]\n")
    assert len(list(tmp_path.iterdir())) == 1


def test_interrupt_with_kept_state_expect_130_and_how_to_go_on(
    act: Callable[[Callback], None],
) -> None:
    def interrupted() -> None:
        settings = click.get_current_context().find_object(Settings)
        assert settings
        settings.kept = "2 of 4 parts are kept"
        raise KeyboardInterrupt

    act(interrupted)
    ended = overlap("act", "--json")
    assert ended.exit_code == 130
    first, second, last = ended.stderr.splitlines()
    assert first == "overlap: error: interrupted; 2 of 4 parts are kept [not-finished]"
    assert second == "overlap: hint: run the same command again to go on"
    assert json.loads(last) == {
        "format": "overlap-error/1",
        "exit": 130,
        "end": "aborted",
        "error": "not-finished",
        "message": "interrupted; 2 of 4 parts are kept",
        "hint": "run the same command again to go on",
    }


def test_sigterm_expect_143_and_the_handler_as_before(act: Callable[[Callback], None]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    act(lambda: signal.raise_signal(signal.SIGTERM))
    ended = overlap("act")
    assert ended.exit_code == 143
    assert ended.stderr.startswith("overlap: error: stopped by SIGTERM; nothing was kept")
    assert signal.getsignal(signal.SIGTERM) is before


WRITER = """
import sys
import click
from psi_cli._command import Command
from psi_cli._settings import Settings, pass_settings
from psi_cli.main import cli, main

@pass_settings
def write(settings):
    for _ in range(100_000):
        settings.screen.out("x" * 100 + "\\n")

cli.add_command(Command("act", callback=write, example="overlap act"))
main()
"""


def test_reader_that_goes_away_expect_silence_and_141(tmp_path: Path) -> None:
    (tmp_path / "act.py").write_text(WRITER)
    script = f"""
import subprocess, sys
writer = subprocess.Popen([sys.executable, {str(tmp_path / "act.py")!r}, "act"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
writer.stdout.readline()
writer.stdout.close()
print(writer.stderr.read().decode())
sys.exit(writer.wait())
"""
    ended = run_process(script=script)
    assert ended.code == 141
    assert ended.stdout.strip() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_stdout_on_a_full_disk_expect_disk_full(tmp_path: Path) -> None:
    (tmp_path / "act.py").write_text(WRITER)
    script = f"""
import subprocess, sys
with open("/dev/full", "w") as full:
    sys.exit(subprocess.run([sys.executable, {str(tmp_path / "act.py")!r}, "act"],
                            stdout=full).returncode)
"""
    ended = run_process(script=script)
    assert ended.code == 1
    assert ended.stderr.startswith("overlap: error: cannot write the output: no space left")
    assert "[disk-full]" in ended.stderr


def test_process_in_a_pipe_expect_no_colour_and_on_a_terminal_colour() -> None:
    assert run_process("chekc").stderr.startswith("overlap: error: no command overlap chekc")
    forced = run_process("chekc", extra={"FORCE_COLOR": "1"}).stderr
    assert forced.startswith("overlap: \x1b[31merror:\x1b[0m no command")
    script = "from psi_cli.main import main; main()"
    code, shown = run_script_on_terminal(script, "chekc")
    assert code == 2
    assert "\x1b[31merror:\x1b[0m" in shown
    for extra, arguments in (
        ({"NO_COLOR": "1"}, ()),
        ({"TERM": "dumb"}, ()),
        ({}, ("--color", "never")),
    ):
        assert "\x1b" not in run_script_on_terminal(script, *arguments, "chekc", extra=extra)[1]


def test_terminal_that_is_not_utf8_expect_escapes_and_no_traceback() -> None:
    ended = run_process("b\u00fccher", extra={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 2
    assert "no command overlap b\\xfccher" in ended.stderr


def test_closed_stdout_expect_a_failure_and_not_a_lost_result() -> None:
    script = """
import os, subprocess, sys
sys.exit(subprocess.run([sys.executable, "-m", "psi_cli", "--version"],
                        preexec_fn=lambda: os.close(1)).returncode)
"""
    ended = run_process(script=script)
    assert ended.code == 1
    assert "cannot write the output: it is closed [storage-fault]" in ended.stderr


def test_sigusr1_without_progress_expect_it_is_ignored(act: Callable[[Callback], None]) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    act(lambda: signal.raise_signal(signal.SIGUSR1))
    assert overlap("act").exit_code == 0
    assert signal.getsignal(signal.SIGUSR1) is before


def test_bug_in_a_thread_expect_no_value_on_stderr(tmp_path: Path) -> None:
    script = """
import threading
from psi_cli import main
from psi_cli._command import Command

def act():
    thread = threading.Thread(target=int, args=("secret.example",))
    thread.start()
    thread.join()

main.cli.add_command(Command("act", callback=act, example="overlap act"))
main.main()
"""
    (tmp_path / "state").mkdir()
    ended = run_process("act", script=script, extra={"OVERLAP_HOME": str(tmp_path)})
    assert ended.stderr.startswith("overlap: error: unexpected failure (ValueError) [bug]\n")
    assert "secret" not in ended.stderr
    assert len(list((tmp_path / "state").iterdir())) == 1

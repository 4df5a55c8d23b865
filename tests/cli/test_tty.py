# SPDX-License-Identifier: Apache-2.0
"""Questions go to the terminal, and to nobody where there is none."""

import pytest
from cli.support import run_process, run_script_on_terminal

from psi.errors import UsageError
from psi_cli._settings import Settings
from psi_cli._tty import confirm

ASK = """
import sys
from psi_cli._settings import Settings
from psi_cli._tty import confirm
print("answer", confirm(Settings(), "Did acme\\x1b[2J read you this code by phone?", flag="--yes"))
"""
CAUGHT = """
from psi.errors import UsageError
from psi_cli._settings import Settings
from psi_cli._tty import confirm
try:
    confirm(Settings(), "Did acme read you this code by phone?", flag="--yes")
except UsageError as error:
    print(error.message, error.hint)
"""
TYPED_AHEAD = """
import select
from psi_cli._settings import Settings
from psi_cli._tty import confirm
print("ready", flush=True)
select.select([0], [], [])
print("answer", confirm(Settings(), "Did acme read you this code by phone?", flag="--yes"))
"""
REDIRECTED = """
import os, sys
from psi_cli._code import confirm_code
from psi_cli._settings import Settings
if sys.argv[1] == "away":
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
question = "Did acme read you this code by phone?"
confirm_code(Settings(), "acme", "12345 67890", question, code=None, yes=False)
"""
SECRET = """
from psi_cli._settings import Settings
from psi_cli._tty import ask_secret
print(len(ask_secret(Settings(), "Passphrase", flag="--unlock-file FILE")))
"""


@pytest.mark.parametrize(
    ("typed", "answer"),
    [(b"y\n", True), (b"YES\n", True), (b"\n", False), (b"n\n", False), (b"yep\n", False)],
)
def test_question_on_a_terminal_expect_yes_only_when_it_is_typed(
    typed: bytes, answer: bool
) -> None:
    code, shown = run_script_on_terminal(ASK, answers=[("[y/N] ", typed)])
    assert code == 0
    assert shown.startswith(r"Did acme\x1b[2J read you this code by phone? [y/N] ")
    assert shown.endswith(f"answer {answer}\n")


def test_question_after_something_was_typed_expect_only_what_is_typed_then() -> None:
    """A yes that was typed before the code was to be seen compares nothing."""
    typed = [("ready", b"y\n"), ("[y/N] ", b"n\n")]
    code, shown = run_script_on_terminal(TYPED_AHEAD, answers=typed)
    assert code == 0
    assert shown.endswith("answer False\n")


@pytest.mark.parametrize("stdout", ["away", "here"])
def test_question_about_a_code_expect_the_code_on_the_terminal_when_stdout_leads_elsewhere(
    stdout: str,
) -> None:
    code, shown = run_script_on_terminal(REDIRECTED, stdout, answers=[("[y/N] ", b"y\n")])
    assert code == 0
    line = "code       12345 67890 for acme\n" if stdout == "away" else ""
    assert shown.startswith(f"{line}Did acme read you this code by phone? [y/N] ")


def test_passphrase_on_a_terminal_expect_it_is_not_shown() -> None:
    code, shown = run_script_on_terminal(SECRET, answers=[(": ", "gehe\u00efm\n".encode())])
    assert code == 0
    assert shown == "Passphrase: \n7\n"


def test_question_without_a_terminal_expect_usage_error_with_the_flag() -> None:
    ended = run_process(script=CAUGHT)
    assert "a person has to answer, and there is no terminal: Did acme" in ended.stdout
    assert "`--yes` answers it in a script" in ended.stdout


def test_question_with_json_expect_usage_error_with_the_flag() -> None:
    with pytest.raises(UsageError, match="with --json nobody is asked") as caught:
        confirm(Settings(json=True), "Delete it?", flag="--yes")
    assert caught.value.hint == "`--yes` answers it in a script"
    assert caught.value.outcome.exit_code == 2

# SPDX-License-Identifier: Apache-2.0
"""The log of commands that stay in the foreground."""

import json
import logging
from collections.abc import Iterator

import pytest

from psi.errors import UsageError
from psi_cli._log import start_log
from psi_cli._settings import Settings


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """The program's logger, as it was afterwards."""
    logger = logging.getLogger("overlap")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield logger
    logger.handlers[:], logger.level, logger.propagate = before


def test_text_log_expect_time_level_and_escaped_text(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(Settings(), "text")
    log.info("refused %s", "a\x1b[2Jb")
    log.debug("unseen")
    line = capsys.readouterr().err
    assert line.endswith(" UTC info    refused a\\x1b[2Jb\n")
    assert line[:4].isdigit()


def test_json_log_expect_one_object_a_line(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(Settings(verbose=1), "json")
    log.debug("opened", extra={"peer": "acme-corp", "count": 14_336})
    shown = json.loads(capsys.readouterr().err)
    assert list(shown) == ["time", "level", "event", "peer", "count"]
    assert (shown["level"], shown["event"], shown["count"]) == ("debug", "opened", 14_336)


def test_json_log_of_an_audited_event_expect_its_type_and_what_it_says(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(Settings(), "json")
    extra = {"event": "refusal", "peer": "acme-corp", "run": None, "error": "policy-refused"}
    log.info("refusal: peer acme-corp", extra=extra)
    shown = json.loads(capsys.readouterr().err)
    assert list(shown) == ["time", "level", "event", "peer", "error", "text"]
    assert (shown["event"], shown["text"]) == ("refusal", "refusal: peer acme-corp")


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_of_an_exception_expect_no_value(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    start_log(Settings(), "json" if form == "json" else "text")
    try:
        int("secret.example")
    except ValueError:
        log.exception("failed")
    shown = capsys.readouterr().err
    assert "builtins.ValueError" in shown
    assert "secret" not in shown


def test_quiet_log_expect_warnings_only(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERLAP_LOG", "debug")
    start_log(Settings(quiet=True), "text")
    log.info("unseen")
    log.warning("seen")
    assert capsys.readouterr().err.count("\n") == 1


def test_log_level_that_is_none_expect_usage_error(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERLAP_LOG", "loud")
    with pytest.raises(UsageError, match="OVERLAP_LOG"):
        start_log(Settings(), "text")

# SPDX-License-Identifier: Apache-2.0
"""overlap.toml: every key has a default, and a wrong one is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.trust.support import refused

from psi.errors import PsiError
from psi.trust.config import DEFAULT_LISTEN, Config, default_config

FULL = """\
set     = { paths = ["/srv/a", "misp+https://a.example"], token_file = "/etc/t", refresh = "1h" }
serve   = { listen = "[::]:9497" }
check   = { timeout = "90s", keep_results = "0d" }
metrics = { listen = "127.0.0.1:9498" }
peer.beta-bank = { address = "10.8.0.2:9497" }
"""


def test_parse_of_nothing_has_the_documented_defaults() -> None:
    config = Config.parse(b"")
    assert config.set.paths == ()
    assert config.listen == DEFAULT_LISTEN == "127.0.0.1:9497"
    assert (config.check.timeout_s, config.check.keep_results_s) == (600, 90 * 86_400)
    assert config.metrics_listen == ""
    assert config.address_of("beta-bank", "beta.example:9497") == "beta.example:9497"


def test_parse_of_a_full_file_returns_its_values() -> None:
    config = Config.parse(FULL.encode())
    assert config.set.paths == ("/srv/a", "misp+https://a.example")
    assert (config.set.token_file, config.set.refresh_s) == ("/etc/t", 3_600)
    assert config.listen == "[::]:9497"
    assert (config.check.timeout_s, config.check.keep_results_s) == (90, 0)
    assert config.metrics_listen == "127.0.0.1:9498"
    assert config.address_of("beta-bank", "beta.example:9497") == "10.8.0.2:9497"
    assert config.address_of("acme-corp", "") == ""


@pytest.mark.parametrize(
    ("address", "listen"),
    [("", "127.0.0.1:9497"), ("overlap.acme.example:9500", "[::]:9500"), ("[::1]:1", "[::]:1")],
)
def test_default_config_listens_for_peers_only_with_an_address(address: str, listen: str) -> None:
    assert Config.parse(default_config(address).encode()).listen == listen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serve = { listen = '9497' }", "overlap.toml line 1: serve.listen: expected HOST:PORT"),
        ("serve = { listen = '' }", "serve.listen: expected HOST:PORT, got nothing"),
        ("serve = { port = 1 }", "serve.port: no such key"),
        ("check = { timeout = '0s' }", "check.timeout: expected more than no time"),
        ("check = { timeout = 600 }", "expected a duration like 90s, 10m, 1h or 30d, got 600"),
        ("check = { timeout = '1w' }", 'got "1w"'),
        ("check = { timeout = '\u0661m' }", "expected a duration"),
        ("set = { paths = [''] }", "set.paths: expected a list of texts"),
        ("set = { token_file = 1 }", "set.token_file: expected a text, got 1"),
        ("peer.A = { address = 'a:1' }", "peer.A: expected 1 to 63"),
        ("peer.a = {}", "peer.a.address: expected HOST:PORT"),
        ("peer.a = { address = 'a:0' }", "peer.a.address: expected a port from 1"),
        ("policy = 1", "policy: no such key"),
        ("\n\n[check]\ntimeout = 'x'", "line 4: check.timeout"),
        ("=", "not TOML"),
    ],
)
def test_parse_of_a_bad_file_names_key_and_line(text: str, message: str) -> None:
    with refused("bad-config", message):
        Config.parse(text.encode())


def test_load_of_a_missing_file_has_the_defaults(tmp_path: Path) -> None:
    assert Config.load(tmp_path / "overlap.toml") == Config.parse(b"")
    (tmp_path / "overlap.toml").write_text(FULL)
    assert Config.load(tmp_path / "overlap.toml") == Config.parse(FULL.encode())


@given(st.integers(0, len(FULL) - 1), st.integers(1, 255))
def test_parse_of_a_mistyped_file_raises_only_bad_config(position: int, mask: int) -> None:
    changed = bytearray(FULL.encode())
    changed[position] ^= mask
    try:
        Config.parse(bytes(changed))
    except PsiError as error:
        assert error.slug == "bad-config"


def test_load_of_a_file_that_others_can_change_or_of_a_link_refuses(tmp_path: Path) -> None:
    """Whoever writes it decides which files are read, and whom we reach."""
    path = tmp_path / "overlap.toml"
    path.write_text(FULL)
    path.chmod(0o646)
    with refused("open-permissions", "overlap.toml can be changed by other users"):
        Config.load(path)
    path.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(path)
    with refused("open-permissions", "symbolic link"):
        Config.load(link)

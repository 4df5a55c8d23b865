# SPDX-License-Identifier: Apache-2.0
"""Private files: who may read them, and that they are replaced whole or not at all."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.trust.support import refused

from psi.trust.files import (
    MAX_FILE_BYTES,
    check_private_directory,
    make_private_directory,
    read_guarded,
    read_plain,
    read_private,
    write_new_private,
    write_plain,
    write_private,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "keys.sealed"
    write_private(path, b"first")
    return path


def test_write_private_then_read_private_returns_the_bytes(secret: Path) -> None:
    assert read_private(secret) == b"first"
    write_private(secret, b"second")
    assert read_private(secret) == b"second"
    assert [entry.name for entry in secret.parent.iterdir()] == ["keys.sealed"]


def test_write_private_under_an_open_umask_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "a", b"x")
        make_private_directory(tmp_path / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


def test_write_private_over_an_open_file_closes_it(secret: Path) -> None:
    secret.chmod(0o644)
    write_private(secret, b"second")
    assert read_private(secret) == b"second"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610])
def test_read_private_when_others_have_access_refuses(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with refused("open-permissions", f"mode {mode:04o}", "chmod 600", "not used"):
        read_private(secret)


def test_read_private_when_mode_is_0644_says_it_as_documented(secret: Path) -> None:
    secret.chmod(0o644)
    words = "identity/keys.sealed can be read by other users (mode 0644); not used"
    with refused("open-permissions", words, "if others had access, `overlap keys rotate`"):
        read_private(secret, shown="identity/keys.sealed")


def test_read_private_of_a_symbolic_link_refuses(secret: Path) -> None:
    link = secret.with_name("link")
    link.symlink_to(secret)
    with refused("open-permissions", "symbolic link"):
        read_private(link)


def test_read_private_of_a_pipe_refuses_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with refused("open-permissions", "not a regular file"):
        read_private(tmp_path / "pipe")


def test_read_private_of_a_directory_refuses(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    with refused("open-permissions", "not a regular file"):
        read_private(tmp_path / "folder")


@as_root
def test_read_private_of_another_users_file_refuses(secret: Path) -> None:
    os.chown(secret, 12_345, -1)
    with refused("open-permissions", "uid 12345"):
        read_private(secret)


@as_root
@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_read_private_of_roots_file_when_root_may_own_accepts(
    secret: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential of the system manager is root's; an access list shows as the group's bits."""
    secret.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert read_private(secret, root_may_own=True) == b"first"
    with refused("open-permissions", "uid 0"):
        read_private(secret)


@as_root
@pytest.mark.parametrize(("mode", "group"), [(0o444, 0), (0o460, 0), (0o440, 100)])
def test_read_private_of_roots_file_when_open_to_others_refuses(
    secret: Path, mode: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(secret, 0, group)
    secret.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with refused("open-permissions", f"mode {mode:04o}"):
        read_private(secret, root_may_own=True)


def test_read_guarded_when_others_may_read_accepts_and_when_they_may_write_refuses(
    secret: Path,
) -> None:
    secret.chmod(0o644)
    assert read_guarded(secret) == b"first"
    for mode in (0o664, 0o646, 0o622):
        secret.chmod(mode)
        words = f"can be changed by other users (mode {mode:04o}); not used"
        with refused("open-permissions", words, "chmod go-w"):
            read_guarded(secret)
    secret.chmod(0o600)
    secret.with_name("link").symlink_to(secret)
    with refused("open-permissions", "symbolic link"):
        read_guarded(secret.with_name("link"))


@as_root
def test_read_guarded_of_roots_file_accepts_and_of_another_users_refuses(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration may be the system's."""
    secret.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert read_guarded(secret) == b"first"
    secret.chmod(0o664)
    with refused("open-permissions", "mode 0664"):
        read_guarded(secret)
    os.chown(secret, 12_345, -1)
    with refused("open-permissions", "uid 12345"):
        read_guarded(secret)


@pytest.mark.parametrize("read", [read_private, read_plain, read_guarded])
def test_read_when_missing_or_too_large_refuses(
    tmp_path: Path, read: Callable[[Path], bytes]
) -> None:
    with refused("state-damaged", "missing"):
        read(tmp_path / "none")
    (tmp_path / "large").touch(mode=0o600)
    os.truncate(tmp_path / "large", MAX_FILE_BYTES + 1)
    with refused("state-damaged", f"at most {MAX_FILE_BYTES}"):
        read(tmp_path / "large")


@pytest.mark.parametrize(
    ("code", "slug"),
    [(errno.ENOSPC, "disk-full"), (errno.EROFS, "storage-fault"), (errno.EIO, "storage-fault")],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_private_when_the_disk_refuses_keeps_the_old_file(
    secret: Path, monkeypatch: pytest.MonkeyPatch, code: int, slug: str, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with refused(slug, "keys.sealed"):
        write_private(secret, b"second")
    assert read_private(secret) == b"first"
    assert [entry.name for entry in secret.parent.iterdir()] == ["keys.sealed"]


def test_write_private_after_a_crash_removes_what_it_left(secret: Path) -> None:
    for name in (".keys.sealed.0123456789abcdef.tmp", ".other.0123456789abcdef.tmp"):
        (secret.parent / name).write_bytes(b"half")
        os.utime(secret.parent / name, (0, 0))
    write_private(secret, b"second")
    assert sorted(entry.name for entry in secret.parent.iterdir()) == [
        ".other.0123456789abcdef.tmp",
        "keys.sealed",
    ]


def test_write_private_while_another_process_writes_leaves_its_file(secret: Path) -> None:
    """It is about to be renamed: without it the other process fails, or loses its key."""
    live = secret.parent / ".keys.sealed.0123456789abcdef.tmp"
    live.write_bytes(b"the other's")
    write_private(secret, b"second")
    assert live.read_bytes() == b"the other's"


def test_write_new_private_makes_the_file_once_and_then_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "unlock.key"
    assert write_new_private(path, b"first")
    assert not write_new_private(path, b"second")
    assert read_private(path) == b"first"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert not write_new_private(path, b"second")
    assert [entry.name for entry in tmp_path.iterdir()] == ["unlock.key"]


def test_write_private_with_wipe_old_overwrites_the_old_content(secret: Path) -> None:
    kept = secret.with_name("second-name")
    kept.hardlink_to(secret)
    write_private(secret, b"second", wipe_old=True)
    assert kept.read_bytes() == bytes(5)
    assert read_private(secret) == b"second"


def test_write_private_with_wipe_old_without_an_old_file_writes(tmp_path: Path) -> None:
    write_private(tmp_path / "new", b"x", wipe_old=True)
    assert read_private(tmp_path / "new") == b"x"


def test_write_private_with_wipe_old_over_a_link_leaves_its_target(secret: Path) -> None:
    link = secret.with_name("link")
    link.symlink_to(secret)
    with refused("open-permissions", "symbolic link"):
        write_private(link, b"second", wipe_old=True)
    assert read_private(secret) == b"first"


def test_write_private_into_a_missing_folder_names_the_folder(tmp_path: Path) -> None:
    with refused("state-damaged", f"the folder {tmp_path / 'none'} is missing"):
        write_private(tmp_path / "none" / "a", b"x")


def test_write_plain_is_readable_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_plain(tmp_path / "request.json", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "request.json").stat().st_mode) == 0o644
    assert read_plain(tmp_path / "request.json") == b"x"


def test_check_private_directory_when_open_linked_or_a_file_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with refused("open-permissions", "mode 0755", "chmod 700"):
        check_private_directory(folder)
    folder.chmod(0o711)
    with refused("open-permissions", "can be entered"):
        check_private_directory(folder)
    folder.chmod(0o700)
    check_private_directory(folder)
    (tmp_path / "link").symlink_to(folder)
    with refused("open-permissions", "symbolic link"):
        check_private_directory(tmp_path / "link")
    (tmp_path / "file").touch(mode=0o600)
    with refused("state-damaged", "not a directory"):
        check_private_directory(tmp_path / "file")
    with refused("storage-fault", "cannot make"):
        make_private_directory(tmp_path / "file")

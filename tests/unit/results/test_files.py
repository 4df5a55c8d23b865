# SPDX-License-Identifier: Apache-2.0
"""Output files: whole or not at all, private, over nothing by accident."""

import errno
import os
import stat
from pathlib import Path

import pytest

from psi.errors import StorageError, UsageError
from psi.results.files import check_output, write_output


def test_write_of_a_new_file_expect_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_output(path, b"{}\n")
    assert path.read_bytes() == b"{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_write_over_a_file_expect_refused_until_forced(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(b"old")
    with pytest.raises(StorageError) as caught:
        write_output(path, b"new")
    assert caught.value.slug == "output-exists"
    assert path.read_bytes() == b"old"
    write_output(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_write_when_another_takes_the_name_expect_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.json"
    link = Path.hardlink_to

    def lose_the_race(new: Path, target: Path) -> None:
        path.write_bytes(b"theirs")
        link(new, target)

    monkeypatch.setattr(Path, "hardlink_to", lose_the_race)
    with pytest.raises(StorageError) as caught:
        write_output(path, b"ours")
    assert caught.value.slug == "output-exists"
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_write_without_hard_links_expect_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(new: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    write_output(tmp_path / "out.json", b"x")
    assert (tmp_path / "out.json").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("code", "slug"), [(errno.ENOSPC, "disk-full"), (errno.EIO, "storage-fault")]
)
def test_write_when_the_disk_fails_expect_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, slug: str
) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError) as caught:
        write_output(path, b"new", force=True)
    assert caught.value.slug == slug
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_over_an_input_expect_refused_even_when_forced(tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_bytes(b"feed")
    (tmp_path / "same.csv").hardlink_to(feed)
    for path in (feed, tmp_path / "same.csv"):
        with pytest.raises(UsageError, match="one of the files that are read"):
            write_output(path, b"x", force=True, inputs=[feed])
    with pytest.raises(UsageError, match="one of the files that are read"):
        write_output(feed, b"x", force=True, inputs=[tmp_path])
    assert feed.read_bytes() == b"feed"


def test_write_through_a_symlink_expect_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link.json").symlink_to(target)
    with pytest.raises(StorageError, match="no regular file"):
        write_output(tmp_path / "link.json", b"x", force=True)
    assert not target.exists()


def test_check_of_a_device_or_directory_expect_refused(tmp_path: Path) -> None:
    for path in (Path(os.devnull), tmp_path):
        with pytest.raises(StorageError, match="no regular file"):
            check_output(path, force=True)


def test_check_without_the_directory_expect_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        check_output(tmp_path / "none" / "out.json")

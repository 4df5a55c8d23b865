# SPDX-License-Identifier: Apache-2.0
"""The cache gives what reading gives, and nothing when anything about it is odd."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from property.indicators.test_reader_properties import outline

from psi.errors import IndicatorError
from psi.indicators import Filters, IndicatorSet, Kind, Profile, ReadOptions, Tlp, read_set
from psi.indicators._packed import pack_set, unpack_set

LINES = "".join(
    f"evil{n}[.]com\n8.8.{n % 256}.{n // 256}\nEVIL{n % 7}.com\n10.0.0.1\n" for n in range(999)
)
NOW = 1_785_542_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty cache."""
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A feed with duplicates, rejected values and values written in another way."""
    path = tmp_path / "feed.txt"
    path.write_text(LINES)
    return path


@pytest.fixture
def parses() -> Iterator[mock.Mock]:
    """Counts the files that are parsed."""
    from psi.indicators._one_file import FileReader

    with mock.patch.object(FileReader, "read", autospec=True, side_effect=FileReader.read) as spy:
        yield spy


def read(
    path: Path, cache: Path | None, profile: Profile | None = None, **options: object
) -> IndicatorSet:
    """The set of a file."""
    return read_set(
        [path],
        profile=profile or Profile.default(),
        options=ReadOptions(**options),  # type: ignore[arg-type]  # keyword by keyword
        cache=cache,
    )


def sets(folder: Path) -> list[Path]:
    """What is in the cache."""
    return sorted(folder.glob("*.set"))


def test_cache_when_read_again_expect_same_without_parsing(
    folder: Path, feed: Path, parses: mock.Mock
) -> None:
    """Elements, sources, report; also under another name."""
    plain = outline(read(feed, None))
    assert outline(read(feed, folder)) == plain
    assert len(sets(folder)) == 1
    parses.reset_mock()
    again = read(feed, folder)
    assert outline(again) == plain
    other = feed.rename(feed.with_name("other.txt"))
    assert read(other, folder).sources(0)[0].file == str(other)
    assert str(read(other, folder).report.first_positions["reserved-ip"][0]).startswith(str(other))  # type: ignore[index]
    parses.assert_not_called()


@pytest.mark.parametrize(
    "changed",
    [
        {"profile": Profile(fold_https=False)},
        {"kinds": frozenset({Kind.IP})},
        {"allow_reserved": True},
        {"input_format": "csv"},
        {"filters": Filters(tlp_max=Tlp.RED)},
        {"filters": Filters(to_ids=True)},
        {"filters": Filters(max_age_s=1)},
    ],
)
def test_cache_when_rules_or_options_differ_expect_parsed(
    folder: Path, feed: Path, parses: mock.Mock, changed: dict[str, object]
) -> None:
    """What was read under other rules is another set."""
    read(feed, folder)
    parses.reset_mock()
    assert outline(read(feed, folder, **changed)) == outline(read(feed, None, **changed))  # type: ignore[arg-type]
    assert parses.call_count == 2


def test_cache_when_file_changes_expect_parsed(folder: Path, feed: Path) -> None:
    """By one byte, the time of change being the same."""
    read(feed, folder)
    times = feed.stat()
    feed.write_text(LINES.replace("evil0[.]com", "evil0[.]net", 1))
    os.utime(feed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read(feed, folder).values.value(0) == b"domain:evil0.net"


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 100, -1, -33])
def test_cache_when_cached_file_is_cut_expect_parsed(
    folder: Path, feed: Path, parses: mock.Mock, cut: int
) -> None:
    """And written anew."""
    plain = outline(read(feed, folder))
    (path,) = sets(folder)
    path.write_bytes(path.read_bytes()[:cut])
    parses.reset_mock()
    assert outline(read(feed, folder)) == plain
    assert parses.call_count == 1
    read(feed, folder)
    assert parses.call_count == 1


def test_cache_when_a_bit_is_changed_expect_parsed(
    folder: Path, feed: Path, parses: mock.Mock
) -> None:
    """Wherever it is."""
    plain = list(read(feed, folder).values)
    (path,) = sets(folder)
    content = path.read_bytes()
    for at in range(0, len(content), len(content) // 25):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        parses.reset_mock()
        assert list(read(feed, folder).values) == plain
        assert parses.call_count == 1


def test_cache_when_foreign_expect_parsed(
    folder: Path, feed: Path, parses: mock.Mock, tmp_path: Path
) -> None:
    """Of another home, or under the name of another set."""
    read(feed, folder)
    other = tmp_path / "other"
    other.mkdir()
    read(feed, other)
    (path,), (foreign,) = sets(folder), sets(other)
    assert path.name == foreign.name
    path.write_bytes(foreign.read_bytes())
    parses.reset_mock()
    read(feed, folder)
    assert parses.call_count == 1
    more = tmp_path / "more.txt"
    more.write_text(LINES + "more.com\n")
    path.write_bytes(b"")
    read(more, folder)
    (second,) = [each for each in sets(folder) if each != path]
    path.write_bytes(second.read_bytes())
    assert b"domain:more.com" not in set(read(feed, folder).values)


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_cache_when_open_to_others_expect_parsed(
    folder: Path, feed: Path, parses: mock.Mock, mode: int
) -> None:
    """The set, and the key; both are private when written."""
    read(feed, folder)
    (path,) = sets(folder)
    assert path.stat().st_mode & 0o777 == (folder / "key").stat().st_mode & 0o777 == 0o600
    path.chmod(mode)
    parses.reset_mock()
    read(feed, folder)
    assert parses.call_count == 1
    (folder / "key").chmod(mode)
    read(feed, folder)
    assert parses.call_count == 2


def test_cache_when_it_is_a_link_expect_not_followed(
    folder: Path, feed: Path, parses: mock.Mock, tmp_path: Path
) -> None:
    """Nor is the target written."""
    read(feed, folder)
    (path,) = sets(folder)
    target = path.rename(tmp_path / "target")
    before = target.read_bytes()
    path.symlink_to(target)
    parses.reset_mock()
    read(feed, folder)
    assert parses.call_count == 1
    assert target.read_bytes() == before
    assert not path.is_symlink()


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("x")])
def test_cache_when_folder_can_not_be_used_expect_parsed(
    tmp_path: Path, feed: Path, make: object
) -> None:
    """A cache is never a reason to fail."""
    path = tmp_path / "none"
    make(path)  # type: ignore[operator]
    assert outline(read(feed, path)) == outline(read(feed, None))


def test_cache_when_small_or_damaged_or_rejects_are_wanted_expect_not_used(
    folder: Path, feed: Path, tmp_path: Path
) -> None:
    """Small files are parsed as fast; a damaged one is reported each time."""
    small = tmp_path / "small.txt"
    small.write_text("evil.com\n")
    read(small, folder)
    damaged = tmp_path / "damaged.json"
    damaged.write_text(json.dumps({"Event": {"Attribute": [{"value": "x" * 40_000}]}})[:-3])
    for _ in range(2):
        with pytest.raises(IndicatorError, match="ends early"):
            read(damaged, folder)
    assert len(read(damaged, folder, keep_going=True).report.damaged) == 1
    seen: list[object] = []
    read_set([feed], profile=Profile.default(), on_reject=seen.append, cache=folder)
    assert len(seen) > 0
    read(feed, folder, strict=True)
    assert sets(folder) == []


def test_cache_when_time_passes_expect_parsed_once_it_matters(
    folder: Path, tmp_path: Path, parses: mock.Mock
) -> None:
    """A validity that ends, an age that is reached; and a clock that goes back."""
    objects = [
        {"type": "indicator", "id": f"indicator--{n}", "valid_until": "2026-09-01T00:00:00Z",
         "pattern": f"[domain-name:value = 'evil{n}.com']"}
        for n in range(999)
    ]  # fmt: skip
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"type": "bundle", "objects": objects}))
    ends = 1_788_220_800

    def at(now: int) -> int:
        return len(read(path, folder, filters=Filters(now_s=now)))

    assert at(NOW) == at(ends - 1) == 999
    assert parses.call_count == 1
    assert at(ends) == at(ends + 99) == 0
    assert parses.call_count == 2
    assert at(NOW) == 999
    assert parses.call_count == 3


def test_packed_set_when_numbers_point_nowhere_expect_none(feed: Path) -> None:
    """Even what has the right tag is checked before it is used."""
    found = read(feed, None)
    good = pack_set(found, 0.0, 1.0)
    unpacked = unpack_set(memoryview(good), str(feed), found.profile)
    assert unpacked is not None and outline(unpacked.found) == outline(found)
    offset = good.index(found.occurrences.order.tobytes())
    bad = good[:offset] + b"\xff" * 4 + good[offset + 4 :]
    assert unpack_set(memoryview(bad), "x", found.profile) is None
    for cut in (0, 7, 8, 50, len(good) - 9):
        assert unpack_set(memoryview(good[:cut]), "x", found.profile) is None


def test_cache_when_sets_are_old_expect_them_dropped(
    folder: Path, feed: Path, tmp_path: Path
) -> None:
    """A month after they were last used."""
    read(feed, folder)
    (old,) = sets(folder)
    os.utime(old, (0, 0))
    other = tmp_path / "other.txt"
    other.write_text(LINES + "more.com\n")
    read(other, folder)
    assert old not in sets(folder)
    assert len(sets(folder)) == 1

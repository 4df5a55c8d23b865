# SPDX-License-Identifier: Apache-2.0
"""From paths to a set: directories, damage, accounts, provenance."""

import gzip
import io
import json
import os
from pathlib import Path

import pytest
from unit.indicators._support import read_bytes, read_text, texts

from psi.errors import IndicatorError, UsageError
from psi.indicators import (
    DEFAULT_KINDS,
    Kind,
    Profile,
    ReadOptions,
    Reason,
    Rejected,
    Skipped,
    read_set,
)


def read(*paths: Path | str, **options: object) -> tuple[list[str], object]:
    """Elements and report."""
    found = read_set(
        paths,
        profile=Profile.default(),
        options=ReadOptions(**options),  # type: ignore[arg-type]  # keyword by keyword
    )
    return texts(found), found.report


def test_read_set_when_empty_expect_empty_set() -> None:
    """Nothing to read is nobody's error here."""
    found = read_set([], profile=Profile.default())
    assert len(found) == 0
    assert found.kind_counts() == {}
    assert found.report.values_read == 0


def test_read_set_when_values_repeat_expect_first_appearance_and_all_sources(
    tmp_path: Path,
) -> None:
    """Every place is kept, with what was written there."""
    (tmp_path / "a.txt").write_text("# list\nEvil[.]com\n8.8.8.8\n")
    (tmp_path / "b.txt").write_text("evil.com\nhxxp://evil.com\nEVIL.COM\n")
    found = read_set([tmp_path], profile=Profile.default())
    assert texts(found) == ["domain:evil.com", "ip:8.8.8.8", "url:http://evil.com/"]
    a, b = str(tmp_path / "a.txt"), str(tmp_path / "b.txt")
    assert [(s.as_written, s.file, s.line) for s in found.sources(0)] == [
        ("Evil[.]com", a, 2),
        ("evil.com", b, 1),
        ("EVIL.COM", b, 3),
    ]
    assert [(s.as_written, s.file, s.line) for s in found.sources(2)] == [("hxxp://evil.com", b, 2)]
    assert len(found.sources(0, 2)) == 2
    assert found.kind_counts() == {"ip": 1, "domain": 1, "url": 1}
    assert list(found.kinds) == [2, 0, 3]
    report = found.report
    assert (report.values_read, report.to_use, report.duplicates) == (5, 3, 2)
    with pytest.raises(IndexError):
        found.sources(3)


def test_read_set_when_written_is_the_end_of_the_value_expect_it_kept_apart() -> None:
    """`//evil.com/` ends `url:http://evil.com/` and is still what was written."""
    found = read_text("//evil.com/\n")
    assert found.sources(0)[0].as_written == "//evil.com/"


def test_read_set_when_everything_happens_expect_sums() -> None:
    """Values read = to use + duplicates + rejected + filtered, in `summary` too."""
    text = "8.8.8.8\n8.8.8.8\n10.0.0.1\nwhat\nCVE-2021-44228\nevil.com\nevil.com|9.9.9.9\n"
    found = read_text(text, kinds=DEFAULT_KINDS, input_format="text")
    report = found.report
    assert texts(found) == ["ip:8.8.8.8", "domain:evil.com", "ip:9.9.9.9"]
    assert (report.values_read, report.to_use, report.duplicates) == (8, 3, 2)
    assert report.rejected == {Reason.RESERVED_IP: 1, Reason.NOT_DOMAIN: 1}
    assert report.filtered == {"cve": 1}
    assert report.values_read == (
        report.to_use + report.duplicates + report.n_rejected + report.n_filtered
    )
    summary = report.summary()
    assert json.loads(json.dumps(summary))["rejected"] == {"reserved-ip": 1, "not-domain": 1}
    assert "evil" not in json.dumps(summary)


def test_read_set_when_kinds_chosen_expect_only_those() -> None:
    """A filter, counted by kind."""
    found = read_text("8.8.8.8\nevil.com\nevil.com\n", kinds=frozenset({Kind.IP}))
    assert texts(found) == ["ip:8.8.8.8"]
    assert found.report.filtered == {"domain": 2}


def test_read_set_when_profile_expands_expect_each_address_counted() -> None:
    """One line, four values, one place."""
    found = read_bytes(b"8.8.8.4/30\n", profile=Profile(expand_v4=28))
    assert len(found) == found.report.values_read == 4
    assert {found.sources(row)[0].as_written for row in range(4)} == {"8.8.8.4/30"}


def test_read_set_when_directory_expect_byte_order_and_left_out(tmp_path: Path) -> None:
    """Which files of a directory are read, in which order."""
    for name in ("b.txt", "a/z.txt", "a.txt", "B.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name.replace('/', '-').lower()}.evil.com\n")
    for name in (".hidden", "_LICENSE", "LICENSE.md", "README", "SOURCE", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("left.evil.com\n")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "dirlink").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    found = read_set([tmp_path], profile=Profile.default(), options=ReadOptions())
    names = [os.path.relpath(name, tmp_path) for name in found.report.files]
    assert names == ["B.txt", "a.txt", "a/z.txt", "b.txt"]
    assert found.report.left_out == 6
    assert sorted((Path(s.file).name, s.why) for s in found.report.skipped) == [
        ("dirlink", "symbolic link"),
        ("link.txt", "symbolic link"),
        ("pipe", "not a regular file"),
    ]


def test_read_set_when_file_named_expect_it_read_whatever_its_name(tmp_path: Path) -> None:
    """The rules for names are for directories."""
    path = tmp_path / "_LICENSE"
    path.write_text("evil.com\n")
    (tmp_path / "link").symlink_to(path)
    assert read(path)[0] == read(tmp_path / "link")[0] == ["domain:evil.com"]


def test_read_set_when_misp_feed_expect_no_hashes_of_values(tmp_path: Path) -> None:
    """hashes.csv of a MISP feed holds the MD5 of each value, which is no indicator."""
    (tmp_path / "hashes.csv").write_text("0cc175b9c0f1b6a831c399e269772661,a-b-c\n")
    assert len(read(tmp_path)[0]) == 1
    (tmp_path / "manifest.json").write_text("{}")
    assert read(tmp_path)[0] == []


def test_read_set_when_path_missing_expect_error(tmp_path: Path) -> None:
    """A path that is not there stops, or is counted."""
    with pytest.raises(IndicatorError, match=r"none can't be read: no such file.*nothing was sent"):
        read(tmp_path / "none")
    found = read_set(
        [tmp_path / "none", "a\0b"],
        profile=Profile.default(),
        options=ReadOptions(keep_going=True),
    )
    assert [damage.what for damage in found.report.damaged] == [
        "can't be read: no such file or directory",
        "can't be read: no such path",
    ]


def test_read_set_when_not_permitted_expect_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions of a folder and of a file; the rest is read with keep_going."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.txt").write_text("evil.com\n")
    (tmp_path / "closed").mkdir()
    scandir, opened = os.scandir, Path.open
    monkeypatch.setattr(
        os, "scandir", lambda path: refuse(path) if path.endswith("closed") else scandir(path)
    )
    with pytest.raises(IndicatorError, match="closed can't be read: permission denied"):
        read(tmp_path)
    assert read(tmp_path, keep_going=True)[0] == ["domain:evil.com"]
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode: refuse(path) if path.name == "a.txt" else opened(path, mode),
    )
    with pytest.raises(IndicatorError, match=r"a\.txt can't be read: permission denied"):
        read(tmp_path)
    assert read(tmp_path, keep_going=True)[0] == []


def test_read_set_when_gzip_is_cut_expect_error_with_size(tmp_path: Path) -> None:
    """The sentence that the documents promise, and the half that is good."""
    path = tmp_path / "b.csv.gz"
    lines = "".join(f"{i}.evil.com\n" for i in range(50_000))
    path.write_bytes(gzip.compress(lines.encode())[:48_122])
    with pytest.raises(IndicatorError) as caught:
        read(path)
    assert caught.value.slug == "file-damaged"
    assert caught.value.message == f"{path} ends early after 48,122 bytes; nothing was sent"
    assert caught.value.hint == "fetch it again, or `--keep-going` to use what is readable"
    elements, report = read(path, keep_going=True)
    assert 1000 < len(elements) < 50_000
    assert elements == [f"domain:{i}.evil.com" for i in range(len(elements))]
    assert [d.what for d in report.damaged] == ["ends early after 48,122 bytes"]  # type: ignore[attr-defined]


def test_read_set_when_gzip_is_damaged_expect_error(tmp_path: Path) -> None:
    """A flipped byte is found by the checksum or earlier."""
    path = tmp_path / "a.gz"
    data = bytearray(gzip.compress(os.urandom(1000).hex().encode()))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(IndicatorError, match="gzip"):
        read(path)


def test_read_set_when_gzip_has_members_and_padding_expect_all(tmp_path: Path) -> None:
    """Two members and the zeros of a tape block."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"evil.com\n") + gzip.compress(b"evil.net\n") + bytes(512))
    assert read(path)[0] == ["domain:evil.com", "domain:evil.net"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"name": {}}', "JSON of an unknown kind"),
        (b' [{"name": {}}]', "JSON of an unknown kind"),
        (b"[]", "JSON of an unknown kind"),
        (b'<?xml version="1.0"?><html/>', "XML of an unknown kind"),
        (b"<rss id='1'>", "XML of an unknown kind"),
        (b"PK\x03\x04\x00\x00", "a binary file"),
    ],
)
def test_read_set_when_format_unknown_expect_named(tmp_path: Path, data: bytes, what: str) -> None:
    """A file that the user named stops; one in a directory is counted."""
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    (tmp_path / "b.txt").write_text("evil.com\n")
    with pytest.raises(IndicatorError, match=f"is {what}, which can't be read"):
        read(path)
    elements, report = read(tmp_path)
    assert elements == ["domain:evil.com"]
    assert report.skipped == (Skipped(str(path), f"unsupported format: {what}"),)  # type: ignore[attr-defined]
    assert report.files == (str(tmp_path / "b.txt"),)  # type: ignore[attr-defined]


@pytest.mark.parametrize("data", [b"[1.2.3.4]\n", b"<a@evil.com>\n", b"[2a00:1450::1]:443\n"])
def test_read_set_when_text_begins_like_markup_expect_text(data: bytes) -> None:
    """Brackets are not JSON, and an address in angle brackets is not XML."""
    assert len(read_bytes(data)) == 1


@pytest.mark.parametrize(
    "data",
    [
        "evil.com\nmünchen.de\n".encode(),
        "evil.com\nmünchen.de\n".encode("utf-8-sig"),
        "evil.com\nmünchen.de\n".encode("utf-16"),
        "\ufeffevil.com\nmünchen.de\n".encode("utf-16-be"),
        "evil.com\r\nmünchen.de\r\n".encode("utf-16"),
    ],
)
def test_read_set_when_encoding_is_marked_expect_same(data: bytes) -> None:
    """Byte order marks are believed and never part of a value."""
    assert texts(read_bytes(data)) == ["domain:evil.com", "domain:xn--mnchen-3ya.de"]


def test_read_set_when_not_utf8_expect_damage_only_where_it_matters() -> None:
    """Latin-1 in a comment harms nobody; in a value it is a damaged record."""
    found = read_bytes(b"# caf\xe9\nevil.com # caf\xe9\nm\xfcnchen.de\n8.8.8.8\xa0\n")
    assert texts(found) == ["domain:evil.com", "ip:8.8.8.8"]
    assert found.report.rejected == {Reason.BAD_ENCODING: 1}
    assert found.report.damaged_records == 1
    assert found.report.summary()["first_positions"] == {"bad-encoding": ["-:3"]}


def test_read_set_when_nul_far_inside_expect_damaged_record() -> None:
    """A NUL that shows up late damages its line, not the file."""
    lines = ["evil.com"] + [f"e{i}.com" for i in range(20_000)] + ["a\0b.com", "last.com"]
    found = read_text("\n".join(lines))
    assert texts(found)[-1] == "domain:last.com"
    assert found.report.rejected == {Reason.CONTROL_CHARACTER: 1}


def test_read_set_when_line_has_ten_megabytes_expect_it_dropped_and_named() -> None:
    """A line without an end is not held in memory, and the lines behind it keep their numbers."""
    data = b"evil.com\n" + b"a" * 10_000_000 + b"\nevil.net\n" + b"b" * (1 << 20) + b"b"
    found = read_bytes(data)
    assert texts(found) == ["domain:evil.com", "domain:evil.net"]
    assert found.sources(1)[0].line == 3
    assert found.report.rejected == {Reason.LINE_TOO_LONG: 2}
    assert [p.line for p in found.report.first_positions[Reason.LINE_TOO_LONG]] == [2, 4]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"evil.com\nm\xfcnchen.de\n", 2), (b"evil.com\n\n" + b"a" * 2_000_000, 3)],
)
def test_read_set_when_strict_expect_stop_at_damaged_record(data: bytes, line: int) -> None:
    """Position and reason, never the value."""
    with pytest.raises(IndicatorError) as caught:
        read_bytes(data, strict=True)
    assert caught.value.message.startswith(f"- line {line}: ")
    assert caught.value.detail["line"] == line
    assert "nchen" not in caught.value.message
    assert len(read_bytes(b"evil.com\nwhat\n10.0.0.1\n", strict=True)) == 1


def test_read_set_when_stream_fails_expect_damage() -> None:
    """An error of the system in the middle of a file."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise OSError(5, "Input/output error")
            return super().read(size)

    data = b"evil.com\n" * 20_000
    with pytest.raises(IndicatorError, match="can't be read: input/output error"):
        read_set(["-"], profile=Profile.default(), stdin=Broken(data))
    found = read_set(
        ["-"],
        profile=Profile.default(),
        options=ReadOptions(keep_going=True),
        stdin=Broken(data),
    )
    assert texts(found) == ["domain:evil.com"]
    assert found.report.damaged[0].file == "-"


def test_read_set_when_rejects_are_asked_for_expect_each_once() -> None:
    """The sink gets every rejected value; the report keeps ten positions of a reason."""
    rejected: list[Rejected] = []
    found = read_bytes(b"".join(b"word%d\n" % i for i in range(25)), on_reject=rejected.append)
    assert [(r.as_written, r.position.line) for r in rejected] == [
        (f"word{i}", i + 1) for i in range(25)
    ]
    assert len(found.report.first_positions[Reason.NOT_DOMAIN]) == 10
    assert "word" not in repr(rejected[0])


def test_read_set_when_progress_is_asked_for_expect_rising_counts() -> None:
    """Now and then, and at the end of each file."""
    seen: list[int] = []
    read_set(
        ["-"],
        profile=Profile.default(),
        stdin=io.BytesIO(b"8.8.8.8\n" * 20_000),
        progress=seen.append,
    )
    assert seen == [8192, 16384, 20000]


def test_read_set_when_stdin_closed_or_format_unknown_expect_usage_error() -> None:
    """Mistakes of the caller."""
    with pytest.raises(UsageError, match="standard input"):
        read_set(["-"], profile=Profile.default())
    with pytest.raises(UsageError, match="input format"):
        ReadOptions(input_format="xlsx")


def test_read_set_when_shown_expect_no_values() -> None:
    """Reprs may reach logs."""
    found = read_text("very-evil.com\n")
    for thing in (found, found.values, found.sources(0)[0], found.report, found.profile):
        assert "very-evil" not in repr(thing)


def test_read_set_when_file_name_is_hostile_expect_it_escaped(tmp_path: Path) -> None:
    """Control and direction characters of a file name do not reach the terminal."""
    path = tmp_path / "a\x1b[2J\u202eb.json"
    path.write_text("{}")
    with pytest.raises(IndicatorError) as caught:
        read(path)
    assert "a\\x1b[2J\\u202eb.json" in caught.value.message

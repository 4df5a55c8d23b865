# SPDX-License-Identifier: Apache-2.0
"""The audit log: what a crash leaves, what several writers leave, and what is found in it."""

import errno
import itertools
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from unit.trust.support import NOW_MS, World, refused

from psi.crypto.signing import Signer
from psi.trust.audit import LOG_FILE, AuditLog
from psi.trust.audit_format import AuditBatch, AuditRecord, SignedBatch, parse_line, to_line
from psi.trust.audit_verify import AuditFinding, read_log
from psi.trust.home import Home

SIGNER = Signer(b"\x11" * 32)
KEY = SIGNER.public_key


@pytest.fixture
def home(world: World) -> Home:
    world.init("acme")
    return world.home("acme")


def open_log(home: Home, *, signer: Signer | None = SIGNER) -> AuditLog:
    ticks = itertools.count(NOW_MS)
    return AuditLog(home, KEY, signer, lambda: next(ticks))


def file_of(home: Home) -> Path:
    return home.path / LOG_FILE


def filled(home: Home, batches: tuple[int, ...] = (1, 3, 2)) -> list[bytes]:
    """A log with that many records a signature; its lines."""
    log = open_log(home)
    for size in batches:
        for number in range(size):
            log.record("refusal", {"peer": "beta-bank", "count": number}, seal=number == size - 1)
    log.close()
    return file_of(home).read_bytes().splitlines(keepends=True)


def finding(home: Home) -> AuditFinding:
    return read_log(file_of(home).read_bytes(), [KEY])


def test_log_expect_linked_signed_and_private(home: Home) -> None:
    lines = filled(home)
    assert len(lines) == 6 + 3
    assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
    found = finding(home)
    assert (found.fault, found.sound, found.signatures, found.unsigned) == (None, 6, 3, 0)
    assert [record.seq for record in found.records] == [1, 2, 3, 4, 5, 6]
    assert found.records[3].prev_hash == found.records[2].digest()
    assert json.loads(found.records[1].body) == {"count": 0, "peer": "beta-bank"}


def test_log_opened_again_expect_it_goes_on(home: Home) -> None:
    filled(home)
    log = open_log(home)
    assert log.head[0] == 6
    assert log.record("stop", {}, seal=True) == 7
    log.close()
    assert (finding(home).fault, finding(home).sound) == (None, 7)


def test_two_writers_expect_one_chain(home: Home) -> None:
    """`serve` and `check` share a home."""
    one, other = open_log(home), open_log(home)
    for number in range(20):
        (one if number % 3 else other).record("refusal", {"count": number}, seal=number % 5 == 0)
    other.seal()
    one.record("stop", {}, seal=True)
    one.close()
    other.close()
    assert (finding(home).fault, finding(home).sound, finding(home).unsigned) == (None, 21, 0)


def test_writer_without_a_key_expect_the_next_one_signs(home: Home) -> None:
    filled(home, (1,))
    log = open_log(home, signer=None)
    log.record("roster", {"serial": 2}, seal=True)
    log.close()
    assert finding(home).unsigned == 1
    log = open_log(home)
    log.seal()
    log.close()
    assert (finding(home).unsigned, finding(home).fault) == (0, None)


def test_many_records_expect_batches_of_256(home: Home) -> None:
    log = open_log(home)
    for number in range(600):
        log.record("refusal", {"count": number})
    log.seal()
    log.close()
    batches = [
        entry.batch
        for line in file_of(home).read_bytes().splitlines()
        if isinstance(entry := parse_line(line), SignedBatch)
    ]
    assert [(batch.first, batch.last) for batch in batches] == [(1, 256), (257, 512), (513, 600)]


def test_log_cut_at_every_byte_of_its_last_record_expect_repaired(home: Home) -> None:
    """K5: what a crash leaves is cut back to the last valid record, and that is recorded."""
    lines = filled(home)
    last_record = b"".join(lines[:-2])
    whole = b"".join(lines[:-1])
    assert parse_line(lines[-2][:-1]).seq == 6  # type: ignore[union-attr]  # it is a record
    for end in range(len(last_record) + 1, len(whole)):
        file_of(home).write_bytes(whole[:end])
        log = open_log(home)
        assert log.head[0] == 6
        log.close()
        found = finding(home)
        assert (found.fault, found.sound, found.unsigned) == (None, 6, 0), end
        repair = found.records[-1]
        assert repair.type == "repair"
        assert json.loads(repair.body) == {"bytes": end - len(last_record), "last_good": 5}


def test_log_cut_in_its_last_signature_expect_signed_anew(home: Home) -> None:
    lines = filled(home)
    whole = b"".join(lines)
    for end in range(len(whole) - len(lines[-1]) + 1, len(whole)):
        file_of(home).write_bytes(whole[:end])
        log = open_log(home)
        log.close()
        found = finding(home)
        assert (found.fault, found.sound, found.unsigned) == (None, 7, 0), end


def test_log_cut_between_lines_expect_nothing_to_repair(home: Home) -> None:
    lines = filled(home)
    file_of(home).write_bytes(b"".join(lines[:-1]))
    log = open_log(home)
    assert log.head[0] == 6
    log.record("stop", {}, seal=True)
    log.close()
    assert (finding(home).fault, finding(home).sound, finding(home).unsigned) == (None, 7, 0)


def test_full_disk_expect_nothing_half_written_and_it_goes_on_with_space(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1: what can't be recorded is refused; a record that half fitted leaves no trace."""
    filled(home)
    log = open_log(home)
    before = file_of(home).read_bytes()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        write(descriptor, bytes(data[:20]))
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("psi.trust.audit.os.write", full)
    with refused("disk-full", "no space in", "free space"):
        log.record("stop", {}, seal=True)
    monkeypatch.undo()
    assert file_of(home).read_bytes() == before
    assert log.record("stop", {}, seal=True) == 7
    log.close()
    assert (finding(home).fault, finding(home).sound) == (None, 7)


def test_clock_that_went_back_expect_recorded(home: Home) -> None:
    """In this process, and while no process ran; a small correction is none."""
    now = [NOW_MS]
    log = AuditLog(home, KEY, SIGNER, lambda: now[0])
    log.record("start", {}, seal=True)
    now[0] -= 5 * 60_000
    log.record("stop", {}, seal=True)
    now[0] += 5 * 60_000
    log.record("start", {}, seal=True)
    log.close()
    now[0] -= 6 * 60_000
    log = AuditLog(home, KEY, SIGNER, lambda: now[0])
    log.record("start", {}, seal=True)
    log.record("stop", {}, seal=True)
    log.close()
    found = finding(home)
    assert [record.type for record in found.records] == [
        *("start", "stop", "start", "clock-jump", "start", "stop")
    ]
    assert json.loads(found.records[3].body) == {"back_ms": 6 * 60_000}
    assert found.fault is None


def edit(lines: list[bytes], at: int, **fields: object) -> None:
    """Change fields of a record's line."""
    content = json.loads(lines[at])
    content.update(fields)
    lines[at] = json.dumps(content, separators=(",", ":")).encode() + b"\n"


def relink(lines: list[bytes], start: int) -> None:
    """Mend all links behind a change, as somebody without the key can."""
    previous = None
    for at, line in enumerate(lines):
        entry = parse_line(line[:-1])
        if not isinstance(entry, AuditRecord):
            continue
        if at > start and previous is not None:
            entry = replace(entry, prev_hash=previous)
            lines[at] = to_line(entry)
        previous = entry.digest()


def renumber(lines: list[bytes], start: int) -> None:
    """Close the gap that a deleted record leaves, links and all."""
    for at in range(start, len(lines)):
        entry = parse_line(lines[at][:-1])
        if isinstance(entry, AuditRecord):
            lines[at] = to_line(replace(entry, seq=entry.seq - 1))
    relink(lines, start - 1)


def edited(lines: list[bytes]) -> None:
    edit(lines, 3, body={"count": 9, "peer": "beta-bank"})


def edited_and_relinked(lines: list[bytes]) -> None:
    edited(lines)
    relink(lines, 3)


def edited_time(lines: list[bytes]) -> None:
    edit(lines, 3, time_ms=1)


def spelt_otherwise(lines: list[bytes]) -> None:
    lines[3] = lines[3].replace(b'{"seq":', b'{"seq": ')


def garbage(lines: list[bytes]) -> None:
    lines[3] = b'{"seq":3,"oops"\n'


def deleted(lines: list[bytes]) -> None:
    del lines[3]


def deleted_two(lines: list[bytes]) -> None:
    del lines[3:5]


def deleted_and_renumbered(lines: list[bytes]) -> None:
    del lines[3]
    renumber(lines, 3)


def deleted_at_the_end(lines: list[bytes]) -> None:
    del lines[6:8]


def swapped(lines: list[bytes]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


def moved_to_the_end(lines: list[bytes]) -> None:
    lines.append(lines.pop(3))


def doubled(lines: list[bytes]) -> None:
    lines.insert(4, lines[3])


def signature_deleted(lines: list[bytes]) -> None:
    del lines[5]


def signature_doubled(lines: list[bytes]) -> None:
    lines.append(lines[5])


def signature_damaged(lines: list[bytes]) -> None:
    content = json.loads(lines[5])
    edit(lines, 5, signature="00" + content["signature"][2:])


def signed_by_another(lines: list[bytes]) -> None:
    """The record was edited, and the signature made anew with another key."""
    edited_and_relinked(lines)
    for at, line in enumerate(lines):
        entry = parse_line(line[:-1])
        if isinstance(entry, SignedBatch):
            records = [parse_line(each[:-1]) for each in lines]
            digests = {r.seq: r.digest() for r in records if isinstance(r, AuditRecord)}
            span = range(entry.batch.first, entry.batch.last + 1)
            batch = replace(entry.batch, digests=tuple(digests[seq] for seq in span))
            thief = Signer(b"\x22" * 32)
            lines[at] = to_line(SignedBatch(batch, thief.sign(AuditBatch.NAME, batch.encode())))


# The lines: record 1, signature; records 2, 3, 4, signature; records 5, 6, signature.
CHANGES: list[tuple[Callable[[list[bytes]], None], int, str, str]] = [
    (edited, 3, "edited", "record 3 was edited after it was signed"),
    (edited_and_relinked, 3, "edited", "record 3 was edited after it was signed"),
    (edited_time, 3, "edited", "record 3 was edited after it was signed"),
    (spelt_otherwise, 3, "edited", "record 3 was edited: its line can't be read"),
    (garbage, 3, "edited", "record 3 was edited: its line can't be read"),
    (deleted, 3, "deleted", "record 3 was deleted"),
    (deleted_two, 3, "deleted", "records 3 to 4 were deleted"),
    (deleted_and_renumbered, 3, "edited", "record 3 was edited after it was signed"),
    (deleted_at_the_end, 5, "deleted", "records 5 to 6 were deleted"),
    (swapped, 3, "reordered", "record 3 is out of order: record 4 is in its place"),
    (moved_to_the_end, 3, "reordered", "record 3 is out of order: record 4 is in its place"),
    (doubled, 3, "inserted", "record 3 is there twice"),
    (signature_deleted, 2, "signature", "the signature over record 2 is missing"),
    (signature_doubled, 2, "inserted", "records 2 to 4: there are two signatures over them"),
    (signature_damaged, 2, "signature", "the signature over records 2 to 4 does not hold"),
    (signed_by_another, 1, "signature", "the signature over record 1 does not hold"),
]


@pytest.mark.parametrize(
    ("change", "seq", "kind", "text"), CHANGES, ids=lambda value: getattr(value, "__name__", None)
)
def test_changed_log_expect_the_first_bad_record_and_what_was_done_to_it(
    home: Home, change: Callable[[list[bytes]], None], seq: int, kind: str, text: str
) -> None:
    """A1: edit, deletion and reordering are told apart."""
    lines = filled(home)
    change(lines)
    found = read_log(b"".join(lines), [KEY])
    assert found.fault is not None
    assert (found.fault.text, found.fault.seq, found.fault.kind) == (text, seq, kind)
    assert found.sound == seq - 1


def test_every_flipped_bit_of_a_signed_log_expect_a_fault(home: Home) -> None:
    data = b"".join(filled(home, (1, 2)))
    for position in range(len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 1
        found = read_log(bytes(changed), [KEY])
        assert found.fault is not None, position


def break_signature(lines: list[bytes]) -> None:
    content = json.loads(lines[8])
    edit(lines, 8, signature="00" + content["signature"][2:])


def break_link(lines: list[bytes]) -> None:
    del lines[8]
    edit(lines, 7, seq=9)


def break_line(lines: list[bytes]) -> None:
    lines[8] = b"oops\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (break_signature, "the signature over record 6 does not hold"),
        (break_link, "record 9 does not follow record 5"),
        (break_line, "the line behind record 6 is none of this log"),
    ],
)
def test_log_whose_end_was_changed_expect_nothing_written(
    home: Home, change: Callable[[list[bytes]], None], words: str
) -> None:
    """D2: refused with an explanation."""
    lines = filled(home)
    change(lines)
    file_of(home).write_bytes(b"".join(lines))
    with refused("state-damaged", words, "overlap audit verify"):
        open_log(home)
    assert file_of(home).read_bytes() == b"".join(lines)


def test_log_that_became_shorter_expect_refused(home: Home) -> None:
    filled(home)
    log = open_log(home)
    data = file_of(home).read_bytes()
    with file_of(home).open("r+b") as file:
        file.truncate(len(data) // 2)
    with refused("state-damaged", "became shorter"):
        log.record("stop", {})
    log.close()


def test_log_open_to_others_or_a_link_expect_refused(home: Home, tmp_path: Path) -> None:
    filled(home)
    file_of(home).chmod(0o644)
    with refused("open-permissions", "audit/log.jsonl can be read"):
        open_log(home)
    file_of(home).unlink()
    file_of(home).symlink_to(tmp_path / "elsewhere")
    with refused("open-permissions", "symbolic link"):
        open_log(home)


def test_log_that_is_truncated_at_a_line_expect_sound_but_shorter(home: Home) -> None:
    """It can't be told from a log that was never longer; a receipt can."""
    lines = filled(home)
    found = read_log(b"".join(lines[:6]), [KEY])
    assert (found.fault, found.sound) == (None, 4)
    assert read_log(b"", [KEY]).sound == 0

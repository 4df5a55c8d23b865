# SPDX-License-Identifier: Apache-2.0
"""
From bytes to numbered lines of text: gzip, byte order marks, line ends, sizes.

A file is read in one pass and in pieces, so that neither its size nor the length of a line decides
how much memory that takes. Where the pieces end never shows in what comes out.
"""

import codecs
import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

__all__ = ["HEAD_CHARACTERS", "MAX_LINE", "DamagedError", "Opened", "open_stream", "utf8"]

CHUNK: Final = 1 << 16
ZIPPED_CHUNK: Final = 1 << 13  # deflate expands 1,032 times at most: 8 MB in memory
MAX_LINE: Final = 1 << 20  # characters; longer lines are damaged records
HEAD_CHARACTERS: Final = 1 << 16  # what the format is told by

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class DamagedError(Exception):
    """A container ends early or can't be unpacked; `what` completes "FILE ..."."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _raw_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file; a read error of the system is damage like any other."""
    while True:
        try:
            chunk = stream.read(CHUNK)
        except OSError as error:
            what = (error.strerror or "input error").lower()
            raise DamagedError(f"can't be read: {what}") from error
        if not chunk:
            return
        yield chunk


def _unzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of one or more gzip members (RFC 1952)."""
    seen = 0
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    for chunk in chunks:
        for start in range(0, len(chunk), ZIPPED_CHUNK):
            data = chunk[start : start + ZIPPED_CHUNK]
            seen += len(data)
            while data:
                if unpacker.eof:
                    if not data.strip(b"\0"):
                        break  # padding to a block, as tapes and some mirrors leave it
                    unpacker = zlib.decompressobj(_GZIP_WINDOW)
                try:
                    content = unpacker.decompress(data)
                except zlib.error as error:
                    raise DamagedError(f"is damaged at byte {seen:,} (gzip)") from error
                data = unpacker.unused_data
                if content:
                    yield content
    if not unpacker.eof:
        raise DamagedError(f"ends early after {seen:,} bytes")


class Opened:
    """
    A file whose format is not known yet.

    Args:
        chunks: Its bytes, unzipped; empty pieces are allowed.
        on_long_line: Called with the number of each line that is dropped for its length.

    Attributes:
        head: The first `HEAD_CHARACTERS` of text at least, or all of it.
        is_binary: Whether there are NUL bytes that no byte order mark explains.
    """

    def __init__(self, chunks: Iterator[bytes], on_long_line: Callable[[int], None]) -> None:
        self._chunks = chunks
        self._on_long_line = on_long_line
        self._pending: DamagedError | None = None
        begin = self._first_bytes(4)
        mark, encoding = next(
            ((mark, name) for mark, name in _MARKS if begin.startswith(mark)), (b"", "utf-8")
        )
        # Bytes that are not UTF-8 stay visible as surrogates: in a comment they harm nobody, in
        # a value they are a reason. UTF-16 has no such escape.
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._ended = False
        self.head = self._decode(begin[len(mark) :])
        while len(self.head) < HEAD_CHARACTERS and not self._ended:
            self.head += self._more()
        self.is_binary = "\0" in self.head[:CHUNK]

    def _first_bytes(self, count: int) -> bytes:
        begin = b""
        for chunk in self._chunks:
            begin += chunk
            if len(begin) >= count:
                break
        return begin

    def _decode(self, data: bytes, *, final: bool = False) -> str:
        return self._decoder.decode(data, final=final)

    def _more(self) -> str:
        """The next piece of text; damage is kept until everything before it has been used."""
        try:
            chunk = next(self._chunks, None)
        except DamagedError as error:
            self._pending = error
            self._ended = True
            return ""
        if chunk is None:
            self._ended = True
            return self._decode(b"", final=True)
        return self._decode(chunk)

    def lines(self) -> Iterator[str]:
        """
        The lines without their ends, once; a line that is too long comes out empty.

        Raises:
            DamagedError: After the last whole line of a damaged container. What stands behind it
                may be cut in the middle of a value, so it is not given out.
        """
        for block, number in self.blocks():
            for line_number, line in enumerate(block.split("\n"), number):
                yield self.checked(line, line_number)

    def checked(self, line: str, number: int) -> str:
        """A line of a block, or nothing where it is too long."""
        if len(line) <= MAX_LINE:
            return line
        self._on_long_line(number)
        return ""

    def blocks(self) -> Iterator[tuple[str, int]]:
        """
        Whole lines, many at a time and without the last line end; and the number of the first.

        Raises:
            DamagedError: As in `lines`.
        """
        text, self.head = self.head, ""
        number = 1
        carry: list[str] = []
        carried = 0
        while text or not self._ended:
            end = text.find("\n") if carried else -1
            if end >= 0:
                carry.append(text[:end])
                yield self._joined(carry, carried + end, number), number
                number += 1
                text, carry, carried = text[end + 1 :], [], 0
            last = text.rfind("\n")
            if last >= 0:
                yield text[:last], number
                number += text.count("\n", 0, last + 1)
                carry, carried = [], 0
            if last + 1 < len(text):
                carry.append(text[last + 1 :])
                carried += len(text) - last - 1
            if carried > MAX_LINE:
                carry = []
            text = self._more() if not self._ended else ""
        if self._pending is not None:
            raise self._pending
        if carried:
            yield self._joined(carry, carried, number), number

    def pieces(self) -> Iterator[str]:
        """
        All text, once, in pieces of any size; lines do not matter to this.

        Raises:
            DamagedError: After the last piece of a damaged container.
        """
        text, self.head = self.head, ""
        while text or not self._ended:
            if text:
                yield text
            text = self._more() if not self._ended else ""
        if self._pending is not None:
            raise self._pending

    def _joined(self, pieces: list[str], length: int, number: int) -> str:
        if length > MAX_LINE:
            self._on_long_line(number)
            return ""
        return "".join(pieces)


def open_stream(stream: BinaryIO, on_long_line: Callable[[int], None]) -> Opened:
    """
    Look into a binary stream, which is unzipped where it begins like gzip.

    Raises:
        DamagedError: It can't be read at all.
    """
    chunks = _raw_chunks(stream)
    begin = b""
    while len(begin) < len(_GZIP_MAGIC):
        chunk = next(chunks, None)
        if chunk is None:
            break
        begin += chunk

    def all_chunks() -> Iterator[bytes]:
        if begin:
            yield begin
        yield from chunks

    if begin.startswith(_GZIP_MAGIC):
        return Opened(_unzipped(all_chunks()), on_long_line)
    return Opened(all_chunks(), on_long_line)


def utf8(text: str) -> bytes:
    """Text of an `Opened` as UTF-8; what was not UTF-8 becomes U+FFFD, which no value may hold."""
    if text.isascii():
        return text.encode()
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()

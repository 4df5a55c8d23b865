# SPDX-License-Identifier: Apache-2.0
"""
What was read of a file, kept so that the same content is not parsed again.

A cached set counts only for the same content, rules, options and version, and only where a key
that never leaves the folder says that it was written here: a file that is changed, cut or foreign
is as good as none. Whatever goes wrong with the cache, the file itself is read.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from psi._version import __version__
from psi.indicators._one_file import FileReader, Outcome
from psi.indicators._packed import pack_set, unpack_set
from psi.indicators.filters import Judge
from psi.indicators.options import ReadOptions
from psi.indicators.profile import Profile

__all__ = ["Cache"]

_VERSION: Final = 1
_MIN_FILE: Final = 1 << 15  # bytes; smaller ones are parsed as fast
_KEEP_S: Final = 30 * 86_400
_TAG: Final = 32
_CHUNK: Final = 1 << 20
_KEY: Final = "key"
_SUFFIX: Final = ".set"
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class _Hashing:
    """A stream that knows the digest of what was read from it, and whether that was all."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.ended = False

    def read(self, size: int) -> bytes:
        """As of a file."""
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        self.ended = not chunk
        return chunk


class Cache:
    """
    A folder of sets by content.

    Args:
        folder: Private; what can't be used in it is passed over.
        profile: The matching rules.
        options: What to keep and how to read.
    """

    def __init__(self, folder: Path, profile: Profile, options: ReadOptions) -> None:
        self._folder = folder
        self._profile = profile
        self._rules = repr(
            (
                _VERSION,
                __version__,
                profile,
                sorted(options.kinds),
                options.allow_reserved,
                options.input_format,
                options.value_column,
                options.type_column,
                options.filters.tlp_max,
                options.filters.to_ids,
                options.filters.max_age_s,
            )
        ).encode()
        self._now = Judge(options.filters).made_at
        self._key = self._load_key()

    def read(
        self,
        reader: FileReader,
        stream: BinaryIO,
        name: str,
        tell: Callable[[int], None] | None,
    ) -> Outcome:
        """What a file holds: from here if it is the same as once before, else read anew."""
        digest = self._digest(stream)
        if digest is None or self._key is None:
            return reader.read(stream, name, tell)
        if (outcome := self._load(digest, name)) is not None:
            return outcome
        # The file may change between the two readings: what is stored belongs to what was parsed.
        hashing = _Hashing(stream)
        outcome = reader.read(hashing, name, tell)  # type: ignore[arg-type]  # only read from
        if outcome.damage is None and outcome.found is not None and hashing.ended:
            self._store(hashing.digest.digest(), outcome)
        return outcome

    def _digest(self, stream: BinaryIO) -> bytes | None:
        """The digest of a regular file that is worth it; the stream is at its start again."""
        try:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size < _MIN_FILE:
                return None
            digest = hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            stream.seek(0)
        except OSError:
            return None
        return digest.digest()

    def _path(self, digest: bytes) -> Path:
        name = hashlib.sha256(digest + self._rules).hexdigest()
        return self._folder / f"{name}{_SUFFIX}"

    def _tag(self, path: Path, content: "memoryview | bytes") -> bytes:
        assert self._key is not None
        mac = hmac.new(self._key, path.name.encode(), "sha256")
        mac.update(content)
        return mac.digest()

    def _load(self, digest: bytes, name: str) -> Outcome | None:
        path = self._path(digest)
        content = _read_private(path)
        if content is None or len(content) < _TAG:
            return None
        body = memoryview(content)[:-_TAG]
        if not hmac.compare_digest(self._tag(path, body), content[-_TAG:]):
            return None
        unpacked = unpack_set(body, name, self._profile)
        if unpacked is None or not unpacked.made_at <= self._now < unpacked.changes_at:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it is in use
        return Outcome(found=unpacked.found, changes_at=unpacked.changes_at)

    def _store(self, digest: bytes, outcome: Outcome) -> None:
        assert outcome.found is not None
        path = self._path(digest)
        content = pack_set(outcome.found, self._now, outcome.changes_at)
        with contextlib.suppress(OSError):
            _write_private(path, [content, self._tag(path, content)])
            self._drop_old()

    def _drop_old(self) -> None:
        oldest = time.time() - _KEEP_S
        for path in self._folder.iterdir():
            if path.suffix in (_SUFFIX, ".part") and path.lstat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _load_key(self) -> bytes | None:
        path = self._folder / _KEY
        try:
            if not path.exists():
                _write_private(path, [secrets.token_bytes(32)])
        except OSError:
            return None
        key = _read_private(path)
        return key if key is not None and len(key) == 32 else None


def _read_private(path: Path) -> bytes | None:
    """A regular file of ours that nobody else may read or write, or None."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
            return None
        try:
            return file.read()
        except OSError:
            return None


def _write_private(path: Path, pieces: list[bytes]) -> None:
    """Whole or not at all, 0600; a crash costs the cached set, so nothing is synchronised."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise

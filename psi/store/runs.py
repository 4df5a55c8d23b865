# SPDX-License-Identifier: Apache-2.0
"""
Unfinished runs of the asking side: what it takes to continue after a crash, for at most 24 h.

A run is written down before its first byte is sent (docs/protocol.md, section 2). The session's
seed is sealed under a key of its own run; that key is in a file of its own, sealed under the
home's key. Ending a run deletes the row and overwrites the key, so that what a journal or a flash
controller may keep of the row opens with nothing. Python can't wipe the seed from memory.

One process at a time works with one peer: `RunStore.locked` waits for the others.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psi.crypto.sealing import KEY_LENGTH, Sealer
from psi.errors import LocalProtocolError, StorageError, VerifyError
from psi.protocol.messages import ClientHello, EvalResponse, ServerAnswer, ServerHello, Signed
from psi.protocol.sizes import SESSION_LIFE_MS
from psi.store._files import (
    create_private,
    erase,
    explained,
    private_directory,
    read_private,
    write_private,
)
from psi.store._rows import signed
from psi.store.client_state import ANSWERS, PARTS, RUNS
from psi.store.database import Database

__all__ = ["DroppedRun", "KeptPart", "PeerRun", "RunStore", "UnfinishedRun"]

_KEY_ROLE: Final = "run-key"
_SEED_ROLE: Final = "run-seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A run that can be continued; its answered parts are read one by one from `PeerRun.part`."""

    hello: Signed[ClientHello]
    session_seed: bytes = field(repr=False)
    set_fingerprint: bytes
    started_ms: int
    answer: ServerAnswer | None
    answered_parts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedRun:
    """A run that can't be continued any more, and what it had cost."""

    peer: str
    bucket: int
    started_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPart:
    """The answer to one chunk as it was received: checked again before it is used."""

    response: Signed[EvalResponse]
    evaluated: bytes = field(repr=False)


class RunStore:
    """The unfinished runs of this home, at most one with each peer."""

    def __init__(self, database: Database, folder: Path, sealer: Sealer) -> None:
        """
        Args:
            database: From `open_client_state`.
            folder: For the keys of the runs, and the locks; made if it is missing.
            sealer: Seals under the home's key.
        """
        self._database = database
        self._folder = private_directory(folder)
        self._sealer = sealer

    @contextmanager
    def locked(self, peer: str, on_wait: Callable[[], None] | None = None) -> Iterator["PeerRun"]:
        """
        The run with one peer, which no other process or thread touches meanwhile.

        Args:
            on_wait: Called once before waiting, if another holds it.
        """
        descriptor = self._lock(peer, wait=False)
        if descriptor is None:
            if on_wait is not None:
                on_wait()
            descriptor = self._lock(peer, wait=True)
        assert descriptor is not None, "waiting ends with the lock"
        try:
            yield PeerRun(self._database, self._key_path(peer), self._sealer, peer)
        finally:
            os.close(descriptor)

    def drop_expired(self, now_ms: int) -> list[DroppedRun]:
        """
        Erase the seeds of runs older than 24 h, with every peer.

        A run that another process works on is left to it.
        """
        dropped: list[DroppedRun] = []
        for row in RUNS.select(self._database, "started_ms <= ?", now_ms - SESSION_LIFE_MS):
            peer = str(row[0])
            descriptor = self._lock(peer, wait=False)
            if descriptor is None:
                continue
            try:
                run = PeerRun(self._database, self._key_path(peer), self._sealer, peer)
                found = run.load(now_ms)
            finally:
                os.close(descriptor)
            if isinstance(found, DroppedRun):
                dropped.append(found)
        return dropped

    def _key_path(self, peer: str) -> Path:
        return self._folder / f"{peer}.key"

    def _lock(self, peer: str, *, wait: bool) -> int | None:
        """An open file that holds the lock of a peer until it is closed, even by a kill."""
        path = self._folder / f"{peer}.lock"
        create_private(path)
        with explained(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor


class PeerRun:
    """At most one unfinished run with one peer; from `RunStore.locked`, valid within it."""

    def __init__(self, database: Database, key_path: Path, sealer: Sealer, peer: str) -> None:
        self._database = database
        self._key_path = key_path
        self._sealer = sealer
        self._peer = peer

    def load(self, now_ms: int) -> UnfinishedRun | DroppedRun | None:
        """
        What there is to continue.

        Returns:
            DroppedRun if it was older than 24 h, or its key is gone: it has been erased.

        Raises:
            StorageError: What was kept is damaged (`state-damaged`); `erase` gives it up.
        """
        row = RUNS.first(self._database, "peer = ?", self._peer)
        if row is None:
            # A key without a run: the process died between the two steps of begin or erase.
            erase(self._key_path)
            return None
        _, started_ms, sealed_seed, fingerprint, hello_bytes, hello_signature = row
        hello = signed(ClientHello, hello_bytes, hello_signature, self._database)
        sealed_key = read_private(self._key_path)
        if sealed_key is None or now_ms - started_ms >= SESSION_LIFE_MS:
            self.erase()
            return DroppedRun(peer=self._peer, bucket=hello.body.bucket, started_ms=started_ms)
        return UnfinishedRun(
            hello=hello,
            session_seed=self._unseal(sealed_key, sealed_seed),
            set_fingerprint=fingerprint,
            started_ms=started_ms,
            answer=self._answer(),
            answered_parts=self._answered_parts(),
        )

    def begin(
        self,
        hello: Signed[ClientHello],
        session_seed: bytes,
        set_fingerprint: bytes,
        now_ms: int,
    ) -> None:
        """
        Write a run down, durably, before its first byte is sent.

        Args:
            session_seed: 32 secret bytes, used for this set and session only.
            set_fingerprint: `Blinding.set_fingerprint()`; a set with another one is another run.

        Raises:
            LocalProtocolError: There is an unfinished run with this peer.
            StorageError: It could not be recorded; nothing may be sent.
        """
        if RUNS.first(self._database, "peer = ?", self._peer) is not None:
            raise LocalProtocolError(f"there is an unfinished run with {self._peer} already")
        key = secrets.token_bytes(KEY_LENGTH)
        write_private(self._key_path, self._sealer.seal(_KEY_ROLE, key))
        with self._database.write() as connection:
            RUNS.insert(
                connection,
                self._peer,
                now_ms,
                Sealer(key, self._peer).seal(_SEED_ROLE, session_seed),
                set_fingerprint,
                hello.body.encode(),
                hello.signature,
            )

    def keep_answer(self, answer: ServerAnswer) -> None:
        """Keep the accepted ServerHello; the first one stays."""
        with self._database.write() as connection:
            ANSWERS.keep_first(
                connection,
                self._peer,
                answer.hello.body.encode(),
                answer.hello.signature,
                answer.key_cert_signature,
            )

    def keep_part(self, response: Signed[EvalResponse], evaluated: bytes) -> None:
        """Keep one chunk's accepted answer; the first one stays."""
        body = response.body
        with self._database.write() as connection:
            PARTS.keep_first(
                connection,
                self._peer,
                body.chunk,
                body.encode(),
                response.signature,
                evaluated,
            )

    def part(self, chunk: int) -> KeptPart | None:
        """
        The kept answer to a chunk, if any.

        Raises:
            StorageError: It is damaged (`state-damaged`).
        """
        row = PARTS.first(self._database, "peer = ? AND chunk = ?", self._peer, chunk)
        if row is None:
            return None
        response = signed(EvalResponse, row[2], row[3], self._database)
        return KeptPart(response=response, evaluated=row[4])

    def erase(self) -> None:
        """Forget the run, durably: finished, given up, or expired; the seed is gone after it."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM runs WHERE peer = ?", (self._peer,))
        erase(self._key_path)
        self._database.fold()

    def _unseal(self, sealed_key: bytes, sealed_seed: bytes) -> bytes:
        try:
            key = self._sealer.unseal(_KEY_ROLE, sealed_key)
            return Sealer(key, self._peer).unseal(_SEED_ROLE, sealed_seed)
        except VerifyError:
            raise StorageError(
                f"the unfinished run with {self._peer} does not open with the key of this home",
                slug="state-damaged",
                hint=f"`overlap check {self._peer} --new` gives it up",
            ) from None

    def _answer(self) -> ServerAnswer | None:
        row = ANSWERS.first(self._database, "peer = ?", self._peer)
        if row is None:
            return None
        hello = signed(ServerHello, row[1], row[2], self._database)
        return ServerAnswer(hello=hello, key_cert_signature=row[3])

    def _answered_parts(self) -> tuple[int, ...]:
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT chunk FROM parts WHERE peer = ? ORDER BY chunk", (self._peer,)
            ).fetchall()
        return tuple(int(row[0]) for row in rows)

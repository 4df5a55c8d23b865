# SPDX-License-Identifier: Apache-2.0
"""The parts of a check, four at a time, so that both sides compute while the network carries."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from psi.app.events import Events
from psi.errors import PsiError
from psi.protocol.client import ClientSession
from psi.protocol.messages import EvalResponse, Signed
from psi.protocol.sizes import CHUNK_ELEMENTS
from psi.transport.client import PeerChannel

__all__ = ["KeepAnswer", "ask_parts", "fetch_table"]

# As many as the protocol allows; two threads compute while two wait for the network.
IN_FLIGHT: Final = 4

KeepAnswer = Callable[[Signed[EvalResponse], bytes], None]


def ask_parts(
    session: ClientSession, channel: PeerChannel, keep: KeepAnswer, events: Events
) -> None:
    """
    Ask every part that is missing, verify each answer, and keep it.

    Args:
        keep: Stores an accepted answer durably, so that it is never paid for twice.

    Raises:
        PsiError: The first failure; what was accepted before it has been kept.
    """
    total = session.hello.body.bucket
    done = total - _elements(total, session.missing_parts)
    failure: BaseException | None = None

    def ask(chunk: int) -> int:
        request, elements = session.request(chunk)
        response, evaluated = channel.evaluate(request, elements)
        session.receive_answer(request, elements, response, evaluated)
        keep(response, evaluated)
        return len(elements) // 32

    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="overlap-ask") as pool:
        running: set[Future[int]] = set()
        waiting = list(reversed(session.missing_parts))
        try:
            while waiting or running:
                while waiting and len(running) < IN_FLIGHT:
                    running.add(pool.submit(ask, waiting.pop()))
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done += future.result()
                moved = channel.sent_bytes + channel.received_bytes
                events.progress("asking", done, total, moved)
        except BaseException as error:
            # The others end soon: they wait for the peer, who is told nothing more.
            failure = error
            channel.cancel()
            raise
        finally:
            if failure is not None:
                _prefer_fault(failure, running)


def _prefer_fault(failure: BaseException, running: set[Future[int]]) -> None:
    """A peer's fault that another part found at the same time says more than a lost connection."""
    wait(running)
    if isinstance(failure, PsiError) and failure.outcome.end != "peer-fault":
        for future in running:
            other = future.exception()
            if isinstance(other, PsiError) and other.outcome.end == "peer-fault":
                raise other


def fetch_table(session: ClientSession, channel: PeerChannel, events: Events) -> None:
    """
    Fetch and check the peer's whole list.

    Raises:
        PsiError: It can't be fetched, or is not the list that was signed (`list-differs`).
    """
    total = session.answer.hello.body.bucket
    pages: list[bytes] = []
    for first in session.table_pages:
        events.progress("fetching", first, total, channel.sent_bytes + channel.received_bytes)
        pages.append(channel.get_table(session.request_table(first)))
    session.receive_table(pages)


def _elements(bucket: int, chunks: list[int]) -> int:
    return sum(min(CHUNK_ELEMENTS, bucket - chunk * CHUNK_ELEMENTS) for chunk in chunks)

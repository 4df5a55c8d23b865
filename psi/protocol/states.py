# SPDX-License-Identifier: Apache-2.0
"""
What may follow what in a pairwise session: the only place where a state changes.

Any pair of state and message that is not in the table is refused; docs/protocol.md and the tests
read these tables.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from psi.errors import LocalProtocolError, PeerProtocolError
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    ServerHello,
)
from psi.protocol.structure import Structure

__all__ = ["CLIENT", "SERVER", "ClientState", "ServerState", "client_next", "server_next"]


class ClientState(Enum):
    """What the client knows or has done."""

    NEW = "nothing sent"
    HELLO_SENT = "hello sent, no answer yet"
    OPEN = "session open"
    CLOSE_SENT = "everything answered, close sent"
    DONE = "receipt held"


class ServerState(Enum):
    """What the server has recorded of a session."""

    UNKNOWN = "no such session"
    OPEN = "charged and answered"
    CLOSED = "receipt signed"


CLIENT: Final[Mapping[tuple[ClientState, type[Structure]], ClientState]] = {
    (ClientState.NEW, ClientHello): ClientState.HELLO_SENT,
    (ClientState.HELLO_SENT, ServerHello): ClientState.OPEN,
    (ClientState.OPEN, EvalRequest): ClientState.OPEN,
    (ClientState.OPEN, EvalResponse): ClientState.OPEN,
    (ClientState.OPEN, GetTable): ClientState.OPEN,
    (ClientState.OPEN, Close): ClientState.CLOSE_SENT,
    (ClientState.CLOSE_SENT, Close): ClientState.DONE,
}

SERVER: Final[Mapping[tuple[ServerState, type[Structure]], ServerState]] = {
    (ServerState.UNKNOWN, ClientHello): ServerState.OPEN,
    (ServerState.OPEN, ClientHello): ServerState.OPEN,
    (ServerState.OPEN, EvalRequest): ServerState.OPEN,
    (ServerState.OPEN, GetTable): ServerState.OPEN,
    (ServerState.OPEN, Close): ServerState.CLOSED,
    # An answer that was lost on the way is given again, for every call.
    (ServerState.CLOSED, ClientHello): ServerState.CLOSED,
    # A client that died after the receipt fetches the list again: its result needs it.
    (ServerState.CLOSED, GetTable): ServerState.CLOSED,
    (ServerState.CLOSED, Close): ServerState.CLOSED,
}


def client_next(state: ClientState, message: type[Structure]) -> ClientState:
    """
    The client's next state.

    Raises:
        LocalProtocolError: The caller drives the session in an order that does not exist; a
            session is single use, since a second set under its seed would reuse blinds.
    """
    try:
        return CLIENT[state, message]
    except KeyError:
        raise LocalProtocolError(
            f"{message.__name__} does not belong in the state '{state.value}'"
        ) from None


def server_next(state: ServerState, message: type[Structure]) -> ServerState:
    """
    The server's next state.

    Raises:
        PeerProtocolError: The client sent what does not belong here (`session-ended`).
    """
    try:
        return SERVER[state, message]
    except KeyError:
        raise PeerProtocolError(
            f"{message.__name__} does not belong in the state '{state.value}'",
            slug="session-ended",
        ) from None

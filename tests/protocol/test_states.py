# SPDX-License-Identifier: Apache-2.0
"""Every pair of state and message: what the table does not name is refused."""

import itertools

import pytest

from psi.errors import LocalProtocolError, PeerProtocolError
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    ServerHello,
)
from psi.protocol.states import CLIENT, SERVER, ClientState, ServerState, client_next, server_next
from psi.protocol.structure import Structure

MESSAGES: list[type[Structure]] = [
    ClientHello,
    ServerHello,
    EvalRequest,
    EvalResponse,
    GetTable,
    Close,
]


@pytest.mark.parametrize(("state", "message"), list(itertools.product(ClientState, MESSAGES)))
def test_client_state_takes_only_what_its_table_names(
    state: ClientState, message: type[Structure]
) -> None:
    """The wrong order on our side is our fault."""
    if (state, message) in CLIENT:
        assert client_next(state, message) is CLIENT[state, message]
    else:
        with pytest.raises(LocalProtocolError):
            client_next(state, message)


@pytest.mark.parametrize(("state", "message"), list(itertools.product(ServerState, MESSAGES)))
def test_server_state_takes_only_what_its_table_names(
    state: ServerState, message: type[Structure]
) -> None:
    """The wrong order on the peer's side is the peer's fault."""
    if (state, message) in SERVER:
        assert server_next(state, message) is SERVER[state, message]
    else:
        with pytest.raises(PeerProtocolError) as error:
            server_next(state, message)
        assert error.value.slug == "session-ended"


def test_finished_session_has_no_way_on() -> None:
    """A session is single use: nothing leads out of its end."""
    assert not [state for state, _ in CLIENT if state is ClientState.DONE]
    assert {after for (state, _), after in SERVER.items() if state is ServerState.CLOSED} == {
        ServerState.CLOSED
    }

# SPDX-License-Identifier: Apache-2.0
"""The encoding of structures: one form, and nothing else is read."""

from dataclasses import fields, replace

import hypothesis
import hypothesis.strategies as st
import pytest
from protocol.support import make_roster

from psi.encoding import lp, u32, u64
from psi.errors import PeerProtocolError, PsiError
from psi.protocol import messages
from psi.protocol.messages import Close, EvalRequest, Principal, Roster, ServerHello
from psi.protocol.structure import Structure

STRUCTURES = [
    item
    for item in vars(messages).values()
    if isinstance(item, type) and issubclass(item, Structure) and item is not Structure
]


def test_encoding_is_label_and_fields_behind_their_lengths() -> None:
    """Spelled out by hand for one structure."""
    close = Close(session_id=b"\1" * 32, transcript=b"\2" * 32, chunks=3)
    by_hand = lp(b"OVL1-Close") + lp(b"\1" * 32) + lp(b"\2" * 32) + lp(u64(3))
    assert close.encode() == by_hand
    assert Close.decode(by_hand) == close


def test_roster_reads_back_with_its_nested_lists() -> None:
    """Lists of structures, lists of texts, an absent field."""
    roster = make_roster()
    assert Roster.decode(roster.encode()) == roster
    first = replace(roster, previous=None)
    assert Roster.decode(first.encode()).previous is None


@pytest.mark.parametrize("cut", [0, 1, 4, 10, 40, -1])
def test_encoding_cut_short_is_refused(cut: int) -> None:
    """Wherever the end is missing."""
    with pytest.raises(PeerProtocolError):
        Roster.decode(make_roster().encode()[:cut])


def test_encoding_with_anything_behind_it_is_refused() -> None:
    """Also with an empty field more."""
    encoding = Close(session_id=bytes(32), transcript=bytes(32), chunks=3).encode()
    for extra in (b"\0", u32(0), lp(b"x")):
        with pytest.raises(PeerProtocolError):
            Close.decode(encoding + extra)


def test_encoding_of_another_structure_is_refused() -> None:
    """The label is compared: the fields alone would fit."""
    request = EvalRequest(session_id=bytes(32), chunk=0, chunk_digest=bytes(32))
    with pytest.raises(PeerProtocolError):
        Close.decode(request.encode())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"chunk": -1}, "0 to 2"),
        ({"chunk": 2**64}, "0 to 2"),
        ({"chunk": "0"}, "expected int"),
        ({"chunk": True}, "expected int"),
        ({"session_id": b"\0" * 31}, "expected 32 bytes, got 31"),
        ({"session_id": "0"}, "expected bytes"),
        ({"session_id": None}, "expected a value"),
    ],
)
def test_field_of_another_type_or_length_is_refused(change: dict[str, object], text: str) -> None:
    """A structure that exists is well formed."""
    request = EvalRequest(session_id=bytes(32), chunk=0, chunk_digest=bytes(32))
    with pytest.raises(PeerProtocolError, match=text):
        replace(request, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Acme", "-a", "a-", "a b", "ä", "a" * 64, "a\n"])
def test_name_outside_the_rule_is_refused(name: str) -> None:
    """1 to 63 lower-case letters, digits and inner hyphens."""
    with pytest.raises(PeerProtocolError):
        replace(make_roster(), alliance=name)


def test_text_that_is_too_long_or_no_utf8_is_refused() -> None:
    """What a peer can make us keep is bounded."""
    principal = make_roster().principals[0]
    for text in ("x" * 1025, "\ud800"):
        with pytest.raises(PeerProtocolError):
            replace(principal, contact=text)
    broken = lp(b"OVL1-Principal") + b"".join(
        lp(b"\xff") if field.name == "contact" else lp(b"") for field in fields(Principal)
    )
    with pytest.raises(PeerProtocolError):
        Principal.decode(broken)


def test_list_whose_count_does_not_fit_is_refused() -> None:
    """Fewer or more items than announced."""
    roles = u32(2) + lp(b"member")
    with pytest.raises(PeerProtocolError, match="count"):
        Principal.decode(
            lp(b"OVL1-Principal")
            + lp(b"acme")
            + lp(roles)
            + b"".join(lp(b"") for _ in fields(Principal)[2:])
        )
    with pytest.raises(PeerProtocolError, match="expected a list"):
        replace(make_roster().principals[0], roles=["member"])  # type: ignore[arg-type]


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.NAME)
@hypothesis.given(data=st.binary(max_size=200))
def test_any_bytes_are_refused_or_read_back_to_themselves(
    structure: type[Structure], data: bytes
) -> None:
    """A decoder fails with our error, or has read the one encoding that there is."""
    for candidate in (data, lp(f"OVL1-{structure.NAME}".encode()) + data):
        try:
            value = structure.decode(candidate)
        except PsiError:
            continue
        assert value.encode() == candidate


@hypothesis.settings(deadline=None)
@hypothesis.given(st.data())
def test_any_changed_byte_is_refused_or_is_another_structure(data: st.DataObject) -> None:
    """No two encodings of one structure."""
    encoding = bytearray(make_roster().encode())
    position = data.draw(st.integers(0, len(encoding) - 1))
    encoding[position] ^= data.draw(st.integers(1, 255))
    try:
        changed = Roster.decode(bytes(encoding))
    except PsiError:
        return
    assert changed.encode() == bytes(encoding)
    assert changed != make_roster()


def test_absent_session_id_is_the_only_difference_to_an_empty_field() -> None:
    """ServerHello without its id encodes an empty field in that place."""
    names = [field.name for field in fields(ServerHello)]
    assert names[0] == "session_id"

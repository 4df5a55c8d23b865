# SPDX-License-Identifier: Apache-2.0
"""Structures to protobuf bytes and back: every field, and nothing that does not fit."""

import dataclasses
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport.support import (
    PROFILE,
    Member,
    close,
    eval_request,
    get_table,
    hello,
    server_hello,
    status,
    trusted,
)

from psi.errors import PeerProtocolError
from psi.proto.v1 import pairwise_pb2 as pb
from psi.proto.v1 import roster_pb2
from psi.protocol import messages
from psi.protocol.messages import EvalResponse, Roster, Signed
from psi.protocol.structure import Structure
from psi.transport import wire
from psi.transport.seams import RosterFile

ROSTER = trusted(Member.make("acme-corp"), Member.make("beta-bank"))
ROSTER_FILE = RosterFile(
    roster=dataclasses.replace(ROSTER.roster, previous=b"\x20" * 32),
    signature=ROSTER.signature,
    certificates=tuple(ROSTER.certificates.values()),
)
RESPONSE = Signed(
    EvalResponse(
        session_id=b"\x09" * 32,
        chunk=7,
        chunk_digest=b"\x0f" * 32,
        elements_digest=b"\x15" * 32,
        proof=b"\x16" * 64,
    ),
    b"\x17" * 64,
)

Case = tuple[bytes, Callable[[bytes], object], object]
CASES: dict[str, Case] = {
    "OpenSessionRequest": (wire.pack_hello(hello()), wire.unpack_hello, hello()),
    "OpenSessionResponse": (
        wire.pack_hello_answer(server_hello()),
        wire.unpack_hello_answer,
        server_hello(),
    ),
    "EvaluateRequest": (
        wire.pack_evaluate(eval_request(7), bytes(64)),
        wire.unpack_evaluate,
        (eval_request(7), bytes(64)),
    ),
    "EvaluateResponse": (
        wire.pack_evaluate_answer(RESPONSE, bytes(64)),
        wire.unpack_evaluate_answer,
        (RESPONSE, bytes(64)),
    ),
    "GetTableRequest": (wire.pack_get_table(get_table(5)), wire.unpack_get_table, get_table(5)),
    "GetTableResponse": (wire.pack_tags(b"tags"), wire.unpack_tags, b"tags"),
    "CloseRequest": (wire.pack_close(close()), wire.unpack_close, close()),
    "CloseResponse": (wire.pack_close_answer(close()), wire.unpack_close_answer, close()),
    "StatusRequest": (wire.pack_status_request(), wire.unpack_status_request, None),
    "StatusResponse": (wire.pack_status(status()), wire.unpack_status, status()),
    "GetRosterRequest": (wire.pack_get_roster(7), wire.unpack_get_roster, 7),
    "GetRosterResponse": (wire.pack_roster(ROSTER_FILE), wire.unpack_roster, ROSTER_FILE),
}
MESSAGES = {**pb.DESCRIPTOR.message_types_by_name, **roster_pb2.DESCRIPTOR.message_types_by_name}


@pytest.mark.parametrize("name", CASES)
def test_unpack_of_what_was_packed_is_the_same(name: str) -> None:
    """Both directions of every message, every field."""
    data, unpack, value = CASES[name]
    assert unpack(data) == value


def test_cases_above_are_all_messages_of_the_service() -> None:
    """No call without a test."""
    service = pb.DESCRIPTOR.services_by_name["Pairwise"]
    used = {m.input_type.name for m in service.methods} | {
        m.output_type.name for m in service.methods
    }
    assert used == set(CASES)


# Enrol travels in a file.
TRAVELLING = [
    cls
    for cls in vars(messages).values()
    if isinstance(cls, type)
    and issubclass(cls, Structure)
    and dataclasses.is_dataclass(cls)
    and cls is not messages.Enrol
]


@pytest.mark.parametrize("cls", TRAVELLING, ids=lambda cls: cls.__name__)
def test_message_of_a_structure_has_its_fields_in_order(cls: type[Structure]) -> None:
    """The .proto files and docs/protocol.md section 9 name the same fields."""
    fields = [field.name.rstrip("_") for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    message = MESSAGES[cls.NAME]
    assert [field.name for field in message.fields] == fields
    assert [field.number for field in message.fields] == list(range(1, len(fields) + 1))


@pytest.mark.parametrize("name", CASES)
def test_unpack_with_an_unknown_field_changes_nothing(name: str) -> None:
    """What a later version may add does not get into what is signed."""
    data, unpack, value = CASES[name]
    assert unpack(data + b"\xfa\x07\x03new") == value


@pytest.mark.parametrize("name", sorted(set(CASES) - {"StatusRequest", "GetRosterRequest"}))
def test_unpack_of_nothing_is_refused(name: str) -> None:
    """An absent part is not an empty one."""
    _, unpack, _ = CASES[name]
    with pytest.raises(PeerProtocolError):
        unpack(b"")


@pytest.mark.parametrize("name", CASES)
@given(data=st.binary(max_size=300))
def test_unpack_of_any_bytes_is_a_value_or_a_peers_fault(name: str, data: bytes) -> None:
    """Never another exception, whatever comes."""
    _, unpack, _ = CASES[name]
    try:
        unpack(data)
    except PeerProtocolError as error:
        assert error.slug in ("malformed", "list-differs")


@pytest.mark.parametrize("name", CASES)
@given(random=st.randoms(use_true_random=False))
def test_unpack_of_changed_bytes_is_a_value_or_a_peers_fault(name: str, random: Random) -> None:
    """One byte of a good message changed, or its end cut off."""
    data, unpack, _ = CASES[name]
    if not data:
        return
    at = random.randrange(len(data))
    changed = bytearray(data)
    changed[at] = random.randrange(256)
    for bad in (bytes(changed), data[:at]):
        try:
            unpack(bad)
        except PeerProtocolError as error:
            assert error.slug in ("malformed", "list-differs")


@pytest.mark.parametrize("length", [0, 63, 65])
def test_unpack_with_a_signature_of_a_wrong_length_is_refused(length: int) -> None:
    """64 bytes, as Ed25519 makes them."""
    with pytest.raises(PeerProtocolError, match=f"expected 64 bytes, got {length}"):
        wire.unpack_close(wire.pack_close(Signed(close().body, bytes(length))))


@pytest.mark.parametrize(
    ("length", "index"), [(0, 0), (31, 0), (33, 1), (63, 1), (4097 * 32, 4096)]
)
def test_unpack_with_elements_of_a_wrong_length_is_refused_with_the_index(
    length: int, index: int
) -> None:
    """An element of 31 or 33 bytes, no element, one too many (test M4)."""
    elements = bytes(length)
    with pytest.raises(PeerProtocolError) as caught:
        wire.unpack_evaluate(wire.pack_evaluate(eval_request(7), elements))
    assert caught.value.detail == {"chunk": 7, "index": index}
    with pytest.raises(PeerProtocolError) as caught:
        wire.unpack_evaluate_answer(wire.pack_evaluate_answer(RESPONSE, elements))
    assert caught.value.detail == {"chunk": 7, "index": index}


@pytest.mark.parametrize("length", [63, 65])
def test_unpack_with_a_proof_of_a_wrong_length_is_refused(length: int) -> None:
    """c || s is 64 bytes (test M4)."""
    message = pb.EvaluateResponse()
    message.ParseFromString(wire.pack_evaluate_answer(RESPONSE, bytes(32)))
    message.response.proof = bytes(length)
    with pytest.raises(PeerProtocolError, match=r"EvalResponse\.proof: expected 64 bytes"):
        wire.unpack_evaluate_answer(message.SerializeToString())


def test_unpack_of_a_hello_without_an_id_is_refused() -> None:
    """The id is absent only while it is being computed."""
    message = pb.OpenSessionResponse()
    message.ParseFromString(wire.pack_hello_answer(server_hello()))
    message.hello.ClearField("session_id")
    with pytest.raises(PeerProtocolError, match="session_id"):
        wire.unpack_hello_answer(message.SerializeToString())


def test_unpack_of_a_hello_with_an_empty_id_or_no_certificate_is_refused() -> None:
    """Empty is not absent, and an absent part is not one of zeros."""
    message = pb.OpenSessionResponse()
    message.ParseFromString(wire.pack_hello_answer(server_hello()))
    message.hello.session_id = b""
    with pytest.raises(PeerProtocolError, match="session_id"):
        wire.unpack_hello_answer(message.SerializeToString())
    message.ParseFromString(wire.pack_hello_answer(server_hello()))
    message.hello.ClearField("key_cert")
    with pytest.raises(PeerProtocolError, match="key_cert"):
        wire.unpack_hello_answer(message.SerializeToString())


def test_unpack_of_tags_beyond_a_page_is_refused() -> None:
    """32,768 tags of 16 bytes."""
    assert len(wire.unpack_tags(wire.pack_tags(bytes(32_768 * 16)))) == 32_768 * 16
    with pytest.raises(PeerProtocolError) as caught:
        wire.unpack_tags(wire.pack_tags(bytes(32_768 * 16 + 1)))
    assert caught.value.slug == "list-differs"


def test_unpack_of_a_certificate_of_any_size_is_refused() -> None:
    """16 KiB are more than any certificate of ours."""
    with pytest.raises(PeerProtocolError, match="certificate 0"):
        wire.unpack_roster(
            wire.pack_roster(dataclasses.replace(ROSTER_FILE, certificates=(bytes(16_385),)))
        )


def test_unpack_of_a_roster_keeps_its_encoding() -> None:
    """What is verified is the encoding of what was read."""
    for roster in (ROSTER.roster, ROSTER_FILE.roster):
        file = dataclasses.replace(ROSTER_FILE, roster=roster)
        assert wire.unpack_roster(wire.pack_roster(file)).roster.encode() == roster.encode()
    assert isinstance(ROSTER.roster, Roster)
    assert PROFILE.encode() == wire.unpack_status(wire.pack_status(status())).profile.encode()


def test_unpack_of_deep_nesting_is_refused() -> None:
    """Groups in groups, as deep as a megabyte allows (test M2)."""
    deep = b"\x7b" * 500_000 + b"\x7c" * 500_000
    with pytest.raises(PeerProtocolError):
        wire.unpack_hello(deep)


def test_unpack_of_a_million_repeated_fields_is_bounded() -> None:
    """Repeats of a field that is none: the last one counts, and here it does not fit (test M2)."""
    many = b"\x12\x00" * 500_000
    with pytest.raises(PeerProtocolError):
        wire.unpack_hello(many)
    with pytest.raises(PeerProtocolError):
        wire.unpack_roster(b"\x1a\x00" * 500_000)

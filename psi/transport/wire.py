# SPDX-License-Identifier: Apache-2.0
"""
Protobuf bytes to structures and back: the only place that knows both (docs/protocol.md, section 9).

`pack_*` makes the bytes of one message, `unpack_*` reads them strictly: an absent part, a text that
is not UTF-8, a field of a wrong length or a list of a wrong size is a `PeerProtocolError`. A field
that this version does not know is ignored, and has no effect on what is signed, because signatures
are made over `Structure.encode()` of what was read. Nothing here checks a signature.
"""

import dataclasses
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from psi.crypto.signing import SIGNATURE_LENGTH
from psi.errors import PeerProtocolError
from psi.proto.v1 import pairwise_pb2 as pb
from psi.proto.v1 import roster_pb2
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    GetTable,
    KeyCert,
    Principal,
    Profile,
    Roster,
    ServerAnswer,
    ServerHello,
    Signed,
    Status,
)
from psi.protocol.sizes import CHUNK_ELEMENTS, PAGE_TAGS
from psi.protocol.structure import Structure
from psi.transport.seams import RosterFile

__all__ = [
    "pack_close",
    "pack_close_answer",
    "pack_evaluate",
    "pack_evaluate_answer",
    "pack_get_roster",
    "pack_get_table",
    "pack_hello",
    "pack_hello_answer",
    "pack_roster",
    "pack_status",
    "pack_status_request",
    "pack_tags",
    "unpack_close",
    "unpack_close_answer",
    "unpack_evaluate",
    "unpack_evaluate_answer",
    "unpack_get_roster",
    "unpack_get_table",
    "unpack_hello",
    "unpack_hello_answer",
    "unpack_roster",
    "unpack_status",
    "unpack_status_request",
    "unpack_tags",
]

ELEMENT_LENGTH: Final = 32  # Ne, RFC 9497 section 4.1
MAX_TAG_LENGTH: Final = 16
MAX_CERTIFICATE_BYTES: Final = 16 * 1024

S = TypeVar("S", bound=Structure)
M = TypeVar("M", bound=Message)

# Structures that are fields of other structures, by the name of their message.
_NESTED: Final[dict[str, type[Structure]]] = {
    "KeyCert": KeyCert,
    "Principal": Principal,
    "Profile": Profile,
}


# ---- OpenSession


def pack_hello(hello: Signed[ClientHello]) -> bytes:
    """The bytes of an OpenSessionRequest."""
    message = pb.OpenSessionRequest(signature=hello.signature)
    _write(hello.body, message.hello)
    return message.SerializeToString()


def unpack_hello(data: bytes) -> Signed[ClientHello]:
    """Read an OpenSessionRequest."""
    message = _parse(pb.OpenSessionRequest, data)
    return Signed(_part(ClientHello, message, "hello"), _signature(message))


def pack_hello_answer(answer: ServerAnswer) -> bytes:
    """The bytes of an OpenSessionResponse."""
    message = pb.OpenSessionResponse(
        signature=answer.hello.signature, key_cert_signature=answer.key_cert_signature
    )
    _write(answer.hello.body, message.hello)
    return message.SerializeToString()


def unpack_hello_answer(data: bytes) -> ServerAnswer:
    """Read an OpenSessionResponse."""
    message = _parse(pb.OpenSessionResponse, data)
    body = _part(ServerHello, message, "hello")
    if body.session_id is None:
        raise PeerProtocolError("ServerHello.session_id: expected 32 bytes, got none")
    return ServerAnswer(
        hello=Signed(body, _signature(message)),
        key_cert_signature=_signature(message, "key_cert_signature"),
    )


# ---- Evaluate


def pack_evaluate(request: Signed[EvalRequest], elements: bytes) -> bytes:
    """The bytes of an EvaluateRequest; `elements` are n * 32 bytes."""
    message = pb.EvaluateRequest(signature=request.signature, elements=elements)
    _write(request.body, message.request)
    return message.SerializeToString()


def unpack_evaluate(data: bytes) -> tuple[Signed[EvalRequest], bytes]:
    """Read an EvaluateRequest; the elements are 1 to 4096 times 32 bytes, else unchecked."""
    message = _parse(pb.EvaluateRequest, data)
    body = _part(EvalRequest, message, "request")
    return Signed(body, _signature(message)), _elements(body.chunk, message.elements)


def pack_evaluate_answer(response: Signed[EvalResponse], elements: bytes) -> bytes:
    """The bytes of an EvaluateResponse."""
    message = pb.EvaluateResponse(signature=response.signature, elements=elements)
    _write(response.body, message.response)
    return message.SerializeToString()


def unpack_evaluate_answer(data: bytes) -> tuple[Signed[EvalResponse], bytes]:
    """Read an EvaluateResponse; the elements are 1 to 4096 times 32 bytes, else unchecked."""
    message = _parse(pb.EvaluateResponse, data)
    body = _part(EvalResponse, message, "response")
    return Signed(body, _signature(message)), _elements(body.chunk, message.elements)


# ---- GetTable


def pack_get_table(request: Signed[GetTable]) -> bytes:
    """The bytes of a GetTableRequest."""
    message = pb.GetTableRequest(signature=request.signature)
    _write(request.body, message.request)
    return message.SerializeToString()


def unpack_get_table(data: bytes) -> Signed[GetTable]:
    """Read a GetTableRequest."""
    message = _parse(pb.GetTableRequest, data)
    return Signed(_part(GetTable, message, "request"), _signature(message))


def pack_tags(tags: bytes) -> bytes:
    """The bytes of a GetTableResponse."""
    return pb.GetTableResponse(tags=tags).SerializeToString()


def unpack_tags(data: bytes) -> bytes:
    """Read a GetTableResponse: at most 32,768 tags, whose length the session knows."""
    tags = _parse(pb.GetTableResponse, data).tags
    if not 0 < len(tags) <= PAGE_TAGS * MAX_TAG_LENGTH:
        raise PeerProtocolError(
            f"a page of tags: expected 1 to {PAGE_TAGS * MAX_TAG_LENGTH} bytes, got {len(tags)}",
            slug="list-differs",
        )
    return tags


# ---- Close


def pack_close(close: Signed[Close]) -> bytes:
    """The bytes of a CloseRequest."""
    message = pb.CloseRequest(signature=close.signature)
    _write(close.body, message.close)
    return message.SerializeToString()


def unpack_close(data: bytes) -> Signed[Close]:
    """Read a CloseRequest."""
    message = _parse(pb.CloseRequest, data)
    return Signed(_part(Close, message, "close"), _signature(message))


def pack_close_answer(close: Signed[Close]) -> bytes:
    """The bytes of a CloseResponse."""
    message = pb.CloseResponse(signature=close.signature)
    _write(close.body, message.close)
    return message.SerializeToString()


def unpack_close_answer(data: bytes) -> Signed[Close]:
    """Read a CloseResponse."""
    message = _parse(pb.CloseResponse, data)
    return Signed(_part(Close, message, "close"), _signature(message))


# ---- Status


def pack_status_request() -> bytes:
    """The bytes of a StatusRequest."""
    return pb.StatusRequest().SerializeToString()


def unpack_status_request(data: bytes) -> None:
    """Read a StatusRequest, which says nothing."""
    _parse(pb.StatusRequest, data)


def pack_status(status: Status) -> bytes:
    """The bytes of a StatusResponse."""
    message = pb.StatusResponse()
    _write(status.profile, message.profile)
    for field in dataclasses.fields(status):
        if field.name != "profile":
            setattr(message, field.name, getattr(status, field.name))
    return message.SerializeToString()


def unpack_status(data: bytes) -> Status:
    """Read a StatusResponse."""
    message = _parse(pb.StatusResponse, data)
    if len(message.roster_hash) != 32:
        raise PeerProtocolError(
            f"StatusResponse.roster_hash: expected 32 bytes, got {len(message.roster_hash)}"
        )
    profile = _part(Profile, message, "profile")
    names = (field.name for field in dataclasses.fields(Status) if field.name != "profile")
    return Status(profile=profile, **{name: getattr(message, name) for name in names})


# ---- GetRoster


def pack_get_roster(serial: int) -> bytes:
    """The bytes of a GetRosterRequest."""
    return roster_pb2.GetRosterRequest(serial=serial).SerializeToString()


def unpack_get_roster(data: bytes) -> int:
    """Read a GetRosterRequest: the least serial that is of use to the caller."""
    return _parse(roster_pb2.GetRosterRequest, data).serial


def pack_roster(file: RosterFile) -> bytes:
    """The bytes of a GetRosterResponse."""
    message = roster_pb2.GetRosterResponse(signature=file.signature, certificates=file.certificates)
    _write(file.roster, message.roster)
    return message.SerializeToString()


def unpack_roster(data: bytes) -> RosterFile:
    """Read a GetRosterResponse; neither signature nor certificates have been checked."""
    message = _parse(roster_pb2.GetRosterResponse, data)
    roster = _part(Roster, message, "roster")
    for position, certificate in enumerate(message.certificates):
        if len(certificate) > MAX_CERTIFICATE_BYTES:
            raise PeerProtocolError(
                f"certificate {position}: expected at most {MAX_CERTIFICATE_BYTES} bytes, "
                f"got {len(certificate)}"
            )
    return RosterFile(
        roster=roster,
        signature=_signature(message),
        certificates=tuple(message.certificates),
    )


# ---- shared


def _parse(kind: type[M], data: bytes) -> M:
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError:
        # The library's text may quote what it read.
        raise PeerProtocolError(
            f"{kind.DESCRIPTOR.name}: {len(data)} bytes that are not this message"
        ) from None
    return message


def _part(cls: type[S], message: Message, name: str) -> S:
    if not message.HasField(name):
        raise PeerProtocolError(f"{message.DESCRIPTOR.name}: {name} is missing")
    return _read(cls, getattr(message, name))


def _signature(message: Message, name: str = "signature") -> bytes:
    signature: bytes = getattr(message, name)
    if len(signature) != SIGNATURE_LENGTH:
        raise PeerProtocolError(
            f"{message.DESCRIPTOR.name}.{name}: expected {SIGNATURE_LENGTH} bytes, "
            f"got {len(signature)}"
        )
    return signature


def _elements(chunk: int, elements: bytes) -> bytes:
    count, rest = divmod(len(elements), ELEMENT_LENGTH)
    if rest or not 1 <= count <= CHUNK_ELEMENTS:
        raise PeerProtocolError(
            f"chunk {chunk}: expected 1 to {CHUNK_ELEMENTS} x {ELEMENT_LENGTH} bytes, "
            f"got {len(elements)}",
            detail={"chunk": chunk, "index": min(count, CHUNK_ELEMENTS)},
        )
    return elements


def _write(value: Structure, message: Message) -> None:
    """Copy a structure's fields to the message of the same name; names and types agree."""
    message.SetInParent()  # a structure of nothing but zeros is still there
    for field in dataclasses.fields(value):  # type: ignore[arg-type]  # all are dataclasses
        item = getattr(value, field.name)
        name = _wire_name(field.name)
        if item is None:
            continue
        if isinstance(item, Structure):
            _write(item, getattr(message, name))
        elif isinstance(item, tuple):
            into = getattr(message, name)
            for element in item:
                if isinstance(element, Structure):
                    _write(element, into.add())
                else:
                    into.append(element)
        else:
            setattr(message, name, item)


def _read(cls: type[S], message: Message) -> S:
    """Build a structure from its message; its constructor refuses what it does not allow."""
    known = message.DESCRIPTOR.fields_by_name
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # all are dataclasses
        name = _wire_name(field.name)
        descriptor = known[name]
        nested = _NESTED[descriptor.message_type.name] if descriptor.message_type else None
        item = getattr(message, name)
        if descriptor.is_repeated:
            values[field.name] = tuple(_read(nested, each) if nested else each for each in item)
        elif descriptor.has_presence and not message.HasField(name):
            values[field.name] = None
        else:
            values[field.name] = _read(nested, item) if nested else item
    return cls(**values)


def _wire_name(field_name: str) -> str:
    """`from_` is `from` on the wire; Python keeps that word for itself."""
    return field_name.rstrip("_")

# SPDX-License-Identifier: Apache-2.0
"""Our protocol's known answers, from an independent implementation, with intermediate values."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psi._native import kernel
from psi.crypto import bdleq
from psi.crypto.blinding import PAIRWISE_LABEL, BlindForm, Blinding, form_for
from psi.crypto.keys import key_seed, next_master, pad_key
from psi.crypto.signing import Signer
from psi.crypto.voprf import blind_evaluate, derive_key_pair, evaluate, pack
from psi.encoding import lp
from psi.errors import InternalError
from psi.protocol.messages import (
    ClientHello,
    Close,
    EvalRequest,
    EvalResponse,
    KeyCert,
    Profile,
    Roster,
    ServerHello,
)
from psi.protocol.server_keys import prefix_of
from psi.protocol.sizes import bucket_for, tag_length
from psi.protocol.table import session_table
from psi.protocol.transcript import ChunkDigests, chunk_digest_of, session_id_of, transcript_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ovl1.json").read_text())
PAIRWISE: dict[str, Any] = VECTORS["pairwise"]
ROWS: list[dict[str, str]] = PAIRWISE["rows"]
REAL = [row["canonical"].encode() for row in ROWS if row["canonical"] != "(dummy)"]
STRUCTURES: dict[str, Any] = VECTORS["structures"]
h = bytes.fromhex


@pytest.fixture(params=kernel.NAMES)
def each_kernel(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Every kernel that this CPU can run, in turn."""
    before = kernel.selected()
    kernel.select(request.param)
    yield request.param
    kernel.select(before)


def joined(name: str) -> bytes:
    return b"".join(h(row[name]) for row in ROWS)


def blinding(form: BlindForm) -> Blinding:
    data, offsets = pack(REAL)
    return Blinding(
        data=data,
        offsets=offsets,
        bucket=len(ROWS),
        session_seed=h(PAIRWISE["session_seed"]),
        form=form,
    )


def test_key_schedule_equals_the_vectors() -> None:
    """Ratchet, key seed, key pair and padding key."""
    master = h(PAIRWISE["master"])
    who = (PAIRWISE["server"], PAIRWISE["client"], PAIRWISE["epoch"])
    assert next_master(master).hex() == PAIRWISE["master_next_epoch"]
    assert key_seed(master, *who).hex() == PAIRWISE["key_seed"]
    assert pad_key(master, *who).hex() == PAIRWISE["pad_key"]
    pair = derive_key_pair(h(PAIRWISE["key_seed"]), b"OVL1-P")
    assert pair.private_key.hex() == PAIRWISE["secret_key"]
    assert pair.public_key.hex() == PAIRWISE["public_key"]
    assert PAIRWISE["secret_key"] not in repr(pair)


def test_key_certificate_and_scope_equal_the_vectors() -> None:
    """Encoding, signature and the prefix of every PRF input."""
    cert = KeyCert.decode(h(PAIRWISE["key_cert_encoding"]))
    assert cert.pk.hex() == PAIRWISE["public_key"]
    assert prefix_of(cert) == PAIRWISE_LABEL + h(PAIRWISE["scope"])
    signer = Signer(h(PAIRWISE["identity_seed"]))
    assert signer.sign("KeyCert", cert.encode()).hex() == PAIRWISE["key_cert_signature"]


@pytest.mark.parametrize("form", BlindForm)
def test_blinding_equals_the_vectors(each_kernel: str, form: BlindForm) -> None:
    """Blinded elements, dummies among them, and what comes back of the answers: one F."""
    name = "" if form is BlindForm.LADDER else "additive_"
    prefix = PAIRWISE_LABEL + h(PAIRWISE["scope"])
    public = h(PAIRWISE["public_key"])
    blinds = blinding(form)
    sent = joined(f"{name}blinded_element")
    assert blinds.blind(prefix, 0, len(ROWS)) == sent
    for split in range(1, len(ROWS)):
        parts = blinds.blind(prefix, 0, split) + blinds.blind(prefix, split, len(ROWS) - split)
        assert parts == sent
    evaluated = blind_evaluate(h(PAIRWISE["secret_key"]), sent)
    assert evaluated == joined(f"{name}evaluated_element")
    outputs = blinds.finalize(prefix, 0, len(ROWS), evaluated, 64, public)
    assert outputs == b"".join(h(row["F"]) for row in ROWS[: len(REAL)])
    tags = blinds.finalize(prefix, 0, len(ROWS), evaluated, 10, public)
    assert tags == b"".join(h(row["tag_10"]) for row in ROWS[: len(REAL)])


def test_form_of_a_session_follows_from_its_size() -> None:
    """So that every resume of a session blinds as before."""
    assert [form_for(bucket) for bucket in (1024, 4096)] == [BlindForm.LADDER] * 2
    assert [form_for(bucket) for bucket in (5120, 2**20)] == [BlindForm.FIXED_BASE] * 2


def test_table_that_is_wrong_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would give silent false negatives."""

    def wrong(*_: object) -> tuple[bytes, int]:
        raise RuntimeError("a table came out wrong twice")

    monkeypatch.setattr(kernel, "blind_fixed", wrong)
    with pytest.raises(InternalError):
        blinding(BlindForm.FIXED_BASE).blind(PAIRWISE_LABEL, 0, 1)


def test_server_tags_and_table_equal_the_vectors(each_kernel: str) -> None:
    """The server reaches the same F without blinding, and pads as written."""
    data, offsets = pack(REAL)
    prefix = PAIRWISE_LABEL + h(PAIRWISE["scope"])
    full = evaluate(h(PAIRWISE["secret_key"]), data, offsets, prefix=prefix, length=64)
    assert full == b"".join(h(row["F"]) for row in ROWS[: len(REAL)])
    padding = kernel.counter_tags(lp(b"OVL1-PADTAG") + h(PAIRWISE["pad_key"]), 0, 3, 10)
    assert [padding[i : i + 10].hex() for i in (0, 10, 20)] == PAIRWISE["padding_tags_10"]
    tags = evaluate(h(PAIRWISE["secret_key"]), data, offsets, prefix=prefix, length=16)
    table = session_table(tags, 8, 10, h(PAIRWISE["pad_key"]))
    assert [table[i : i + 10].hex() for i in range(0, 80, 10)] == STRUCTURES["table_tags"]
    assert hashlib.sha256(table).hexdigest() == STRUCTURES["table_digest"]


def test_batched_proof_equals_the_vectors(each_kernel: str) -> None:
    """Seed, weighted sums and the proof itself with its nonce given."""
    c, d = joined("blinded_element"), joined("evaluated_element")
    given = VECTORS["bdleq"]
    context, public = h(given["context"]), h(PAIRWISE["public_key"])
    seed = bdleq._seed(context, public, c, d)
    assert seed.hex() == given["seed"]
    m, z, bad = kernel.verify_sums(c, d, seed)
    assert (m.hex(), z.hex(), bad) == (given["M"], given["Z"], -1)
    assert kernel.prove_sums(c, seed) == (m, -1)
    bdleq.verify(context, public, c, d, h(given["proof"]))
    r = h(given["nonce_r"])
    challenge = bdleq._challenge(seed, public, m, z, kernel.mul_base(r), kernel.mul(m, r)[0])
    s = kernel.scalar_sub(r, kernel.scalar_muladd(challenge, h(PAIRWISE["secret_key"]), bytes(32)))
    assert (challenge + s).hex() == given["proof"]


def test_chunk_digest_sizes_and_tag_lengths_equal_the_vectors() -> None:
    """Buckets at their edges, tag lengths for pairs of buckets."""
    assert chunk_digest_of(0, joined("blinded_element")).hex() == PAIRWISE["chunk_digest_0"]
    for n, bucket in VECTORS["buckets"]:
        assert bucket_for(n) == bucket
    for client, server, length in VECTORS["tag_lengths"]:
        assert tag_length(client, server) == length


@pytest.mark.parametrize(
    "structure", [Profile, Roster, ClientHello, ServerHello, EvalRequest, EvalResponse, Close]
)
def test_structure_and_signature_equal_the_vectors(structure: type[Roster]) -> None:
    """Decoded, encoded again and signed."""
    encoding = h(STRUCTURES[structure.NAME])
    assert structure.decode(encoding).encode() == encoding
    signature = STRUCTURES["signatures_by_identity_seed"].get(structure.NAME)
    if signature is not None:
        signer = Signer(h(PAIRWISE["identity_seed"]))
        assert signer.sign(structure.NAME, encoding).hex() == signature


def test_digests_session_id_and_transcript_equal_the_vectors() -> None:
    """The hash chain over the given messages."""
    client = ClientHello.decode(h(STRUCTURES["ClientHello"]))
    server = ServerHello.decode(h(STRUCTURES["ServerHello"]))
    request = EvalRequest.decode(h(STRUCTURES["EvalRequest"]))
    response = EvalResponse.decode(h(STRUCTURES["EvalResponse"]))
    assert Profile.decode(h(STRUCTURES["Profile"])).digest().hex() == STRUCTURES["profile_digest"]
    assert Roster.decode(h(STRUCTURES["Roster"])).digest().hex() == STRUCTURES["roster_hash"]
    without_id = replace(server, session_id=None)
    assert session_id_of(client, without_id).hex() == STRUCTURES["session_id"]
    states = transcript_of(
        client, server, [ChunkDigests.of(request, response)], h(STRUCTURES["table_digest"])
    )
    assert [state.hex() for state in states] == STRUCTURES["transcript"]
    assert Close.decode(h(STRUCTURES["Close"])).transcript == states[-1]

# SPDX-License-Identifier: Apache-2.0
"""
Who a home is: its keys, sealed, and its request, signed (docs/protocol.md, section 3).

    identity/keys.sealed    identity seed(32) || log seed(32) || ledger id(16) || TLS key (PEM)
    identity/request.json   names, addresses, public keys, certificate, signed by the identity key

What is public about an identity is read from its own signed request, so a changed byte shows.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from psi.crypto.sealing import Sealer
from psi.crypto.signing import Signer
from psi.errors import KeyFileError, VerifyError
from psi.protocol.messages import Enrol
from psi.trust.certificates import key_spki, make_certificate, make_tls_key
from psi.trust.home import Home
from psi.trust.requests import Request, parse_request, sign_request
from psi.trust.unlock import UnlockSource, open_sealer

__all__ = ["LEDGER_ID_LENGTH", "Identity", "create_identity", "load_identity", "own_request"]

LEDGER_ID_LENGTH: Final = 16
_SEED_LENGTH: Final = 32
_ROLE: Final = "identity keys"
_KEYS: Final = "identity/keys.sealed"
_REQUEST: Final = "identity/request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    One principal with its private keys.

    `signer` signs the structures of the protocol, `log_signer` audit logs and reports, the TLS key
    nothing but handshakes. `ledger_id`, 16 bytes, ties the budget ledger to this home: a ledger
    with another id is not ours, or lost and made anew.
    """

    name: str
    roles: tuple[str, ...]
    address: str
    contact: str
    signer: Signer = field(repr=False)
    log_signer: Signer = field(repr=False)
    tls_key_pem: bytes = field(repr=False)
    certificate_der: bytes = field(repr=False)
    spki: bytes
    ledger_id: bytes


def create_identity(
    home: Home,
    sealer: Sealer,
    *,
    roles: tuple[str, ...],
    address: str,
    contact: str,
    now_ms: int,
) -> Request:
    """
    Make the keys and the certificate of a new home and write them.

    Args:
        home: From `new_home`; its name becomes the principal's.
        sealer: Of the same home.
        roles: What the principal asks to be.
        address: HOST:PORT at which peers reach it; may be empty.
        contact: For people; may be empty.
        now_ms: Unix milliseconds.

    Returns:
        The request to be enrolled.
    """
    seeds = secrets.token_bytes(2 * _SEED_LENGTH + LEDGER_ID_LENGTH)
    tls_key_pem = make_tls_key()
    signer, log_signer, _ = _split(seeds)
    enrol = Enrol(
        name=home.name,
        roles=roles,
        address=address,
        contact=contact,
        identity_key=signer.public_key,
        log_key=log_signer.public_key,
        certificate=make_certificate(home.name, tls_key_pem, now_ms // 1000),
        time_ms=now_ms,
    )
    home.write(_KEYS, sealer.seal(_ROLE, seeds + tls_key_pem))
    home.write(_REQUEST, sign_request(enrol, signer))
    return own_request(home)


def own_request(home: Home) -> Request:
    """
    The public part of a home's identity; needs no unlocking.

    Raises:
        KeyFileError: The file is missing, open to others or changed.
    """
    try:
        request = parse_request(home.read(_REQUEST), _REQUEST)
    except KeyFileError as error:
        if error.slug == "bad-request":
            raise _damaged(_REQUEST) from error
        raise
    if request.enrol.name != home.name:
        raise _damaged(_REQUEST)
    return request


def load_identity(home: Home, unlock: UnlockSource) -> Identity:
    """
    Open a home's identity.

    Raises:
        KeyFileError: The home does not open (`unlock-failed`), or a file of it is missing, open to
            others (`open-permissions`) or changed (`state-damaged`).
    """
    sealer = open_sealer(home, unlock)
    try:
        keys = sealer.unseal(_ROLE, home.read(_KEYS))
    except VerifyError:
        raise _damaged(_KEYS) from None
    request = own_request(home)
    enrol = request.enrol
    signer, log_signer, ledger_id = _split(keys)
    tls_key_pem = keys[2 * _SEED_LENGTH + LEDGER_ID_LENGTH :]
    ours = (signer.public_key, log_signer.public_key, key_spki(tls_key_pem))
    if ours != (enrol.identity_key, enrol.log_key, request.certificate.spki):
        raise _damaged(_REQUEST)
    return Identity(
        name=enrol.name,
        roles=enrol.roles,
        address=enrol.address,
        contact=enrol.contact,
        signer=signer,
        log_signer=log_signer,
        tls_key_pem=tls_key_pem,
        certificate_der=enrol.certificate,
        spki=request.certificate.spki,
        ledger_id=ledger_id,
    )


def _split(keys: bytes) -> tuple[Signer, Signer, bytes]:
    middle, end = _SEED_LENGTH, 2 * _SEED_LENGTH
    return Signer(keys[:middle]), Signer(keys[middle:end]), keys[end : end + LEDGER_ID_LENGTH]


def _damaged(shown: str) -> KeyFileError:
    return KeyFileError(
        f"{shown} was changed or is damaged; not used", hint="restore the home from its backup"
    )

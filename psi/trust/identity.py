# SPDX-License-Identifier: Apache-2.0
"""
Who a home is: its keys, sealed, and its request, signed (docs/protocol.md, section 3).

    identity/keys.sealed    identity seed(32) || log seed(32) || ledger id(16) || TLS key (PEM)
    identity/request.json   names, addresses, public keys, certificate, signed by the identity key

What is public about an identity is read from its own signed request, so a changed byte shows. New
keys wait in files beside these (`psi.trust.rotation`).
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

__all__ = [
    "KEYS_FILE",
    "LEDGER_ID_LENGTH",
    "NEXT_KEYS_FILE",
    "REQUEST_FILE",
    "Identity",
    "Keys",
    "create_identity",
    "load_identity",
    "load_keys",
    "own_request",
    "read_own_request",
    "save_keys",
]

LEDGER_ID_LENGTH: Final = 16
_SEED_LENGTH: Final = 32
_ROLE: Final = "identity keys"
KEYS_FILE: Final = "identity/keys.sealed"
NEXT_KEYS_FILE: Final = "identity/next.sealed"
REQUEST_FILE: Final = "identity/request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The secrets of an identity as they are sealed; the repr shows none."""

    identity_seed: bytes = field(repr=False)
    log_seed: bytes = field(repr=False)
    ledger_id: bytes = field(repr=False)
    tls_key_pem: bytes = field(repr=False)


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
    keys = Keys(
        identity_seed=secrets.token_bytes(_SEED_LENGTH),
        log_seed=secrets.token_bytes(_SEED_LENGTH),
        ledger_id=secrets.token_bytes(LEDGER_ID_LENGTH),
        tls_key_pem=make_tls_key(),
    )
    signer = Signer(keys.identity_seed)
    enrol = Enrol(
        name=home.name,
        roles=roles,
        address=address,
        contact=contact,
        identity_key=signer.public_key,
        log_key=Signer(keys.log_seed).public_key,
        certificate=make_certificate(home.name, keys.tls_key_pem, now_ms // 1000),
        time_ms=now_ms,
    )
    save_keys(home, sealer, KEYS_FILE, keys)
    home.write(REQUEST_FILE, sign_request(enrol, signer))
    return own_request(home)


def own_request(home: Home) -> Request:
    """
    The public part of a home's identity; needs no unlocking.

    Raises:
        KeyFileError: The file is missing, open to others or changed.
    """
    return read_own_request(home, REQUEST_FILE)


def read_own_request(home: Home, file: str) -> Request:
    """
    A request of this home, by its path inside it.

    Raises:
        KeyFileError: The file is missing, open to others or changed.
    """
    try:
        request = parse_request(home.read(file), file)
    except KeyFileError as error:
        if error.slug == "bad-request":
            raise _damaged(file) from error
        raise
    if request.enrol.name != home.name:
        raise _damaged(file)
    return request


def load_identity(home: Home, unlock: UnlockSource) -> Identity:
    """
    Open a home's identity.

    Raises:
        KeyFileError: The home does not open (`unlock-failed`), or a file of it is missing, open to
            others (`open-permissions`) or changed (`state-damaged`).
    """
    sealer = open_sealer(home, unlock)
    request = own_request(home)
    keys = load_keys(home, sealer, KEYS_FILE)
    if not _fit(keys, request) and home.has(NEXT_KEYS_FILE):
        # A switch to new keys was cut short between its two files.
        keys = load_keys(home, sealer, NEXT_KEYS_FILE)
    if not _fit(keys, request):
        raise _damaged(REQUEST_FILE)
    enrol = request.enrol
    return Identity(
        name=enrol.name,
        roles=enrol.roles,
        address=enrol.address,
        contact=enrol.contact,
        signer=Signer(keys.identity_seed),
        log_signer=Signer(keys.log_seed),
        tls_key_pem=keys.tls_key_pem,
        certificate_der=enrol.certificate,
        spki=request.certificate.spki,
        ledger_id=keys.ledger_id,
    )


def save_keys(home: Home, sealer: Sealer, file: str, keys: Keys, *, wipe_old: bool = False) -> None:
    """Seal keys into a file of the home, durably."""
    plaintext = keys.identity_seed + keys.log_seed + keys.ledger_id + keys.tls_key_pem
    home.write(file, sealer.seal(_ROLE, plaintext), wipe_old=wipe_old)


def load_keys(home: Home, sealer: Sealer, file: str) -> Keys:
    """
    The keys of a file of the home.

    Raises:
        KeyFileError: It is missing, open to others, or changed (`state-damaged`).
    """
    try:
        plain = sealer.unseal(_ROLE, home.read(file))
    except VerifyError:
        raise _damaged(file) from None
    middle, end = _SEED_LENGTH, 2 * _SEED_LENGTH
    return Keys(
        identity_seed=plain[:middle],
        log_seed=plain[middle:end],
        ledger_id=plain[end : end + LEDGER_ID_LENGTH],
        tls_key_pem=plain[end + LEDGER_ID_LENGTH :],
    )


def _fit(keys: Keys, request: Request) -> bool:
    public = (Signer(keys.identity_seed).public_key, Signer(keys.log_seed).public_key)
    return (*public, key_spki(keys.tls_key_pem)) == (
        request.enrol.identity_key,
        request.enrol.log_key,
        request.certificate.spki,
    )


def _damaged(shown: str) -> KeyFileError:
    return KeyFileError(
        f"{shown} was changed or is damaged; not used", hint="restore the home from its backup"
    )

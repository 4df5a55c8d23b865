# SPDX-License-Identifier: Apache-2.0
"""
New keys for a home that is listed already, through the roster and without a gap.

    identity/next.sealed        as keys.sealed, with the new keys
    identity/next-request.json  the request that asks for them to be listed

Both wait beside the keys in use until a roster lists the new ones; then they take their place. The
step that counts is the one file request.json, so after a crash the home has the old keys or the
new ones.

A new TLS key leaves identity and code as they are, and the roster lists both certificates for a
while. A new identity key is another code to compare. The log key stays in both cases, so that the
signed log has one key from its first record to its last.
"""

import secrets
from typing import Literal

from psi.crypto.signing import Signer
from psi.errors import RefusedError
from psi.protocol.messages import Enrol
from psi.trust.certificates import key_spki, make_certificate, make_tls_key
from psi.trust.home import Home
from psi.trust.identity import (
    KEYS_FILE,
    NEXT_KEYS_FILE,
    REQUEST_FILE,
    Keys,
    load_keys,
    own_request,
    read_own_request,
    save_keys,
)
from psi.trust.requests import Request, sign_request
from psi.trust.rosters import TrustedRoster
from psi.trust.unlock import UnlockSource, open_sealer

__all__ = [
    "NEXT_REQUEST_FILE",
    "RotationKind",
    "is_listed",
    "kind_of",
    "pending_request",
    "rotate",
    "settle",
]

RotationKind = Literal["tls", "identity"]

NEXT_REQUEST_FILE = "identity/next-request.json"


def pending_request(home: Home) -> Request | None:
    """
    The request for keys that no adopted roster lists yet, if there is one.

    Raises:
        KeyFileError: The file is open to others, or changed.
    """
    if not home.has(NEXT_REQUEST_FILE):
        return None
    request = read_own_request(home, NEXT_REQUEST_FILE)
    # After a crash in `settle` the file may still be there.
    return None if request.enrol == own_request(home).enrol else request


def kind_of(home: Home, pending: Request) -> RotationKind:
    """Which keys a pending request would renew."""
    same = pending.enrol.identity_key == own_request(home).enrol.identity_key
    return "tls" if same else "identity"


def rotate(home: Home, unlock: UnlockSource, kind: RotationKind, now_ms: int) -> Request:
    """
    Make new keys beside those in use; while they wait to be listed, the same request again.

    Args:
        home: Of a principal.
        unlock: Opens it.
        kind: A new TLS key, or new identity and TLS keys.
        now_ms: Unix milliseconds.

    Returns:
        The request for the operator.

    Raises:
        KeyFileError: The home does not open, or a file of it is damaged.
        RefusedError: A rotation of the other kind waits (`usage`).
        StorageError: The new keys can't be written; the old ones stay.
    """
    sealer = open_sealer(home, unlock)
    with home.locked():
        pending = pending_request(home)
        if pending is not None and now_ms // 1000 <= pending.certificate.not_after:
            if kind_of(home, pending) != kind:
                raise RefusedError(
                    "a rotation of another kind waits for the roster that lists its keys",
                    slug="usage",
                    hint="`overlap keys show`; finish that one first",
                )
            return pending
        old, current = load_keys(home, sealer, KEYS_FILE), own_request(home).enrol
        new = Keys(
            identity_seed=old.identity_seed if kind == "tls" else secrets.token_bytes(32),
            log_seed=old.log_seed,
            ledger_id=old.ledger_id,
            tls_key_pem=make_tls_key(),
        )
        signer = Signer(new.identity_seed)
        enrol = Enrol(
            name=current.name,
            roles=current.roles,
            address=current.address,
            contact=current.contact,
            identity_key=signer.public_key,
            log_key=current.log_key,
            certificate=make_certificate(home.name, new.tls_key_pem, now_ms // 1000),
            # A request counts as newer than the one that was enrolled last, whatever the clock.
            time_ms=max(now_ms, current.time_ms + 1),
        )
        # The keys first: a request whose keys are lost must not be sent.
        save_keys(home, sealer, NEXT_KEYS_FILE, new)
        home.write(NEXT_REQUEST_FILE, sign_request(enrol, signer))
        return read_own_request(home, NEXT_REQUEST_FILE)


def settle(home: Home, unlock: UnlockSource, trusted: TrustedRoster) -> bool:
    """
    Take the new keys into use if this roster lists them; whether the home has switched.

    Args:
        home: Of a principal.
        unlock: Opens it.
        trusted: The roster in force.

    Raises:
        KeyFileError: The home does not open, or a file of it is damaged.
        StorageError: The switch can't be recorded; the old keys stay in use.
    """
    if not (home.has(NEXT_REQUEST_FILE) or home.has(NEXT_KEYS_FILE)):
        return False
    with home.locked():
        pending = pending_request(home)
        if pending is None:
            _finish(home, unlock)
            return False
        if not is_listed(trusted, pending):
            return False
        home.write(REQUEST_FILE, pending.to_file())
        _finish(home, unlock)
        return True


def is_listed(trusted: TrustedRoster, pending: Request) -> bool:
    """Whether a roster lists the identity key and the certificate of a request."""
    name = pending.enrol.name
    if not trusted.lists(name):
        return False
    entry = trusted.principal(name)
    return (
        entry.identity_key == pending.enrol.identity_key
        and pending.certificate.spki in entry.certificates
    )


def _finish(home: Home, unlock: UnlockSource) -> None:
    """The keys of request.json into keys.sealed, and the waiting files away; repeatable."""
    if home.has(NEXT_KEYS_FILE):
        sealer = open_sealer(home, unlock)
        new = load_keys(home, sealer, NEXT_KEYS_FILE)
        if key_spki(new.tls_key_pem) == own_request(home).certificate.spki:
            save_keys(home, sealer, KEYS_FILE, new, wipe_old=True)
        home.remove(NEXT_KEYS_FILE)
    home.remove(NEXT_REQUEST_FILE)

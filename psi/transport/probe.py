# SPDX-License-Identifier: Apache-2.0
"""
Why a peer can't be reached: a connection of our own that only looks at what the peer shows.

To grpc a missing, foreign and expired certificate are all UNAVAILABLE. This connection verifies
nothing and sends nothing but our certificate, so that it gets to see the peer's.
"""

import os
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from psi.errors import KeyFileError, PeerProtocolError, PsiError, RefusedError
from psi.transport.faults import Parties
from psi.transport.leaf import certificates_of, is_valid_at, listed_for, read_leaf
from psi.transport.seams import OwnIdentity, Trusted
from psi.transport.times import date, span
from psi.trust.certificates import dns_name, read_certificate, to_pem
from psi.trust.names import split_address

__all__ = ["Look", "certificate_fault", "look", "not_accepted", "own_fault"]

TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What one look at an address showed.

    `connected` after TCP; `certificate` (DER) after the peer's half of the handshake; `accepted`
    when the peer went on although it saw our certificate; `reason` why it ended before that.
    """

    connected: bool = False
    certificate: bytes | None = None
    accepted: bool = False
    reason: str = ""


def look(address: str, peer: str, identity: OwnIdentity, timeout_s: float = TIMEOUT_S) -> Look:
    """
    Connect once, show our certificate, and note how far it gets; never raises for the network.

    Args:
        address: HOST:PORT.
        peer: The principal that should be there; the server name that is asked for.
        timeout_s: For connecting, and again for each step after it.
    """
    try:
        connection = socket.create_connection(split_address(peer, address), timeout_s)
    except OSError as error:
        return Look(reason=_reason(error))
    with connection:
        try:
            # The handshake comes later, so that what wraps the connection is closed if it fails.
            secure = _context(identity).wrap_socket(
                connection, server_hostname=dns_name(peer), do_handshake_on_connect=False
            )
        except OSError as error:
            return Look(connected=True, reason=_reason(error))
        with secure:
            try:
                secure.do_handshake()
            except OSError as error:
                return Look(connected=True, reason=_reason(error))
            certificate = secure.getpeercert(binary_form=True)
            try:
                # In TLS 1.3 the client is done before the server has seen its certificate; a server
                # that accepts it begins HTTP/2, one that does not closes without a word.
                accepted = bool(secure.recv(1))
            except OSError as error:
                return Look(connected=True, certificate=certificate, reason=_reason(error))
            return Look(connected=True, certificate=certificate, accepted=accepted)


def own_fault(identity: OwnIdentity, trusted: Trusted, now_s: int) -> PsiError | None:
    """What is wrong with our own certificate, by our own clock and roster; None if nothing is."""
    own = read_certificate(identity.certificate_der)
    renew = "`overlap keys rotate`, then send the new request to the operator"
    if now_s > own.not_after:
        return RefusedError(
            f"your certificate expired {date(own.not_after)}; no peer will accept it",
            slug="own-cert-expired",
            hint=renew,
        )
    if now_s < own.not_before:
        return RefusedError(
            f"your certificate is valid from {date(own.not_before)} on; no peer will accept it yet",
            slug="own-cert-expired",
            hint="`timedatectl`; if the clock is right, " + renew,
        )
    if listed_for(trusted.roster, own.spki) != identity.name:
        return RefusedError(
            f"roster {trusted.roster.serial} does not list your certificate",
            slug="not-a-member",
            hint="`overlap roster update`; else send your request to the operator",
        )
    return None


def certificate_fault(
    der: bytes, parties: Parties, trusted: Trusted, now_s: int
) -> PsiError | None:
    """What is wrong with the certificate that a peer shows; None if it is the one expected."""
    roster = trusted.roster
    foreign = PeerProtocolError(
        f"{parties.address} shows a certificate that roster {roster.serial} of "
        f"{roster.alliance} does not list",
        slug="peer-cert-foreign",
        hint=f"compare with `overlap roster show {parties.peer}`; "
        f"`peer.{parties.peer}.address` overrides",
    )
    try:
        shown = read_leaf(der)
    except KeyFileError:
        return foreign
    owner = listed_for(roster, shown.spki)
    if owner is None:
        return foreign
    if owner != parties.peer:
        return PeerProtocolError(
            f"{parties.address} is {owner}, not {parties.peer}",
            slug="peer-cert-other",
            hint=foreign.hint,
        )
    if not is_valid_at(shown, now_s):
        return _outside_window(shown.not_before, shown.not_after, parties, now_s)
    if der not in certificates_of(trusted, owner):
        # The listed key in another certificate: it may only have been renewed, but the roster
        # that came with the new one has not reached us.
        return foreign
    return None


def not_accepted(parties: Parties) -> PsiError:
    """The peer shows the right certificate, and closes when it sees ours."""
    return RefusedError(
        f"{parties.peer} does not accept the certificate of {parties.own}",
        slug="not-a-member",
        hint=f"{parties.ask_peer} to run `overlap roster update`; else ask the operator",
    )


def _outside_window(not_before: int, not_after: int, parties: Parties, now_s: int) -> PsiError:
    if now_s > not_after:
        text = f"expired {span(now_s - not_after)} ago, {date(not_after)}"
        hint = f"{parties.ask_peer} to run `overlap keys rotate`"
    else:
        text = f"is valid from {date(not_before)} on, in {span(not_before - now_s)}"
        hint = "`timedatectl` on both sides"
    return PeerProtocolError(
        f"{parties.peer}'s certificate {text}; nothing was sent",
        slug="peer-cert-expired",
        hint=hint,
    )


def _context(identity: OwnIdentity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # we want to see what is wrong; no message is sent
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    # The ssl module reads keys from files only. This one has no name and lives in memory.
    descriptor = os.memfd_create("overlap-probe", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(identity.tls_key_pem + to_pem(identity.certificate_der))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context


def _reason(error: OSError) -> str:
    """What happened, in our words; a TLS library's text may quote the peer."""
    match error:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionResetError():
            return "it closes the connection"
        case ssl.SSLError():
            return "it does not speak TLS 1.3"
        case socket.gaierror():
            return "its host name is not known"
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "no answer"
        case _:
            return os.strerror(error.errno).lower() if error.errno else "no connection"

# SPDX-License-Identifier: Apache-2.0
"""
Who is let in: every certificate that must not be, over real connections (test T1).

In each case no method of the answerer is entered, and the client names the cause.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from transport.support import (
    YEAR_S,
    Member,
    Running,
    channel,
    listening,
    now_ms,
    now_s,
    principal,
    status,
    trusted,
)

from psi.errors import KeyFileError, PsiError, RefusedError
from psi.transport.auth import Authenticator
from psi.transport.tls import client_credentials
from psi.trust.certificates import (
    Certificate,
    dns_name,
    make_certificate,
    public_spki,
    spiffe_id,
    to_pem,
)
from psi.trust.rosters import TrustedRoster

ACME = Member.make("acme-corp")
BETA = Member.make("beta-bank")
CITY = Member.make("city-hospital")
ROSTER = trusted(ACME, BETA, CITY)


if TYPE_CHECKING:  # generic in the stubs only
    Call = grpc.UnaryUnaryMultiCallable[bytes, bytes]


def refusal_of_status(client: Member, roster: TrustedRoster, running: Running) -> PsiError:
    """What the client is told when it tries to call; nothing was answered."""
    with (
        channel(client, roster, running.address, check_own_certificate=False) as to_beta,
        pytest.raises(PsiError) as caught,
    ):
        to_beta.status()
    assert running.answerer.calls == []
    return caught.value


def raw_call(running: Running, credentials: grpc.ChannelCredentials) -> grpc.RpcError:
    """One call without any of our own care on the client's side."""
    options = (
        ("grpc.ssl_target_name_override", dns_name("beta-bank")),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    )
    with grpc.secure_channel(running.address, credentials, options=options) as opened:
        call: Call = opened.unary_unary("/psi.proto.v1.Pairwise/Status")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=5)
    assert running.answerer.calls == []
    return caught.value


def forged(by: Member, name: str) -> Member:
    """A certificate for another's name, signed with this member's own key and issued under it."""
    issuer = x509.load_der_x509_certificate(by.certificate_der).subject
    return odd(name, subject=common_name(name), issuer=issuer, signer=by)


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def odd(
    name: str, *, subject: x509.Name, issuer: x509.Name, signer: Member | None = None
) -> Member:
    """A member whose certificate is not as ours are made."""
    fresh = Member.make(name)
    own_key = serialization.load_pem_private_key(fresh.tls_key_pem, None)
    key = serialization.load_pem_private_key((signer or fresh).tls_key_pem, None)
    names = [x509.UniformResourceIdentifier(spiffe_id(name)), x509.DNSName(dns_name(name))]
    certificate = (
        x509.CertificateBuilder(issuer, subject)
        .public_key(own_key.public_key())  # type: ignore[arg-type]  # it is P-256
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]  # it is P-256
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Member(name, fresh.tls_key_pem, der)


# ---- the client's certificate


def test_call_without_a_certificate_is_refused_in_the_handshake() -> None:
    """A client that shows nothing gets no further than TLS."""
    with Running(BETA, ROSTER) as running:
        anonymous = grpc.ssl_channel_credentials(to_pem(BETA.certificate_der))
        assert raw_call(running, anonymous).code() is grpc.StatusCode.UNAVAILABLE
        assert running.refusals == []


def test_call_with_an_expired_certificate_is_refused_and_named() -> None:
    """Two years old: the client finds it itself, before it connects, and by the handshake."""
    old = Member.make("acme-corp", at_s=now_s() - 2 * YEAR_S)
    roster = trusted(old, BETA)
    with Running(BETA, roster) as running:
        with pytest.raises(RefusedError, match="your certificate expired 20") as caught:
            channel(old, roster, running.address).__enter__()
        assert caught.value.slug == "own-cert-expired"
        error = raw_call(running, client_credentials(old, roster, "beta-bank"))
        assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_call_with_a_certificate_of_tomorrow_is_refused_and_named() -> None:
    """Not yet valid is as bad as expired."""
    early = Member.make("acme-corp", at_s=now_s() + 2 * 86_400)
    roster = trusted(early, BETA)
    with Running(BETA, roster) as running:
        error = refusal_of_status(early, roster, running)
    assert error.slug == "own-cert-expired"
    assert "valid from" in error.message


def test_call_of_another_alliance_is_refused_and_named() -> None:
    """The server does not list the caller: it closes without a word, and the client says so."""
    stranger = Member.make("zeta-gmbh")
    with Running(BETA, trusted(ACME, BETA)) as running:
        error = refusal_of_status(stranger, trusted(stranger, BETA), running)
    assert error.slug == "not-a-member"
    assert error.message == "beta-bank does not accept the certificate of zeta-gmbh"


def test_call_with_a_certificate_forged_by_a_member_is_refused() -> None:
    """City signs itself a certificate for acme: neither TLS nor the gate take it for acme."""
    fake = forged(CITY, "acme-corp")
    chain = to_pem(fake.certificate_der) + to_pem(CITY.certificate_der)
    root = to_pem(BETA.certificate_der)
    with Running(BETA, ROSTER) as running:
        raw_call(running, grpc.ssl_channel_credentials(root, fake.tls_key_pem, chain))


def test_call_with_a_forged_certificate_that_tls_accepts_is_refused_by_the_gate() -> None:
    """A forger whose own certificate does not forbid signing passes TLS, and no further."""
    subject = common_name("city-hospital")
    forger = odd("city-hospital", subject=subject, issuer=subject)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psi.trust.rosters.read_certificate", lenient)
        roster = trusted(ACME, BETA, forger)
    fake = forged(forger, "acme-corp")
    root, shown = to_pem(BETA.certificate_der), to_pem(fake.certificate_der)
    with Running(BETA, roster) as running:
        error = raw_call(running, grpc.ssl_channel_credentials(root, fake.tls_key_pem, shown))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert running.refusals == [(None, "/psi.proto.v1.Pairwise/Status", "peer-cert-foreign")]


def test_call_of_a_member_who_was_removed_is_refused_on_its_open_connection() -> None:
    """The roster in force decides at every call, not the one of the handshake."""
    with Running(BETA, ROSTER) as running, channel(ACME, ROSTER, running.address) as to_beta:
        assert to_beta.status() == status()
        running.roster = trusted(BETA, CITY, serial=7)
        with pytest.raises(RefusedError) as caught:
            to_beta.status()
        assert len(running.answerer.calls) == 1
    assert caught.value.slug == "not-a-member"
    assert caught.value.detail == {"serial": 7}
    assert caught.value.message == (
        "roster 7 at beta-bank does not list acme-corp with this certificate"
    )
    assert running.refusals == [(None, "/psi.proto.v1.Pairwise/Status", "not-a-member")]


def test_call_of_a_member_who_was_added_is_answered_at_its_next_connection() -> None:
    """A new roster takes effect without a restart."""
    with Running(BETA, trusted(BETA, CITY)) as running:
        assert refusal_of_status(ACME, ROSTER, running).slug == "not-a-member"
        running.roster = ROSTER
        with channel(ACME, ROSTER, running.address) as to_beta:
            assert to_beta.status() == status()


def test_call_with_either_certificate_while_rotating_is_answered() -> None:
    """Two certificates of one name are both roots, and neither hides the other."""
    again = Member.make("acme-corp")
    roster = trusted(ACME, again, BETA, principals=(principal(ACME, also=(again,)),))
    with Running(BETA, roster) as running:
        for client in (ACME, again):
            with channel(client, roster, running.address) as to_beta:
                assert to_beta.status() == status()
    assert [caller.spki for _, caller in running.answerer.calls] == [ACME.spki, again.spki]


def test_call_of_a_member_whose_subject_another_took_is_answered() -> None:
    """A member can't lock another out with a certificate that bears the other's subject."""
    taker = odd("aaa-corp", subject=common_name("acme-corp"), issuer=common_name("acme-corp"))
    with pytest.MonkeyPatch.context() as patch:
        # As if it had been enrolled before that was looked at.
        patch.setattr("psi.trust.rosters.read_certificate", lenient)
        roster = trusted(taker, ACME, BETA)
    with Running(BETA, roster) as running, channel(ACME, roster, running.address) as to_beta:
        assert to_beta.status() == status()


# ---- the server's certificate


def test_call_to_a_server_with_an_expired_certificate_names_it_and_its_date() -> None:
    """The client's own connection sees what grpc does not tell."""
    old = Member.make("beta-bank", at_s=now_s() - YEAR_S - 3 * 86_400 - 60)
    roster = trusted(ACME, old)
    with Running(old, roster) as running:
        error = refusal_of_status(ACME, roster, running)
    assert error.slug == "peer-cert-expired"
    assert error.message.startswith("beta-bank's certificate expired 3 days ago, 20")
    assert error.message.endswith("; nothing was sent")
    assert error.hint == "ask beta-bank (soc@beta-bank.example) to run `overlap keys rotate`"


def test_call_to_a_server_with_a_certificate_of_tomorrow_names_it() -> None:
    """One of the two clocks is wrong."""
    early = Member.make("beta-bank", at_s=now_s() + 2 * 86_400)
    roster = trusted(ACME, early)
    with Running(early, roster) as running:
        error = refusal_of_status(ACME, roster, running)
    assert error.slug == "peer-cert-expired"
    assert "is valid from" in error.message


def test_call_to_a_server_of_another_alliance_names_it() -> None:
    """A certificate that the roster does not list, whatever it says of itself."""
    stranger = Member.make("beta-bank")
    with Running(stranger, trusted(ACME, stranger)) as running:
        error = refusal_of_status(ACME, ROSTER, running)
    assert error.slug == "peer-cert-foreign"
    assert error.message == (
        f"{running.address} shows a certificate that roster 6 of cti-north does not list"
    )


def test_call_to_another_member_names_who_is_there() -> None:
    """A wrong address in the roster or in overlap.toml."""
    with Running(CITY, ROSTER) as running:
        error = refusal_of_status(ACME, ROSTER, running)
    assert error.slug == "peer-cert-other"
    assert error.message == f"{running.address} is city-hospital, not beta-bank"


def test_call_to_a_server_that_speaks_no_tls_names_it() -> None:
    """Whatever answers there is not one of ours."""
    with (
        listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as to,
        channel(ACME, ROSTER, to) as to_beta,
        pytest.raises(PsiError) as caught,
    ):
        to_beta.status()
    assert caught.value.slug == "unreachable"
    assert "it does not speak TLS 1.3" in caught.value.message


def test_call_to_a_server_with_the_listed_key_in_another_certificate_names_it() -> None:
    """The roster's certificate is the root, so a renewed one waits for the roster."""
    renewed = other_name(BETA, "beta-bank", now_s() - 86_400)
    with Running(renewed, ROSTER) as running:
        assert refusal_of_status(ACME, ROSTER, running).slug == "peer-cert-foreign"


def test_call_to_a_server_that_closes_at_once_names_it() -> None:
    """Something listens there that does not want to talk."""
    with (
        listening(lambda _connection: None) as to,
        channel(ACME, ROSTER, to) as to_beta,
        pytest.raises(PsiError, match="it closes the connection") as caught,
    ):
        to_beta.status()
    assert caught.value.slug == "unreachable"


def test_channel_of_a_member_that_its_own_roster_does_not_list_is_refused() -> None:
    """After a rotation of keys, until the operator has enrolled the new one."""
    rotated = Member.make("acme-corp")
    with pytest.raises(RefusedError, match="roster 6 does not list your certificate") as caught:
        channel(rotated, ROSTER, "127.0.0.1:9").__enter__()
    assert caught.value.slug == "not-a-member"


# ---- below TLS 1.3, or no TLS


def test_handshake_below_tls_1_3_is_refused() -> None:
    """The same client with the same certificate gets in with 1.3 only."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "transport.tls_versions"],
        cwd=here.parent,
        env={**os.environ, "PYTHONPATH": f"{here.parent}{os.pathsep}{here.parent.parent}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "TLSv1_2 refused\nTLSv1_3 accepted\n"
    assert done.stderr == ""  # grpc's own log of failed handshakes is silent


def test_call_without_tls_is_refused() -> None:
    """There is no port that answers in plain text."""
    with Running(BETA, ROSTER) as running, grpc.insecure_channel(running.address) as opened:
        call: Call = opened.unary_unary("/psi.proto.v1.Pairwise/Status")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert running.answerer.calls == []


# ---- the gate itself, for connections that TLS would not let through


def connection(member: Member, **changes: tuple[bytes, ...]) -> Mapping[str, tuple[bytes, ...]]:
    given = {
        "ssl_tls_version": (b"TLSv1.3",),
        "x509_pem_cert": (to_pem(member.certificate_der),),
    }
    return {**given, **changes}


def test_authenticator_with_a_listed_certificate_gives_name_and_key() -> None:
    """What the handlers work with."""
    caller = Authenticator(lambda: ROSTER, now_ms).caller(connection(ACME))
    assert (caller.name, caller.spki) == ("acme-corp", ACME.spki)


@pytest.mark.parametrize(
    ("seen", "slug"),
    [
        (lambda: connection(ACME, ssl_tls_version=(b"TLSv1.2",)), "peer-cert-foreign"),
        (lambda: connection(ACME, ssl_tls_version=()), "peer-cert-foreign"),
        (lambda: connection(ACME, x509_pem_cert=()), "peer-cert-foreign"),
        (lambda: connection(ACME, x509_pem_cert=(b"\xff",)), "peer-cert-foreign"),
        (lambda: connection(forged(CITY, "acme-corp")), "peer-cert-foreign"),
        (lambda: connection(Member.make("acme-corp")), "not-a-member"),
        (lambda: connection(Member.make("zeta-gmbh")), "not-a-member"),
        (lambda: connection(other_name(CITY, "acme-corp")), "peer-cert-other"),
    ],
)
def test_authenticator_with_a_certificate_that_is_not_the_rosters_refuses(
    seen: Callable[[], Mapping[str, tuple[bytes, ...]]], slug: str
) -> None:
    """Even if the TLS library let it through."""
    with pytest.raises((RefusedError, KeyFileError)) as caught:
        Authenticator(lambda: ROSTER, now_ms).caller(seen())
    assert caught.value.slug == slug


def test_authenticator_outside_the_windows_refuses() -> None:
    """The certificate's and the roster entry's, both ends."""
    year_ahead = Authenticator(lambda: ROSTER, lambda: now_ms() + 2 * YEAR_S * 1000)
    with pytest.raises(RefusedError) as caught:
        year_ahead.caller(connection(ACME))
    assert caught.value.slug == "peer-cert-expired"
    early = principal(ACME, not_before=now_s() + 60)
    late = principal(ACME, not_after=now_s() - 1)
    for rosters in (constant(trusted(ACME, BETA, principals=(p,))) for p in (early, late)):
        with pytest.raises(RefusedError) as caught:
            Authenticator(rosters, now_ms).caller(connection(ACME))
        assert caught.value.slug == "not-a-member"


def constant(roster: TrustedRoster) -> Callable[[], TrustedRoster]:
    return lambda: roster


def other_name(member: Member, name: str, made_at_s: int | None = None) -> Member:
    """The same key in another certificate, which a member can sign for itself at any time."""
    made_at_s = now_s() if made_at_s is None else made_at_s
    return Member(name, member.tls_key_pem, make_certificate(name, member.tls_key_pem, made_at_s))


def lenient(der: bytes, *, slug: str = "") -> Certificate:
    """What a certificate says, without a look at its form."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return Certificate(
        der=der,
        principal=uri.removeprefix(spiffe_id("")),
        spki=public_spki(key),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
    )

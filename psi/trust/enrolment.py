# SPDX-License-Identifier: Apache-2.0
"""
From requests to the next roster: what may be listed beside what is listed already.

Pure: rosters and requests in, a roster out. Who compared which code is not known here.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from psi.crypto.signing import Signer
from psi.errors import RefusedError
from psi.protocol.messages import Principal, Roster
from psi.trust.certificates import BACKDATED_S
from psi.trust.names import ROLES, check_roles
from psi.trust.requests import Request
from psi.trust.rosters import MAX_CERTIFICATES, TrustedRoster, sign_roster

__all__ = [
    "DEFAULT_BUCKET_LIMIT",
    "DEFAULT_BUDGET",
    "DEFAULT_SESSIONS",
    "check_request",
    "granted_roles",
    "listed_entry",
    "next_roster",
]

# One check of 131,072 indicators, four times a period; docs/protocol.md section 4, "Budget".
DEFAULT_BUCKET_LIMIT: Final = 131_072
DEFAULT_BUDGET: Final = 4 * DEFAULT_BUCKET_LIMIT
DEFAULT_SESSIONS: Final = 8
# An entry outlives its certificates, which are one year: ten renewals without a new entry.
ENTRY_LIFETIME_S: Final = 10 * 365 * 86_400

_SLUG: Final = "bad-request"


def check_request(roster: TrustedRoster, request: Request, *, new_identity: bool = False) -> None:
    """
    Refuse a request that would take over an entry, a key or a certificate of the roster.

    The same identity key under the same name is an update and allowed.

    Args:
        new_identity: Another identity key under a name that is listed is allowed too; only for
            whoever has compared the new code.

    Raises:
        RefusedError: It would (`bad-request`).
    """
    enrol, spki = request.enrol, request.certificate.spki
    serial = roster.roster.serial
    for entry in roster.roster.principals:
        if entry.name == enrol.name:
            if entry.identity_key != enrol.identity_key and not new_identity:
                raise RefusedError(
                    f"{enrol.name} is listed with another identity key in roster {serial}",
                    slug=_SLUG,
                    hint="if it is the same party and you compare its new code: "
                    "`overlap alliance enroll --new-identity`",
                )
            continue
        keys = {entry.identity_key, entry.log_key}
        if keys & {enrol.identity_key, enrol.log_key} or spki in entry.certificates:
            raise RefusedError(
                f"{enrol.name} asks with a key that roster {serial} lists for {entry.name}",
                slug=_SLUG,
                hint="one identity has one name; a second one needs a home of its own",
            )
    if roster.certificates.get(spki, enrol.certificate) != enrol.certificate:
        raise RefusedError(
            f"the new certificate of {enrol.name} has the key of its old one",
            slug=_SLUG,
            hint=f"ask {enrol.name} to run `overlap keys rotate` and send the new request",
        )


def granted_roles(
    roster: TrustedRoster, request: Request, roles: Iterable[str] | None
) -> tuple[str, ...]:
    """
    The roles that an entry gets: those given, else those it has, else the known ones it asks for.

    Raises:
        UsageError: They are none, outside the closed set, or can't be one principal's.
    """
    enrol = request.enrol
    if roles is not None:
        return check_roles(roles)
    if roster.lists(enrol.name):
        return roster.principal(enrol.name).roles
    return check_roles(role for role in enrol.roles if role in ROLES)


def listed_entry(
    roster: TrustedRoster, request: Request, roles: tuple[str, ...], now_s: int
) -> Principal:
    """
    The entry for a request: a new one with the default limits, or the updated one.

    Args:
        roster: The current roster.
        request: For which `check_request` has passed.
        roles: From `granted_roles`.
        now_s: Unix seconds; a new entry is valid from an hour before.
    """
    enrol, spki = request.enrol, request.certificate.spki
    if not roster.lists(enrol.name):
        return Principal(
            name=enrol.name,
            roles=roles,
            address=enrol.address,
            contact=enrol.contact,
            identity_key=enrol.identity_key,
            log_key=enrol.log_key,
            certificates=(spki,),
            # As certificates are: the clocks of peers may be behind.
            not_before=now_s - BACKDATED_S,
            not_after=now_s + ENTRY_LIFETIME_S,
            bucket_limit=DEFAULT_BUCKET_LIMIT,
            budget=DEFAULT_BUDGET,
            sessions=DEFAULT_SESSIONS,
        )
    entry = roster.principal(enrol.name)
    # The old certificate stays beside the new one, for it is in use until the roster has arrived.
    certificates = entry.certificates
    if entry.identity_key != enrol.identity_key:
        # Nothing that the old identity has signed holds any more, so its certificate goes too.
        certificates = (spki,)
    elif spki not in certificates:
        certificates = (spki, *certificates)[:MAX_CERTIFICATES]
    return replace(
        entry,
        roles=roles,
        address=enrol.address,
        contact=enrol.contact,
        identity_key=enrol.identity_key,
        log_key=enrol.log_key,
        certificates=certificates,
    )


def next_roster(
    roster: TrustedRoster,
    entries: Iterable[Principal],
    certificates: Iterable[tuple[bytes, bytes]],
    signer: Signer,
) -> TrustedRoster:
    """
    The roster after this one, or this one if nothing differs.

    Args:
        roster: The current roster.
        entries: All entries of the new one, in any order.
        certificates: (spki, DER) beside those of the current roster.
        signer: Of the alliance key.
    """
    principals = tuple(sorted(entries, key=lambda entry: entry.name))
    old = roster.roster
    if principals == old.principals:
        return roster
    body: Roster = replace(old, serial=old.serial + 1, previous=roster.hash, principals=principals)
    ders = {**roster.certificates, **dict(certificates)}
    return sign_roster(body, signer, ders.values())

# SPDX-License-Identifier: Apache-2.0
"""
What a type name that stands beside a value says about it.

A type never changes how a value is written, or a typed feed would not meet a plain list. It does
three things: it takes the top-level domain's word out of the decision, it allows the kinds that
free text cannot show (JARM, JA4), and it names what is not matched exactly at all.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from psi.indicators.reasons import Reason

__all__ = ["FORM_FAILURE", "Form", "form_of", "is_type_name"]


class Form(Enum):
    """What the reader of a value may assume."""

    UNTYPED = auto()
    IP = auto()
    DOMAIN = auto()
    URL = auto()
    EMAIL = auto()
    HASH = auto()
    JARM = auto()
    JA4 = auto()
    CVE = auto()
    NOT_EXACT = auto()
    CANARY = auto()

    #: Whether values of this form never go through the rules of free text; a plain attribute,
    #: since membership in a set of enum members costs more than everything around it.
    has_own_rules: bool

    def __init__(self, _: int) -> None:
        self.has_own_rules = self.name in {"JARM", "JA4", "NOT_EXACT", "CANARY"}


# A value that turns out to be no kind at all is reported as what it was said to be.
FORM_FAILURE: Final[Mapping[Form, Reason]] = {
    Form.IP: Reason.NOT_IP,
    Form.URL: Reason.NOT_URL,
    Form.EMAIL: Reason.NOT_EMAIL,
    Form.HASH: Reason.NOT_HASH,
    Form.CVE: Reason.NOT_CVE,
}

# Names of MISP, STIX, OTX, ThreatFox and of hand-made tables, lower case, with `-` between words.
_NAMES: Final = {
    Form.IP: """
        ip ips ipv4 ipv6 ip4 ip6 ip-addr ip-address ip-addresses ipaddr ipaddress ipv4-addr
        ipv6-addr ipv4-address ipv6-address ip-src ip-dst ip-src|port ip-dst|port ip|port ip-port
        ipv4-port ipv6-port srcip dstip src-ip dst-ip source-ip destination-ip c2-ip address
        cidr cidrs netblock network subnet ip-range ipv4-cidr ipv6-cidr
    """,
    Form.DOMAIN: """
        domain domains domain-name domainname hostname hostnames host hosts fqdn fqdns dns
        domain|ip domain-ip hostname|port domain|port host-port hostname-port domain-port
        dns-name subdomain sni rdns named-server ns
    """,
    Form.URL: "url urls uri uris url-path-full link-url c2-url download-url payload-url",
    Form.EMAIL: """
        email e-mail emails email-src email-dst email-addr email-address email-addresses
        email-reply-to email-sender email-recipient emailsender emailrecipient emailwhois
        email-from email-to mailto whois-registrant-email dns-soa-email target-email sender
        email-whois emailaddress mail
    """,
    Form.HASH: """
        hash hashes file file-hash filehash filehash-md5 filehash-sha1 filehash-sha256
        filehash-sha512 checksum digest sample samples malware-sample
        md5 md5sum md5-hash md5hash sha1 sha-1 sha1sum sha1-hash sha224 sha-224 sha256 sha-256
        sha256sum sha256-hash sha384 sha-384 sha512 sha-512 sha512sum sha512-224 sha512-256
        sha3-224 sha3-256 sha3-384 sha3-512 authentihash imphash pehash cdhash
        hex32 hex40 hex56 hex64 hex96 hex128
        filename|md5 filename|sha1 filename|sha224 filename|sha256 filename|sha384 filename|sha512
        filename|sha512-224 filename|sha512-256 filename|sha3-224 filename|sha3-256
        filename|sha3-384 filename|sha3-512 filename|authentihash filename|imphash filename|pehash
        x509-fingerprint-md5 x509-fingerprint-sha1 x509-fingerprint-sha256
        ja3 ja3-hash ja3s ja3-fingerprint-md5 ja3s-fingerprint-md5 hassh-md5 hasshserver-md5
        certificate-fingerprint ssl-cert-fingerprint favicon-md5
    """,
    Form.JARM: "jarm jarm-fingerprint jarm-hash",
    Form.JA4: "ja4 ja4-plus ja4-fingerprint",
    Form.CVE: "cve cves vulnerability vulnerabilities cve-id",
    Form.NOT_EXACT: """
        filename file-name filenames filepath file-path path filename-pattern directory
        filename|ssdeep filename|tlsh filename|vhash filename|impfuzzy
        ssdeep tlsh vhash impfuzzy sdhash telfhash gimphash
        regkey regkey|value registry registry-key registrykey windows-registry-key mutex
        user-agent useragent http-method uri-path url-path pattern-in-file pattern-in-traffic
        pattern-in-memory pattern-filename yara sigma snort suricata zeek bro stix2-pattern
        as asn autonomous-system mac-address mac-eui-64 process process-state pdb
        email-subject email-body email-attachment email-header email-mime-boundary
        email-message-id email-thread-index email-x-mailer email-src-display-name
        email-dst-display-name named-pipe windows-service-name windows-service-displayname
        windows-scheduled-task btc xmr dash iban bic bank-account-nr phone-number
        whois-creation-date whois-registrant-name whois-registrant-org whois-registrant-phone
        whois-registrar
        text comment other link attachment counter datetime boolean float size-in-bytes hex
        port threat-actor campaign-name campaign-id malware-type mobile-application-id
        chrome-extension-id mime-type cookie twitter-id github-username github-repository
        jabber-id passport-number first-name last-name
    """,
    Form.CANARY: "canary",
}
_FORMS: Final = {name: form for form, names in _NAMES.items() for name in names.split()}

_SEPARATORS: Final = re.compile(r"[^a-z0-9|]+")


def _normal(name: str) -> str:
    """`SHA-256`, `Ipv4:Port`, `entity type` in the spelling of the table."""
    return _SEPARATORS.sub("-", name.strip().lower()).strip("-")


def form_of(name: str | None) -> Form:
    """What a type name allows; a name that nobody knows says nothing, like no name."""
    return Form.UNTYPED if name is None else _FORMS.get(_normal(name), Form.UNTYPED)


def is_type_name(name: str) -> bool:
    """Whether the name is one of those that say something."""
    return _normal(name) in _FORMS

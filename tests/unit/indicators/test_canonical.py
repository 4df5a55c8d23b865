# SPDX-License-Identifier: Apache-2.0
"""Canonical forms beyond the known answers: types, options, labels, composites, limits."""

import pytest

from psi.indicators import Canonical, Profile, Reason, Reject, canonicalise

MD5 = "0cc175b9c0f1b6a831c399e269772661"
SHA1 = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
SHA256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
JARM = "27d40d40d29d40d1dc42d43d00041d4689ee210389f4f6b4b5b1b93f92252d"
JA4 = "t13d1516h2_8daaf6152771_b186095e22b6"


def texts(value: str, hint: str | None = None, **options: object) -> list[str]:
    """The elements of a value as text; the reason when it is rejected."""
    allow = bool(options.pop("allow_reserved", False))
    profile = Profile(**options)  # type: ignore[arg-type]  # keyword by keyword
    found = canonicalise(value, hint, profile, allow_reserved=allow)
    if isinstance(found, Reject):
        return [str(found.reason)]
    return [element.decode() for element in found.elements]


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        # Names of MISP's types.
        ("ip-src", "8.8.8.8", ["ip:8.8.8.8"]),
        ("ip-dst|port", "8.8.8.8|443", ["ip:8.8.8.8"]),
        ("hostname|port", "c2.evil.com|8080", ["domain:c2.evil.com"]),
        ("domain|ip", "evil.com|8.8.8.8", ["domain:evil.com", "ip:8.8.8.8"]),
        ("hostname", "Host.Evil.com", ["domain:host.evil.com"]),
        ("url", "hxxps://evil.com/a", ["url:http://evil.com/a"]),
        ("filename|sha256", f"a b.exe|{SHA256}", [f"hex64:{SHA256}"]),
        ("malware-sample", f"a.exe|{MD5.upper()}", [f"hex32:{MD5}"]),
        ("email-src", "Bad@Evil.com", ["email:bad@evil.com"]),
        ("whois-registrant-email", "bad@evil.com", ["email:bad@evil.com"]),
        ("jarm-fingerprint", JARM.upper(), [f"jarm:{JARM}"]),
        ("ja3-fingerprint-md5", MD5, [f"hex32:{MD5}"]),
        ("x509-fingerprint-sha1", SHA1, [f"hex40:{SHA1}"]),
        ("vulnerability", "CVE-2021-44228", ["cve:CVE-2021-44228"]),
        ("ja4", JA4, [f"ja4:{JA4}"]),
        # Names that tables use.
        ("SHA-256", SHA256, [f"hex64:{SHA256}"]),
        ("IPv4:Port", "8.8.8.8:53", ["ip:8.8.8.8"]),
        ("domain-name", "evil.com", ["domain:evil.com"]),
        ("ipaddress", "8.8.8.8", ["ip:8.8.8.8"]),
        # A type never decides how a value is written.
        ("url", "8.8.8.8:443", ["ip:8.8.8.8"]),
        ("url", "evil.com/a", ["url:http://evil.com/a"]),
        ("domain", "8.8.8.8", ["ip:8.8.8.8"]),
        ("sha1", MD5, [f"hex32:{MD5}"]),
        # What is not matched exactly, whatever it looks like.
        ("filename", "evil.com", ["not-exact-match"]),
        ("ssdeep", "3:a:b", ["not-exact-match"]),
        ("user-agent", "curl", ["not-exact-match"]),
        ("yara", "rule a {}", ["not-exact-match"]),
        ("canary", "x", ["canary"]),
        # A name that nobody knows is no type.
        ("mystery", "main.exe", ["not-domain"]),
        ("mystery", "evil.com", ["domain:evil.com"]),
    ],
)
def test_canonicalise_when_typed_expect_form(hint: str, value: str, expected: list[str]) -> None:
    """The usual type names, and what they change."""
    assert texts(value, hint) == expected


def test_canonicalise_when_typed_expect_no_tld_list() -> None:
    """The list of top-level domains is for free text only."""
    assert texts("main.exe") == ["not-domain"]
    assert texts("main.exe", "domain") == ["domain:main.exe"]
    assert texts("main.exe/a", "url") == ["url:http://main.exe/a"]
    assert texts("http://main.exe/a") == ["url:http://main.exe/a"]
    assert texts("a@main.exe") == ["not-email"]
    assert texts("a@main.exe", "email-src") == ["email:a@main.exe"]


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        ("ip-dst", "not-ip"),
        ("url", "not-url"),
        ("email-dst", "not-email"),
        ("sha256", "not-hash"),
        ("cve", "not-cve"),
        ("jarm", "not-jarm"),
        ("ja4", "not-ja4"),
        ("domain", "not-domain"),
        (None, "not-domain"),
    ],
)
def test_canonicalise_when_nothing_fits_expect_reason_of_the_type(
    hint: str | None, reason: str
) -> None:
    """A value that is no kind is reported as what it was said to be."""
    assert texts("what", hint) == [reason]


def test_canonicalise_when_fingerprint_untyped_expect_reject() -> None:
    """62 hexadecimal digits in free text may be anything."""
    assert texts(JARM) == ["not-domain"]
    assert texts(JA4) == ["not-domain"]
    assert texts("0" * 62, "jarm") == ["trivial-hash"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("md5: " + MD5, [f"hex32:{MD5}"]),
        ("IP:8.8.8.8", ["ip:8.8.8.8"]),
        ("Domain: evil[.]com", ["domain:evil.com"]),
        ("domain:main.exe", ["domain:main.exe"]),
        ("jarm:" + JARM, [f"jarm:{JARM}"]),
        ("jarm:\x01", ["control-character"]),
        ("url:http://evil.com", ["url:http://evil.com/"]),
        ("email:mailto:a@evil.com", ["email:a@evil.com"]),
        ("canary:a", ["canary"]),
        ("filename: a.exe", ["not-exact-match"]),
        ("host:8080", ["not-domain"]),
    ],
)
def test_canonicalise_when_labelled_expect_label_as_type(value: str, expected: list[str]) -> None:
    """A label in front is a type."""
    assert texts(value) == expected


def test_canonicalise_when_https_not_folded_expect_two_urls() -> None:
    """Option fold_https."""
    assert texts("https://evil.com/a") == texts("http://evil.com/a")
    assert texts("https://evil.com/a", fold_https=False) == ["url:https://evil.com/a"]
    assert texts("hxxps://evil.com:443/%7ea", fold_https=False) == ["url:https://evil.com/~a"]


def test_canonicalise_when_folded_expect_no_default_port_left() -> None:
    """Port 80 behind https is http's default port afterwards."""
    assert texts("https://evil.com:80/a") == ["url:http://evil.com/a"]
    assert texts("http://evil.com:443/a") == ["url:http://evil.com:443/a"]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("http://evil.com/a", "domain:evil.com"),
        ("http://Evil.com./a?b", "domain:evil.com"),
        ("evil[.]com/a", "domain:evil.com"),
        ("http://8.8.8.8/a", "ip:8.8.8.8"),
        ("http://[::ffff:8.8.8.8]/a", "ip:8.8.8.8"),
        ("http://[2a00:1450:0::1]/a", "ip:2a00:1450::1"),
    ],
)
def test_canonicalise_when_hosts_derived_expect_two_elements(value: str, host: str) -> None:
    """Option derive_host: the host of a URL is an element too."""
    with_host = texts(value, derive_host=True)
    assert with_host[1:] == [host]
    assert with_host[:1] == texts(value)


@pytest.mark.parametrize(
    ("value", "expand", "expected"),
    [
        ("8.8.8.4/30", 28, [f"ip:8.8.8.{i}" for i in range(4, 8)]),
        ("8.8.8.7/28", 28, [f"ip:8.8.8.{i}" for i in range(16)]),
        ("8.8.8.0/27", 28, ["cidr:8.8.8.0/27"]),
        ("8.8.8.0/24", 24, [f"ip:8.8.8.{i}" for i in range(256)]),
        ("8.8.8.0/23", 24, ["cidr:8.8.8.0/23"]),
        ("8.8.8.4/30", 0, ["cidr:8.8.8.4/30"]),
        ("::ffff:8.8.8.0/124", 28, [f"ip:8.8.8.{i}" for i in range(16)]),
        ("2a00:1450::/126", 24, ["cidr:2a00:1450::/126"]),
    ],
)
def test_canonicalise_when_networks_expanded_expect_addresses(
    value: str, expand: int, expected: list[str]
) -> None:
    """Option expand_v4."""
    assert texts(value, expand_v4=expand) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("8.8.8.8/7", ["cidr-too-wide"]),
        ("8.0.0.0/8", ["cidr:8.0.0.0/8"]),
        ("2a00::/15", ["cidr-too-wide"]),
        ("2a00::/16", ["cidr:2a00::/16"]),
        ("8.8.8.0/255.255.255.252", ["cidr:8.8.8.0/30"]),
        ("8.8.8.0/255.0.255.0", ["not-ip"]),
        ("8.8.8.0/256.0.0.0", ["not-ip"]),
        ("2a00:1:2", ["not-domain"]),
        ("2a00::1::2/64", ["not-ip"]),
        ("::ffff:10.0.0.1", ["reserved-ip"]),
        ("8.8.8.0/33", ["not-ip"]),
        ("2a00::/129", ["not-ip"]),
        ("10.1.0.0/16", ["reserved-ip"]),
        ("192.168.0.0/15", ["cidr:192.168.0.0/15"]),
        ("fe80::/10", ["reserved-ip"]),
        ("2a00:1450:0:0:0:0:0:0/32", ["cidr:2a00:1450::/32"]),
        ("8.8.8.8/32", ["ip:8.8.8.8"]),
        ("8.8.8.8/255.255.255.255", ["ip:8.8.8.8"]),
        ("[2a00:1450::1%eth0]:443", ["ip:2a00:1450::1"]),
        ("2a00:0:0:1:0:0:0:1", ["ip:2a00:0:0:1::1"]),
        ("1.2.3.04", ["not-domain"]),
        ("256.001.001.001", ["not-domain"]),
        ("008.008.008.008", ["ip:8.8.8.8"]),
    ],
)
def test_canonicalise_when_address_or_network_expect_rule(value: str, expected: list[str]) -> None:
    """Masks, widths, RFC 5952, and which leading zeros are decimal."""
    assert texts(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("24/7", ["not-domain"]),
        ("and/or", ["not-domain"]),
        ("text/html", ["not-domain"]),
        ("/wp-admin/a.php", ["not-domain"]),
        ("C:\\Users\\a.exe", ["not-domain"]),
        ("8.8.8.8/a", ["url:http://8.8.8.8/a"]),
        ("8.8.8.8:8080/a", ["url:http://8.8.8.8:8080/a"]),
        ("evil.com?x", ["url:http://evil.com/?x"]),
        ("http://intranet/a", ["not-url"]),
        ("http://evil.com:99999/", ["not-url"]),
        ("http://[2a00::zz]/", ["not-url"]),
        ("evil.com:99999/a", ["not-domain"]),
        ("http://evil.com/" + "a" * 4080, ["too-long"]),
        ("http://evil.com/" + "a" * 4076, ["url:http://evil.com/" + "a" * 4076]),
        (
            "http://evil.com/" + "%7e" * 1000 + "(" * 50,
            ["url:http://evil.com/" + "~" * 1000 + "(" * 50],
        ),
        ("http://evil.com/a(%2E)b", ["url:http://evil.com/a.b"]),
        ("http://a,b.com/", ["not-url"]),
        ("http://x.localhost/", ["special-tld"]),
        ("http://[fe80::1]/", ["reserved-ip"]),
        ("wss://evil.com/a", ["url-scheme"]),
        ("http:/evil.com/a", ["url:http://evil.com/a"]),
        ("ftp://evil.com:21/a;type=i", ["url:ftp://evil.com/a;type=i"]),
        ("http://evil.com/a|b^c`d{e}", ["url:http://evil.com/a%7Cb%5Ec%60d%7Be%7D"]),
        ("http://evil.com/?a[]=1|2", ["url:http://evil.com/?a%5B%5D=1%7C2"]),
        ("http://evil.com/100%", ["url:http://evil.com/100%25"]),
        ("http://evil.com/%%34%31", ["url:http://evil.com/%2541"]),
        ("http://evil.com/a%2eb", ["url:http://evil.com/a.b"]),
        ("http://evil.com/%2e%2e/b", ["url:http://evil.com/b"]),
        ("http://-evil-.com/", ["url:http://-evil-.com/"]),
        ("http://evil.com/a#b", ["url:http://evil.com/a"]),
    ],
)
def test_canonicalise_when_url_or_path_expect_rule(value: str, expected: list[str]) -> None:
    """What is a URL, and its one spelling."""
    assert texts(value) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("http://evil.com/a...", "truncated"),
        ("evil.com/abc…", "truncated"),
        ("c6b67f15...", "truncated"),
        ("evil.com[...]", "truncated"),
        ("", "empty"),
        (' " ', "empty"),
        ("a" * 4097, "too-long"),
        ("é" * 2049, "too-long"),
        ("http://evil.com/" + "é" * 1000, "too-long"),
        ("evil\x00.com", "control-character"),
        ("evil\x7f.com", "control-character"),
        ("evil\udcff.com", "bad-encoding"),
        ("evil\ufffd.com", "bad-encoding"),
        ("0" * 32, "trivial-hash"),
        ("d41d8cd98f00b204e9800998ecf8427e", "trivial-hash"),
        ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "trivial-hash"),
        ("a" * 63 + "b.com", "not-domain"),
        (".".join(["abcdefgh"] * 29) + ".com", "not-domain"),
        ("evil..com", "not-domain"),
        ("xn--zzzzzz.de", "not-domain"),
        ("x.home", "special-tld"),
        ("1.168.192.in-addr.arpa", "special-tld"),
        ("a@host.local", "special-tld"),
        ("a b@evil.com", "not-email"),
        ("a@evil.com:25", "not-email"),
    ],
)
def test_canonicalise_when_unusable_expect_reason(value: str, reason: str) -> None:
    """Each way of not being usable has its name."""
    assert texts(value) == [reason]


def test_canonicalise_when_reserved_allowed_expect_element() -> None:
    """The filter can be opened; the form is the same."""
    assert texts("10.0.0.1", allow_reserved=True) == ["ip:10.0.0.1"]
    assert texts("host.local", allow_reserved=True) == ["domain:host.local"]
    assert texts("fe80::1", allow_reserved=True) == ["ip:fe80::1"]
    assert texts("http://10.0.0.1/a", allow_reserved=True) == ["url:http://10.0.0.1/a"]
    assert texts("10.0.0.0/8", allow_reserved=True) == ["cidr:10.0.0.0/8"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ufeff8.8.8.8\u200b", ["ip:8.8.8.8"]),
        ("\u00a08.8.8.8\u00a0", ["ip:8.8.8.8"]),
        ("8.8.8.8\udca0", ["ip:8.8.8.8"]),
        ("<http://evil.com/>", ["url:http://evil.com/"]),
        ("“evil.com”,", ["domain:evil.com"]),
        ("evil.com|443", ["domain:evil.com"]),
        ("1|2|3", ["not-domain"]),
        ("|", ["not-domain"]),
        ("|0", ["empty"]),
        (f"a.exe|{MD5}", [f"hex32:{MD5}"]),
        ("１.２.３.４", ["not-domain"]),
        ("abcd:ef01:2345:6789:abcd:ef01:2345:6789", ["ip:abcd:ef01:2345:6789:abcd:ef01:2345:6789"]),
    ],
)
def test_canonicalise_when_dressed_up_expect_value(value: str, expected: list[str]) -> None:
    """What stands around a value, and what only looks like another kind."""
    assert texts(value) == expected


def test_canonical_when_shown_expect_no_value() -> None:
    """A repr may reach a log."""
    found = canonicalise("evil.com")
    assert isinstance(found, Canonical)
    assert repr(found) == "Canonical(domain)"
    assert "evil" not in repr(canonicalise("evil..com"))
    assert canonicalise("evil..com") == Reject(Reason.NOT_DOMAIN)

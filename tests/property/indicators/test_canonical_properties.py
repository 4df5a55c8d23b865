# SPDX-License-Identifier: Apache-2.0
"""What holds for every value, not only for the known answers."""

import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi.indicators import KINDS, Canonical, Profile, Reason, Reject, canonicalise
from psi.indicators.canonical import MAX_VALUE, Canonicaliser
from psi.indicators.refang import may_be_defanged, refang, refang_by_rules

PROFILES = st.builds(
    Profile,
    fold_https=st.booleans(),
    derive_host=st.booleans(),
    expand_v4=st.sampled_from([0, 24, 28]),
)
HINTS = st.sampled_from(
    [None, "domain", "ip-dst|port", "url", "sha256", "email-src", "jarm", "ja4", "cve", "filename"]
)

# Pieces that values are made of; put together at random they come close to every rule.
PIECES = """
    http https hxxp hXXps ftp meow :// : / // /a/ /./ /../ ? # @ [.] . [:] [@] (dot) \\. [ ] ( ) {
    } evil com www co.uk münchen xn--mnchen-3ya ｅｖｉｌ 。 例え テスト .. ... … * *. _ - 1 2 3 255
    001 1.2.3.4 ::ffff: 2a00: ::1 /24 /32 |443 :8080 | %41 %2e %2F % %% %34 , ; ' " < > md5: ip:
    domain: url: email: cve: CVE-2021-44228 d41d8cd98f00b204e9800998ecf8427f ab:cd a b mailto: é ß
    = & + ~ ! $ ^ ` local localhost onion exe İ ſ K
"""
UNUSUAL = [" ", "\n", "\t", "\x00", "\x7f", "\u00a0", "\u200b", "\u202e", "\ud800", "\udca0"]
VALUES = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES.split() + UNUSUAL), min_size=1, max_size=12).map("".join),
    st.text(alphabet=string.ascii_letters + string.digits + "[].:/%@|,;-_ ", max_size=40),
)


@settings(deadline=None)
@given(VALUES, HINTS, PROFILES, st.booleans())
@example("http://x.com/%%34%31", None, Profile(), False)
@example("http://x.com/(%2E)", None, Profile(), False)
@example("http://x.com/a,#b", None, Profile(), False)
@example("http://x.com/a...#b", None, Profile(), False)
@example("https://x.com:80/", None, Profile(), False)
@example("http://x.com../", None, Profile(), False)
@example("ip:" * 1000 + "1", None, Profile(), False)
@example("1|" * 1000 + "1", None, Profile(), False)
@example("<" * 2000 + "a" + ">" * 2000, None, Profile(), False)
def test_canonicalise_when_any_text_expect_fixed_point(
    text: str, hint: str | None, profile: Profile, allow: bool
) -> None:
    """The canonical form is its own, as `kind:value` and as a value of that type."""
    found = canonicalise(text, hint, profile, allow_reserved=allow)
    if isinstance(found, Reject):
        assert isinstance(found.reason, Reason)
        return
    for element in found.elements:
        kind, _, value = element.decode().partition(":")
        assert kind in KINDS
        assert len(element) <= MAX_VALUE
        for again in (
            canonicalise(element.decode(), None, profile, allow_reserved=allow),
            canonicalise(value, kind, profile, allow_reserved=allow),
        ):
            assert isinstance(again, Canonical)
            assert again.elements[0] == element


LABEL = st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=12)
DOMAINS = st.builds(
    lambda labels, tld: ".".join([*labels, tld]),
    st.lists(LABEL, min_size=1, max_size=4),
    st.sampled_from(["com", "net", "ru", "co", "xyz"]),
)
ADDRESSES = st.builds(
    lambda a, b, c, d: f"{a}.{b}.{c}.{d}",
    st.integers(11, 90),
    *[st.integers(0, 255)] * 3,
)
HASHES = st.sampled_from([32, 40, 64]).flatmap(
    lambda n: st.text(alphabet="0123456789abcdef", min_size=n, max_size=n)
)
URLS = st.builds(
    lambda host, path: f"http://{host}/{path}",
    st.one_of(DOMAINS, ADDRESSES),
    st.text(alphabet=string.ascii_letters + string.digits + "/_-", max_size=20),
)
DOTS = st.sampled_from([".", "[.]", "(.)", "{.}", "[dot]", "(dot)", "\\.", "[."])
SCHEMES = st.sampled_from(
    ["http:", "hxxp:", "hXXps:", "h**p:", "meow:", "hxxp[:]", "htxp:", "HTTPS:"]
)
AROUND = st.sampled_from([("", ""), (" ", "\t"), ('"', '",'), ("<", ">"), ("'", "';"), ("“", "”")])


@settings(deadline=None)
@given(st.one_of(DOMAINS, ADDRESSES, HASHES, URLS), DOTS, SCHEMES, AROUND, st.booleans())
def test_canonicalise_when_written_differently_expect_same(
    value: str, dot: str, scheme: str, around: tuple[str, str], upper: bool
) -> None:
    """Defanged, quoted and re-cased spellings of a value meet."""
    expected = canonicalise(value)
    written = value
    if value.startswith("http:"):
        host, slash, path = value.removeprefix("http://").partition("/")
        host = host.upper() if upper else host
        written = f"{scheme}//{host.replace('.', dot)}{slash}{path}"
    else:
        written = (value.upper() if upper else value).replace(".", dot)
    assert canonicalise(around[0] + written + around[1]) == expected


@settings(deadline=None)
@given(VALUES)
def test_refang_when_any_text_expect_the_rules_alone(text: str) -> None:
    """The two short cuts of `refang` change nothing."""
    assert refang(text) == refang_by_rules(text)
    if not may_be_defanged(text):
        assert refang_by_rules(text) == text


@settings(deadline=None)
@given(VALUES, HINTS)
def test_elements_when_reserved_allowed_expect_superset(text: str, hint: str | None) -> None:
    """The filter removes; it never changes what an element is."""
    strict = Canonicaliser(Profile.default()).elements(text, hint)
    if not isinstance(strict, Reason):
        assert Canonicaliser(Profile.default(), allow_reserved=True).elements(text, hint) == strict

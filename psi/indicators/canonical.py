# SPDX-License-Identifier: Apache-2.0
"""
The canonical form of an indicator: one spelling, `kind:value`, whatever a feed wrote.

    >>> canonicalise("hXXps://Evil[.]com/a")
    Canonical(url)
    >>> canonicalise("Evil[.]com:8080").text
    'domain:evil.com'
    >>> canonicalise("10.0.0.1")
    Reject(reason=<Reason.RESERVED_IP: 'reserved-ip'>)

It holds for every value that `canonicalise(canonicalise(x).text) == canonicalise(x)`.
"""

import re
from dataclasses import dataclass
from typing import Final

from psi.indicators._plain import plain_rules
from psi.indicators.addresses import V4_PATTERN, address_or_network
from psi.indicators.domains import DOMAIN_PATTERN, MAX_DOMAIN, domain_element, email_element
from psi.indicators.hashes import (
    HEX_PATTERN,
    TRIVIAL,
    hash_element,
    ja4_element,
    jarm_element,
)
from psi.indicators.kinds import Kind
from psi.indicators.profile import Profile
from psi.indicators.reasons import Reason
from psi.indicators.refang import refang
from psi.indicators.reserved import SPECIAL_TLDS, is_reserved_v4_text
from psi.indicators.tlds import TLDS, is_known_tld
from psi.indicators.type_names import FORM_FAILURE, Form, form_of
from psi.indicators.urls import CanonicalUrl, schemeless_url, url

__all__ = ["MAX_VALUE", "Canonical", "Canonicaliser", "Elements", "Reject", "canonicalise"]

MAX_VALUE: Final = 4096  # bytes, as read and as an element

#: What a value becomes: an element, several (`domain|ip`, expansion, derived hosts), or a reason.
Elements = bytes | tuple[bytes, ...] | Reason

# A path of a plain URL: nothing to unescape or escape, no dot segment, no end that is stripped.
_SEGMENT: Final = r"/(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9._~!$&*+,;=:@-]*"
_PLAIN: Final = re.compile(
    rf"({V4_PATTERN})|({HEX_PATTERN})|({DOMAIN_PATTERN})"
    rf"|(https?://{DOMAIN_PATTERN}(?:{_SEGMENT})+(?:\?[A-Za-z0-9._~!$&*+,;=:@/?-]*[A-Za-z0-9=])?"
    r"(?<![,;.]))"
)
_V4, _HEX, _DOMAIN = 1, 2, 3

# With the byte A0, a non-breaking space in old Windows and Latin-1 files.
_SPACE: Final = "".join(
    [
        " \t\n\r\f\v\x85\xa0\udca0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff",
        "".join(map(chr, range(0x2000, 0x2010))),  # spaces, zero-width marks, direction marks
        "".join(map(chr, range(0x202A, 0x202F))),  # direction embeddings
        "".join(map(chr, range(0x2066, 0x206A))),  # direction isolates
    ]
)
_QUOTES: Final = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
# Control characters, what is not UTF-8, and the signs of a value that was cut short.
_UNUSABLE: Final = re.compile(
    "[\\x00-\\x08\\x0e-\\x1f\\x7f]|[\ud800-\udfff\ufffd]|\u2026|\\.\\.\\.[\\])}]?$"
)
# What cleaning would still change in a canonical URL: it exposed a defanged dot, or an end that is
# stripped, by unescaping or by dropping the fragment.
_UNSTABLE: Final = re.compile(r"[\[({\\]|[,;.'\"`]$")
_LABEL: Final = re.compile(r"([A-Za-z][A-Za-z0-9 _-]{1,19})\s*:\s*(?![/\\])(.+)", re.DOTALL)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):(?:(//)|[/\\])", re.IGNORECASE)
_URL_SCHEMES: Final = frozenset({"http", "https", "ftp"})
_DASH: Final = r"[\s_\u2010-\u2015\u2212-]+"
_CVE: Final = re.compile(rf"CVE{_DASH}([0-9]{{4}}){_DASH}([0-9]{{4,19}})\.?", re.IGNORECASE)
_WHITE: Final = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Canonical:
    """A value in canonical form; `repr` shows the kind only."""

    elements: tuple[bytes, ...]

    @property
    def kind(self) -> Kind:
        """The kind of the first element."""
        return Kind(self.elements[0].partition(b":")[0].decode())

    @property
    def value(self) -> str:
        """The first element without its kind."""
        return self.elements[0].partition(b":")[2].decode()

    @property
    def text(self) -> str:
        """The first element, `kind:value`."""
        return self.elements[0].decode()

    def __repr__(self) -> str:
        return f"Canonical({', '.join(e.partition(b':')[0].decode() for e in self.elements)})"


@dataclass(frozen=True, slots=True)
class Reject:
    """A value that is not used, and why."""

    reason: Reason


class Canonicaliser:
    """
    Canonical forms under one profile.

    Args:
        profile: The matching rules.
        allow_reserved: Let private addresses and local names in.

    Attributes:
        plain: What decides the plain values in C, where that is built.
    """

    def __init__(self, profile: Profile, *, allow_reserved: bool = False) -> None:
        self._fold = profile.fold_https
        self._derive = profile.derive_host
        self._expand = profile.expand_v4
        self._allow = allow_reserved
        self._forms: dict[str | None, Form] = {}
        self.plain = plain_rules(profile, allow_reserved=allow_reserved)
        self._plain_element = None if self.plain is None else self.plain.element

    def elements(self, text: str, type_hint: str | None = None) -> Elements:
        """What a value becomes; see `Elements`."""
        form = self._forms.get(type_hint)
        if form is None:
            form = form_of(type_hint)
            if len(self._forms) < _MAX_TYPES:
                self._forms[type_hint] = form
        if form.has_own_rules:
            return self._typed(text, form)
        # Most values of real feeds are written canonically already; this saves nine tenths.
        if self._plain_element is not None:
            element = self._plain_element(text, form is not Form.UNTYPED)
            if element is not None:
                return element
        match = _PLAIN.fullmatch(text)
        if match is not None:
            found = self._plain(text, form, match.lastindex)
            if found is not None:
                return found
        return self._general(text, form)

    def _plain(  # noqa: PLR0911  # one return a kind
        self, text: str, form: Form, group: int | None
    ) -> Elements | None:
        """What a value that `_PLAIN` matches becomes; None where that alone can't tell."""
        if group == _V4:
            if not self._allow and is_reserved_v4_text(text):
                return Reason.RESERVED_IP
            return b"ip:" + text.encode()
        if group == _HEX:
            return Reason.TRIVIAL_HASH if text in TRIVIAL else f"hex{len(text)}:{text}".encode()
        host = text if group == _DOMAIN else text.split("/", 3)[2]
        tld = host[host.rfind(".") + 1 :]
        if tld in SPECIAL_TLDS or "xn--" in host or len(host) > MAX_DOMAIN:
            return None
        if group == _DOMAIN:
            if tld in TLDS or form is not Form.UNTYPED:
                return b"domain:" + text.encode()
            return None
        if self._fold and text.startswith("https"):
            text = "http" + text[len("https") :]
        element = b"url:" + text.encode()
        if len(element) > MAX_VALUE:
            return Reason.TOO_LONG
        return (element, b"domain:" + host.encode()) if self._derive else element

    def _typed(self, text: str, form: Form) -> Elements:
        """The forms that free text cannot take."""
        if form is Form.NOT_EXACT:
            return Reason.NOT_EXACT
        if form is Form.CANARY:
            return Reason.CANARY
        cleaned = _clean(text)
        if isinstance(cleaned, Reason):
            return cleaned
        if (labelled := _LABEL.fullmatch(cleaned)) and form_of(labelled[1]) is form:
            cleaned = labelled[2]
        return jarm_element(cleaned) if form is Form.JARM else ja4_element(cleaned)

    def _general(self, text: str, form: Form) -> Elements:
        """Canonicalise until it stands still, for which one round is nearly always enough."""
        result = self._once(text, form)
        for _ in range(_ROUNDS):
            if not isinstance(result, tuple) or not result[0].startswith(b"url:"):
                return result
            url_text = result[0][len(b"url:") :].decode()
            if (
                _UNSTABLE.search(url_text) is None
                or (again := self._once(url_text, form)) == result
            ):
                return result if self._derive else result[0]
            result = again
        return Reason.NOT_URL if isinstance(result, tuple) else result

    def _once(self, text: str, form: Form, *, nesting: int = 0) -> Elements:
        """One round: clean, take a label off, find the kind."""
        cleaned = _clean(text)
        if isinstance(cleaned, Reason):
            return cleaned
        if ":" in cleaned and nesting < _MAX_LABELS and (labelled := _LABEL.fullmatch(cleaned)):
            by_label = form_of(labelled[1])
            if by_label.has_own_rules:
                return self._typed(labelled[2], by_label)
            if by_label is not Form.UNTYPED:
                inner = by_label if form is Form.UNTYPED else form
                return self._once(labelled[2], inner, nesting=nesting + 1)
        result = None
        # Refanged, most are plain.
        if cleaned is not text and (match := _PLAIN.fullmatch(cleaned)):
            result = self._plain(cleaned, form, match.lastindex)
        if result is None:
            result = self._dispatch(cleaned, form)
        return FORM_FAILURE.get(form, result) if result is Reason.NOT_DOMAIN else result

    def _dispatch(self, text: str, form: Form) -> Elements:
        """Try the kinds, the ones with an unmistakable shape first."""
        if ":" in text and (match := _SCHEME.match(text)):
            if match[1].lower() in _URL_SCHEMES:
                return self._url(url(text, fold_https=self._fold, allow_reserved=self._allow))
            if match[2]:
                return Reason.URL_SCHEME
        if text[0] in "cC" and (match := _CVE.fullmatch(text)):
            return f"cve:CVE-{match[1]}-{match[2]}".encode()
        if "|" in text:
            return self._composite(text, form)
        if _WHITE.search(text):
            return Reason.NOT_EMAIL if "@" in text else Reason.NOT_DOMAIN
        return self._word(text, form)

    def _word(self, text: str, form: Form) -> Elements:
        """The kinds that have neither a scheme nor white space."""
        typed = form is not Form.UNTYPED
        if "@" in text and "/" not in text:
            return email_element(text, typed=typed, allow_reserved=self._allow)
        hashed = hash_element(text)
        if hashed is not None:
            return hashed
        address = address_or_network(text, expand_v4=self._expand, allow_reserved=self._allow)
        if address is not None:
            return address
        if "/" in text or "?" in text:
            return self._schemeless(text, form, typed=typed)
        return domain_element(text, typed=typed, allow_reserved=self._allow)

    def _schemeless(self, text: str, form: Form, *, typed: bool) -> Elements:
        """`host/path` as a URL."""
        match = _PLAIN.fullmatch(f"http://{text}")
        if match and (typed or is_known_tld(text[: text.find("/")].rpartition(".")[2])):
            plain = self._plain(match[0], form, match.lastindex)
            if plain is not None:
                return plain
        return self._url(
            schemeless_url(text, typed=typed, fold_https=self._fold, allow_reserved=self._allow)
        )

    def _url(self, found: CanonicalUrl | Reason) -> Elements:
        """URL and host; the host is taken off again when the profile does not ask for it."""
        if isinstance(found, Reason):
            return found
        element = f"url:{found.text}".encode()
        return Reason.TOO_LONG if len(element) > MAX_VALUE else (element, found.host)

    def _composite(self, text: str, form: Form) -> Elements:
        """`filename|hash` is the hash, `domain|ip` is both, `value|port` is the value."""
        left, _, right = text.rpartition("|")
        left, right = left.strip(), right.strip()
        if right.isascii() and right.isdigit() and len(right) <= _PORT_DIGITS:
            return Reason.NOT_DOMAIN if "|" in left else self._once(left, form)
        hashed = hash_element(right)
        if hashed is not None:
            return hashed
        typed = form is not Form.UNTYPED
        name = domain_element(left, typed=typed, allow_reserved=self._allow)
        address = address_or_network(right, expand_v4=0, allow_reserved=self._allow)
        if isinstance(name, bytes) and isinstance(address, bytes):
            return (name, address)
        return Reason.NOT_DOMAIN


_ROUNDS: Final = 4
_MAX_TYPES: Final = 256  # remembered; a column of types may hold anything
_MAX_LABELS: Final = 2  # `email:mailto:a@b.example`
_PORT_DIGITS: Final = 5


def _clean(text: str) -> str | Reason:
    """The refanged value without white space, quotes and punctuation around it."""
    if 4 * len(text) > MAX_VALUE and len(text.encode("utf-8", "surrogatepass")) > MAX_VALUE:
        return Reason.TOO_LONG
    while True:
        cleaned = text.lstrip(_SPACE + _QUOTES).rstrip(_SPACE + _QUOTES + ",;")
        if cleaned.startswith("<") and cleaned.endswith(">"):
            cleaned = cleaned[1:-1]
        if cleaned == text:
            break
        text = cleaned
    if not text:
        return Reason.EMPTY
    if bad := _UNUSABLE.search(text):
        if bad[0] < " " or bad[0] == "\x7f":
            return Reason.CONTROL_CHARACTER
        return Reason.TRUNCATED if bad[0][0] in ".\u2026" else Reason.BAD_ENCODING
    return refang(text) or Reason.EMPTY


def canonicalise(
    text: str,
    type_hint: str | None = None,
    profile: Profile | None = None,
    *,
    allow_reserved: bool = False,
) -> Canonical | Reject:
    """
    The canonical form of one value.

    Args:
        text: As written; defanged or not.
        type_hint: The type that stands beside it (`ip-dst`, `sha256`, `domain` ...), if any.
        profile: The matching rules; the default profile when None.
        allow_reserved: Let private addresses and local names in.
    """
    chosen = Profile.default() if profile is None else profile
    found = Canonicaliser(chosen, allow_reserved=allow_reserved).elements(text, type_hint)
    if isinstance(found, Reason):
        return Reject(found)
    return Canonical((found,) if isinstance(found, bytes) else found)

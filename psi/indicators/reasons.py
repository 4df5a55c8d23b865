# SPDX-License-Identifier: Apache-2.0
"""
Why a value is not used: a closed set of names, each with the words that a person reads.

`docs/formats.md` lists them; a new one is a new row there.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = ["DAMAGE", "REASON_TEXT", "Reason"]


class Reason(StrEnum):
    """The reason that a value was rejected; stable in `--json` output."""

    # What it is, is not clear, or not something that is matched exactly.
    EMPTY = "empty"
    NOT_IP = "not-ip"
    NOT_DOMAIN = "not-domain"
    NOT_EMAIL = "not-email"
    NOT_URL = "not-url"
    NOT_HASH = "not-hash"
    NOT_JARM = "not-jarm"
    NOT_JA4 = "not-ja4"
    NOT_CVE = "not-cve"
    URL_SCHEME = "url-scheme"
    NOT_EXACT = "not-exact-match"
    PROSE = "prose"
    OPERATOR = "pattern-operator"
    CANARY = "canary"
    # What it is, is clear, but a match would mean nothing.
    RESERVED_IP = "reserved-ip"
    SPECIAL_TLD = "special-tld"
    TRIVIAL_HASH = "trivial-hash"
    CIDR_TOO_WIDE = "cidr-too-wide"
    BENIGN = "benign"
    TRUNCATED = "truncated"
    TOO_LONG = "too-long"
    # The record is damaged.
    BAD_ENCODING = "bad-encoding"
    CONTROL_CHARACTER = "control-character"
    LINE_TOO_LONG = "line-too-long"
    BROKEN_QUOTE = "broken-quote"
    BAD_PATTERN = "bad-pattern"
    BAD_RECORD = "bad-record"


REASON_TEXT: Final[Mapping[Reason, str]] = {
    Reason.EMPTY: "empty",
    Reason.NOT_IP: "not an IP address or network",
    Reason.NOT_DOMAIN: "not a domain or any other kind",
    Reason.NOT_EMAIL: "not an e-mail address",
    Reason.NOT_URL: "not a URL",
    Reason.NOT_HASH: "not a hash",
    Reason.NOT_JARM: "not a JARM",
    Reason.NOT_JA4: "not a JA4",
    Reason.NOT_CVE: "not a CVE",
    Reason.URL_SCHEME: "URL scheme other than http, https, ftp",
    Reason.NOT_EXACT: "of a type that is not matched exactly",
    Reason.PROSE: "text without an indicator",
    Reason.OPERATOR: "compared otherwise than by = or IN",
    Reason.CANARY: "reserved kind",
    Reason.RESERVED_IP: "private address",
    Reason.SPECIAL_TLD: "local name",
    Reason.TRIVIAL_HASH: "hash of nothing",
    Reason.CIDR_TOO_WIDE: "network too wide",
    Reason.BENIGN: "legitimate by the feed's own word",
    Reason.TRUNCATED: "cut short",
    Reason.TOO_LONG: "longer than 4,096 bytes",
    Reason.BAD_ENCODING: "not UTF-8",
    Reason.CONTROL_CHARACTER: "control character",
    Reason.LINE_TOO_LONG: "line longer than 1 MiB",
    Reason.BROKEN_QUOTE: "quote without an end",
    Reason.BAD_PATTERN: "pattern that can't be parsed",
    Reason.BAD_RECORD: "record of another shape than its format's",
}

# A damaged record is counted like the others; `--strict` stops at the first.
DAMAGE: Final = frozenset(
    {
        Reason.BAD_ENCODING,
        Reason.CONTROL_CHARACTER,
        Reason.LINE_TOO_LONG,
        Reason.BROKEN_QUOTE,
        Reason.BAD_PATTERN,
        Reason.BAD_RECORD,
    }
)

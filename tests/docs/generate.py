# SPDX-License-Identifier: Apache-2.0
"""
The parts of the documents that are made from the code; `python tests/docs/generate.py` writes them.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. A test makes every part anew
and compares.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

ROOT: Final = Path(__file__).parents[2]
# Run as a script, only this folder is on the path.
sys.path[:0] = [str(ROOT), str(ROOT / "cli")]

from psi.errors import SLUGS  # noqa: E402
from psi.indicators.reasons import DAMAGE, REASON_TEXT  # noqa: E402
from psi.protocol import messages, sizes, states, structure  # noqa: E402
from psi.protocol.structure import Structure  # noqa: E402
from psi.transport import gate, options, refusals, slots  # noqa: E402
from psi.trust import certificates, policy, rosters  # noqa: E402
from psi.trust.audit_format import RECORD_TYPES  # noqa: E402

__all__ = ["PARTS", "document_names", "parts_of", "rewritten"]

_PART: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _transitions(table: Mapping[tuple[Any, type[Structure]], Any]) -> str:
    return _rows(
        ("state", "message", "next state"),
        (
            (f"`{state.name}` {state.value}", f"`{message.__name__}`", f"`{after.name}`")
            for (state, message), after in table.items()
        ),
    )


def client_states() -> str:
    """The client's transitions."""
    return _transitions(states.CLIENT)


def server_states() -> str:
    """The server's transitions."""
    return _transitions(states.SERVER)


def _type_of(hint: Any) -> str:
    """The word of docs/protocol.md section 9 for an annotation."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(
            "absent" if arg is type(None) else _type_of(arg) for arg in get_args(hint)
        )
    if get_origin(hint) is tuple:
        return f"[{_type_of(get_args(hint)[0])}]"
    if get_origin(hint) is Annotated:
        base, limit = get_args(hint)
        return f"b{limit.n_bytes}" if base is bytes else "n"
    words = {int: "u", str: "t", bytes: "b"}
    return words.get(hint) or str(hint.NAME)


def structures() -> str:
    """Every structure with its fields in the order of their encoding."""
    found = [each for each in vars(messages).values() if _is_structure(each)]
    width = max(len(each.NAME) for each in found) + 2
    lines = []
    for each in found:
        hints = get_type_hints(each, include_extras=True)
        fields = [
            f"{name.rstrip('_')} {_type_of(hint)}"
            for name, hint in hints.items()
            if name not in ("NAME", "_fields")
        ]
        lines += _wrapped(f"{each.NAME:{width}}", fields, 100)
    return "```text\n" + "".join(f"{line}\n" for line in lines) + "```\n"


def _is_structure(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, Structure) and each is not Structure


def _wrapped(label: str, fields: list[str], width: int) -> list[str]:
    lines = [label]
    for position, field in enumerate(fields):
        piece = field if position == len(fields) - 1 else f"{field}, "
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append(" " * len(label))
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def limits() -> str:
    """The numbers of the wire."""
    server = dict(options.SERVER_OPTIONS)
    hours = sizes.SESSION_LIFE_MS // 3_600_000
    idle_s = int(server["grpc.max_connection_idle_ms"]) // 1000
    age_s = int(server["grpc.max_connection_age_ms"]) // 1000
    return _rows(
        ("what", "limit"),
        (
            ("bucket", f"{sizes.MIN_BUCKET:,} to {sizes.MAX_BUCKET:,} indicators"),
            ("chunk", f"{sizes.CHUNK_ELEMENTS:,} elements of 32 bytes, the last one fewer"),
            ("tag", "8 to 16 bytes"),
            ("page of the table", f"{sizes.PAGE_TAGS:,} tags"),
            ("repeats of one chunk", f"{sizes.MAX_REPEATS}"),
            ("chunks of one client in flight", f"{slots.MAX_IN_FLIGHT}"),
            ("difference of the clocks", f"{sizes.CLOCK_TOLERANCE_MS // 1000} s"),
            ("memory of a nonce", f"{sizes.NONCE_MEMORY_MS // 1000} s at least"),
            ("life of a session", f"{hours} h, or the end of the epoch if sooner"),
            ("text in a structure", f"{structure.MAX_TEXT_BYTES:,} bytes"),
            ("certificates of one principal", f"{rosters.MAX_CERTIFICATES}"),
            ("certificate", f"{certificates.MAX_CERTIFICATE_BYTES:,} bytes of DER"),
            ("message, either way", f"{options.MAX_MESSAGE_BYTES:,} bytes, not compressed"),
            ("metadata", f"{server['grpc.max_metadata_size']:,} bytes"),
            ("deadline of a call", f"required; {options.CALL_DEADLINE_S:g} s by this client"),
            ("time left when a call arrives", f"{gate.MIN_TIME_LEFT_S:g} s at least"),
            ("`retry_after_ms`", f"{refusals.MAX_RETRY_AFTER_MS:,} at most"),
            ("idle connection", f"{idle_s} s"),
            ("age of a connection", f"{age_s:,} s"),
        ),
    )


def statuses() -> str:
    """Which gRPC status carries which slug."""
    by_code: dict[str, list[str]] = {}
    for slug, code in refusals.STATUS.items():
        by_code.setdefault(code.name, []).append(f"`{slug}`")
    return _rows(
        ("status", "slugs"), ((f"`{code}`", ", ".join(slugs)) for code, slugs in by_code.items())
    )


def ends() -> str:
    """Which slug ends a run how."""
    by_end: dict[str, list[str]] = {}
    for slug, outcome in SLUGS.items():
        by_end.setdefault(outcome.end, []).append(f"`{slug}`")
    return _rows(
        ("end", "slugs"), ((f"`{end}`", ", ".join(slugs)) for end, slugs in by_end.items())
    )


def reasons() -> str:
    """Why a value is not used."""
    return _rows(
        ("reason", "text", "the record is damaged"),
        (
            (f"`{reason}`", text, "yes" if reason in DAMAGE else "")
            for reason, text in REASON_TEXT.items()
        ),
    )


def default_policy() -> str:
    """policy.toml as `overlap init` writes it."""
    return f"```toml\n{policy.DEFAULT_POLICY}```\n"


def audit_records() -> str:
    """The types of records of the audit log."""
    return _rows(
        ("type", "what it says"), ((f"`{name}`", text) for name, text in RECORD_TYPES.items())
    )


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "client-states": client_states,
    "server-states": server_states,
    "structures": structures,
    "limits": limits,
    "statuses": statuses,
    "ends": ends,
    "reasons": reasons,
    "default-policy": default_policy,
    "audit-records": audit_records,
}


def document_names() -> list[Path]:
    """Every document of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def parts_of(text: str) -> list[str]:
    """The names of the generated parts of a document."""
    return [match[2] for match in _PART.finditer(text)]


def rewritten(text: str) -> str:
    """A document with its generated parts made anew."""
    return _PART.sub(lambda match: match[1] + PARTS[match[2]]() + match[3], text)


if __name__ == "__main__":
    for path in document_names():
        before = path.read_text()
        if (after := rewritten(before)) != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")

# SPDX-License-Identifier: Apache-2.0
"""`overlap evidence`: what this home has kept of its peers' faults, and what a file proves."""

from dataclasses import dataclass
from pathlib import Path

from psi.app.known_rosters import KnownRosters
from psi.errors import PsiError
from psi.protocol.blame import judge
from psi.store.evidence import load_evidence
from psi.trust.home import Home

__all__ = ["EvidenceFile", "EvidenceReport", "list_evidence", "verify_evidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """One file of the folder; `kept_s` in Unix seconds."""

    path: Path
    kind: str
    accused: str
    run: str
    kept_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReport:
    """Evidence that holds: a sentence, and the roster with whose keys it was checked."""

    accused: str
    kind: str
    run: str
    text: str
    alliance: str
    roster: int


def list_evidence(home: Home) -> list[EvidenceFile]:
    """
    The evidence that a home has kept, oldest first; none of it is verified here.

    Raises:
        StorageError: A file is not as it was written (`file-damaged`).
    """
    files = []
    for path in home.evidence.glob("*.json"):
        evidence = load_evidence(path)
        files.append(
            EvidenceFile(
                path=path,
                kind=evidence.kind,
                accused=evidence.accused,
                run=evidence.session_id.hex()[:10],
                kept_s=path.stat().st_mtime,
            )
        )
    return sorted(files, key=lambda each: (each.kept_s, each.path.name))


def verify_evidence(file: Path, known: KnownRosters) -> EvidenceReport:
    """
    What a file of evidence proves, offline.

    Raises:
        StorageError: It can't be read, or is no evidence (`file-damaged`).
        PsiError: It proves nothing (`does-not-hold`).
    """
    evidence = load_evidence(file)
    try:
        finding = judge(evidence, known.rosters)
    except PsiError as error:
        if error.slug != "does-not-hold":
            raise
        raise PsiError(
            f"{file.name} proves nothing against {evidence.accused}: {error.message}",
            slug="does-not-hold",
            hint="blame nobody for it; if a roster is missing: `--roster FILE`",
        ) from None
    return EvidenceReport(
        accused=evidence.accused,
        kind=evidence.kind,
        run=evidence.session_id.hex()[:10],
        text=finding.text,
        alliance=finding.roster.alliance,
        roster=finding.roster.serial,
    )

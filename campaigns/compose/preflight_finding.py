"""What preflight says: one finding, and how grave it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: an error forbids approval, a warning does not, a note says what looks different.

    `figure` is what was measured, for findings that state a number: of several mails the one with the greatest is told.
    """

    severity: Severity
    code: str
    message: str
    figure: float = 0.0


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes; each once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: _ORDER[finding.severity])

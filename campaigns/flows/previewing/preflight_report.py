"""What preflight found out about a campaign: findings, and for which samples they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.compose.preflight_finding import Finding, Severity, gravest_first
from campaigns.core.errors import Refused


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """A finding, and the samples whose mail has it; none where it is about the campaign as a whole."""

    severity: Severity
    code: str
    message: str
    samples: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "samples": list(self.samples),
        }


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What was tried and what was found, gravest first."""

    campaign_id: int
    samples: tuple[str, ...]
    findings: tuple[PreflightFinding, ...]

    def of(self, severity: Severity) -> tuple[PreflightFinding, ...]:
        """The findings of this severity: error, warning or note."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "id": self.campaign_id,
            "fit": not self.of("error"),
            "samples": list(self.samples),
            "findings": [finding.as_json() for finding in self.findings],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PreflightReport:
        """The reverse of `as_json`."""
        findings = tuple(
            PreflightFinding(one["severity"], one["code"], one["message"], tuple(one["samples"]))
            for one in told["findings"]
        )
        return cls(told["id"], tuple(told["samples"]), findings)

    def refuse_errors(self) -> None:
        """Do nothing if there is no error.

        Raises:
            Refused: lists the errors.
        """
        errors = self.of("error")
        if errors:
            listed = "".join(f"\n- {error.code}: {error.message}" for error in errors)
            raise Refused(f"campaign {self.campaign_id} cannot be approved before this is mended:{listed}")


def summed_up(found: Mapping[Finding, Sequence[str]]) -> tuple[PreflightFinding, ...]:
    """The findings with their samples, gravest first; those that differ in their figure alone are one."""
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in gravest_first(found):
        told = "" if finding.figure else finding.message
        alike.setdefault((finding.severity, finding.code, told), []).append(finding)
    summed = []
    for findings in alike.values():
        worst = max(findings, key=lambda finding: finding.figure)
        samples = dict.fromkeys(sample for finding in findings for sample in found[finding])
        summed.append(PreflightFinding(worst.severity, worst.code, worst.message, tuple(samples)))
    return tuple(summed)

"""What the doctor finds: one part, what is in force, whether it is well, and what to do if not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import click

from campaigns.core.errors import TailormailError


class Severity(StrEnum):
    """OK; a WARNING works and will hurt; an ERROR does not work, or loses something."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says."""

    severity: Severity
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One part; `fine` is False for an error."""

    part: str
    in_force: str
    severity: Severity
    says: str

    @property
    def fine(self) -> bool:
        return self.severity is not Severity.ERROR


def warning(says: str) -> Verdict:
    """It works, and will hurt."""
    return Verdict(Severity.WARNING, says)


def error(says: str) -> Verdict:
    """It does not work, or loses something."""
    return Verdict(Severity.ERROR, says)


def worst(says: str, *verdicts: Verdict | None) -> Verdict:
    """`says`, where no verdict objects; else what the objections say, as grave as the gravest."""
    found = [verdict for verdict in verdicts if verdict is not None]
    if not found:
        return Verdict(Severity.OK, says)
    gravest = Severity.ERROR if any(v.severity is Severity.ERROR for v in found) else Severity.WARNING
    return Verdict(gravest, "; ".join([*(v.says for v in found), says]))


def check(part: str, in_force: str, look: Callable[[], str | Verdict]) -> Finding:
    """Look at one part; whatever is raised is an error that is told in its first line."""
    start = time.perf_counter()
    try:
        found = look()
    except Exception as problem:  # whatever is wrong with a part is what the doctor is here to say
        said = problem.message if isinstance(problem, TailormailError) else str(problem).partition("\n")[0]
        return Finding(part, in_force, Severity.ERROR, said or type(problem).__name__)
    verdict = found if isinstance(found, Verdict) else Verdict(Severity.OK, found)
    took = (time.perf_counter() - start) * 1000
    says = verdict.says if took < 1 else f"{verdict.says} ({took:.0f} ms)"
    return Finding(part, in_force, verdict.severity, says)


def show(findings: Sequence[Finding]) -> None:
    """Lines that are never cut: paths must be readable on a narrow terminal and through `grep`."""
    wide = max(len(finding.part) for finding in findings)
    colours = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "red"}
    for finding in findings:
        mark = click.style(f"{finding.severity.value:<7}", fg=colours[finding.severity])
        click.echo(f"{mark}  {finding.part:<{wide}}  {finding.in_force}")
        click.echo(f"{'':7}  {'':<{wide}}  {finding.says}")
    counted = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    click.echo(
        f"\n{counted[Severity.OK]} ok, {counted[Severity.WARNING]} warnings, {counted[Severity.ERROR]} errors"
    )

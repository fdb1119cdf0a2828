"""`tailormail campaign preflight`: what is wrong with a campaign's mails, before anybody approves it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from campaigns.commands.output import as_json, json_option

if TYPE_CHECKING:
    from campaigns.flows.previewing.preflight_report import PreflightReport

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command(name="preflight", help="Write its mails for a few people and say what is wrong with them.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_preflight(campaign_id: int, json_: bool) -> None:
    """Exit status 1 if there is an error, which would forbid approval."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        report = runtime.preflights.run(campaign_id)  # kept, so that the console shows it
    if json_:
        as_json(report.as_json())
    else:
        _show(report)
    sys.exit(1 if report.of("error") else 0)


def _show(report: PreflightReport) -> None:
    for finding in report.findings:
        mark = click.style(f"{finding.severity:<7}", fg=_COLOURS[finding.severity])
        click.echo(f"{mark}  {finding.code}: {finding.message}")
        if finding.samples and len(finding.samples) < len(report.samples):
            click.echo(f"{'':7}  in: {'; '.join(finding.samples)}")
    counts = ", ".join(
        f"{sum(f.severity == severity for f in report.findings)} {severity}s" for severity in _COLOURS
    )
    click.echo(f"{len(report.samples)} mails tried: {counts}")

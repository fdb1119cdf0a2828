"""`tailormail doctor --ledger`: is every chain of the consent ledger as it was written?

For a cron, which mails what is printed where the exit status is not 0:

    17 4 * * *  tailormail doctor --ledger > ledger.txt || cat ledger.txt
"""

from __future__ import annotations

from dataclasses import asdict

import click

from campaigns.audience.ledger import LedgerReport, verify
from campaigns.commands.output import as_json
from campaigns.commands.parts import connected


def check_ledger(json_: bool) -> int:
    """Verify all chains and say what was found; the exit status is 1 if one is broken."""
    with connected() as runtime, runtime.db.transaction() as session:
        report = verify(session)
    if json_:
        as_json({"whole": report.whole, **asdict(report)})
    else:
        _tell(report)
    return 0 if report.whole else 1


def _tell(report: LedgerReport) -> None:
    click.echo(f"entries      {report.entries:,}")
    click.echo(f"customers    {report.customers:,}")
    click.echo(f"fingerprint  {report.fingerprint}")
    if report.first is None:
        click.echo("every chain is whole")
        return
    first = report.first
    entry = f", entry {first.entry_id}" if first.entry_id is not None else ""
    click.echo(f"broken       the chains of {report.broken:,} customers")
    click.echo(f"first        customer {first.customer_id}, position {first.position}{entry}: {first.what}")

"""`tailormail audit`: who did what."""

from __future__ import annotations

import json
from datetime import date, datetime
from itertools import islice

import click

from campaigns.commands.output import as_json, json_option, show_table


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day, such as 2026-12-01 (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option("--by", default="", help="A person's name, api:KEY, cli or scheduler.")
@click.option("--action", default="", help="Such as campaign.approved, or campaign for all of them.")
@click.option("--subject", default="", help='Such as "campaign 12".')
@click.option(
    "-n", "--number", default=100, show_default=True, type=click.IntRange(1), help="Entries at most."
)
@json_option
def audit(
    since: datetime | None,
    until: datetime | None,
    by: str,
    action: str,
    subject: str,
    number: int,
    json_: bool,
) -> None:
    """Who did what, newest first."""
    from campaigns.commands.parts import connected
    from campaigns.flows.console.audit_log import AuditFilter

    wanted = AuditFilter(by, action, subject, _day(since), _day(until))
    with connected() as runtime:
        rows = list(islice(runtime.audit_log.all(wanted), number))
    if json_:
        as_json([row.to_json() for row in rows])
        return
    show_table(
        ("at", "by", "action", "subject", "detail"),
        [
            (
                row.at.isoformat(timespec="seconds"),
                row.by,
                row.action,
                row.subject,
                json.dumps(row.detail, ensure_ascii=False) if row.detail else "",
            )
            for row in rows
        ],
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()

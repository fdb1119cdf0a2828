"""`tailormail campaign retry`."""

from __future__ import annotations

import click

from campaigns.commands.output import as_json, json_option, show_table


@click.command(name="retry", help="Try failed mails again, those of some causes or all that may succeed.")
@click.argument("campaign_id", type=int, metavar="ID")
@click.option(
    "--cause", "causes", multiple=True, metavar="CAUSE", help="Only these; may be given several times."
)
@click.option("--list", "list_", is_flag=True, help="Say what failed, by cause, and try nothing.")
@json_option
def campaign_retry(campaign_id: int, causes: tuple[str, ...], list_: bool, json_: bool) -> None:
    """Consent is asked again on the way; what was sent or is uncertain is never touched."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        if list_:
            found = runtime.troubles.failed(campaign_id)
        else:
            runtime.retrying.ask(campaign_id, causes, "cli")
            mails = runtime.retrying.work()
            status = runtime.campaigns.status(campaign_id)
    if not list_:
        told = {"id": campaign_id, "mails": mails, "status": status}
        as_json(told) if json_ else click.echo(
            f"campaign {campaign_id} is {status}; {mails} mails are tried again"
        )
        return
    rows = [
        {
            "cause": group.cause.key,
            "mails": group.n,
            "title": group.cause.title,
            "may_be_tried_again": group.cause.may_retry,
            "to_do": group.cause.to_do,
        }
        for group in found
    ]
    if json_:
        as_json(rows)
    elif not rows:
        click.echo(f"nothing of campaign {campaign_id} failed")
    else:
        again = [
            (row["cause"], row["mails"], "yes" if row["may_be_tried_again"] else "no", row["to_do"])
            for row in rows
        ]
        show_table(("cause", "mails", "again?", "what to do"), again)

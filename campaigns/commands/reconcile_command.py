"""The options of `tailormail reconcile`; what it does is loaded only when it is called."""

from __future__ import annotations

import click

from campaigns.commands.output import json_option

LOG_FORMATS = ("postfix", "exim", "jsonl", "csv")


@click.command()
@click.argument("words", nargs=-1, metavar="[ID] [FILE]...")
@click.option("--all", "all_", is_flag=True, help="All campaigns.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="FILE",
    help="Look them up in the relay's log; more files may follow (- is stdin).",
)
@click.option("--zone", default="", metavar="NAME", help="Time zone of that log; default: of this machine.")
@click.option(
    "--format",
    "format_",
    default="",
    type=click.Choice(["", *LOG_FORMATS]),
    metavar="NAME",
    help=f"Format of that log ({', '.join(LOG_FORMATS)}); default: found out.",
)
@click.option("--events", metavar="FILE", help="Take in a provider's events, one JSON object a line.")
@click.option("--resend", multiple=True, metavar="SEND", help="Send again: a number, all, or not-taken.")
@click.option(
    "--let-be", multiple=True, metavar="SEND", help="Leave it unknown: a number, all, or not-taken."
)
@click.option("--history", is_flag=True, help="What was found out and decided so far.")
@click.option("--by", default="", metavar="NAME", help="Who decides; default: the account.")
@click.option("--why", default="", metavar="TEXT", help="Why, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask before sending again.")
@json_option
def reconcile(
    words: tuple[str, ...],
    all_: bool,
    logs: tuple[str, ...],
    zone: str,
    format_: str,
    events: str | None,
    resend: tuple[str, ...],
    let_be: tuple[str, ...],
    history: bool,
    by: str,
    why: str,
    yes: bool,
    json_: bool,
) -> None:
    """Name every mail of which nobody knows whether it arrived, and find it out.

    By the relay's log (--log), by a provider's events (--events), or by your decision (--resend, --let-be).
    """
    from campaigns.commands import reconciling as command

    if sum(map(bool, (logs, events, resend, let_be, history))) > 1:
        raise click.UsageError("--log, --events, --resend, --let-be and --history are one at a time")
    if all_ and (resend or let_be or history):
        raise click.UsageError("--resend, --let-be and --history want the campaign's ID, not --all")
    campaign_id, more = _campaign_and_files(words, none=bool(all_ or events))
    if more and not logs:
        raise click.UsageError(f"got one word too many: {more[0]}")
    name = by or command.whoever_is_here()
    if events:
        command.reconcile_by_events(events, json_)
    elif logs:
        command.reconcile_by_log(campaign_id, (*logs, *more), zone, format_, name, json_)
    elif campaign_id is not None and (resend or let_be):
        who = command.Person(name, why, yes)
        command.decide(campaign_id, "resend" if resend else "let_be", resend or let_be, who, json_)
    else:
        command.name_uncertain(campaign_id, history, json_)


def _campaign_and_files(words: tuple[str, ...], none: bool) -> tuple[int | None, tuple[str, ...]]:
    """The campaign's number and further log files: a shell writes `--log mail.log*` out as several words."""
    if none:
        return None, words
    if not words or not words[0].isdecimal():
        raise click.UsageError("give the campaign's ID first, or --all, or --events FILE")
    return int(words[0]), words[1:]

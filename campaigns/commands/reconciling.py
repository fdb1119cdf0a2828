"""`tailormail reconcile`."""

from __future__ import annotations

import os
import pwd
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import click

from campaigns.commands.output import as_json, show_table
from campaigns.commands.parts import connected
from campaigns.core.errors import BadInput, Refused
from campaigns.core.zones import zone_named
from campaigns.delivery.relaylog import log_lines
from campaigns.flows.feedback.event_file import EventFileResult, hear_file
from campaigns.flows.sending.reconciling import LogResult, Reconciling, Which

_MOST_ERRORS = 20
_SHOWN = ("campaign", "send", "customer", "address", "when", "message_id", "why", "reply", "found")
_VERDICTS = {
    "sent": "were sent after all",
    "failed": "bounced",
    "not_taken": "were not taken by this relay",
    "outside": "lie outside of the time that the log covers",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and why; `sure`: has said yes beforehand."""

    name: str
    why: str
    sure: bool


def whoever_is_here() -> str:
    """The name of the account that runs the command, for the record."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "cli"


def name_uncertain(campaign_id: int | None, history: bool, json_: bool) -> None:
    """Name the open uncertain sends of a campaign (None: of all); or, with `history`, what became of others."""
    with connected() as runtime:
        reconciling: Reconciling = runtime.reconciling
        if history and campaign_id is not None:
            rows, let_be = reconciling.history(campaign_id), 0
        else:
            # What a provider has told of meanwhile is uncertain no longer.
            reconciling.settle_by_events(campaign_id)
            rows = reconciling.named(campaign_id)
            let_be = reconciling.let_be_count(campaign_id)
    if json_:
        as_json(rows)
    elif rows:
        columns = tuple(rows[0]) if history else _SHOWN
        show_table(columns, [tuple(row[column] for column in columns) for row in rows])
    else:
        click.echo("nothing was found out or decided yet" if history else "nothing is uncertain")
    if let_be and not json_:
        click.echo(f"{let_be:,} more were let be: --history tells by whom")


def reconcile_by_log(
    campaign_id: int | None, files: tuple[str, ...], zone: str, format_name: str, by: str, json_: bool
) -> None:
    """Look the uncertain sends up in a relay's log files.

    Raises:
        BadInput: an unknown zone, or a file that cannot be read or understood.
    """
    tz = zone_named(zone)
    if zone and tz is None:
        raise BadInput(f"{zone!r} is no time zone; give a name such as Europe/Oslo, or UTC", where="--zone")
    with connected() as runtime:
        found = runtime.reconciling.by_log(campaign_id, files, by, tz, format_name)
    as_json(_log_as_json(found)) if json_ else _tell_log(found)


def _log_as_json(found: LogResult) -> dict[str, Any]:
    reading = found.reading
    return {
        "format": reading.format,
        "lines": reading.lines,
        "understood": reading.understood,
        "covers": [
            {"from": s.first.isoformat(), "to": s.last.isoformat(), "files": s.files}
            for s in reading.stretches
        ],
        "lines_thrown_away_at": [moment.isoformat() for moment in reading.throttled],
        "sends": [
            {**asdict(v), "since": v.since.isoformat(), "until": v.until.isoformat()} for v in found.verdicts
        ],
    }


def _tell_log(found: LogResult) -> None:
    reading = found.reading
    click.echo(f"{reading.format}: {reading.lines:,} lines read, {reading.understood:,} of them the relay's")
    for stretch in reading.stretches:
        files = ", ".join(stretch.files)
        click.echo(f"  covers {_minute(stretch.first)} to {_minute(stretch.last)} UTC ({files})")
    for moment in reading.throttled:
        click.echo(f"  lines were thrown away about {_minute(moment)} UTC: too many at once", err=True)
    if not found.verdicts:
        click.echo("nothing is uncertain")
        return
    tally = Counter(verdict.verdict for verdict in found.verdicts)
    for verdict, words in _VERDICTS.items():
        if tally[verdict]:
            click.echo(f"{tally[verdict]:,} {words}")
    outside = [verdict for verdict in found.verdicts if verdict.verdict == "outside"]
    if outside:
        start, end = min(v.since for v in outside), max(v.until for v in outside)
        click.echo(
            f"  nothing is concluded about those: give files that reach from {_minute(start)} to {_minute(end)} "
            "UTC without a gap (rotated ones as well; is --zone right?)"
        )
    if tally["not_taken"]:
        click.echo("  look at those and decide: --resend not-taken, or --let-be")
    columns = ("campaign", "send", "customer", "verdict", "evidence")
    rows = [(v.campaign_id, v.send_id, v.external_id, v.verdict, v.evidence) for v in found.verdicts]
    show_table(columns, rows)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def reconcile_by_events(file: str, json_: bool) -> None:
    """Take in a file of providers' events.

    Raises:
        BadInput: it cannot be read.
    """
    with connected() as runtime, log_lines(file) as lines:
        heard: EventFileResult = hear_file(runtime.reconciling, lines)
    if json_:
        as_json(asdict(heard))
        return
    became = ", ".join(f"{n:,} {status}" for status, n in sorted(heard.moved.items())) or "none"
    click.echo(
        f"{heard.taken_in:,} events taken in; of uncertain sends became: {became}; passed over: "
        f"{heard.strangers:,} of others' mail, {heard.gone:,} of sends no longer kept, "
        f"{len(heard.errors):,} unreadable"
    )
    for line, why in heard.errors[:_MOST_ERRORS]:
        click.echo(f"  line {line}: {why}", err=True)
    if len(heard.errors) > _MOST_ERRORS:
        click.echo(f"  ... and {len(heard.errors) - _MOST_ERRORS} more (--json has them)", err=True)


def decide(
    campaign_id: int, decision: Literal["resend", "let_be"], which: tuple[str, ...], who: Person, json_: bool
) -> None:
    """Have uncertain sends sent again, or settle that they stay unknown.

    Raises:
        Refused: a send is not uncertain, the campaign was cancelled, or nobody said yes.
    """
    meant = _which(which)
    with connected() as runtime:
        reconciling: Reconciling = runtime.reconciling
        sends = reconciling.chosen(campaign_id, meant)
        if sends and decision == "resend" and not who.sure:
            _ask(len(sends))
        act = reconciling.resend if decision == "resend" else reconciling.let_be
        # The same ones that were asked about: others may have become uncertain meanwhile.
        done = act(campaign_id, sends, who.name, who.why)
        status = runtime.campaigns.status(campaign_id)
    if json_:
        as_json({"id": campaign_id, "status": status, decision: done})
    elif decision == "resend":
        click.echo(f"{len(done):,} planned anew; campaign {campaign_id} is {status}")
    else:
        click.echo(f"{len(done):,} let be")


def _ask(count: int) -> None:
    mails = "1 mail" if count == 1 else f"{count:,} mails"
    if not sys.stdin.isatty():
        raise Refused(f"{mails} would be sent again, perhaps for the second time: add --yes to say so")
    click.confirm(f"Send {mails} again? Whoever did get the first one gets it twice", abort=True)


def _which(values: tuple[str, ...]) -> Which:
    for word in ("all", "not-taken"):
        if word in values:
            if len(values) > 1:
                raise BadInput(f"{word} stands for itself: give it alone, or numbers of sends", where=word)
            return "all" if word == "all" else "not-taken"
    try:
        return [int(value) for value in values]
    except ValueError:
        raise BadInput("give numbers of sends, or all, or not-taken", where=" ".join(values)) from None

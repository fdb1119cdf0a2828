"""The options of `tailormail inbound`; what it does is loaded only when it is called."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.commands.output import json_option

PORT = 8026

once_option = click.option("--once", is_flag=True, help="Take in what waits now, and end.")
file_type = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def inbound() -> None:
    """Take in mail that arrives: bounces, complaints, and mails to unsubscribe."""


@inbound.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option("--lmtp", is_flag=True, help="Speak LMTP in place of SMTP.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    help="A domain of ours besides TAILORMAIL_BOUNCE_DOMAIN; repeatable.",
)
@click.option("--certificate", type=file_type, help="PEM file of certificate and chain: offers STARTTLS.")
@click.option("--key", type=file_type, help="PEM file of its key, where that is another file.")
def listen(
    host: str, port: int, lmtp: bool, domains: tuple[str, ...], certificate: Path | None, key: Path | None
) -> None:
    """Listen for SMTP or LMTP until Ctrl-C; takes mail for signed addresses, fbl@ and unsubscribe@ alone."""
    from campaigns.commands import receiving

    if key and not certificate:
        raise click.UsageError("--key wants --certificate as well")
    receiving.listen(host, port, lmtp, domains, certificate, key)


@inbound.command()
@click.argument("path", type=click.Path(path_type=Path, file_okay=False))
@once_option
@click.option(
    "--every", default=2.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between looks."
)
@json_option
def maildir(path: Path, once: bool, every: float, json_: bool) -> None:
    """Empty a maildir, once or until Ctrl-C: what was taken in is moved to cur/ and flagged as seen."""
    from campaigns.commands import receiving

    receiving.empty_maildir(path, None if once else every, json_)


@inbound.command()
@once_option
@click.option(
    "--every", default=60.0, show_default=True, type=click.FloatRange(1), help="Seconds between looks."
)
@json_option
def imap(once: bool, every: float, json_: bool) -> None:
    """Empty the mailbox of TAILORMAIL_IMAP_URL, once or until Ctrl-C."""
    from campaigns.commands import receiving

    receiving.empty_imap(None if once else every, json_)


@inbound.command()
@click.option("--show", type=int, metavar="NUMBER", help="Print this mail as it came.")
@json_option
def problems(show: int | None, json_: bool) -> None:
    """Mails of the last 30 days that a person has to look at, and why."""
    from campaigns.commands import receiving

    if show is not None:
        receiving.show_problem(show)
    else:
        receiving.list_problems(json_)

"""`tailormail suppression`: addresses and domains that are never mailed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table
from campaigns.commands.pairs import pairs_of

_MOST_ERRORS = 20
_REASONS = ("manual", "unsubscribed", "bounced", "complained")


@click.group()
def suppression() -> None:
    """Addresses and domains that are never mailed, whatever an import says.

    WHAT is an address, or @ and a domain: anna@example.com, @example.com.
    """


@suppression.command()
@click.argument("what")
@click.option("--reason", default="manual", show_default=True, type=click.Choice(_REASONS))
@click.option("--source", default="command", show_default=True, help="Where it comes from, for the record.")
@json_option
def add(what: str, reason: str, source: str, json_: bool) -> None:
    """Never mail this address, or any address of this domain, again."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        done = runtime.suppressing.add(what, reason, source)
    if json_:
        as_json({"new": done.new, "customers": done.customers})
        return
    concerned = f", which concerns {done.customers:,} customers" if what.strip().startswith("@") else ""
    click.echo(("suppressed" if done.new else "was suppressed already") + concerned)


@suppression.command()
@click.argument("what")
@click.option("--source", default="command", show_default=True, help="Who lifts it, for the log.")
@json_option
def lift(what: str, source: str, json_: bool) -> None:
    """Mail this address or domain again. Without consent it is not mailed all the same."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        lifted = runtime.suppressing.lift(what, source)
        left = runtime.suppressing.check(what)
    if json_:
        as_json({"lifted": _plain(lifted), "left": _plain(left)})
        return
    click.echo(_told(lifted) if lifted else "was not suppressed")
    if left:
        click.echo(f"still suppressed: {_told(left)}")


@suppression.command()
@click.argument("what")
@json_option
def check(what: str, json_: bool) -> None:
    """Whether an address or domain is suppressed, since when and why."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        found = runtime.suppressing.check(what)
    if json_:
        as_json({"suppressed": bool(found), "by": _plain(found)})
    else:
        click.echo(_told(found) if found else "not suppressed")


@suppression.command(name="list")
@json_option
def list_(json_: bool) -> None:
    """How many addresses are suppressed, by reason, and which domains.

    Addresses are kept as keyed hashes, so none can be listed: ask for one with `check`.
    """
    from campaigns.commands.parts import connected

    with connected() as runtime:
        found = runtime.suppressing.overview()
    if json_:
        as_json({"addresses": found.addresses, "domains": _plain(found.domains)})
        return
    show_pairs("suppressed addresses", list(found.addresses.items()) or [("none", "")])
    if found.domains:
        show_table(
            ("domain", "reason", "source", "since"),
            [(one.domain, one.reason, one.source, one.at.isoformat()) for one in found.domains],
        )


@suppression.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Read FIELD from another column.")
@click.option("--default", "defaults", multiple=True, metavar="FIELD=VALUE", help="Where FIELD is empty.")
@json_option
def import_(file: Path, maps: tuple[str, ...], defaults: tuple[str, ...], json_: bool) -> None:
    """Suppress what a CSV or CSV.gz file names: an address, a domain or an address_hmac in each row.

    It may also give reason, source and at. Bad rows are reported by line and skipped.
    """
    from dataclasses import asdict

    from campaigns.commands.parts import connected

    with connected() as runtime:
        done = runtime.suppressing.import_list(file, pairs_of(maps, "--map"), pairs_of(defaults, "--default"))
    if json_:
        as_json(asdict(done))
        return
    click.echo(
        f"{file.name}: {done.rows_read:,} rows read; {done.added:,} new, {done.known:,} known, "
        f"{done.skipped:,} skipped"
    )
    for error in done.errors[:_MOST_ERRORS]:
        click.echo(f"  line {error.line}: {error.reason}", err=True)
    if done.skipped > _MOST_ERRORS:
        click.echo(f"  ... and {done.skipped - _MOST_ERRORS} more (--json has them)", err=True)


@suppression.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def export(file: Path, json_: bool) -> None:
    """Write all entries as CSV: keyed hashes, and the names of domains.

    Another installation with the same TAILORMAIL_SECRET_KEY can import it.
    """
    from campaigns.commands.parts import connected

    with connected() as runtime:
        number = runtime.suppressing.export_list(file)
    as_json({"rows": number, "file": str(file)}) if json_ else click.echo(f"{file.name}: {number:,} rows")


def _plain(entries: Any) -> list[dict[str, str]]:
    from campaigns.flows.customers.suppressing import as_plain

    return [as_plain(entry) for entry in entries]


def _told(entries: Any) -> str:
    told = []
    for entry in entries:
        what = f"domain {entry.domain}" if entry.domain else "address"
        told.append(f"{what}: {entry.reason}, from {entry.source or 'nobody knows'}, {entry.at.isoformat()}")
    return "\n".join(told)

"""The `tailormail` command. Exit 0: done; 1: refused with a reason; 2: wrong usage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from campaigns import __version__
from campaigns.commands.api_key_command import api_key
from campaigns.commands.audit_command import audit
from campaigns.commands.brief_command import brief
from campaigns.commands.campaign_file_command import campaign_file, campaign_reopen
from campaigns.commands.copy_audit_command import copy_report, copy_samples
from campaigns.commands.copy_command import copy
from campaigns.commands.copy_evaluate_command import copy_evaluate
from campaigns.commands.copy_plan_command import copy_plan
from campaigns.commands.evaluate_command import evaluate, models, train
from campaigns.commands.experiment_command import experiment
from campaigns.commands.form_command import form
from campaigns.commands.inbound_command import inbound
from campaigns.commands.output import as_json, json_option, refuse, show_pairs, show_table
from campaigns.commands.pairs import pairs_of
from campaigns.commands.preflight_command import campaign_preflight
from campaigns.commands.reconcile_command import reconcile
from campaigns.commands.retry_command import campaign_retry
from campaigns.commands.suppression_command import suppression
from campaigns.commands.user_command import user
from campaigns.core.errors import TailormailError

if TYPE_CHECKING:
    from campaigns.runtime import Runtime

Kind = Literal["customers", "products", "orders", "consents"]


@contextmanager
def connected() -> Iterator[Runtime]:
    """A started Runtime. Imported here and not above: `--help` need not load numpy and SQLAlchemy."""
    from campaigns.commands.parts import connected as really_connected

    with really_connected() as runtime:
        yield runtime


def main() -> None:
    """Entry point of the console script."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except TailormailError as error:
        sys.exit(refuse(error))
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tailormail")
def cli() -> None:
    """Personalised email campaigns: picks, copy and pictures for each customer, with consent proven.

    With no settings at all, PostgreSQL and Redis start in ./tailormail-data and mail is captured there.
    Begin with `tailormail demo`.
    """


@cli.command()
@click.option("--customers", default=2000, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--serve/--no-serve", default=True, help="Serve the console afterwards.")
@json_option
def demo(customers: int, serve: bool, json_: bool) -> None:
    """Play the whole story on a sample shop, print what happened, and serve the console."""
    from campaigns.commands.demo import run_demo

    sys.exit(run_demo(customers, serve and not json_, json_))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; default: that of TAILORMAIL_PUBLIC_URL, or 8025.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Celery processes.")
@click.option(
    "--inbound-port", default=8026, show_default=True, help="For mail to TAILORMAIL_BOUNCE_DOMAIN, where set."
)
def serve(host: str, port: int | None, workers: int, inbound_port: int) -> None:
    """Run web, workers and scheduler together until Ctrl-C."""
    from campaigns.commands.serve import run_services

    run_services(host, port, workers, inbound_port)


@cli.command()
@json_option
def upgrade(json_: bool) -> None:
    """Bring the database's schema to this version."""
    from campaigns.commands.parts import settings_in_force
    from campaigns.models import schema
    from campaigns.runtime import Runtime

    runtime = Runtime(settings_in_force())
    try:
        before, after = schema.upgrade(runtime.db)
    finally:
        runtime.close()
    if json_:
        as_json({"before": before, "after": after})
    else:
        click.echo(
            f"schema {before or 'empty'} -> {after}" if before != after else f"schema {after}, up to date"
        )


@cli.command(name="import")
@click.argument("kind", type=click.Choice(get_args(Kind)))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Read FIELD from another column.")
@click.option("--default", "defaults", multiple=True, metavar="FIELD=VALUE", help="Where FIELD is empty.")
@json_option
def import_(
    kind: Kind, files: tuple[Path, ...], maps: tuple[str, ...], defaults: tuple[str, ...], json_: bool
) -> None:
    """Import CSV or CSV.gz files of customers, products, orders or consents.

    Bad rows are reported by line and skipped; the rest lands. The same file again changes nothing.
    """
    from campaigns.commands.importing import run_import

    run_import(kind, files, pairs_of(maps, "--map"), pairs_of(defaults, "--default"), json_)


@cli.group()
def campaign() -> None:
    """Create, look at, approve and send campaigns."""


@campaign.command(name="create", help="Create a draft from a TOML file; prints its number.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def campaign_create(file: Path, json_: bool) -> None:
    with connected() as runtime:
        campaign_id = runtime.campaigns.create_from_file(file)
    as_json({"id": campaign_id}) if json_ else click.echo(f"campaign {campaign_id} created as a draft")


@campaign.command(name="list", help="All campaigns, newest first.")
@json_option
def campaign_list(json_: bool) -> None:
    with connected() as runtime:
        rows = runtime.campaigns.list()
    if json_:
        as_json(rows)
        return
    show_table(
        ("id", "name", "status", "audience", "sent", "held back"),
        [
            (r["id"], r["name"], r["status"], r["audience"], r["counts"].get("sent", 0), r["counts"].get("held_back", 0))
            for r in rows
        ],
    )  # fmt: skip


@campaign.command(name="show", help="Everything about a campaign.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_show(campaign_id: int, json_: bool) -> None:
    with connected() as runtime:
        shown = runtime.campaigns.show(campaign_id, counted=True)
    if json_:
        as_json(shown)
    else:
        show_pairs(
            f"campaign {campaign_id}",
            [
                (k, "\n".join(v) if k == "picking_rules" else v)
                for k, v in shown.items()
                if k not in ("slots", "brief", "picking")
            ],
        )


@campaign.command(name="preview", help="Write one customer's mail to a folder, with what explains it.")
@click.argument("campaign_id", type=int, metavar="ID")
@click.option("--customer", required=True, help="Address or external id.")
@click.option("--place", default="", help="City of the customers, or LATITUDE,LONGITUDE.")
@click.option(
    "--weather", default="", help="clear, cloud, fog, drizzle, rain, snow, showers, thunder, unknown."
)
@click.option("--temperature", default="", metavar="DEGREES", help="°C, whatever the weather says.")
@click.option("--wind", default="", metavar="SPEED", help="km/h, whatever the weather says.")
@click.option(
    "--at", "moment", default="", metavar="TIME", help="When it is opened, such as 2026-12-24T22:00:00Z."
)
@click.option(
    "--requester",
    default="",
    help="What opens it: direct, gmail_open, apple_mpp, yahoo, ...; behind a proxy, home decides the place.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False))
@json_option
def campaign_preview(
    campaign_id: int,
    customer: str,
    place: str,
    weather: str,
    temperature: str,
    wind: str,
    moment: str,
    requester: str,
    output: Path,
    json_: bool,
) -> None:
    from campaigns.commands.previewing import write_preview
    from campaigns.flows.previewing.viewing import Scene

    scene = Scene.of(place, weather, moment, requester, temperature, wind)
    with connected() as runtime:
        written = write_preview(runtime, campaign_id, customer, scene, output)
    as_json(written) if json_ else show_pairs(f"preview for {customer}", list(written.items()))


@campaign.command(name="schedule", help="Let the scheduler start an approved campaign at a time.")
@click.argument("campaign_id", type=int, metavar="ID")
@click.argument("at", metavar="TIME")
@json_option
def campaign_schedule(campaign_id: int, at: str, json_: bool) -> None:
    """TIME is ISO 8601 with a zone, such as 2026-12-01T09:00+01:00."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise click.BadParameter("must look like 2026-12-01T09:00+01:00", param_hint="TIME") from None
    _change(campaign_id, lambda campaigns: campaigns.schedule(campaign_id, moment, "cli"), json_)


@campaign.command(name="approve", help="Draft -> approved.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_approve(campaign_id: int, json_: bool) -> None:
    with connected() as runtime:
        runtime.campaigns.approve(campaign_id, "cli")
        status, warnings = runtime.campaigns.status(campaign_id), runtime.campaigns.copy_warnings(campaign_id)
    if json_:
        as_json({"id": campaign_id, "status": status, "warnings": warnings})
        return
    click.echo(f"campaign {campaign_id} is {status}")
    for warning in warnings:
        click.echo(f"beyond the budget of its copy: {warning}", err=True)


@campaign.command(name="pause", help="Stop before the next group of mails.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_pause(campaign_id: int, json_: bool) -> None:
    _change(campaign_id, lambda campaigns: campaigns.pause(campaign_id, "cli"), json_)


@campaign.command(name="resume", help="Go on exactly where it was paused.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_resume(campaign_id: int, json_: bool) -> None:
    _change(campaign_id, lambda campaigns: campaigns.resume(campaign_id, "cli"), json_)


@campaign.command(name="cancel", help="End it for good; what was not sent stays unsent.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def campaign_cancel(campaign_id: int, json_: bool) -> None:
    _change(campaign_id, lambda campaigns: campaigns.cancel(campaign_id, "cli"), json_)


@campaign.command(name="send", help="Send an approved campaign through the workers.")
@click.argument("campaign_id", type=int, metavar="ID")
@click.option("--wait", is_flag=True, help="Start workers for it here, and wait until it is sent.")
@json_option
def campaign_send(campaign_id: int, wait: bool, json_: bool) -> None:
    from campaigns.commands.sending import send_campaign

    send_campaign(campaign_id, wait, json_)


@cli.command()
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def report(campaign_id: int, json_: bool) -> None:
    """What a campaign did: held back and why, sent, opened, clicked, ordered."""
    with connected() as runtime:
        found = runtime.reporting.report(campaign_id).to_json()
    as_json(found) if json_ else show_pairs(f"report of campaign {campaign_id}", list(found.items()))


cli.add_command(reconcile)
cli.add_command(inbound)
campaign.add_command(campaign_preflight)
campaign.add_command(campaign_retry)
campaign.add_command(campaign_file)
campaign.add_command(campaign_reopen)
cli.add_command(api_key)
cli.add_command(user)
cli.add_command(audit)
cli.add_command(suppression)
cli.add_command(form)
cli.add_command(brief)
cli.add_command(experiment)
cli.add_command(copy)
copy.add_command(copy_evaluate)
copy.add_command(copy_plan)
copy.add_command(copy_report)
copy.add_command(copy_samples)


@cli.command()
@click.argument("customer")
@click.option("-n", "--number", default=6, show_default=True, type=click.IntRange(1, 50))
@json_option
def recommend(customer: str, number: int, json_: bool) -> None:
    """What would be picked for a customer (address or external id) now, and why."""
    with connected() as runtime:
        rows = runtime.looking.recommend(customer, number)
    as_json(rows) if json_ else show_table(
        tuple(rows[0]) if rows else ("nothing",), [tuple(r.values()) for r in rows]
    )


cli.add_command(train)
cli.add_command(models)
cli.add_command(evaluate)


@cli.group()
def customer() -> None:
    """Privacy rights: export and erase."""


@customer.command(name="export")
@click.argument("email")
def customer_export(email: str) -> None:
    """Everything known about a customer, as JSON."""
    with connected() as runtime:
        as_json(runtime.rights.export(email))


@customer.command(name="erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def customer_erase(email: str, yes: bool) -> None:
    """Remove a customer's personal data for good; the address stays suppressed as a keyed hash."""
    if not yes:
        click.confirm(f"erase {email} for good?", abort=True)
    with connected() as runtime:
        reached = runtime.rights.erase(email)
    click.echo(
        "erased" if reached else "erased from the database; workers go on where Redis or a file was away"
    )


@cli.command()
@click.option("--ledger", is_flag=True, help="Verify every chain of the consent ledger instead.")
@json_option
def doctor(ledger: bool, json_: bool) -> None:
    """Which settings are in force, and whether each part answers."""
    if ledger:
        from campaigns.commands.doctor_ledger import check_ledger

        sys.exit(check_ledger(json_))
    from campaigns.commands.doctor import run_doctor

    sys.exit(run_doctor(json_))


def _change(campaign_id: int, change: Callable[[Any], None], json_: bool) -> None:
    with connected() as runtime:
        change(runtime.campaigns)
        status = runtime.campaigns.status(campaign_id)
    as_json({"id": campaign_id, "status": status}) if json_ else click.echo(
        f"campaign {campaign_id} is {status}"
    )


if __name__ == "__main__":
    main()

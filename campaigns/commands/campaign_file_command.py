"""`tailormail campaign file` and `campaign reopen`: a campaign as a file, and back to being a draft."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.commands.output import as_json, json_option
from campaigns.flows.console.audit import CLI


@click.command(name="file", help="Write a campaign as a campaign file with its pictures into a folder.")
@click.argument("campaign_id", type=int)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Made where it is not there.",
)
@json_option
def campaign_file(campaign_id: int, folder: Path, json_: bool) -> None:
    """Write campaign.toml and what lies beside it."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        names = runtime.campaign_files.write(campaign_id, folder)
    as_json({"folder": str(folder), "files": names}) if json_ else click.echo(
        f"{len(names)} files in {folder}"
    )


@click.command(name="reopen", help="Approved or scheduled -> draft, to be edited and approved anew.")
@click.argument("campaign_id", type=int)
@json_option
def campaign_reopen(campaign_id: int, json_: bool) -> None:
    """Take a campaign back to draft."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        runtime.campaigns.reopen(campaign_id, CLI)
    as_json({"id": campaign_id, "status": "draft"}) if json_ else click.echo(
        f"campaign {campaign_id} is a draft again"
    )

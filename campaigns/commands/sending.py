"""`tailormail campaign send`."""

from __future__ import annotations

import time

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from campaigns.commands.output import as_json
from campaigns.commands.parts import connected
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.supervisor import Supervisor, scheduler, worker

_ENDED = (CampaignStatus.SENT, CampaignStatus.CANCELLED, CampaignStatus.PAUSED)


def send_campaign(campaign_id: int, wait: bool, json_: bool) -> None:
    """Start sending; with `wait`, run workers here and stay until it has ended.

    Raises:
        NotFound, Refused: there is no such campaign, or it may not be sent now.
    """
    with connected() as runtime:
        runtime.campaigns.send(campaign_id, "cli")
        if wait:
            supervisor = Supervisor(
                runtime.settings, logs=runtime.settings.folder / "logs", keep=runtime.keep_servers
            )
            with supervisor.stopping_on_signals():
                supervisor.start(worker(runtime.settings), scheduler(runtime.settings))
                _watch(runtime, supervisor, campaign_id)
        shown = runtime.campaigns.show(campaign_id)
    if json_:
        as_json({"id": campaign_id, "status": shown["status"], "counts": shown["counts"]})
    else:
        hint = "" if wait else "; workers send it (run `tailormail serve`, or add --wait)"
        click.echo(f"campaign {campaign_id} is {shown['status']}{hint}  {shown['counts'] or ''}")


def _watch(runtime: Runtime, supervisor: Supervisor, campaign_id: int) -> None:
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("sending", total=None)
        while not supervisor.stopping:
            supervisor.check()
            shown = runtime.campaigns.show(campaign_id)
            ended = sum(shown["counts"].get(s, 0) for s in ("sent", "failed", "held_back", "uncertain"))
            progress.update(bar, completed=ended, total=shown["audience"])
            if shown["status"] in _ENDED:
                return
            time.sleep(0.3)

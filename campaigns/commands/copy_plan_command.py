"""`tailormail copy plan`: what a campaign's copy will take, before anybody approves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from campaigns.commands.output import as_json, json_option
from campaigns.commands.parts import connected

_ROWS = (
    ("cells", "cells"),
    ("mails of the largest cell", "largest_cell"),
    ("mails of a middling cell", "median_cell"),
    ("cells whose words are there", "known_cells"),
    ("calls", "calls"),
    ("tokens asked", "input_tokens"),
    ("tokens answered", "output_tokens"),
)
_ESTIMATED = {
    "prompt_tokens": "tokens asked (4 characters of the real prompts each)",
    "answer_tokens": "tokens answered (as long as the offline writer's words)",
    "calls_a_cell": "calls a cell",
    "seconds_a_call": "seconds a call",
}


@click.command(name="plan", help="What a campaign's copy will take: cells, calls, tokens, cost and time.")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def copy_plan(campaign_id: int, json_: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with connected() as runtime, Progress(*columns, transient=True, disable=json_) as progress:
        bar = progress.add_task("looking at the audience", total=None)
        found = runtime.copy_forecast.foresee(
            campaign_id, lambda done, size: progress.update(bar, completed=done, total=size)
        )
    as_json(found) if json_ else show_forecast(found)


def show_forecast(found: Mapping[str, Any]) -> None:
    """Print what CopyForecast.foresee returned."""
    console = Console(highlight=False)
    by_granularity = found["by_granularity"]
    table = Table(title=f"copy for {found['mails']:,} mails, by {found['model']}", title_justify="left")
    table.add_column("granularity")
    for one in by_granularity:
        table.add_column(f"{one} (set)" if one == found["granularity"] else one, justify="right")
    for heading, name in _ROWS:
        table.add_row(heading, *(f"{foreseen[name]:,}" for foreseen in by_granularity.values()))
    table.add_row("cost", *(_cost(one["cost"], found["currency"]) for one in by_granularity.values()))
    table.add_row("time", *(_time(one["seconds"]) for one in by_granularity.values()))
    console.print(table)
    if found["mode"] == "batch":
        console.print("By batch: at half the price, and the server may take up to a day.")
    estimated = [_ESTIMATED[name] for name in found["basis"]["estimated"]]
    if estimated:
        console.print(f"Estimated, not measured: {', '.join(estimated)}.")
    for warning in found["exceeds"]:
        console.print(f"Beyond the budget: {warning}.")


def _cost(cost: str | None, currency: str) -> str:
    return f"{float(cost):,.2f} {currency}" if cost is not None else "no price is set"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"

"""`tailormail experiment`: how the arms of a campaign do, and choosing one."""

from __future__ import annotations

from typing import Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table


@click.group()
def experiment() -> None:
    """What campaigns try out: their arms, what is known of them, and the decision."""


@experiment.command()
@click.argument("campaign_id", type=int, metavar="ID")
@click.option("--now", "look", is_flag=True, help="Count anew first; reads every mail of the campaign.")
@json_option
def show(campaign_id: int, look: bool, json_: bool) -> None:
    """How the arms stand, as they were last counted."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        if look:
            runtime.experiment_looks.look(campaign_id)
        found = runtime.experiments.show(campaign_id)
    if json_:
        as_json(found)
        return
    said = found["verdict"] or {"words": "not counted yet", "missing": [], "warnings": []}
    pairs = [(name, found[name]) for name in ("name", "status", "factor", "method", "goal", "at", "waiting")]
    show_pairs(f"experiment of campaign {campaign_id}", pairs)
    columns = ("arm", "name", "told", "sent", "counted", found["goal"], "rate", "95 %", "best", "could lose")
    show_table(columns, [_row(arm, found["goal"]) for arm in found["arms"]])
    click.echo(said["words"])
    for line in (*said["missing"], *said["warnings"]):
        click.echo(f"  {line}")
    if found["decision"]:
        click.echo(f"Chosen: {found['decision']['name']}, by {found['decision']['by']}.")


@experiment.command()
@click.argument("campaign_id", type=int, metavar="ID")
@click.argument("arm")
@json_option
def decide(campaign_id: int, arm: str, json_: bool) -> None:
    """Choose an arm, by number or name: who waits gets it now."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        told = runtime.experiments.decide(campaign_id, arm, "cli")
    as_json({"told": told}) if json_ else click.echo(f"{told} customers get it now")


def _row(arm: dict[str, Any], goal: str) -> tuple[Any, ...]:
    counted, won = ("mature", "ordered") if goal == "orders" else ("measured", "clicked")
    known = arm["rate"] is not None and arm[counted]
    return (
        arm["number"], arm["name"], arm["told"], arm["sent"], arm[counted], arm[won],
        f"{arm['rate']:.2%}" if known else "-",
        f"{arm['low']:.2%} to {arm['high']:.2%}" if known else "-",
        f"{arm['best']:.0%}" if known else "-",
        f"{arm['loss'] * 100:.2f} points" if known else "-",
    )  # fmt: skip

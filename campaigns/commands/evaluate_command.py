"""`tailormail train`, `models` and `evaluate`; what they do is loaded only when one is called."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from campaigns.commands.output import as_json, json_option, show_table
from campaigns.core.errors import BadInput, Refused

if TYPE_CHECKING:
    from campaigns.recommend.versions import ModelVersion

Split = Literal["time", "last-order"]


@click.command()
@click.option("--anew", is_flag=True, help="Train and tune even where nothing is new.")
@click.option("--use", "use_id", type=int, metavar="ID", help="Train nothing; put this kept model into use.")
@json_option
def train(anew: bool, use_id: int | None, json_: bool) -> None:
    """Train the recommender on the orders that are there (imports hint at this by themselves).

    A model that does worse than the one in use, on orders that neither has seen, is kept and not used.
    """
    from campaigns.commands.parts import connected

    if use_id is not None and anew:
        raise click.UsageError("--use trains nothing; leave out --anew")
    with connected() as runtime:
        if use_id is not None:
            chosen = runtime.training.use(use_id)
            told: dict[str, Any] = {"model": chosen.id, "outcome": "used", **chosen.meta}
            words = f"model {chosen.id} is in use"
        else:
            trained = runtime.training.run(anew, by="cli")
            told = {
                "model": trained.model_id,
                **trained.meta,
                "outcome": trained.outcome,
                "verdict": trained.verdict,
            }
            words = {
                "used": f"model {trained.model_id} is in use: {trained.verdict}",
                "kept": f"model {trained.model_id} is kept and not used: {trained.verdict}",
                "nothing_new": f"model {trained.model_id} stays in use: {trained.verdict}",
            }[trained.outcome]
    as_json(told) if json_ else click.echo(words)


@click.command()
@json_option
def models(json_: bool) -> None:
    """The models that are kept, the newest first: which is in use, how good each was, and why."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        versions = runtime.training.versions()
    if json_:
        as_json([_about(version) for version in versions])
    elif not versions:
        click.echo("there is no model yet: import orders, or run `tailormail train`")
    else:
        columns = ("model", "", "trained", "NDCG@10", "best-sellers", "verdict")
        show_table(columns, [_row(version) for version in versions])


def _about(version: ModelVersion) -> dict[str, Any]:
    return {
        "model": version.id,
        "in_use": version.in_use,
        "trained_at": version.created_at.isoformat(),
        **version.meta,
    }


def _row(version: ModelVersion) -> tuple[Any, ...]:
    check = version.meta.get("check") or {}
    tested = bool(check.get("customers"))
    return (
        version.id,
        "in use" if version.in_use else "kept",
        f"{version.created_at:%Y-%m-%d %H:%M}",
        f"{check['ndcg@10']:.4f}" if tested else "",
        f"{check['best_sellers_ndcg@10']:.4f}" if tested else "",
        version.meta.get("verdict", ""),
    )


@click.command()
@click.option(
    "--split",
    default="time",
    show_default=True,
    type=click.Choice(get_args(Split)),
    help="Foretell what is bought after a cut, or each customer's last order.",
)
@click.option(
    "--cut",
    metavar="DATE",
    help="Learn from orders before this day or moment (ISO 8601, UTC); default: 30 days before the end.",
)
@click.option(
    "--days", type=float, metavar="N", help="Test on so many days; default: to the end of the orders."
)
@click.option(
    "--model",
    "model_id",
    type=int,
    metavar="ID",
    help="Show what is kept of this trained model, as the console does; it is found out where nobody has yet.",
)
@json_option
def evaluate(split: Split, cut: str | None, days: float | None, model_id: int | None, json_: bool) -> None:
    """Measure the recommender on the shop's own orders, beside what it would otherwise install.

    With a plain verdict: do the data suffice, is anyone served worse, does it remember or understand?
    """
    from campaigns.commands.evaluating import show_evaluation
    from campaigns.commands.parts import connected

    if model_id is not None:
        if split != "time" or cut is not None or days is not None:
            raise click.UsageError(
                "--model tests on the last 30 days before the training; leave out the rest"
            )
        _kept(model_id, json_)
        return
    moment = _moment(cut) if cut is not None else None
    with connected() as runtime:
        found = runtime.training.evaluate(split, moment, days)
    as_json(found) if json_ else show_evaluation(found)


def _kept(model_id: int, json_: bool) -> None:
    """What the console shows of a model, found out and kept first where it is not there."""
    from campaigns.commands.evaluating import show_changes, show_evaluation
    from campaigns.commands.parts import connected

    with connected() as runtime:
        judging = runtime.model_judging
        known = next((one for one in judging.judged() if one.model_id == model_id and not one.waiting), None)
        found = known or judging.judge(model_id)
    if json_:
        as_json(asdict(found))
    elif found.evaluation is None:
        raise Refused(f"model {model_id} was not evaluated: {found.fault}")
    else:
        show_evaluation(found.evaluation)
        show_changes(found.changes)


def _moment(text: str) -> datetime:
    """An aware moment of an ISO date or time; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r} is not a date; write it like 2026-11-09, or 2026-11-09T12:00+01:00", where="--cut"
        ) from None

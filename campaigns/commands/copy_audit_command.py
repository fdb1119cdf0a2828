"""`tailormail copy report` and `tailormail copy samples`: how a campaign's copy went, and what goes out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table

if TYPE_CHECKING:
    from campaigns.flows.copy.copy_report import CopyReport
    from campaigns.flows.copy.copy_samples import Sample
    from campaigns.runtime import Runtime

_BY = "cli"
_SHORT = 12


@click.command(name="report")
@click.argument("campaign_id", type=int, metavar="ID")
@json_option
def copy_report(campaign_id: int, json_: bool) -> None:
    """How a campaign's copy went: passed, repaired, refused and why, what it took, what a thousand mails cost."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        found = runtime.copy_reporting.report(campaign_id)
    if json_:
        as_json(found.as_json())
        return
    show_pairs(f"copy of campaign {campaign_id}", _pairs(found))
    if found.rules:
        show_table(
            ("rule", "times", "cells", "example"),
            [(broken.rule, broken.times, broken.cells, broken.example) for broken in found.rules],
        )


@click.command(name="samples")
@click.argument("campaign_id", type=int, metavar="ID")
@click.option("--write", is_flag=True, help="Choose samples and have them written, before anything goes out.")
@click.option(
    "--approve", multiple=True, metavar="KEY|all", help="Approve a sample (the beginning of its key will do)."
)
@click.option(
    "--reject", multiple=True, metavar="KEY", help="Reject it: its mails get words of the offline writer."
)
@json_option
def copy_samples(
    campaign_id: int, write: bool, approve: tuple[str, ...], reject: tuple[str, ...], json_: bool
) -> None:
    """Samples of a campaign's copy, to approve or reject before it goes out.

    With `approve_samples` in the campaign file it can be approved only when all of them are judged.
    """
    from campaigns.commands.parts import connected

    with connected() as runtime:
        flow = runtime.copy_samples
        if write:
            if not json_ and sys.stderr.isatty():
                click.echo("writing samples ...", err=True)
            flow.write(campaign_id)
        for key in reject:
            flow.judge(campaign_id, key, "rejected", _BY)
        for key in approve:
            if key == "all":
                flow.approve_all(campaign_id, _BY)
            else:
                flow.judge(campaign_id, key, "approved", _BY)
        shown = flow.shown(campaign_id)
        _print(runtime, campaign_id, shown, json_)


def _print(runtime: Runtime, campaign_id: int, shown: list[Sample], json_: bool) -> None:
    if json_:
        as_json([sample.as_json(runtime.settings.llm_currency) for sample in shown])
        return
    for sample in shown:
        show_pairs(f"{sample.key[:_SHORT]}: {sample.verdict}, {sample.mails:,} mails", _told(sample))
    if not shown:
        click.echo(f"no samples yet: `tailormail copy samples {campaign_id} --write` has them written")


def _told(sample: Sample) -> list[tuple[str, Any]]:
    reader = sample.told.get("reader")
    pairs: list[tuple[str, Any]] = [
        ("language", sample.told.get("language", "")),
        ("season", sample.told.get("season", "")),
        ("variant", sample.told.get("variant", "")),
        ("told of the reader", "nothing: no consent to profiling" if reader is None else reader),
    ]
    pairs = [(name, value) for name, value in pairs if value]
    copy = sample.copy
    if copy is None:
        return [*pairs, ("words", "not written yet")]
    lines = [": ".join(filter(None, both)) for both in zip(_padded(sample), copy.product_lines, strict=True)]
    pairs += [
        ("subject", copy.subject),
        ("preheader", copy.preheader),
        ("headline", copy.headline),
        ("intro", copy.intro),
        ("products", lines),
        ("call to action", copy.call_to_action),
    ]
    if sample.audit is not None:
        pairs.append(("written by", f"{sample.audit.outcome} {' '.join(sample.audit.models)}".strip()))
        pairs += (
            [("refused", [_verdict(one) for one in sample.audit.verdicts])] if sample.audit.verdicts else []
        )
    return pairs


def _padded(sample: Sample) -> list[str]:
    lines = len(sample.copy.product_lines) if sample.copy else 0
    return [*sample.titles, *[""] * lines][:lines]


def _verdict(verdict: Any) -> str:
    return f"{verdict['field'] or 'copy'}: {verdict['message']} ({verdict['rule']})"


def _pairs(found: CopyReport) -> list[tuple[str, Any]]:
    spent, rates = found.spent, found.rates
    pairs: list[tuple[str, Any]] = [
        ("granularity", found.granularity),
        ("cells", found.cells),
        ("mails", found.mails),
        ("outcomes", {name: n for name, n in found.outcomes.items() if n}),
        ("known before", found.known_before),
        ("further lines", {name: n for name, n in found.line_orders.items() if n}),
        *((name.replace("_", " "), _percent(rate)) for name, rate in rates.items()),
        ("calls", spent.calls),
        (
            "tokens",
            f"{spent.input_tokens:,} asked ({_percent(spent.cached_share)} from the cache), "
            f"{spent.output_tokens:,} answered",
        ),
        ("cost", _money(spent.cost, found.currency)),
        ("cost of a thousand mails", _money(found.cost_per_thousand, found.currency)),
        ("seconds", round(spent.seconds, 1)),
        ("budget", [f"{b.name} {b.used:,g} of {b.limit:,g} {b.unit}" for b in found.bounds]),
        ("used up", list(found.used_up)),
        ("samples", found.samples),
    ]
    return [*pairs, ("stopped", found.stopped)] if found.stopped else pairs


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"


def _money(amount: Any, currency: str) -> str:
    return "-" if amount is None else f"{amount:.4f} {currency}"

"""What a campaign did."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from campaigns.insight.report import Report
from web.parts import runtime

blueprint = Blueprint("report", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the funnel: how many of `whole`."""

    name: str
    n: int
    whole: int
    note: str = ""


@blueprint.get("/campaigns/<int:number>/report")
def report(number: int) -> ResponseReturnValue:
    """Funnel, reasons, pictures, signals; and every uncertain send by name."""
    here = runtime()
    numbers = here.reporting.report(number)
    return render_template(
        "console/report.html",
        campaign=here.campaigns.show(number),
        report=numbers,
        funnel=_funnel(numbers),
        uncertain=here.reconciling.named(number) if numbers.uncertain else [],
        let_be=here.reconciling.let_be_count(number) if numbers.uncertain else 0,
    )


def _funnel(report: Report) -> list[Step]:
    return [
        Step("Audience", report.audience, report.audience),
        Step("Held back", sum(report.held_back.values()), report.audience, "not mailed, with a reason"),
        Step("Sent", report.sent, report.audience),
        Step("Opened", report.opens_human, report.sent, "people; only where they agreed to be measured"),
        Step("Clicked", report.clicks_human, report.sent, "people; only where they agreed to be measured"),
        Step("Ordered", report.orders_after, report.sent, "orders within 7 days, not yet an effect"),
        Step("Unsubscribed", report.unsubscribes, report.sent),
    ]

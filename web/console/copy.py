"""A campaign's copy: what it took and how it went, and samples to approve or reject before it goes out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from campaigns.flows.copy.copy_approval import APPROVED, REJECTED
from campaigns.flows.copy.copy_report import OUTCOMES, CopyReport
from campaigns.flows.copy.copy_samples import BEFORE
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("copy", __name__)


@blueprint.get("/campaigns/<int:number>/copy")
def copy(number: int) -> ResponseReturnValue:
    """The forecast, what became of the cells, which rules were broken, and what of the budget is used."""
    here = runtime()
    kept = here.report_keeping.current(number).report
    report = here.copy_reporting.report(number, (kept or {}).get("copy_mails", {}))
    campaign = _heading(number)
    return render_template(
        "console/copy.html",
        campaign=campaign,
        report=report,
        outcomes=_outcomes(report),
        uses_model=here.settings.uses_model,
        model=here.settings.llm_model,
        may_forecast=here.settings.uses_model and campaign["status"] in BEFORE and person().may(Role.AUTHOR),
        forecast_being_made=here.copy_forecasts.waiting(number),
    )


@blueprint.post("/campaigns/<int:number>/copy/forecast")
@requires(Role.AUTHOR)
def forecast(number: int) -> ResponseReturnValue:
    """Have a forecast made, by a worker: a big audience takes a while."""
    runtime().copy_forecasts.ask(number)
    flash("The forecast is being made.")
    return redirect(url_for("console.copy.copy", number=number))


@blueprint.get("/campaigns/<int:number>/copy/samples")
def samples(number: int) -> ResponseReturnValue:
    """The samples as cards."""
    here = runtime()
    campaign = _heading(number)
    shown = here.copy_samples.shown(number)
    return render_template(
        "console/copy_samples.html",
        campaign=campaign,
        samples=shown,
        open=sum(sample.verdict == "shown" for sample in shown),
        being_written=here.copy_samples.waiting(number),
        may_ask=campaign["status"] in BEFORE and person().may(Role.AUTHOR),
        may_judge=campaign["status"] in BEFORE and person().may_change,
        currency=here.settings.llm_currency,
    )


@blueprint.post("/campaigns/<int:number>/copy/samples")
@requires(Role.AUTHOR)
def write(number: int) -> ResponseReturnValue:
    """Have samples written, by a worker: a model takes its time."""
    runtime().copy_samples.ask(number)
    flash("The samples are being written.")
    return redirect(url_for("console.copy.samples", number=number))


@blueprint.post("/campaigns/<int:number>/copy/samples/approve-all")
@requires(Role.APPROVER)
def approve_all(number: int) -> ResponseReturnValue:
    """Approve all samples that nobody has judged."""
    approved = runtime().copy_samples.approve_all(number, person().name)
    flash(f"{approved} samples approved.")
    return redirect(url_for("console.copy.samples", number=number))


@blueprint.post("/campaigns/<int:number>/copy/samples/<key>/<any(approve, reject):verdict>")
@requires(Role.APPROVER)
def judge(number: int, key: str, verdict: str) -> ResponseReturnValue:
    """Approve or reject one sample."""
    said = APPROVED if verdict == "approve" else REJECTED
    runtime().copy_samples.judge(number, key, said, person().name)
    flash("Approved." if said == APPROVED else "Rejected: these mails get words of the offline writer.")
    return redirect(url_for("console.copy.samples", number=number) + f"#s-{key[:12]}")


def _heading(number: int) -> dict[str, Any]:
    """What the top of a page says of a campaign; not `campaigns.show`, which estimates the audience anew."""
    with runtime().db.transaction() as session:
        campaign = get_campaign(session, number)
        return {"id": campaign.id, "name": campaign.name, "status": campaign.status}


def _outcomes(report: CopyReport) -> dict[str, int]:
    """What became of the cells that have their words; empty before the first."""
    found = {name: report.outcomes.get(name, 0) for name in OUTCOMES}
    found["known_before"] = report.known_before
    return {name: n for name, n in found.items() if n}

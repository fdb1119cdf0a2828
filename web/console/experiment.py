"""What a campaign tries out: how its arms stand, choosing one, and the figures as CSV."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotFound
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.reports.experiment_waves import terms_of
from campaigns.insight.experiments import SRM_ALARM
from campaigns.models import Role
from web.console.access import requires
from web.console.experiment_tables import FACTOR_WORDS, GOAL_WORDS, tables_of, value_words
from web.console.tables import as_csv
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("experiment", __name__)

_TABLES = ("arms", "differences", "revenue", "counts", "waves")


@blueprint.get("/campaigns/<int:number>/experiment")
def show(number: int) -> ResponseReturnValue:
    """How it stands, as it was last counted; before the campaign begins, what it takes to tell something."""
    here = runtime()
    with here.db.transaction() as session:
        row = get_campaign(session, number)
        campaign = {"id": row.id, "name": row.name, "status": row.status}
        terms = terms_of(row)
    if terms is None:
        return render_template("console/experiment.html", campaign=campaign, shown=None)
    shown = here.experiments.show(number)
    tables = tables_of(shown)
    begun = bool(shown["waves"])
    return render_template(
        "console/experiment.html",
        campaign=campaign,
        shown=shown,
        tables=[tables[name] for name in _TABLES if tables[name].rows],
        size=None if begun or not terms.arms else here.experiments.size_help(number, terms),
        begun=begun,
        may_decide=begun
        and shown["decision"] is None
        and bool(shown["arms"])
        and campaign["status"] in ("sending", "paused", "sent")
        and person().may(Role.APPROVER),
        unequal=(shown["mismatch"] or 1.0) < SRM_ALARM,
        factor_words=FACTOR_WORDS,
        goal_words=GOAL_WORDS,
        value_words=value_words,
    )


@blueprint.post("/campaigns/<int:number>/experiment/count")
@requires(Role.VIEWER)
def count(number: int) -> ResponseReturnValue:
    """Have it counted anew."""
    runtime().experiments.ask(number, person().name)
    flash("It is being counted anew; that takes about a minute.")
    return redirect(url_for("console.experiment.show", number=number))


@blueprint.post("/campaigns/<int:number>/experiment/decide")
@requires(Role.APPROVER)
def decide(number: int) -> ResponseReturnValue:
    """Choose an arm; who waits gets it."""
    chosen = request.form.get("arm", "")
    told = runtime().experiments.decide(number, chosen, person().name)
    flash(_chosen_words(number, told))
    return redirect(url_for("console.experiment.show", number=number))


@blueprint.get("/campaigns/<int:number>/experiment/<name>.csv")
def exported(number: int, name: str) -> ResponseReturnValue:
    """One table as CSV."""
    table = tables_of(runtime().experiments.show(number)).get(name)
    if table is None:
        raise NotFound(f"there is no table {name}")
    response = Response(as_csv(table).encode(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="experiment-{number}-{name}.csv"'
    return response


def _chosen_words(number: int, told: int) -> str:
    name = runtime().experiments.show(number)["decision"]["name"]
    return f"{name} is chosen. The {told:,} customers who wait get it now." if told else f"{name} is chosen."

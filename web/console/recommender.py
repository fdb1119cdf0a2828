"""The recommender: which model is in use and why, how well each did, and whether anybody is served worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput
from campaigns.flows.reports.model_judging import Judged
from campaigns.models import Role
from web.console.access import requires
from web.console.recommender_sections import recommender_sections
from web.console.report import download, table_named
from web.console.tables import Section, as_csv
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("recommender", __name__)


@blueprint.get("/recommender")
def index() -> ResponseReturnValue:
    """All that is kept of the newest models."""
    versions, judged, sections = _all()
    return render_template(
        "console/recommender.html",
        versions=versions,
        in_use=next((version for version in versions if version.in_use), None),
        judged={one.model_id: one for one in judged},
        newest=next((one for one in judged if one.evaluation), None),
        waiting=any(one.waiting for one in judged),
        sections=sections,
        may_change=person().may(Role.APPROVER),
    )


@blueprint.get("/recommender/<name>.csv")
def exported(name: str) -> ResponseReturnValue:
    """One table as CSV."""
    table = table_named(_all()[2], name)
    return download(as_csv(table).encode(), f"recommender-{name}.csv", "text/csv")


@blueprint.post("/recommender/train")
@requires(Role.APPROVER)
def train() -> ResponseReturnValue:
    """Have a worker train, which does nothing where nothing is new."""
    runtime().model_judging.ask_to_train(person().name)
    flash("A worker is training. Where no order and no product is new, the model stays as it is.")
    return redirect(url_for("console.recommender.index"))


@blueprint.post("/recommender/use")
@requires(Role.APPROVER)
def use() -> ResponseReturnValue:
    """Put a kept model into use."""
    chosen = request.form.get("model", type=int)
    if chosen is None:
        raise BadInput("needs the number of a model", where="model")
    runtime().training.use(chosen, person().name)
    flash(f"Model {chosen} is in use, until a new one is trained that is not worse.")
    return redirect(url_for("console.recommender.index"))


def _all() -> tuple[Sequence[Any], list[Judged], list[Section]]:
    here = runtime()
    judged = here.model_judging.judged()
    return here.training.versions(), judged, recommender_sections(judged)

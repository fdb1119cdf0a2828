"""All campaigns at a glance, and some beside one another."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput
from campaigns.flows.describing.overviews import MOST_COMPARED, Compared
from web.console.compare_sections import compare_sections, trend_section
from web.console.report import download, table_named
from web.console.tables import as_csv
from web.parts import runtime

blueprint = Blueprint("reports", __name__)


@blueprint.get("/reports")
def index() -> ResponseReturnValue:
    """The last campaigns with their main figures, and how much is mailed and complained of week by week."""
    return _overview()


@blueprint.get("/reports/trend.csv")
def trend() -> ResponseReturnValue:
    """The figures by week as CSV."""
    table = table_named([trend_section(runtime().overviews.weeks())], "trend")
    return download(as_csv(table).encode(), "trend.csv", "text/csv")


@blueprint.get("/reports/compare")
def compare() -> ResponseReturnValue:
    """Two to five campaigns beside one another."""
    try:
        found = _chosen()
    except BadInput as error:
        return _overview(str(error.message)), 400
    return render_template(
        "console/compare.html",
        campaigns=found,
        sections=compare_sections(found),
        csv_url=lambda key: url_for("console.reports.exported", name=key, campaign=[one.id for one in found]),
    )


@blueprint.get("/reports/compare/<name>.csv")
def exported(name: str) -> ResponseReturnValue:
    """One table of a comparison as CSV."""
    table = table_named(compare_sections(_chosen()), name)
    return download(as_csv(table).encode(), f"compare-{name}.csv", "text/csv")


def _chosen() -> list[Compared]:
    typed = request.args.getlist("campaign")
    if not all(each.isdecimal() and len(each) < 16 for each in typed):
        raise BadInput("needs numbers of campaigns", where="campaign")
    return runtime().overviews.compared([int(each) for each in typed])


def _overview(problem: str = "") -> str:
    here = runtime()
    before = request.args.get("before", type=int)
    rows, older = here.overviews.campaigns(before)
    return render_template(
        "console/reports.html",
        rows=rows,
        older=older,
        first_page=before is None,
        trend=trend_section(here.overviews.weeks()),
        most=MOST_COMPARED,
        chosen={int(each) for each in request.args.getlist("campaign") if each.isdecimal()},
        problem=problem,
    )

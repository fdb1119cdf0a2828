"""What a campaign did: the kept report as a page, on paper, as CSV, and as a heat map over the mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotFound, TellThePerson
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.reports.report_keeping import Kept
from campaigns.flows.sending.counters import counts
from campaigns.insight.report import summarised_report
from campaigns.models import Role
from web.console.access import requires
from web.console.mailview import in_frame, picture_origins, without_opens
from web.console.report_heat import heated
from web.console.report_sections import funnel_section, report_sections, totals_sections
from web.console.standing import standing_of
from web.console.tables import Section, Table, as_csv, as_zip, percent, shown
from web.console.users import person
from web.parts import runtime
from web.security import policy_showing_mail

blueprint = Blueprint("report", __name__)
blueprint.add_app_template_filter(shown, "shown_cell")
blueprint.add_app_template_filter(percent, "percent")


@blueprint.get("/campaigns/<int:number>/report")
def report(number: int) -> ResponseReturnValue:
    """Funnel, rates, pictures, money; and every uncertain send by name."""
    return _page(number, printable=False)


@blueprint.get("/campaigns/<int:number>/report/print")
def printed(number: int) -> ResponseReturnValue:
    """The same without what is not for paper."""
    return _page(number, printable=True)


@blueprint.post("/campaigns/<int:number>/report")
@requires(Role.VIEWER)
def ask(number: int) -> ResponseReturnValue:
    """Have it made anew by a worker: a big campaign takes a while."""
    runtime().report_keeping.ask(number, person().name)
    flash("The report is being made anew. It is here in a moment.")
    return redirect(url_for("console.report.report", number=number))


@blueprint.get("/campaigns/<int:number>/report/tables.zip")
def archive(number: int) -> ResponseReturnValue:
    """All tables as CSV files."""
    kept = _made(number)
    tables = [table for section in _sections(number, kept) for table in section.tables]
    assert kept.at is not None
    return download(as_zip(tables, kept.at), f"report-{number}.zip", "application/zip")


@blueprint.get("/campaigns/<int:number>/report/<name>.csv")
def exported(number: int, name: str) -> ResponseReturnValue:
    """One table as CSV."""
    table = table_named(_sections(number, _made(number)), name)
    return download(as_csv(table).encode(), f"report-{number}-{name}.csv", "text/csv")


@blueprint.get("/campaigns/<int:number>/report/heat")
def heat(number: int) -> ResponseReturnValue:
    """One mail of the campaign, each link with the share of people who clicked it."""
    here = runtime()
    kept = _made(number)
    assert kept.report is not None
    html, why = "", "No mail of this campaign can be shown: none has left whose clicks are measured."
    if kept.report["sample_send"] and kept.dropped_at is None:
        token = here.signer.sign("view", number, kept.report["sample_send"])
        try:
            mail = without_opens(here, here.viewing.in_browser(token))
            html = in_frame(heated(mail, here, kept.report["clicks"]))
        except TellThePerson as error:
            why = f"The mail that stood for the others cannot be shown: {error.message}."
    answer = Response(
        render_template(
            "console/report_heat.html",
            campaign=_heading(number)[0],
            html=html,
            why=why,
            made_at=kept.at,
            table=table_named(_sections(number, kept), "places"),
        )
    )
    answer.headers["Content-Security-Policy"] = policy_showing_mail(picture_origins(html), scripts=True)
    return answer


def table_named(sections: Sequence[Section], name: str) -> Table:
    """The table with this key.

    Raises:
        NotFound: there is none, now.
    """
    for section in sections:
        for table in section.tables:
            if table.key == name:
                return table
    raise NotFound(f"this report has no table {name}")


def download(body: bytes, name: str, kind: str) -> Response:
    """A file to keep, not to look at."""
    answer = Response(body, mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _page(number: int, printable: bool) -> ResponseReturnValue:
    here = runtime()
    campaign, standing = _heading(number)
    kept = here.report_keeping.current(number)
    uncertain = standing["uncertain"]
    return render_template(
        "console/report.html",
        campaign=campaign,
        kept=kept,
        sections=_sections(number, kept) if kept.report else _without_report(number, standing),
        printable=printable,
        uncertain_count=uncertain,
        uncertain=here.reconciling.named(number) if uncertain else [],
        let_be=here.reconciling.let_be_count(number) if uncertain else 0,
    )


def _heading(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The campaign as the top of a page names it, and where it stands by its counters."""
    with runtime().db.transaction() as session:
        campaign = get_campaign(session, number)
        known = {
            "status": campaign.status,
            "audience": campaign.audience_size,
            "counts": counts(session, number),
        }
        heading = {"id": campaign.id, "name": campaign.name, "status": campaign.status}
        dropped = campaign.summary if campaign.sends_dropped_at else None
    standing = standing_of(known).to_json()
    if dropped is not None:
        standing["uncertain"] = int(dropped.get("uncertain", 0))
    return heading, standing


def _without_report(number: int, standing: dict[str, Any]) -> list[Section]:
    """The counters that move with the sends; of a campaign whose sends are gone the totals that were kept."""
    with runtime().db.transaction() as session:
        campaign = get_campaign(session, number)
        if campaign.summary is not None and campaign.sends_dropped_at is not None:
            return totals_sections(summarised_report(campaign.summary, campaign.sends_dropped_at).to_json())
    whole = standing["audience"]
    rows = [
        (words, standing[name], whole, "in the audience" if name != "audience" else "")
        for words, name in (
            ("Audience", "audience"),
            ("Held back", "held_back"),
            ("Sent", "sent"),
            ("Failed", "failed"),
        )
    ]
    return [funnel_section(rows)]


def _sections(number: int, kept: Kept) -> list[Section]:
    assert kept.report is not None
    return report_sections(kept.report, url_for("console.report.heat", number=number))


def _made(number: int) -> Kept:
    kept = runtime().report_keeping.current(number)
    if kept.report is None:
        raise NotFound(f"campaign {number} has no report yet: it is made once mails have gone out")
    return kept

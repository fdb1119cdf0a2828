"""A campaign that comes again: its rule, its runs, and pausing, resuming and ending it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotFound, Refused
from campaigns.core.zones import zone_named
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("series", __name__)


@blueprint.get("/campaigns/<int:number>/series")
def show(number: int) -> ResponseReturnValue:
    """What comes and what came."""
    here = runtime()
    standing = here.series.show(number)
    with here.db.transaction() as session:
        row = get_campaign(session, number)
        campaign = {"id": row.id, "name": row.name, "status": row.status, "recurrence": row.recurrence}
    zone = zone_named(standing.zone or here.settings.timezone) or ZoneInfo("UTC")
    return render_template(
        "console/series.html", campaign=campaign, series=standing, local=lambda at: at.astimezone(zone)
    )


@blueprint.post("/campaigns/<int:number>/series/<action>")
@requires(Role.APPROVER)
def act(number: int, action: str) -> ResponseReturnValue:
    """Pause, resume or end it."""
    flow, by = runtime().series, person().name
    if action == "pause":
        flow.pause(number, by)
        flash("Paused: no run is made until somebody resumes it.")
    elif action == "resume":
        flow.resume(number, by)
        flash("Resumed: it goes on with the next run.")
    elif action == "end":
        if request.form.get("meant") != "yes":
            raise Refused("ending a series is for good: tick the box to say that you mean it")
        flow.end(number, by)
        flash("Ended: no further run is made.")
    else:
        raise NotFound(f"a series cannot be told to {action[:40]}")
    return redirect(url_for("console.series.show", number=number))

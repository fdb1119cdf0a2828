"""How a campaign is going: a page that moves by itself, and its numbers as JSON, which cost a few looks into indexes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign
from web.console.standing import standing_of
from web.parts import runtime

blueprint = Blueprint("progress", __name__)


@blueprint.get("/campaigns/<int:number>/progress")
def show(number: int) -> ResponseReturnValue:
    """The page: where the mails are, how fast they go, how long it takes."""
    here = runtime()
    with here.db.transaction() as session:
        row = get_campaign(session, number)
        campaign = {
            "id": row.id, "name": row.name, "status": row.status, "started_at": row.started_at,
            "finished_at": row.finished_at, "scheduled_at": row.scheduled_at,
        }  # fmt: skip
    progress = here.watching.progress(number)
    return render_template(
        "console/progress.html",
        campaign=campaign,
        progress=progress,
        standing=standing_of(
            {"status": progress.status, "audience": progress.audience, "counts": progress.stages}
        ),
        arms=_arms(row),
    )


@blueprint.get("/campaigns/<int:number>/progress.json")
def progress(number: int) -> Response:
    """The numbers of `Progress`; 304 while nothing has changed since the last time."""
    told = runtime().watching.progress(number).to_json()
    body = json.dumps(told, separators=(",", ":"))
    response = Response(body, mimetype="application/json")
    response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = "no-cache, private"
    response.make_conditional(request)
    return response


def _arms(campaign: Campaign) -> list[dict[str, Any]]:
    """The arms with their mails as they were counted last, where the campaign tries several ways."""
    if campaign.experiment is None:
        return []
    return list(runtime().experiments.show(campaign.id)["arms"])

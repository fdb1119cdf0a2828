"""Where a campaign stands right now, as JSON, for the bar that moves by itself."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from campaigns.flows.counters import counts
from campaigns.flows.plans import get_campaign
from web.console.standing import standing_of
from web.parts import runtime

blueprint = Blueprint("progress", __name__)


@blueprint.get("/campaigns/<int:number>/progress.json")
def progress(number: int) -> Response:
    """The numbers of `Standing`; not to be kept."""
    # Not the flow's `show`: it estimates the audience anew, too much work for once a second.
    with runtime().db.transaction() as session:
        campaign = get_campaign(session, number)
        known = {
            "status": campaign.status,
            "audience": campaign.audience_size,
            "counts": counts(session, number),
        }
    response = jsonify(standing_of(known).to_json())
    response.headers["Cache-Control"] = "no-store"
    return response

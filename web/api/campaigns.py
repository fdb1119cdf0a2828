"""Campaigns: what there is, how it goes, and stopping it."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict

from web.api.keys import ALWAYS, asked_by, auth
from web.parts import runtime

blueprint = APIBlueprint("campaigns", __name__, tag="Campaigns")


class CampaignOut(BaseModel):
    """A campaign and where its mails stand; `counts` by status of the send."""

    model_config = ConfigDict(extra="allow")

    id: int
    name: str
    status: str
    counts: dict[str, int]


class CampaignList(BaseModel):
    """Campaigns, newest first."""

    campaigns: list[CampaignOut]


class ReportOut(BaseModel):
    """What a campaign did; the numbers are of customers unless said otherwise."""

    model_config = ConfigDict(extra="allow")

    audience: int
    sent: int
    failed: int
    held_back: dict[str, int]


class StatusOut(BaseModel):
    """Where the campaign stands now."""

    id: int
    status: str


@blueprint.get("/campaigns")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(CampaignList)
@blueprint.doc(responses=[*ALWAYS])
def campaigns() -> dict[str, Any]:
    """All campaigns, newest first."""
    return {"campaigns": runtime().campaigns.list()}


@blueprint.get("/campaigns/<int(max=9223372036854775807):campaign_id>")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(CampaignOut)
@blueprint.doc(responses=[404, *ALWAYS])
def campaign(campaign_id: int) -> dict[str, Any]:
    """Everything about a campaign."""
    return runtime().campaigns.show(campaign_id)


@blueprint.get("/campaigns/<int(max=9223372036854775807):campaign_id>/report")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(ReportOut)
@blueprint.doc(responses=[404, *ALWAYS])
def report(campaign_id: int) -> dict[str, Any]:
    """Held back and why, sent, opened, clicked, ordered."""
    return runtime().reporting.report(campaign_id).to_json()


@blueprint.post("/campaigns/<int(max=9223372036854775807):campaign_id>/pause")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def pause(campaign_id: int) -> dict[str, Any]:
    """Stop before the next group of mails."""
    runtime().campaigns.pause(campaign_id, asked_by())
    return _status(campaign_id)


@blueprint.post("/campaigns/<int(max=9223372036854775807):campaign_id>/resume")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def resume(campaign_id: int) -> dict[str, Any]:
    """Go on exactly where it was paused."""
    runtime().campaigns.resume(campaign_id, asked_by())
    return _status(campaign_id)


def _status(campaign_id: int) -> dict[str, Any]:
    return {"id": campaign_id, "status": runtime().campaigns.status(campaign_id)}

"""The list of campaigns, one campaign, and the buttons that move it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotFound, Refused
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.models import CampaignStatus, Role
from campaigns.opentime.slots.slots import SlotDefinition
from web.console.access import requires
from web.console.standing import standing_of
from web.console.users import person
from web.console.wording import STATUS_WORDS
from web.parts import runtime

blueprint = Blueprint("campaigns", __name__)

Act = Callable[[Campaigns, int, str], None]
_ACTIONS: dict[str, tuple[Act, str]] = {
    "approve": (lambda flow, number, by: flow.approve(number, by), "Approved."),
    "send": (lambda flow, number, by: flow.send(number, by), "On its way."),
    "pause": (lambda flow, number, by: flow.pause(number, by, "from the console"), "Paused."),
    "resume": (lambda flow, number, by: flow.resume(number, by), "Going on where it stopped."),
    "cancel": (lambda flow, number, by: flow.cancel(number, by, "from the console"), "Cancelled."),
}
# The first is the next step, drawn strongest; cancelling always comes last and asks to be meant.
_OFFERED: dict[str, tuple[str, ...]] = {
    "draft": ("approve", "cancel"),
    "approved": ("send", "cancel"),
    "scheduled": ("send", "cancel"),
    "planning": ("pause", "cancel"),
    "sending": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
}


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Campaigns by status and name, newest first, a page at a time."""
    status, search = request.args.get("status", ""), request.args.get("search", "").strip()[:200]
    before = request.args.get("before", type=int)
    found, more = runtime().campaigns.page(status if status in STATUS_WORDS else "", search, before)
    return render_template(
        "console/campaigns.html",
        rows=[(campaign, standing_of(campaign)) for campaign in found],
        status=status,
        search=search,
        before=before,
        more=more,
    )


@blueprint.get("/campaigns/<int:number>")
def show(number: int) -> ResponseReturnValue:
    """One campaign: where it stands, what it says, what it shows."""
    campaign = runtime().campaigns.show(number)
    draft = campaign["status"] == CampaignStatus.DRAFT
    return render_template(
        "console/campaign.html",
        campaign=campaign,
        standing=standing_of(campaign),
        missing=runtime().drafts.complete(number) if draft else [],
        slots=[_slot_view(raw) for raw in campaign["slots"]],
        # What comes again is never sent itself.
        actions=[
            action
            for action in _OFFERED.get(campaign["status"], ())
            if not (action == "send" and campaign["recurrence"])
        ],
    )


@blueprint.post("/campaigns/<int:number>/reopen")
@requires(Role.AUTHOR)
def reopen(number: int) -> ResponseReturnValue:
    """Take an approved campaign back to draft, to be edited and approved anew."""
    runtime().campaigns.reopen(number, person().name)
    flash("It is a draft again, and has to be approved anew.")
    return redirect(url_for("console.editor.begin.edit", number=number))


@blueprint.post("/campaigns/<int:number>/<action>")
@requires(Role.APPROVER)
def act(number: int, action: str) -> ResponseReturnValue:
    """One step: approve, send, pause, resume or cancel."""
    if action not in _ACTIONS:
        raise NotFound(f"a campaign cannot be told to {action}")
    if action == "cancel" and request.form.get("meant") != "yes":
        raise Refused("cancelling ends a campaign for good: tick the box to say that you mean it")
    run, done = _ACTIONS[action]
    run(runtime().campaigns, number, person().name)
    flash(done)
    here = url_for("console.campaigns.show", number=number)
    # Its buttons stand on every page of a campaign, and lead back there; never anywhere else.
    back = request.form.get("back", "")
    return redirect(back if back.startswith(f"{here}/") else here)


def _slot_view(raw: dict[str, Any]) -> dict[str, Any]:
    slot = SlotDefinition.from_json(raw)
    conditions = {rule["name"]: rule["when"] for rule in raw["rules"]}
    return {
        "slot": slot,
        "pictures": [
            {
                "variant": variant,
                "url": url_for("opens.hosted", name=f"{variant.picture}.{slot.extension}"),
                "when": conditions.get(variant.name),
            }
            for variant in slot.variants
        ],
    }

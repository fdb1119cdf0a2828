"""Campaigns: what there is, what they would do, how they go, and each step of their lives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field

from web.api.asked import NUMBER, Anything, Asked, Page
from web.api.keys import ALWAYS, asked_by, auth
from web.api.repeatable import repeatable
from web.parts import runtime

blueprint = APIBlueprint("campaigns", __name__, tag="Campaigns")

ONE = f"/campaigns/<{NUMBER}:campaign_id>"


class CampaignOut(Anything):
    """A campaign and where its mails stand; `counts` by status of the send."""

    id: int
    name: str
    status: str
    counts: dict[str, int]


class CampaignList(Anything):
    """Campaigns, newest first; `next` is the `before` of the next page, null where there is none."""

    campaigns: list[CampaignOut]
    next: int | None


class CampaignQuery(Page):
    """`search` is a part of the name, or a number."""

    status: str = Field("", max_length=40)
    search: str = Field("", max_length=200)


class ReportOut(Anything):
    """What a campaign did; the numbers are of customers unless said otherwise. `at` is when it was counted.

    `full` is the whole report, null before the first one was made; `making`: a newer one is on its way.
    """

    audience: int
    sent: int
    failed: int
    held_back: dict[str, int]
    at: str | None
    making: bool
    full: dict[str, Any] | None


class StatusOut(Anything):
    """Where the campaign stands now."""

    id: int
    status: str


class WhenIn(Asked):
    """A moment with its time zone."""

    at: AwareDatetime


class WhyIn(Asked):
    """Why, for the campaign's history."""

    why: str = Field("", max_length=500)


class CausesIn(Asked):
    """Causes by their keys; none: all that may succeed."""

    causes: list[str] = Field(default_factory=list, max_length=50)


class ManyOut(Anything):
    """How many mails."""

    mails: int


@blueprint.get("/campaigns")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(CampaignQuery, location="query", arg_name="asked")
@blueprint.output(CampaignList)
@blueprint.doc(responses=[*ALWAYS])
def campaigns(asked: CampaignQuery) -> dict[str, Any]:
    """Campaigns, newest first."""
    rows, after = runtime().campaigns.page(asked.status, asked.search, asked.before, asked.size)
    return {"campaigns": rows, "next": after}


@blueprint.get(ONE)
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(CampaignOut)
@blueprint.doc(responses=[404, *ALWAYS])
def campaign(campaign_id: int) -> dict[str, Any]:
    """Everything about a campaign."""
    return runtime().campaigns.show(campaign_id)


@blueprint.get(f"{ONE}/outlook")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(Anything)
@blueprint.doc(responses=[404, *ALWAYS])
def outlook(campaign_id: int) -> dict[str, Any]:
    """What it would do now: whom it reaches, who is held back and why, calls of the model, cost, time."""
    return runtime().outlooks.of(campaign_id).to_json()


@blueprint.get(f"{ONE}/progress")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(Anything)
@blueprint.doc(responses=[404, *ALWAYS])
def progress(campaign_id: int) -> dict[str, Any]:
    """Where its mails stand, how many a second, and how long it will take."""
    return runtime().watching.progress(campaign_id).to_json()


@blueprint.get(f"{ONE}/troubles")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(Anything)
@blueprint.doc(responses=[404, *ALWAYS])
def troubles(campaign_id: int) -> dict[str, Any]:
    """What failed, by cause and with what to do about it; what is uncertain or held back, by reason."""
    found = runtime().troubles.current(campaign_id)
    return {
        "failed": [
            {"cause": g.cause.key, "title": g.cause.title, "may_retry": g.cause.may_retry, "mails": g.n}
            for g in found.failed
        ],
        "uncertain": dict(found.uncertain),
        "held_back": dict(found.held_back),
        "at": _iso(found.counted_at),
        "stale": found.stale,
    }


@blueprint.get(f"{ONE}/report")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(ReportOut)
@blueprint.doc(responses=[404, *ALWAYS])
def report(campaign_id: int) -> dict[str, Any]:
    """Held back and why, sent, opened, clicked, ordered, as they were last counted."""
    kept = runtime().report_keeping.current(campaign_id)
    totals = kept.report["totals"] if kept.report else _nothing_yet(campaign_id)
    return {**totals, "at": _iso(kept.at), "making": kept.making, "full": kept.report}


@blueprint.post(f"{ONE}/report")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut, status_code=202)
@blueprint.doc(responses=[404, *ALWAYS])
@repeatable(202)
def renew_report(campaign_id: int) -> dict[str, Any]:
    """Have the report made anew by a worker."""
    runtime().report_keeping.ask(campaign_id, asked_by())
    return _status(campaign_id)


@blueprint.post(f"{ONE}/approve")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[400, 403, 404, 409, *ALWAYS])
def approve(campaign_id: int) -> dict[str, Any]:
    """Approve a draft; where it says when, it is scheduled. Preflight must have found no errors."""
    return _done(campaign_id, lambda by: runtime().campaigns.approve(campaign_id, by))


@blueprint.post(f"{ONE}/schedule")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.input(WhenIn, arg_name="when")
@blueprint.output(StatusOut)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
def schedule(campaign_id: int, when: WhenIn) -> dict[str, Any]:
    """Start an approved campaign at a time."""
    return _done(campaign_id, lambda by: runtime().campaigns.schedule(campaign_id, when.at, by))


@blueprint.post(f"{ONE}/send")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
def send(campaign_id: int) -> dict[str, Any]:
    """Start an approved campaign now; again changes nothing."""
    return _done(campaign_id, lambda by: runtime().campaigns.send(campaign_id, by))


@blueprint.post(f"{ONE}/pause")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def pause(campaign_id: int) -> dict[str, Any]:
    """Stop before the next group of mails."""
    return _done(campaign_id, lambda by: runtime().campaigns.pause(campaign_id, by))


@blueprint.post(f"{ONE}/resume")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def resume(campaign_id: int) -> dict[str, Any]:
    """Go on exactly where it was paused."""
    return _done(campaign_id, lambda by: runtime().campaigns.resume(campaign_id, by))


@blueprint.post(f"{ONE}/cancel")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.input(WhyIn, arg_name="said")
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def cancel(campaign_id: int, said: WhyIn) -> dict[str, Any]:
    """End it for good; what was not sent stays unsent."""
    return _done(campaign_id, lambda by: runtime().campaigns.cancel(campaign_id, by, said.why))


@blueprint.post(f"{ONE}/reopen")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def reopen(campaign_id: int) -> dict[str, Any]:
    """Take an approved campaign that has not begun back to draft."""
    return _done(campaign_id, lambda by: runtime().campaigns.reopen(campaign_id, by))


@blueprint.post(f"{ONE}/retry")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.input(CausesIn, arg_name="asked")
@blueprint.output(ManyOut, status_code=202)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
@repeatable(202)
def retry(campaign_id: int, asked: CausesIn) -> dict[str, Any]:
    """Try failed mails of some causes again; those of causes that cannot succeed are refused."""
    return {"mails": runtime().retrying.ask(campaign_id, asked.causes, asked_by())}


@blueprint.get(f"{ONE}/series")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(Anything)
@blueprint.doc(responses=[404, *ALWAYS])
def series(campaign_id: int) -> dict[str, Any]:
    """A campaign that comes again: its rule, its next starts, its last runs."""
    standing = runtime().series.show(campaign_id)
    return {
        "id": standing.campaign_id,
        "rule": standing.words,
        "state": standing.state,
        "next": [_iso(moment) for moment in standing.next],
        "runs": [
            {
                "due_at": _iso(run.due_at),
                "campaign_id": run.campaign_id,
                "status": run.status,
                "skipped": run.skipped,
            }
            for run in standing.runs
        ],
    }


@blueprint.post(f"{ONE}/series/<any(pause, resume, end):step>")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.output(StatusOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def step_series(campaign_id: int, step: str) -> dict[str, Any]:
    """Let a series rest, go on or end; runs that have begun go on."""
    flow = runtime().series
    steps: dict[str, Callable[[int, str], None]] = {
        "pause": flow.pause, "resume": flow.resume, "end": flow.end,
    }  # fmt: skip
    return _done(campaign_id, lambda by: steps[step](campaign_id, by))


def _done(campaign_id: int, act: Callable[[str], object]) -> dict[str, Any]:
    act(asked_by())
    return _status(campaign_id)


def _status(campaign_id: int) -> dict[str, Any]:
    return {"id": campaign_id, "status": runtime().campaigns.status(campaign_id)}


def _nothing_yet(campaign_id: int) -> dict[str, Any]:
    """Before the first report: what the counters say."""
    shown = runtime().campaigns.show(campaign_id)
    counts = shown["counts"]
    held = counts.get("held_back", 0)
    return {
        "audience": shown["audience"] or 0,
        "sent": counts.get("sent", 0),
        "failed": counts.get("failed", 0),
        "held_back": {"not counted by reason yet": held} if held else {},
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

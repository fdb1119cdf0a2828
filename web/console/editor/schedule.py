"""The step "schedule" of the editor: when it goes out and how fast, with what that means in hours and mails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from campaigns.audience.wall_times import first_moment, last_moment
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.calendar import Entry
from campaigns.flows.scheduling.recurrence import Recurrence
from campaigns.models import Role
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, typed
from web.parts import runtime

blueprint = Blueprint("schedule", __name__)

_FIELDS = (
    *(
        "when",
        "at_date",
        "at_time",
        "zone",
        "local_date",
        "local_time",
        "stragglers",
        "best_date",
        "best_time",
    ),
    *("every", "interval", "month_day", "series_time", "series_zone", "starts", "ends", "until", "count"),
    *("wait_days", "per_second", "weight", "urgent", "quiet_from", "quiet_to"),
)
_NEAR = timedelta(hours=24)
_FEW = 5


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the schedule comes to: `starts` and `ends` of what customers get (None: unknown), the next `runs` of a
    series, other campaigns `near` it, and the notes of `quiet` days that it falls on."""

    words: str
    starts: datetime | None
    ends: datetime | None
    seconds: float | None
    runs: tuple[datetime, ...]
    near: Sequence[Entry]
    quiet: Sequence[str]


@blueprint.get(f"{EDIT}/schedule")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "schedule"))


@blueprint.post(f"{EDIT}/schedule")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed."""
    editing = Editing.of(number, "schedule")
    value = typed(request.form, *_FIELDS) | {"weekdays": request.form.getlist("weekdays")}
    return editing.save(value) or _page(editing)


def _page(editing: Editing) -> ResponseReturnValue:
    return editing.page(
        "console/editor/schedule.html",
        zones=zone_names(runtime().settings.timezone),
        house_zone=runtime().settings.timezone,
        cap=runtime().settings.cap,
        meaning=_meaning(editing.campaign["id"]),
    )


@lru_cache(maxsize=4)
def zone_names(first: str) -> tuple[str, ...]:
    """The time zones to choose from, the house's own first."""
    named = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return tuple(dict.fromkeys([first, "UTC", *named]))


def _meaning(number: int) -> Meaning:
    """Of the schedule that the campaign has, which is the last one without faults."""
    here = runtime()
    with here.db.transaction() as session:
        campaign = get_campaign(session, number)
        terms, start = DeliveryTerms.from_json(campaign.delivery), campaign.scheduled_at
        rule = Recurrence.from_json(campaign.recurrence) if campaign.recurrence else None
    outlook = here.outlooks.of(number)
    per_second = terms.per_second or outlook.per_second
    seconds = outlook.planned.n / per_second if outlook.planned and per_second else None
    now = here.clock.now()
    zone = ZoneInfo(here.settings.timezone)
    runs = tuple(one.start.astimezone(zone) for one in islice(rule.after(now), _FEW)) if rule else ()
    bounds = _bounds(terms, runs[0] if runs else start)
    first, last = (moment.astimezone(zone) if moment else None for moment in bounds)
    ends = last + timedelta(seconds=seconds or 0) if last else None
    around = first or now
    near = [
        entry
        for entry in here.calendar.between(around - _NEAR, around + _NEAR)
        if entry.campaign_id != number and entry.kind != "cancelled"
    ]
    day = around.astimezone(zone).date()
    quiet = here.calendar.quiet_days(day, day + timedelta(days=1)) if first else {}
    words = rule.words if rule else ""
    return Meaning(
        words, first, ends, seconds, runs, near, [note or "a quiet day" for note in quiet.values()]
    )


def _bounds(terms: DeliveryTerms, start: datetime | None) -> tuple[datetime | None, datetime | None]:
    """When the first and the last customer are due."""
    if terms.local_date and terms.local_time:
        return first_moment(terms.local_date, terms.local_time), last_moment(
            terms.local_date, terms.local_time
        )
    if start is None:
        return None, None
    return start, start + timedelta(days=1) if terms.by_own_clocks else start

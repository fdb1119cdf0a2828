"""The calendar: a month, a week or a list of what is planned, running and sent; quiet days; and a feed of it."""

from __future__ import annotations

from calendar import Calendar as Weeks
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput
from campaigns.core.zones import moment_on, zone_named
from campaigns.flows.scheduling.calendar import Entry
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("calendar", __name__)

VIEWS = ("month", "week", "list")
CLASH_HOURS = (6, 24, 48, 72)
_LIST = timedelta(days=60)
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day with its entries; `quiet` is its note, None where it is an ordinary day."""

    day: date
    entries: list[Entry]
    quiet: str | None
    other: bool
    today: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is shown: days from `first` up to, not including, `end`, and where the buttons before and after lead."""

    view: str
    title: str
    first: date
    end: date
    before: date
    after: date


@blueprint.get("/calendar")
def index() -> ResponseReturnValue:
    """A month, a week, or a list from a day on."""
    here = runtime()
    zone = zone_named(here.settings.timezone) or ZoneInfo("UTC")
    today = here.clock.now().astimezone(zone).date()
    view = request.args.get("view", "month")
    sheet = _sheet(view if view in VIEWS else "month", _day(request.args.get("day", ""), today))
    hours = request.args.get("within", 24, type=int)
    hours = hours if hours in CLASH_HOURS else 24
    days = _days(sheet, zone, today, hours)
    return render_template(
        "console/calendar.html",
        sheet=sheet,
        weeks=[days[n : n + 7] for n in range(0, len(days), 7)],
        busy=[one for one in days if one.entries or one.quiet is not None],
        running=here.calendar.running(),
        today=today,
        zone=here.settings.timezone,
        clash_hours=CLASH_HOURS,
        within=hours,
        cap=here.settings.cap,
        feed=_feed_url(here.calendar_feed.token(person().number)),
        times=lambda at: at.astimezone(zone).strftime("%H:%M"),
    )


@blueprint.post("/calendar/quiet")
@requires(Role.APPROVER)
def quiet() -> ResponseReturnValue:
    """Make a day quiet, or an ordinary one again."""
    day = _given_day(request.form.get("day", ""))
    if request.form.get("do") == "unset":
        runtime().calendar.unset_quiet(day, person().name)
        flash(f"{day.isoformat()} is an ordinary day again.")
    else:
        runtime().calendar.set_quiet(day, request.form.get("note", ""), person().name)
        flash(f"{day.isoformat()} is quiet: no series runs on it.")
    return redirect(url_for("console.calendar.index", day=day.isoformat()))


@blueprint.post("/calendar/feed")
@requires(Role.VIEWER)
def feed() -> ResponseReturnValue:
    """Make a link of one's own to the calendar, another one, or take it back."""
    flow, who = runtime().calendar_feed, person()
    if request.form.get("do") == "revoke":
        flow.revoke(who.number, who.name)
        flash("The link was taken back: it leads nowhere any more.")
    else:
        flow.renew(who.number, who.name)
        flash("Here is your link. Whoever has it sees the calendar.")
    return redirect(url_for("console.calendar.index", _anchor="feed"))


def _feed_url(token: str) -> str:
    return f"{runtime().settings.public_url}{url_for('calendar_feed.feed', token=token)}" if token else ""


def _sheet(view: str, day: date) -> Sheet:
    if view == "week":
        first = day - timedelta(days=day.weekday())
        week = timedelta(days=7)
        return Sheet(view, f"Week of {_words(first)}", first, first + week, first - week, first + week)
    if view == "list":
        return Sheet(view, f"From {_words(day)} on", day, day + _LIST, day - _LIST, day + _LIST)
    weeks = Weeks().monthdatescalendar(day.year, day.month)
    first, end = weeks[0][0], weeks[-1][-1] + timedelta(days=1)
    month = day.replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    return Sheet(view, f"{month:%B %Y}", first, end, (month - timedelta(days=1)).replace(day=1), after)


def _days(sheet: Sheet, zone: ZoneInfo, today: date, hours: int) -> list[Day]:
    calendar = runtime().calendar
    first, end = (moment_on(zone, day, time()) for day in (sheet.first, sheet.end))
    by_day: dict[date, list[Entry]] = {}
    for entry in calendar.between(first, end, hours):
        by_day.setdefault(entry.at.astimezone(zone).date(), []).append(entry)
    quiet_days = calendar.quiet_days(sheet.first, sheet.end)
    middle = sheet.first + (sheet.end - sheet.first) / 2
    return [
        Day(
            day=day,
            entries=by_day.get(day, []),
            quiet=quiet_days.get(day),
            other=sheet.view == "month" and day.month != middle.month,
            today=day == today,
        )
        for n in range((sheet.end - sheet.first).days)
        if (day := sheet.first + timedelta(days=n))
    ]


def _day(text: str, otherwise: date) -> date:
    """The day of an address; what cannot be read there is no reason for an error."""
    try:
        return min(max(date.fromisoformat(text), _FIRST), _LAST)
    except ValueError:
        return otherwise


def _given_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("must be a date, such as 2026-12-25", where="day") from None


def _words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"

"""The step "schedule": when it goes out, how fast, and at which hours never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.audience.wall_times import last_moment
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput, Refused
from campaigns.core.zones import moment_on, zone_named
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.draft_sections.reading import Typed, fault_words, shown
from campaigns.flows.describing.draft_sections.section import Problem
from campaigns.flows.scheduling.recurrence import Recurrence
from campaigns.flows.scheduling.series import end_series
from campaigns.flows.scheduling.starting import start_of
from campaigns.models import Campaign

NOW, AT, LOCAL, BEST_HOUR, SERIES = "now", "at", "local", "best_hour", "series"
WAYS = (NOW, AT, LOCAL, BEST_HOUR, SERIES)
STRAGGLERS = ("next_day", "at_once", "leave_out")
NEVER, UNTIL, COUNT = "never", "until", "count"
_EVERY = ("week", "day", "month")
_LAST = "last"
_PASSED = "That time has passed. Choose a later one, or “when somebody sends it”."


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the step says: the terms of delivery, when it begins (None: when somebody sends it), and its recurrence."""

    terms: DeliveryTerms
    start: datetime | None
    recurrence: Recurrence | None


class ScheduleSection:
    """Texts: `when` (one of WAYS); `at_date`, `at_time`, `zone`; `local_date`, `local_time`, `stragglers`; `best_date`,
    `best_time`; `every`, `interval`, `weekdays` (a list), `month_day`, `series_time`, `series_zone`, `starts`, `ends`,
    `until`, `count`, `wait_days`; `per_second`, `weight`, `urgent`, `quiet_from`, `quiet_to`.
    """

    name = "schedule"

    def __init__(self, clock: Clock, default_zone: str) -> None:
        self._clock = clock
        self._zone = default_zone if zone_named(default_zone) else "UTC"

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """The terms, the start and the recurrence as texts; times in the house's zone."""
        terms = DeliveryTerms.from_json(campaign.delivery)
        quiet_from, quiet_to = terms.quiet_hours or (None, None)
        form = {
            "when": NOW,
            "zone": self._zone,
            "stragglers": terms.stragglers,
            "per_second": shown(terms.per_second),
            "weight": shown(terms.weight),
            "urgent": "yes" if terms.urgent else "",
            "quiet_from": _clock(quiet_from),
            "quiet_to": _clock(quiet_to),
            "series_zone": self._zone,
            "every": "week",
            "interval": "1",
            "ends": NEVER,
        }
        start = campaign.scheduled_at.astimezone(ZoneInfo(self._zone)) if campaign.scheduled_at else None
        if campaign.recurrence is not None:
            return {**form, "when": SERIES, **_series_form(Recurrence.from_json(campaign.recurrence))}
        if terms.local_time is not None:
            day = terms.local_date.isoformat() if terms.local_date else ""
            return {**form, "when": LOCAL, "local_date": day, "local_time": _clock(terms.local_time)}
        prefix, way = ("best_", BEST_HOUR) if terms.best_hour else ("at_", AT if start else NOW)
        if start is not None:
            form |= {f"{prefix}date": start.date().isoformat(), f"{prefix}time": f"{start:%H:%M}"}
        return {**form, "when": way}

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> Schedule:
        """What it says, checked."""
        typed = Typed(value)
        way = typed.one_of("when", WAYS)
        raw: dict[str, Any] = {
            "per_second": typed.number("per_second", 0.01, 1_000_000, "20"),
            "weight": typed.whole("weight", 1, 100) or 1,
            "urgent": typed.ticked("urgent"),
            "best_hour": way == BEST_HOUR,
            "quiet_hours": _quiet(typed),
        }
        start, recurrence = None, None
        if way == AT:
            start = self._moment(typed, "at_", needed=True)
        elif way == BEST_HOUR:
            start = self._moment(typed, "best_", needed=False)
        elif way == LOCAL:
            raw |= {
                "local_date": typed.day("local_date"),
                "local_time": _time(typed, "local_time", needed=True),
                "stragglers": typed.one_of("stragglers", STRAGGLERS),
            }
        elif way == SERIES:
            recurrence = self._series(typed)
        typed.refuse_faults()
        terms = _terms(typed, raw)
        if recurrence is not None and not recurrence.zone:
            # Its runs go by each customer's clock, and must not lie in the quiet hours there.
            _terms(typed, raw | {"local_time": recurrence.at}, "series_time")
        typed.refuse_faults()
        assert terms is not None
        return Schedule(terms, start_of(terms, start), recurrence)

    def apply(self, session: Session, campaign: Campaign, parsed: Schedule) -> None:
        """Write the three columns."""
        if (
            campaign.recurrence is not None
            and parsed.recurrence is None
            and campaign.sends_dropped_at is not None
        ):
            # Its partition of sends may be gone: nothing could be frozen into it.
            raise Refused(
                "it has come again for too long to be sent once by itself: copy it, and send the copy"
            )
        if parsed.recurrence is None:
            end_series(session, campaign.id, self._clock.now(), "editor")
        campaign.delivery = parsed.terms.as_json()
        campaign.scheduled_at = parsed.start
        campaign.recurrence = parsed.recurrence.as_json() if parsed.recurrence else None

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """Nothing but a time that has passed meanwhile."""
        now = self._clock.now()
        terms = DeliveryTerms.from_json(campaign.delivery)
        if campaign.recurrence is not None:
            try:
                upcoming = next(Recurrence.from_json(campaign.recurrence).after(now), None)
            except BadInput as error:
                return [Problem("when", error.message)]
            return (
                []
                if upcoming
                else [Problem("starts", "No run of it would come any more: its last day is over.")]
            )
        if terms.local_date and terms.local_time:
            over = last_moment(terms.local_date, terms.local_time) < now
            return [Problem("local_date", "That day is over everywhere. Choose a later one.")] if over else []
        if campaign.scheduled_at is not None and campaign.scheduled_at < now:
            return [Problem("best_date" if terms.best_hour else "at_date", _PASSED)]
        return []

    def _moment(self, typed: Typed, prefix: str, needed: bool) -> datetime | None:
        day, at = typed.day(f"{prefix}date"), _time(typed, f"{prefix}time", needed=False)
        zone = zone_named(typed.text("zone") or self._zone)
        if zone is None:
            typed.wrong("zone", "Choose a time zone from the list, such as Europe/Oslo.")
        if not needed and day is None and at is None:
            return None
        if day is None and not typed.text(f"{prefix}date"):
            typed.wrong(f"{prefix}date", "Say on which day.")
        if at is None and not typed.text(f"{prefix}time"):
            typed.wrong(f"{prefix}time", "Say at what time.")
        if zone is None or day is None or at is None:
            return None
        moment = moment_on(zone, day, at)
        if moment < self._clock.now():
            typed.wrong(f"{prefix}date", _PASSED)
        return moment

    def _series(self, typed: Typed) -> Recurrence | None:
        every, ends = typed.one_of("every", _EVERY), typed.one_of("ends", (NEVER, UNTIL, COUNT))
        starts, until = typed.day("starts"), typed.day("until") if ends == UNTIL else None
        count = typed.whole("count", 1, 1000) if ends == COUNT else None
        at = _time(typed, "series_time", needed=True)
        if starts is None and not typed.text("starts"):
            typed.wrong("starts", "Say from which day on.")
        if ends == UNTIL and not typed.text("until"):
            typed.wrong("until", "Say which is the last day, or let it end never.")
        if ends == COUNT and not typed.text("count"):
            typed.wrong("count", "Say how many times, or let it end never.")
        raw: dict[str, Any] = {
            "every": every,
            "interval": typed.whole("interval", 1, 52) or 1,
            "at": at,
            "zone": typed.text("series_zone"),
            "starts": starts,
            "until": until,
            "count": count,
            "wait_days": typed.whole("wait_days", 1, 365),
        }
        if every == "week":
            raw["weekdays"] = [int(day) for day in typed.some("weekdays") if day in "0123456" and day]
        if every == "month":
            last = typed.text("month_day") == _LAST
            raw["month_day"] = -1 if last else typed.whole("month_day", 1, 31)
        typed.refuse_faults()
        try:
            return Recurrence.model_validate(raw)
        except ValidationError as error:
            for fault in error.errors(include_input=False):
                field, words = _series_field(fault["loc"], fault["msg"])
                typed.wrong(field, words)
            return None


def _terms(typed: Typed, raw: dict[str, Any], whole: str = "local_time") -> DeliveryTerms | None:
    try:
        return DeliveryTerms.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_input=False):
            field = str(fault["loc"][0]) if fault["loc"] else whole
            typed.wrong({"quiet_hours": "quiet_from"}.get(field, field), fault_words(fault["msg"]))
        return None


def _quiet(typed: Typed) -> tuple[time, time] | None:
    start, end = _time(typed, "quiet_from", needed=False), _time(typed, "quiet_to", needed=False)
    told = [bool(typed.text(name)) for name in ("quiet_from", "quiet_to")]
    if any(told) and not all(told):
        typed.wrong("quiet_to" if told[0] else "quiet_from", "Quiet hours need a beginning and an end.")
    if start is not None and start == end:
        typed.wrong("quiet_to", "They must begin and end at different times, or no mail could ever go.")
        return None
    return (start, end) if start is not None and end is not None else None


def _time(typed: Typed, name: str, needed: bool) -> time | None:
    text = typed.text(name)
    if not text:
        if needed:
            typed.wrong(name, "Say at what time.")
        return None
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.second or found.microsecond:
        typed.wrong(name, "Write a time in hours and minutes, such as 09:00.")
        return None
    return found


def _clock(at: time | None) -> str:
    return f"{at:%H:%M}" if at else ""


def _series_form(rule: Recurrence) -> dict[str, Any]:
    ends = UNTIL if rule.until else COUNT if rule.count else NEVER
    return {
        "every": rule.every,
        "interval": str(rule.interval),
        "weekdays": [str(day) for day in rule.weekdays],
        "month_day": _LAST if rule.month_day == -1 else shown(rule.month_day),
        "series_time": _clock(rule.at),
        "series_zone": rule.zone,
        "starts": rule.starts.isoformat(),
        "ends": ends,
        "until": rule.until.isoformat() if rule.until else "",
        "count": shown(rule.count),
        "wait_days": shown(rule.wait_days),
    }


def _series_field(place: tuple[int | str, ...], message: str) -> tuple[str, str]:
    """The form's field and the words: what is said of the rule as a whole begins with its field."""
    words = message.removeprefix("Value error, ")
    field, colon, rest = words.partition(": ")
    if not place and colon and field.replace("_", "").isalpha():
        return field, fault_words(rest)
    first = str(place[0]) if place else "every"
    return {"at": "series_time", "zone": "series_zone"}.get(first, first), fault_words(words)

"""The calendar: what is planned, running and sent, the runs of series still to come, and days on which nothing goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput
from campaigns.core.frequency import FrequencyCap
from campaigns.flows.console.audit import record
from campaigns.flows.scheduling.series import series_between
from campaigns.models import CalendarOutlook, Campaign, CampaignStatus, QuietDay

MOST_ENTRIES = 1000
_RUNNING = (CampaignStatus.PLANNING.value, CampaignStatus.SENDING.value, CampaignStatus.PAUSED.value)


@dataclass(frozen=True, slots=True)
class Clash:
    """Another campaign that about so many of the same customers get within so many hours."""

    campaign_id: int
    name: str
    customers: int
    hours: float


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in the calendar. `kind`: planned, running, sent, cancelled, or run (of a series, still to come).

    `audience` and `capped` are what is foreseen: customers, and those of them whom the frequency cap holds back; None
    where nobody has looked yet. `way` is own_clocks, best_hour or "".
    """

    at: datetime
    kind: str
    campaign_id: int
    name: str
    status: str
    way: str = ""
    audience: int | None = None
    capped: int | None = None
    clashes: tuple[Clash, ...] = ()


class Calendar:
    """Reads the calendar, and keeps its quiet days. `cap` is the house's frequency cap."""

    def __init__(self, db: Database, clock: Clock, cap: FrequencyCap | None) -> None:
        self._db = db
        self._clock = clock
        self.cap = cap

    def between(self, first: datetime, end: datetime, clash_hours: float = 24.0) -> list[Entry]:
        """What begins from `first` up to, not including, `end`, in the order of time; at most a thousand entries.

        `clash_hours`: two campaigns that reach some of the same customers within so many hours are a clash.
        """
        with self._db.transaction() as session:
            begins = func.coalesce(Campaign.started_at, Campaign.scheduled_at)
            found = session.execute(
                select(Campaign.id, Campaign.name, Campaign.status, begins, Campaign.delivery)
                .where(
                    Campaign.recurrence.is_(None),
                    begins >= first,
                    begins < end,
                    # A draft's time is a wish; cancelled before it began, it never was.
                    Campaign.status.not_in((CampaignStatus.DRAFT.value, CampaignStatus.APPROVED.value)),
                    or_(Campaign.status != CampaignStatus.CANCELLED.value, Campaign.started_at.is_not(None)),
                )
                .order_by(begins, Campaign.id)
                .limit(MOST_ENTRIES)
            ).all()
            runs = series_between(session, first, end)[:MOST_ENTRIES]
            wanted = {row.id for row in found} | {campaign.id for campaign, _ in runs}
            outlooks = {
                one.campaign_id: one.outlook
                for one in session.scalars(
                    select(CalendarOutlook).where(CalendarOutlook.campaign_id.in_(wanted))
                )
            }
        entries = [
            Entry(at, _kind(status), number, name, status, _way(delivery))
            for number, name, status, at, delivery in found
        ]
        entries += [
            Entry(one.start, "run", campaign.id, campaign.name, campaign.status, _way(campaign.delivery))
            for campaign, one in runs
        ]
        return sorted(
            (_foreseen(entry, outlooks.get(entry.campaign_id), clash_hours) for entry in entries),
            key=lambda entry: (entry.at, entry.campaign_id),
        )

    def running(self) -> list[Entry]:
        """What is under way now, whenever it began."""
        with self._db.transaction() as session:
            found = session.execute(
                select(Campaign.id, Campaign.name, Campaign.status, Campaign.started_at, Campaign.delivery)
                .where(Campaign.status.in_(_RUNNING))
                .order_by(Campaign.id)
                .limit(MOST_ENTRIES)
            ).all()
        now = self._clock.now()
        return [
            Entry(at or now, "running", number, name, status, _way(delivery))
            for number, name, status, at, delivery in found
        ]

    def foreseen(self, campaign_id: int) -> dict[str, Any] | None:
        """What is foreseen of a planned campaign (calendar_outlooks.py), None where nobody has looked."""
        with self._db.transaction() as session:
            kept = session.get(CalendarOutlook, campaign_id)
        return kept.outlook if kept else None

    def quiet_days(self, first: date, end: date) -> dict[date, str]:
        """The quiet days from `first` up to, not including, `end`, with their notes."""
        with self._db.transaction() as session:
            query = select(QuietDay.day, QuietDay.note).where(QuietDay.day >= first, QuietDay.day < end)
            return {row[0]: row[1] for row in session.execute(query.order_by(QuietDay.day))}

    def set_quiet(self, day: date, note: str, by: str) -> None:
        """Let no series run on this day.

        Raises:
            BadInput: the day is over, or the note too long.
        """
        if len(note) > 100 or not note.isprintable():
            raise BadInput("must be one line of at most 100 characters", where="note")
        now = self._clock.now()
        if day < now.date() - timedelta(days=1):
            raise BadInput("that day is over", where="day")
        with self._db.transaction() as session:
            session.merge(QuietDay(day=day, note=note.strip(), by=by))
            record(session, now, by, "calendar.quieted", f"day {day.isoformat()}")

    def unset_quiet(self, day: date, by: str) -> None:
        """An ordinary day again."""
        with self._db.transaction() as session:
            kept = session.get(QuietDay, day)
            if kept is not None:
                session.delete(kept)
                record(session, self._clock.now(), by, "calendar.unquieted", f"day {day.isoformat()}")


def _kind(status: str) -> str:
    if status in _RUNNING:
        return "running"
    return "planned" if status == CampaignStatus.SCHEDULED else status


def _way(delivery: dict[str, Any]) -> str:
    if delivery.get("best_hour"):
        return "best_hour"
    return "own_clocks" if delivery.get("local_time") else ""


def _foreseen(entry: Entry, outlook: dict[str, Any] | None, clash_hours: float) -> Entry:
    if outlook is None or entry.kind not in ("planned", "run"):
        return entry
    # Of a series it was foreseen for the next run alone.
    if entry.kind == "run" and datetime.fromisoformat(outlook["at"]) != entry.at:
        return entry
    clashes = tuple(
        Clash(int(other["campaign"]), other["name"], int(other["customers"]), float(other["hours"]))
        for other in outlook["overlaps"]
        if other["hours"] <= clash_hours
    )
    return Entry(
        entry.at, entry.kind, entry.campaign_id, entry.name, entry.status, entry.way,
        outlook["audience"], outlook["capped"], clashes,
    )  # fmt: skip

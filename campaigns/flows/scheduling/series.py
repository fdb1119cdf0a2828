"""Series: campaigns that come again. Each run is a campaign of its own, made by the scheduler when its time comes.

The campaign that a person wrote and approved is never sent itself: it says what its runs say, and its approval is
theirs. A run and the note that its occurrence is dealt with are one transaction, and the key of that note lets nobody
make a run twice, however many schedulers there are and wherever they are killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import NotFound, Refused, TellThePerson
from campaigns.core.log import get_logger
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.console.audit import SCHEDULER, record
from campaigns.flows.describing.campaign_content import content_of
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.recurrence import Occurrence, Recurrence
from campaigns.models import Campaign, CampaignStatus, QuietDay, Series, SeriesRun, SeriesState

log = get_logger(__name__)

LATE = timedelta(hours=6)
"""How long after its time a run is still made: after a longer outage it is skipped, and the next one comes on time."""

_HALF_A_DAY = timedelta(hours=12)
_FEW = 5
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Run:
    """An occurrence that has come; `campaign_id` and its status, or why it was skipped."""

    due_at: datetime
    campaign_id: int | None
    status: str
    skipped: str


@dataclass(frozen=True, slots=True)
class SeriesStanding:
    """A series as a page shows it; `words` is its rule, `next` its next starts, `runs` its last ones, newest first."""

    campaign_id: int
    name: str
    words: str
    zone: str
    state: str
    approved: bool
    handled: int
    next: tuple[datetime, ...]
    runs: tuple[Run, ...]


def begin_series(session: Session, campaign: Campaign, now: datetime, by: str) -> None:
    """In the transaction that approves a campaign with a recurrence: its runs come from now on.

    Raises:
        Refused: no run of it would ever come.
    """
    assert campaign.recurrence is not None
    upcoming = next(Recurrence.from_json(campaign.recurrence).after(now), None)
    if upcoming is None:
        raise Refused("its last day is over, so no run of it would come: change when it goes out")
    series = session.get(Series, campaign.id, with_for_update=True)
    if series is None:
        series = Series(campaign_id=campaign.id)
        session.add(series)
    series.state, series.next_at = SeriesState.ACTIVE.value, upcoming.start
    series.approved_by = series.changed_by = by
    series.changed_at = now


def end_series(session: Session, campaign_id: int, now: datetime, by: str) -> bool:
    """In a transaction: no further run is made. Whether there was anything to end."""
    series = session.get(Series, campaign_id, with_for_update=True)
    if series is None or series.state == SeriesState.ENDED:
        return False
    series.state, series.next_at = SeriesState.ENDED.value, None
    series.changed_by, series.changed_at = by, now
    return True


class SeriesRuns:
    """Makes the runs of series, and lets people pause, resume and end them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def run_due(self) -> list[int]:
        """Make what is due of every active series; returns the numbers of the campaigns that were made.

        Harmless when repeated, and when several schedulers do it at once.
        """
        with self._db.transaction() as session:
            due = session.scalars(
                select(Series.campaign_id).where(
                    Series.state == SeriesState.ACTIVE.value, Series.next_at <= self._clock.now()
                )
            ).all()
        made = [self._run(series_id) for series_id in due]
        return [number for number in made if number is not None]

    def _run(self, series_id: int) -> int | None:
        with self._db.transaction() as session:
            query = select(Series).where(Series.campaign_id == series_id).with_for_update(skip_locked=True)
            series = session.scalars(query).one_or_none()
            now = self._clock.now()
            if series is None or series.state != SeriesState.ACTIVE:
                return None  # somebody else is at it, or was
            if series.next_at is None or series.next_at > now:
                return None
            try:
                with session.begin_nested():
                    return self._make(session, series, now)
            except (TellThePerson, ValueError) as error:
                # One that cannot be read must neither stop the others nor be tried every second.
                log.error("series_stopped", campaign_id=series_id, why=getattr(error, "message", str(error)))
                series.state, series.changed_by, series.changed_at = SeriesState.PAUSED.value, SCHEDULER, now
                return None

    def _make(self, session: Session, series: Series, now: datetime) -> int | None:
        origin = get_campaign(session, series.campaign_id)
        rule = Recurrence.from_json(origin.recurrence or {})
        assert series.next_at is not None
        # All but the newest lay in an outage: they are not made up for.
        due = rule.up_to(now, series.next_at - timedelta(microseconds=1))
        made = None
        for one in due:
            why = self._why_not(session, origin, one, now, newest=one is due[-1])
            number = None if why else self._new_run(session, origin, rule, one, now)
            run = SeriesRun(series_id=origin.id, due_at=one.start, campaign_id=number, skipped=why, at=now)
            session.add(run)
            action = "series.skipped" if why else "series.ran"
            detail = {"why": why} if why else {"campaign": number, "approved_by": series.approved_by}
            record(session, now, SCHEDULER, action, f"campaign {origin.id}", detail)
            made = number or made
        series.handled += len(due)
        upcoming = next(rule.after(now), None)
        series.next_at = upcoming.start if upcoming else None
        if upcoming is None:
            series.state, series.changed_by, series.changed_at = SeriesState.ENDED.value, SCHEDULER, now
        session.flush()
        return made

    def _why_not(
        self, session: Session, origin: Campaign, one: Occurrence, now: datetime, newest: bool
    ) -> str:
        if not newest or now - one.start > LATE:
            return "nothing ran at that time, and it was too late afterwards"
        if origin.status != CampaignStatus.APPROVED:
            return f"the campaign was {origin.status}, not approved"
        quiet = session.get(QuietDay, one.day)
        if quiet is not None:
            return f"a quiet day{': ' + quiet.note if quiet.note else ''}"
        return ""

    def _new_run(
        self, session: Session, origin: Campaign, rule: Recurrence, one: Occurrence, now: datetime
    ) -> int:
        """The campaign of this occurrence, scheduled for it: `Campaigns.start_due` begins it at once."""
        content = content_of(origin)
        day = f"{one.day.day} {one.day:%b %Y}"
        content["name"] = f"{origin.name[: _LONGEST_NAME - len(day) - 2]}, {day}"
        content["delivery"] = _delivery_of_run(origin, rule, one)
        content["segment"] = _segment_of_run(session, origin, rule, one)
        content.pop("recurrence", None)
        run = Campaign(
            **content, series_id=origin.id, status=CampaignStatus.DRAFT.value, scheduled_at=one.start
        )
        run.created_by = SCHEDULER
        session.add(run)
        session.flush()
        why = f"run of campaign {origin.id}, which is approved"
        for status in (CampaignStatus.APPROVED, CampaignStatus.SCHEDULED):
            session.add(run.move(status, now, SCHEDULER, why))
        return run.id

    def pause(self, campaign_id: int, by: str) -> None:
        """Make no run until somebody resumes it; a run that was made goes on.

        Raises:
            NotFound: the campaign is no series, or was never approved.
            Refused: it has ended.
        """
        self._turn(campaign_id, SeriesState.PAUSED, by)

    def resume(self, campaign_id: int, by: str) -> None:
        """Go on with the next occurrence; what lay in the pause is not made up for."""
        self._turn(campaign_id, SeriesState.ACTIVE, by)

    def end(self, campaign_id: int, by: str) -> None:
        """No further run, for good."""
        self._turn(campaign_id, SeriesState.ENDED, by)

    def _turn(self, campaign_id: int, state: SeriesState, by: str) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            series = session.get(Series, campaign_id, with_for_update=True)
            if series is None:
                raise NotFound(f"campaign {campaign_id} has no runs that could be {state.value}")
            if series.state == state:
                return
            if series.state == SeriesState.ENDED:
                raise Refused(
                    f"the series of campaign {campaign_id} has ended; copy the campaign to begin anew"
                )
            if state is SeriesState.ENDED:
                end_series(session, campaign_id, now, by)
            else:
                rule = Recurrence.from_json(campaign.recurrence or {})
                upcoming = next(rule.after(now), None)
                if state is SeriesState.ACTIVE and upcoming is None:
                    raise Refused("its last day is over, so no run of it would come")
                series.state = state.value
                series.next_at = upcoming.start if upcoming and state is SeriesState.ACTIVE else None
                series.changed_by, series.changed_at = by, now
            done = {"active": "resumed"}.get(state.value, state.value)
            record(session, now, by, f"series.{done}", f"campaign {campaign_id}")

    def show(self, campaign_id: int, most: int = 50) -> SeriesStanding:
        """Where the series stands: its rule, what comes, what came.

        Raises:
            NotFound: there is no such campaign, or it does not come again.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.recurrence is None:
                raise NotFound(f"campaign {campaign_id} does not come again")
            rule = Recurrence.from_json(campaign.recurrence)
            series = session.get(Series, campaign_id)
            found = session.execute(
                select(SeriesRun.due_at, SeriesRun.campaign_id, Campaign.status, SeriesRun.skipped)
                .outerjoin(Campaign, Campaign.id == SeriesRun.campaign_id)
                .where(SeriesRun.series_id == campaign_id)
                .order_by(SeriesRun.due_at.desc())
                .limit(most)
            )
            runs = tuple(Run(due, number, status or "", skipped) for due, number, status, skipped in found)
        going = series is None or series.state == SeriesState.ACTIVE
        return SeriesStanding(
            campaign_id=campaign_id,
            name=campaign.name,
            words=rule.words,
            zone=rule.zone,
            state=series.state if series else "",
            approved=campaign.status == CampaignStatus.APPROVED,
            handled=series.handled if series else 0,
            next=tuple(one.start for one, _ in zip(rule.after(now), range(_FEW), strict=False))
            if going
            else (),
            runs=runs,
        )


def series_between(session: Session, first: datetime, end: datetime) -> list[tuple[Campaign, Occurrence]]:
    """The runs still to come of all active series that begin in this time, with the campaigns they will be made from;
    without those that a quiet day leaves out."""
    found = session.execute(
        select(Campaign, Series.next_at)
        .join(Series, Series.campaign_id == Campaign.id)
        .where(Series.state == SeriesState.ACTIVE.value, Series.next_at < end)
    ).all()
    quiet = set(session.scalars(select(QuietDay.day)))
    runs = []
    for campaign, next_at in found:
        rule = Recurrence.from_json(campaign.recurrence or {})
        coming = rule.between(max(first, next_at or first), end)
        runs += [(campaign, one) for one in coming if one.day not in quiet]
    return sorted(runs, key=lambda run: (run[1].start, run[0].id))


def _delivery_of_run(origin: Campaign, rule: Recurrence, one: Occurrence) -> dict[str, Any]:
    if rule.zone:
        return dict(origin.delivery)
    own = {"local_time": f"{rule.at:%H:%M}", "local_date": one.day.isoformat()}
    return DeliveryTerms.from_json({**origin.delivery, **own}).as_json()


def _segment_of_run(session: Session, origin: Campaign, rule: Recurrence, one: Occurrence) -> dict[str, Any]:
    """The segment, without those who got one of the last runs where nobody is to get it again so soon."""
    if rule.wait_days is None:
        return origin.segment
    # Half a day less than it says, as for customers' own wishes (audience/limits.py): runs do not come to the minute.
    since = one.start - timedelta(days=rule.wait_days) + _HALF_A_DAY
    lately: Sequence[int | None] = session.scalars(
        select(SeriesRun.campaign_id)
        .where(SeriesRun.series_id == origin.id, SeriesRun.due_at > since, SeriesRun.campaign_id.is_not(None))
        .order_by(SeriesRun.due_at)
    ).all()
    if not lately:
        return origin.segment
    return {"all": [origin.segment, {"not": {"got": {"campaign": list(lately)}}}]}

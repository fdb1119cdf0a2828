"""How campaigns that are planned get into each other's way, foreseen in the background from a sample of customers.

The sample is the one by which segments are counted (audience/counting.py). For each campaign it is asked who of it would
be mailed now; then the campaigns are gone through in the order in which they begin, and what each would send is counted
against the frequency cap of the next, together with what was sent before. It is a forecast: consents and orders change.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.counting import Sample, ids_in_sample, sample_of
from campaigns.audience.segments import parse_segment
from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.core.errors import TellThePerson
from campaigns.core.frequency import FrequencyCap
from campaigns.core.locks import CALENDAR_LOCK
from campaigns.core.log import get_logger
from campaigns.flows.scheduling.series import series_between
from campaigns.models import CalendarOutlook, Campaign, CampaignStatus

log = get_logger(__name__)

AHEAD = timedelta(days=35)
MOST = 60
SAMPLE = 10_000
CLASH_HOURS = 72.0
"""Within how many hours two campaigns are looked at for the customers whom both reach."""

_MAILED = """
    select s.customer_id, coalesce(s.sent_at, s.intent_at, s.created_at)
    from sends s where s.customer_id = any(%(ids)s::bigint[]) and s.status in ('sending', 'sent', 'uncertain')
      and s.campaign_id >= (select coalesce(min(id), 0) from campaigns where started_at is not null
                            and (finished_at is null or finished_at >= %(since)s))
      and coalesce(s.sent_at, s.intent_at, s.created_at) > %(since)s
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A campaign that is to begin; `people` are those of the sample who would be mailed."""

    campaign_id: int
    name: str
    at: datetime
    people: frozenset[int]


class CalendarOutlooks:
    """Makes the outlooks of all that is planned. `cap` is the house's."""

    def __init__(self, db: Database, clock: Clock, cap: FrequencyCap | None) -> None:
        self._db = db
        self._clock = clock
        self._cap = cap

    def run(self) -> int:
        """Make them anew; returns of how many campaigns. Nothing where somebody else is at it."""
        with self._db.transaction() as session:
            if not session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": CALENDAR_LOCK}):
                return 0
            now = self._clock.now()
            sample = sample_of(session, SAMPLE)
            planned = self._planned(session, sample, now)
            outlooks = foresee(planned, self._mailed(session, planned, now), sample.share, self._cap)
            session.execute(delete(CalendarOutlook).where(CalendarOutlook.campaign_id.not_in(outlooks)))
            for number, outlook in outlooks.items():
                session.merge(CalendarOutlook(campaign_id=number, outlook=outlook, made_at=now))
        return len(outlooks)

    def _planned(self, session: Session, sample: Sample, now: datetime) -> list[Planned]:
        scheduled = session.scalars(
            select(Campaign)
            .where(
                Campaign.status == CampaignStatus.SCHEDULED.value,
                Campaign.scheduled_at < now + AHEAD,
            )
            .order_by(Campaign.scheduled_at)
            .limit(MOST)
        ).all()
        starts = [(one, one.scheduled_at or now) for one in scheduled]
        seen: set[int] = set()
        for campaign, run in series_between(session, now, now + AHEAD):
            # Of a series the next run stands for all: they have the same audience.
            if campaign.id not in seen:
                seen.add(campaign.id)
                starts.append((campaign, run.start))
        found = []
        for campaign, at in sorted(starts, key=lambda one: (one[1], one[0].id))[:MOST]:
            try:
                segment = parse_segment(campaign.segment)
            except TellThePerson as error:
                log.warning("calendar_leaves_out", campaign_id=campaign.id, why=error.message)
                continue
            # The cap is looked at below, for the moment at which it begins.
            people = ids_in_sample(session, ContactTerms.of(campaign, None), segment, now, sample)
            found.append(Planned(campaign.id, campaign.name, at, frozenset(people)))
        return found

    def _mailed(self, session: Session, planned: list[Planned], now: datetime) -> dict[int, list[datetime]]:
        """When those people were mailed lately."""
        if self._cap is None or not planned:
            return {}
        ids = sorted(frozenset().union(*(one.people for one in planned)))
        mailed: dict[int, list[datetime]] = {}
        for number, at in rows(session, _MAILED, {"ids": ids, "since": now - self._cap.window}):
            mailed.setdefault(number, []).append(at)
        return mailed


def foresee(
    planned: list[Planned], mailed: dict[int, list[datetime]], share: float, cap: FrequencyCap | None
) -> dict[int, dict[str, Any]]:
    """The outlook of each, in numbers of customers: {audience, capped, at, overlaps: [{campaign, name, customers, hours}]}.

    `planned` is in the order of time; `share` is the part of all customers who are in the sample.
    """
    times = {number: sorted(at) for number, at in mailed.items()}
    outlooks: dict[int, dict[str, Any]] = {}
    for one in planned:
        capped = 0
        for number in one.people:
            before = times.setdefault(number, [])
            if cap is not None and len(before) - bisect_left(before, one.at - cap.window) >= cap.mails:
                capped += 1
            else:
                before.append(one.at)
        outlooks[one.campaign_id] = {
            "audience": round(len(one.people) / share),
            "capped": round(capped / share),
            "at": one.at.isoformat(),
            "overlaps": _overlaps(one, planned, share),
        }
    return outlooks


def _overlaps(one: Planned, planned: list[Planned], share: float) -> list[dict[str, Any]]:
    found = []
    for other in planned:
        hours = abs((other.at - one.at).total_seconds()) / 3600
        both = len(one.people & other.people) if other is not one and hours <= CLASH_HOURS else 0
        if both:
            found.append(
                {
                    "campaign": other.campaign_id,
                    "name": other.name,
                    "customers": round(both / share),
                    "hours": round(hours, 1),
                }
            )
    return sorted(found, key=lambda told: (-told["customers"], told["campaign"]))

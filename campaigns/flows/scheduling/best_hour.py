"""At which hour each customer tends to click: counted in the background, from people's clicks alone.

A customer's own clicks are few, so they are weighed against the hours of their time zone, and those against everybody's:
each level counts as if it were a number of clicks (`_ZONE_WEIGHT`, `_ALL_WEIGHT`) at the next one (shrinkage towards the
mean; Gelman et al., Bayesian Data Analysis, 3rd ed., 5.1). An hour also gains from its neighbours: somebody who clicks
at 19:55 and at 20:05 has one habit. Only customers who grant profiling have counts of their own, and what is kept of
others goes when this runs next; that it is not used from the moment of the withdrawal, freezing sees to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.core.locks import BEST_HOUR_LOCK
from campaigns.core.log import get_logger
from campaigns.core.zones import zone_named
from campaigns.models import Campaign, ClickHourMark, ClickHours, ConsentState, Customer, HourProfile

log = get_logger(__name__)

EVERYBODY = ""
"""The zone that stands for all customers."""

WATCHED = timedelta(days=30)
"""How long after its end a campaign's clicks are still counted."""

_ALL_WEIGHT, _ZONE_WEIGHT = 48.0, 8.0
# Circular: of a click, half counts for its hour and a quarter for each of its neighbours.
_NEIGHBOURS = ((-1, 0.25), (0, 0.5), (1, 0.25))
_AT_ONCE = 5000

Hours = npt.NDArray[np.float64]

_CLICKS = """
    select e.id, e.customer_id, e.at, c.timezone,
           exists (select 1 from consent_states s where s.customer_id = c.id and s.purpose = 'profiling' and s.granted)
    from events e join customers c on c.id = e.customer_id and c.erased_at is null
    where e.campaign_id = %(campaign)s and e.name = 'clicked' and not e.machine and e.id > %(after)s
    order by e.id limit %(limit)s
"""
_ADD = """
    insert into click_hours as k (customer_id, clicks, ranked, counted_at)
    select customer_id, clicks, '{}', %(now)s
    from unnest(%(ids)s::bigint[], %(lines)s::text[]) as d (customer_id, line)
    cross join lateral (select string_to_array(d.line, ',')::int[] as clicks) as split
    on conflict (customer_id) do update set counted_at = excluded.counted_at, ranked = '{}', clicks = (
        select array_agg(least(a.n + b.n, 1000000000) order by a.hour)
        from unnest(k.clicks) with ordinality as a (n, hour)
        join unnest(excluded.clicks) with ordinality as b (n, hour) using (hour))
"""


class BestHour:
    """Keeps the hours up to date. `default_zone` is for customers whose zone is unknown."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        default_zone: str = "UTC",
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._zone = zone_named(default_zone) or ZoneInfo("UTC")
        self._stopping = stopping

    def run(self) -> int:
        """Count what was clicked since the last time; returns how many clicks were new.

        Harmless when repeated, and when two do it at once: one of them does nothing.
        """
        self._forget()
        counted = 0
        for campaign_id in self._campaigns():
            while n := self._count(campaign_id):
                counted += n
        if counted:
            self._rank_profiles()
        self._rank_customers()
        if counted:
            log.info("clicks_counted_by_hour", clicks=counted)
        return counted

    def _campaigns(self) -> list[int]:
        """Those that may have new clicks."""
        since = self._clock.now() - WATCHED
        with self._db.transaction() as session:
            return list(
                session.scalars(
                    select(Campaign.id)
                    .where(
                        Campaign.started_at.is_not(None),
                        Campaign.sends_dropped_at.is_(None),
                        Campaign.finished_at.is_(None) | (Campaign.finished_at > since),
                    )
                    .order_by(Campaign.id)
                )
            )

    def _count(self, campaign_id: int) -> int:
        """The next some thousand clicks of a campaign; how many there were."""
        if self._stopping():
            return 0
        with self._db.transaction() as session:
            if not _alone(session):
                return 0
            mark = session.get(ClickHourMark, campaign_id)
            after = mark.event_id if mark else 0
            found = rows(session, _CLICKS, {"campaign": campaign_id, "after": after, "limit": _AT_ONCE})
            if not found:
                return 0
            own: dict[int, list[int]] = {}
            zones: dict[str, list[int]] = defaultdict(lambda: [0] * 24)
            for _, customer_id, at, zone_name, profiling in found:
                zone = zone_named(zone_name)
                hour = at.astimezone(zone or self._zone).hour
                for name in {EVERYBODY, zone_name if zone else EVERYBODY}:
                    zones[name][hour] += 1
                if profiling:
                    own.setdefault(customer_id, [0] * 24)[hour] += 1
            self._add(session, own, zones)
            session.merge(ClickHourMark(campaign_id=campaign_id, event_id=found[-1][0]))
        return len(found)

    def _add(self, session: Session, own: dict[int, list[int]], zones: dict[str, list[int]]) -> None:
        lines = [",".join(map(str, own[number])) for number in sorted(own)]
        rows(session, _ADD, {"ids": sorted(own), "lines": lines, "now": self._clock.now()})
        for name, more in sorted(zones.items()):
            profile = session.get(HourProfile, name, with_for_update=True)
            if profile is None:
                session.add(HourProfile(zone=name, clicks=more, ranked=list(range(24))))
            else:
                profile.clicks = [a + b for a, b in zip(profile.clicks, more, strict=True)]

    def _rank_profiles(self) -> None:
        with self._db.transaction() as session:
            profiles = {one.zone: one for one in session.scalars(select(HourProfile).with_for_update())}
            everybody = shares(profiles[EVERYBODY].clicks if EVERYBODY in profiles else [0] * 24)
            for name, profile in profiles.items():
                found = everybody if name == EVERYBODY else shares(profile.clicks, everybody, _ALL_WEIGHT)
                profile.ranked, profile.counted_at = ranked(found), self._clock.now()

    def _rank_customers(self) -> None:
        """Those whose counts have changed, or were never ranked, in the light of their zone."""
        profiles = self._profiles()
        while not self._stopping():
            with self._db.transaction() as session:
                found = session.execute(
                    select(ClickHours.customer_id, ClickHours.clicks, Customer.timezone)
                    .join(Customer, Customer.id == ClickHours.customer_id)
                    .where(ClickHours.ranked == [])
                    .limit(_AT_ONCE)
                    .with_for_update(of=ClickHours, skip_locked=True)
                ).all()
                if found:
                    session.execute(
                        update(ClickHours),
                        [
                            {"customer_id": number, "ranked": self._ranked(clicks, zone, profiles)}
                            for number, clicks, zone in found
                        ],
                    )
            if len(found) < _AT_ONCE:
                return

    def _ranked(self, clicks: Sequence[int], zone: str, profiles: dict[str, Hours]) -> list[int]:
        return ranked(shares(clicks, profiles.get(zone, profiles[EVERYBODY]), _ZONE_WEIGHT))

    def _profiles(self) -> dict[str, Hours]:
        with self._db.transaction() as session:
            kept = dict(session.execute(select(HourProfile.zone, HourProfile.clicks)).all())
        everybody = shares(kept.get(EVERYBODY, [0] * 24))
        return {EVERYBODY: everybody} | {
            name: shares(clicks, everybody, _ALL_WEIGHT) for name, clicks in kept.items() if name
        }

    def _forget(self) -> None:
        """What is kept of customers who do not grant profiling any more."""
        grants = exists().where(
            ConsentState.customer_id == ClickHours.customer_id,
            ConsentState.purpose == "profiling",
            ConsentState.granted,
        )
        gone = _AT_ONCE
        while gone == _AT_ONCE and not self._stopping():
            with self._db.transaction() as session:
                some = session.scalars(select(ClickHours.customer_id).where(~grants).limit(_AT_ONCE)).all()
                session.execute(delete(ClickHours).where(ClickHours.customer_id.in_(some)))
            gone = len(some)


def shares(clicks: Sequence[int], mean: Hours | None = None, weight: float = 0.0) -> Hours:
    """The share of each hour: of these clicks, smoothed, together with `weight` clicks that fall as `mean` does."""
    counts = np.asarray(clicks, dtype=np.float64)
    smooth: Hours = np.zeros(24)
    for shift, part in _NEIGHBOURS:
        smooth = smooth + part * np.roll(counts, shift)
    found = smooth + weight * mean if mean is not None else smooth + 1.0 / 24
    result: Hours = found / found.sum()
    return result


def ranked(share: Iterable[float]) -> list[int]:
    """The hours, the one with the largest share first; of equal ones the earlier."""
    return [int(hour) for hour in np.argsort(-np.asarray(list(share)), kind="stable")]


def _alone(session: Session) -> bool:
    return bool(session.scalar(text("select pg_try_advisory_xact_lock(:n)"), {"n": BEST_HOUR_LOCK}))

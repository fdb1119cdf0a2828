"""All campaigns at a glance, and some beside one another: read from what is kept, nothing is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.insight.full_report import TREND
from campaigns.models import Campaign, KeptReport

WEEKS = 26
A_PAGE = 25
MOST_COMPARED = 5
# A shop with a mail a day has 180 in these weeks.
_MOST_IN_TREND = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One campaign of a list; `headline` (insight/full_report.py) is {} where no report is made yet."""

    id: int
    name: str
    status: str
    started_at: datetime | None
    made_at: datetime | None
    headline: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """One campaign of a comparison with its whole report."""

    id: int
    name: str
    made_at: datetime | None
    report: dict[str, Any]


class Overviews:
    """Reads kept reports of many campaigns."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def campaigns(self, before: int | None = None) -> tuple[list[Line], int | None]:
        """A page of campaigns that have begun, the newest first, those with numbers below `before`.

        Returns the page, and the `before` of the next one (None: this is the last).
        """
        found = (
            select(
                Campaign.id, Campaign.name, Campaign.status, Campaign.started_at, KeptReport.made_at,
                KeptReport.headline,
            )
            .outerjoin(KeptReport, KeptReport.campaign_id == Campaign.id)
            .where(Campaign.started_at.is_not(None))
            .order_by(Campaign.id.desc())
            .limit(A_PAGE + 1)
        )  # fmt: skip
        if before is not None:
            found = found.where(Campaign.id < before)
        with self._db.transaction() as session:
            rows = session.execute(found).all()
        page = [
            Line(row.id, row.name, row.status, row.started_at, row.made_at, row.headline or {})
            for row in rows[:A_PAGE]
        ]
        return page, page[-1].id if len(rows) > A_PAGE else None

    def weeks(self) -> list[dict[str, Any]]:
        """Mails, unsubscribes and complaints of the last WEEKS weeks (from Monday, UTC), the oldest first.

        An unsubscribe counts in the week in which it came.
        """
        today = self._clock.now().date()
        monday = today - timedelta(days=today.weekday())
        first = monday - timedelta(weeks=WEEKS - 1)
        rows = {first + timedelta(weeks=n): dict.fromkeys(TREND, 0) for n in range(WEEKS)}
        # What is told of the first of these weeks may belong to a campaign that began half a year before.
        begun = select(KeptReport.weeks).join(Campaign, Campaign.id == KeptReport.campaign_id)
        begun = begun.where(Campaign.started_at >= self._clock.now() - timedelta(weeks=2 * WEEKS))
        with self._db.transaction() as session:
            kept = session.scalars(begun.order_by(Campaign.id.desc()).limit(_MOST_IN_TREND)).all()
        for told in kept:
            for one in told:
                week = rows.get(date.fromisoformat(one["week"]))
                if week is not None:
                    for name in TREND:
                        week[name] += int(one[name])
        return [{"week": week.isoformat(), **counted} for week, counted in rows.items()]

    def compared(self, campaign_ids: Sequence[int]) -> list[Compared]:
        """The kept reports of 2 to MOST_COMPARED campaigns, in the order given.

        Raises:
            BadInput: too few or too many, or one that has no report yet.
            NotFound: there is no such campaign.
        """
        wanted = list(dict.fromkeys(campaign_ids))
        if not 2 <= len(wanted) <= MOST_COMPARED:
            raise BadInput(
                f"choose 2 to {MOST_COMPARED} campaigns; you chose {len(wanted)}", where="campaign"
            )
        found = (
            select(Campaign.id, Campaign.name, KeptReport.made_at, KeptReport.body)
            .outerjoin(KeptReport, KeptReport.campaign_id == Campaign.id)
            .where(Campaign.id.in_(wanted))
        )
        with self._db.transaction() as session:
            rows: Mapping[int, Any] = {row.id: row for row in session.execute(found)}
        for campaign_id in wanted:
            if campaign_id not in rows:
                raise NotFound(f"there is no campaign {campaign_id}")
            if rows[campaign_id].body is None:
                raise BadInput(
                    f"campaign {campaign_id} has no report yet: it is made once mails have gone out",
                    where="campaign",
                )
        return [Compared(*rows[campaign_id]) for campaign_id in wanted]

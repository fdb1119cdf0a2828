"""How many mails a sending domain sent today: what warm-up goes by when Redis lost its count."""

from __future__ import annotations

from datetime import UTC
from email.utils import parseaddr

from sqlalchemy import func, or_, select

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.models import Campaign, CampaignDay


class SentToday:
    """To be given to `Buckets` as `used_today`. Asked seldom: on a domain's first mail of a day, and after a loss."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def __call__(self, domain: str) -> int:
        """Mails of this domain, lower case, that were begun since midnight (UTC), also those that were refused.

        A mail that was tried several times today counts each time, as it does in the buckets; so does one
        that was begun and, because the worker was stopped, not handed over. Sends are not looked at: workers
        count by the day as they begin (send_moves.py).
        """
        midnight = self._clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with self._db.transaction() as session:
            active = session.execute(
                select(Campaign.id, Campaign.sender).where(
                    Campaign.started_at.is_not(None),
                    or_(Campaign.finished_at.is_(None), Campaign.finished_at >= midnight),
                )
            )
            ids = [row[0] for row in active if domain_of(row[1]) == domain]
            if not ids:
                return 0
            begun = session.scalars(
                select(func.coalesce(func.sum(CampaignDay.n), 0)).where(
                    CampaignDay.campaign_id.in_(ids), CampaignDay.day >= midnight.date()
                )
            ).one()
            return int(begun)


def domain_of(sender: str) -> str:
    """The domain of `Name <address>`, in lower case."""
    return parseaddr(sender)[1].rpartition("@")[2].lower()

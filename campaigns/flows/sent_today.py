"""How many mails a sending domain sent today: what warm-up goes by when Redis lost its count."""

from __future__ import annotations

from datetime import UTC
from email.utils import parseaddr

from sqlalchemy import func, or_, select

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.models import Campaign, Send


class SentToday:
    """To be given to `Buckets` as `used_today`. Asked seldom: on a domain's first mail of a day, and after a loss."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def __call__(self, domain: str) -> int:
        """Mails of this domain, lower case, handed over since midnight (UTC), also those that were refused.

        A mail that was tried several times counts once.
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
            return session.scalars(
                select(func.count()).where(Send.campaign_id.in_(ids), Send.intent_at >= midnight)
            ).one()


def domain_of(sender: str) -> str:
    """The domain of `Name <address>`, in lower case."""
    return parseaddr(sender)[1].rpartition("@")[2].lower()

"""What a sending domain used of its day, as the database knows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.flows.sent_today import SentToday, domain_of
from campaigns.models import Campaign, Customer, Send

NOW = datetime(2026, 4, 2, 10, tzinfo=UTC)


def a_campaign(
    db: Database, sender: str, intents: list[datetime | None], finished_at: datetime | None = None
) -> None:
    with db.transaction() as session:
        campaign = Campaign(
            name="Spring", template="outdoor", picks=3, sender=sender, postal_address="Storgata 12",
            brief={}, segment={}, slots=[], started_at=NOW - timedelta(days=2), finished_at=finished_at,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        for number, at in enumerate(intents):
            customer = Customer(external_id=f"{campaign.id}-{number}")
            session.add(customer)
            session.flush()
            session.add(Send(campaign_id=campaign.id, customer_id=customer.id, intent_at=at))


def test_only_todays_mails_of_the_domain_count(db: Database) -> None:
    news = "News <hello@News.Shop.example>"
    a_campaign(db, news, [NOW, NOW - timedelta(hours=10), NOW - timedelta(hours=11), None])
    a_campaign(db, "<other@news.shop.example>", [NOW])
    a_campaign(db, "Shop <hello@shop.example>", [NOW, NOW])
    a_campaign(db, news, [NOW - timedelta(days=1)], finished_at=NOW - timedelta(days=1))
    sent_today = SentToday(db, FixedClock(NOW))
    assert sent_today("news.shop.example") == 3
    assert sent_today("shop.example") == 2
    assert sent_today("example") == 0


@pytest.mark.parametrize(
    ("sender", "domain"), [("A <a@B.example>", "b.example"), ("a@b.example", "b.example")]
)
def test_the_domain_of_a_sender(sender: str, domain: str) -> None:
    assert domain_of(sender) == domain

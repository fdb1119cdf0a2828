"""What a sending domain used of its day, as the database knows it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from campaigns.audience.consent import record
from campaigns.core.clock import FixedClock, SystemClock
from campaigns.core.db import Database
from campaigns.flows.sending.send_moves import Intent, begin
from campaigns.flows.sending.sent_today import SentToday, domain_of
from campaigns.models import Campaign, CampaignDay, Customer, Send

NOW = datetime(2026, 4, 2, 10, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)


def a_campaign(
    db: Database, sender: str, begun: dict[date, int], finished_at: datetime | None = None, sends: int = 0
) -> int:
    """A campaign of which each shard counted on a day of its own, with sends that were claimed by `w`."""
    with db.transaction() as session:
        campaign = Campaign(
            name="Spring", template="outdoor", picks=3, sender=sender, postal_address="Storgata 12",
            brief={}, segment={}, slots=[], started_at=NOW - timedelta(days=2), finished_at=finished_at,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        for shard, (day, n) in enumerate(begun.items()):
            session.add(CampaignDay(campaign_id=campaign.id, shard=shard, day=day, n=n))
        for number in range(sends):
            customer = Customer(external_id=f"{campaign.id}-{number}")
            session.add(customer)
            session.flush()
            record(session, customer.id, "marketing", "granted", "I agree", "test", NOW)
            session.add(
                Send(campaign_id=campaign.id, customer_id=customer.id, status="claimed", claimed_by="w")
            )
        return campaign.id


def begin_all(db: Database, campaign_id: int, worker: str) -> int:
    """Begin what this worker claimed; returns how many."""
    with db.transaction() as session:
        ids = session.scalars(
            select(Send.id).where(Send.campaign_id == campaign_id, Send.claimed_by == worker)
        )
        return len(begin(session, campaign_id, worker, [Intent(send_id, [], 1) for send_id in ids]))


def test_only_todays_mails_of_the_domain_count(db: Database) -> None:
    news = "News <hello@News.Shop.example>"
    a_campaign(db, news, {TODAY: 2, YESTERDAY: 50})
    a_campaign(db, "<other@news.shop.example>", {TODAY: 1})
    a_campaign(db, "Shop <hello@shop.example>", {TODAY: 2})
    a_campaign(db, news, {YESTERDAY: 70}, finished_at=NOW - timedelta(days=1))
    sent_today = SentToday(db, FixedClock(NOW))
    assert sent_today("news.shop.example") == 3
    assert sent_today("shop.example") == 2
    assert sent_today("example") == 0


def test_mails_count_as_they_are_begun_and_again_when_they_are_tried_again(db: Database) -> None:
    domain, sent_today = "shop.example", SentToday(db, SystemClock())
    campaign_id = a_campaign(db, "a@shop.example", {}, sends=5)
    assert begin_all(db, campaign_id, "nobody") == 0
    assert sent_today(domain) == 0
    assert begin_all(db, campaign_id, "w") == 5
    assert sent_today(domain) == 5
    with db.transaction() as session:
        session.execute(text("update sends set status = 'claimed', claimed_by = 'other' where id % 2 = 0"))
        again = session.scalar(text("select count(*) from sends where claimed_by = 'other'"))
    assert again and begin_all(db, campaign_id, "other") == again
    assert sent_today(domain) == 5 + again
    with db.transaction() as session:
        session.execute(text("update campaign_days set day = day - 1"))
    assert sent_today(domain) == 0, "a new day"
    with db.transaction() as session:
        session.execute(text("update sends set status = 'claimed' where claimed_by = 'other'"))
    begin_all(db, campaign_id, "other")
    assert sent_today(domain) == again, "the first of the day forgets the day before"


def test_what_is_rolled_back_was_not_begun(db: Database) -> None:
    campaign_id = a_campaign(db, "a@shop.example", {}, sends=2)
    with pytest.raises(RuntimeError), db.transaction() as session:
        ids = session.scalars(select(Send.id)).all()
        assert len(begin(session, campaign_id, "w", [Intent(send_id, [], 1) for send_id in ids])) == 2
        raise RuntimeError
    assert SentToday(db, SystemClock())("shop.example") == 0


@pytest.mark.parametrize(
    ("sender", "domain"), [("A <a@B.example>", "b.example"), ("a@b.example", "b.example")]
)
def test_the_domain_of_a_sender(sender: str, domain: str) -> None:
    assert domain_of(sender) == domain

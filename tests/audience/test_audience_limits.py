"""Wishes of customers and the house's cap: obeyed when an audience is frozen and when it is checked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from campaigns.audience.checking import still_allowed
from campaigns.audience.contact import REPERMISSION, ContactTerms
from campaigns.audience.freezing import FrozenAudience, estimate_audience, freeze_audience
from campaigns.audience.limits import WISHED_DISTANCE
from campaigns.audience.segments import parse_segment
from campaigns.audience.verdict import HELD_BACK_REASONS
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.frequency import FrequencyCap
from campaigns.models import (
    Campaign,
    CampaignStatus,
    ContactPreference,
    EngagementState,
    Send,
)

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYBODY = parse_segment({})
CAP = FrequencyCap.parse("2/7d")


@pytest.fixture
def ada(
    shop: Callable[..., Any],
    session: UnitOfWork,
    grant: Callable[..., None],
    ids: Callable[[], dict[str, int]],
) -> int:
    """A customer who may be mailed and who can be seen; nobody else may be mailed."""
    grant("C1", "marketing", "open_tracking")
    return ids()["C1"]


def other_campaign(session: UnitOfWork, status: CampaignStatus = CampaignStatus.SENT, **fields: Any) -> int:
    """One more campaign, which has been sent just now.

    It takes the next number by itself: a sequence would go on counting when the test is rolled back.
    """
    number = (session.scalar(select(func.max(Campaign.id))) or 0) + 1
    if status in (CampaignStatus.SENT, CampaignStatus.CANCELLED):
        fields.setdefault("finished_at", NOW)
    campaign = Campaign(
        id=number, name="Other", template="outdoor", picks=3, sender="hello@fjellandfern.example", status=status.value,
        postal_address="Fjell & Fern, Storgata 12", brief={}, segment={}, slots=[], **fields,
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    return campaign.id


def mail(
    session: UnitOfWork, campaign_id: int, customer_id: int, status: str = "sent", **fields: Any
) -> None:
    if status == "sent":
        fields.setdefault("sent_at", NOW - DAY)
    session.add(
        Send(
            campaign_id=campaign_id,
            customer_id=customer_id,
            status=status,
            **{"tracked": True, "created_at": NOW - DAY, **fields},
        )
    )
    session.flush()


def wish(session: UnitOfWork, customer_id: int, **fields: Any) -> None:
    session.execute(delete(ContactPreference))
    session.add(ContactPreference(customer_id=customer_id, **{"muted_topics": [], **fields}))
    session.flush()


def rest(session: UnitOfWork, customer_id: int, state: str, since: datetime = NOW - DAY) -> None:
    session.execute(delete(EngagementState))
    session.add(EngagementState(customer_id=customer_id, mails=9, state=state, state_at=since))
    session.flush()


def asked(session: UnitOfWork, terms: ContactTerms, customer_id: int) -> str | None:
    """The reason why not, from all three ways to ask, which agree where nothing waits in other campaigns."""
    segment = parse_segment({"country": "Norway"})
    before = estimate_audience(session, terms, segment, NOW)
    checked = still_allowed(session, terms, [(1, customer_id)], NOW).get(1)
    assert before == FrozenAudience(
        *((0, {checked: 1, "never_asked": 1}) if checked else (1, {"never_asked": 1}))
    )
    return checked


def test_a_pause_ends_by_itself(session: UnitOfWork, ada: int) -> None:
    wish(session, ada, paused_until=NOW + timedelta(seconds=1))
    assert asked(session, ContactTerms(0), ada) == "paused"
    wish(session, ada, paused_until=NOW)
    assert asked(session, ContactTerms(0), ada) is None


def test_a_muted_topic_is_muted_however_it_is_written(session: UnitOfWork, ada: int) -> None:
    wish(session, ada, muted_topics=["Garden news", "Sales"])
    assert asked(session, ContactTerms(0, topic="garden NEWS"), ada) == "topic_muted"
    assert asked(session, ContactTerms(0, topic="Garden"), ada) is None
    assert asked(session, ContactTerms(0), ada) is None


@pytest.mark.parametrize("frequency", sorted(WISHED_DISTANCE))
def test_fewer_mails_are_sent_to_whom_wants_fewer(session: UnitOfWork, ada: int, frequency: str) -> None:
    wish(session, ada, frequency=frequency)
    assert asked(session, ContactTerms(0), ada) is None
    distance = WISHED_DISTANCE[frequency]
    other = other_campaign(session)
    mail(session, other, ada, sent_at=NOW - distance + timedelta(seconds=1))
    assert asked(session, ContactTerms(0), ada) == "frequency_wish"
    assert asked(session, ContactTerms(other), ada) is None, "a campaign is no limit to itself"
    session.execute(update(Send).values(sent_at=NOW - distance))
    assert asked(session, ContactTerms(0), ada) is None
    session.execute(update(Send).values(sent_at=NOW))
    wish(session, ada, frequency="all")
    assert asked(session, ContactTerms(0), ada) is None


def test_a_letter_of_the_same_weekday_and_of_the_first_of_the_month_is_not_missed() -> None:
    assert WISHED_DISTANCE["weekly"] < timedelta(days=7) - timedelta(hours=1)
    firsts = [datetime(2026, month, 1, 9, tzinfo=UTC) for month in range(1, 13)]
    assert all(later - earlier > WISHED_DISTANCE["monthly"] for earlier, later in pairwise(firsts))


@pytest.mark.parametrize(
    ("status", "fields", "counts"),
    [
        ("sent", {"sent_at": NOW - 6 * DAY}, True),
        ("sent", {"sent_at": NOW - 7 * DAY}, False),
        ("sending", {"intent_at": NOW}, True),
        ("sending", {"intent_at": NOW - 9 * DAY}, True),
        ("uncertain", {"intent_at": NOW - DAY}, True),
        ("uncertain", {"intent_at": NOW - 8 * DAY}, False),
        ("uncertain", {"created_at": NOW - DAY}, True),
        ("failed", {"intent_at": NOW - DAY}, False),
        ("held_back", {}, False),
        ("planned", {}, False),
    ],
)
def test_what_counts_against_the_cap(
    session: UnitOfWork, ada: int, status: str, fields: dict[str, Any], counts: bool
) -> None:
    for _ in range(CAP.mails):
        mail(session, other_campaign(session), ada, status, **fields)
    assert asked(session, ContactTerms(0, cap=CAP), ada) == ("frequency_cap" if counts else None)
    assert asked(session, ContactTerms(0), ada) is None, "no cap, no limit"
    assert asked(session, ContactTerms(0, cap=FrequencyCap(CAP.mails + 1, CAP.window)), ada) is None


def test_campaigns_that_ended_before_the_window_are_not_looked_at(session: UnitOfWork, ada: int) -> None:
    """What the query leaves out to be fast is what cannot have mailed."""
    for _ in range(CAP.mails):
        mail(session, other_campaign(session, finished_at=NOW - 29 * DAY), ada)
    draft = other_campaign(session, CampaignStatus.DRAFT)
    assert asked(session, ContactTerms(draft, cap=CAP), ada) is None
    session.execute(update(Campaign).where(Campaign.id < draft).values(finished_at=None, status="paused"))
    assert asked(session, ContactTerms(draft, cap=CAP), ada) == "frequency_cap"


@pytest.mark.parametrize(
    ("status", "other_urgent", "urgent", "ahead"),
    [
        (CampaignStatus.SENDING, False, False, True),
        (CampaignStatus.SENDING, True, True, True),
        (CampaignStatus.SENDING, True, False, True),
        (CampaignStatus.SENDING, False, True, False),  # it goes before the other one
        (CampaignStatus.PAUSED, False, False, False),
        (CampaignStatus.CANCELLED, False, False, False),
    ],
)
def test_an_audience_is_frozen_behind_mails_that_wait_in_running_campaigns(
    session: UnitOfWork, ada: int, status: CampaignStatus, other_urgent: bool, urgent: bool, ahead: bool
) -> None:
    cap = FrequencyCap.parse("1/7d")
    other = other_campaign(session, status, delivery={"urgent": True} if other_urgent else {})
    mail(session, other, ada, "written")
    own = other_campaign(session, CampaignStatus.PLANNING)
    terms = ContactTerms(own, urgent=urgent, cap=cap)
    assert still_allowed(session, terms, [(1, ada)], NOW) == {}, "later only what was begun counts"
    frozen = freeze_audience(session, terms, parse_segment({"tag": "vip"}), NOW)
    assert frozen.held_back.get("frequency_cap", 0) == ahead
    reason = session.scalar(select(Send.reason).where(Send.campaign_id == own, Send.customer_id == ada))
    assert reason == ("frequency_cap" if ahead else "")


def test_a_mail_that_waits_until_after_the_window_is_none_of_it(session: UnitOfWork, ada: int) -> None:
    terms = ContactTerms(0, cap=FrequencyCap.parse("1/12h"))
    mail(session, other_campaign(session, CampaignStatus.SENDING), ada, "planned", not_before=NOW + DAY)
    assert "frequency_cap" not in estimate_audience(session, terms, EVERYBODY, NOW).held_back
    session.execute(update(Send).values(not_before=NOW + timedelta(hours=11)))
    assert estimate_audience(session, terms, EVERYBODY, NOW).held_back["frequency_cap"] == 1


@pytest.mark.parametrize(
    ("state", "marketing", "repermission"),
    [
        ("active", None, "not_asked"),
        ("snoozed", "snoozed", None),
        ("asked", "snoozed", "not_asked"),
        # Their consent is withdrawn; where they have given a new one, that decides.
        ("sunset", None, "not_asked"),
    ],
)
def test_marketing_rests_and_only_who_rests_is_asked(
    session: UnitOfWork, ada: int, state: str, marketing: str | None, repermission: str | None
) -> None:
    rest(session, ada, state)
    assert asked(session, ContactTerms(0), ada) == marketing
    assert asked(session, ContactTerms(0, kind=REPERMISSION), ada) == repermission


def test_nobody_rests_who_cannot_be_seen(session: UnitOfWork, ada: int, grant: Callable[..., None]) -> None:
    rest(session, ada, "snoozed")
    grant("C1", "open_tracking", action="withdrawn", at="2026-02-01T00:00:00Z")
    assert asked(session, ContactTerms(0), ada) is None
    assert asked(session, ContactTerms(0, kind=REPERMISSION), ada) == "not_asked"


def test_without_a_state_nobody_is_asked(session: UnitOfWork, ada: int) -> None:
    assert asked(session, ContactTerms(0, kind=REPERMISSION), ada) == "not_asked"


@pytest.mark.parametrize("status", ["sending", "sent", "uncertain"])
def test_nobody_is_asked_by_two_campaigns(session: UnitOfWork, ada: int, status: str) -> None:
    rest(session, ada, "snoozed", since=NOW - 2 * DAY)
    mail(session, other_campaign(session), ada, status)
    asking = ContactTerms(0, kind=REPERMISSION)
    assert asked(session, asking, ada) is None, "marketing is no question"
    session.execute(update(Campaign).values(kind=REPERMISSION))
    assert asked(session, asking, ada) == "not_asked"
    rest(session, ada, "snoozed", since=NOW)
    assert asked(session, asking, ada) is None, "that was before they rested anew"


def test_reasons_come_in_order_of_precedence(
    session: UnitOfWork, ada: int, grant: Callable[..., None]
) -> None:
    """All hold at once; each is told once those before it are gone."""
    for _ in range(CAP.mails):
        mail(session, other_campaign(session), ada)
    wish(session, ada, frequency="weekly", paused_until=NOW + DAY, muted_topics=["Sales"])
    rest(session, ada, "snoozed")
    grant("C1", "marketing", action="withdrawn", at="2026-02-01T00:00:00Z")
    terms, found = ContactTerms(0, topic="Sales", cap=CAP), []
    for mend in (
        lambda: grant("C1", "marketing", at="2026-02-02T00:00:00Z"),
        lambda: session.execute(update(ContactPreference).values(paused_until=None)),
        lambda: session.execute(update(ContactPreference).values(muted_topics=[])),
        lambda: session.execute(delete(EngagementState)),
        lambda: session.execute(update(ContactPreference).values(frequency="all")),
        lambda: session.execute(delete(Send)),
    ):
        found.append(asked(session, terms, ada))
        mend()
    assert found == ["withdrawn", "paused", "topic_muted", "snoozed", "frequency_wish", "frequency_cap"]
    assert asked(session, terms, ada) is None
    assert [reason for reason in HELD_BACK_REASONS if reason in found] == found


HOURS = st.integers(0, 24 * 40)
SCHEDULES = st.lists(HOURS, min_size=1, max_size=10)
CAPS = st.builds(FrequencyCap, st.integers(1, 3), st.integers(1, 24 * 30).map(lambda h: timedelta(hours=h)))


@settings(max_examples=60, deadline=None)
@given(schedule=SCHEDULES, cap=CAPS, frequency=st.sampled_from(["all", "weekly", "monthly"]))
def test_nobody_ever_gets_more_than_the_cap_and_their_wish_allow(
    database: Database, schedule: list[int], cap: FrequencyCap, frequency: str
) -> None:
    session = UnitOfWork(database)
    try:
        sent = _sent_by(session, sorted(schedule), cap, frequency)
    finally:
        session.rollback()
        session.close()
    for begin in sent:
        assert sum(begin <= at < begin + cap.window for at in sent) <= cap.mails
    wished = WISHED_DISTANCE.get(frequency, timedelta(0))
    assert all(later - earlier >= wished for earlier, later in pairwise(sent))
    assert sent[0] == NOW + timedelta(hours=min(schedule)), "the first mail always goes"


def _sent_by(session: UnitOfWork, hours: list[int], cap: FrequencyCap, frequency: str) -> list[datetime]:
    """When a customer was mailed by campaigns that start at these hours, each frozen and then checked."""
    customer_id = session.execute(
        text(
            "insert into customers (external_id, email_cipher, email_hmac) values ('P', '1', '1') returning id"
        )
    ).scalar_one()
    session.execute(
        text(
            "insert into consent_entries (customer_id, purpose, action, at) values (:c, 'marketing', 'granted', :at)"
        ),
        {"c": customer_id, "at": NOW - DAY},
    )
    session.execute(
        text(
            "insert into consent_states (customer_id, purpose, granted, entry_id, at) "
            "select customer_id, purpose, true, id, at from consent_entries where customer_id = :c"
        ),
        {"c": customer_id},
    )
    wish(session, customer_id, frequency=frequency)
    sent = []
    for hour in hours:
        now = NOW + timedelta(hours=hour)
        terms = ContactTerms(other_campaign(session, CampaignStatus.SENDING), cap=cap)
        freeze_audience(session, terms, EVERYBODY, now)
        send = session.scalars(select(Send).where(Send.campaign_id == terms.campaign_id)).one()
        if send.status == "planned" and not still_allowed(session, terms, [(send.id, customer_id)], now):
            send.status, send.sent_at = "sent", now
            sent.append(now)
        session.execute(
            update(Campaign).where(Campaign.id == terms.campaign_id).values(status="sent", finished_at=now)
        )
        session.flush()
    return sent

"""Who still looks at their mail: snoozed, asked, and let go or awake again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from campaigns.audience.consent import history, record, states
from campaigns.audience.contact_preferences import note_saved
from campaigns.compose.links import CLICK_CALL_TO_ACTION
from campaigns.core.clock import FixedClock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.locks import ENGAGEMENT_LOCK
from campaigns.flows.feedback.engagement import Engagement, EngagementResult
from campaigns.flows.opening.askers import Asker
from campaigns.models import Campaign, ConsentState, EngagementState, Event, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime, send_all
from tests.tables import empty_tables

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
READER = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
NOTHING = EngagementResult()
MOST, SUNSET_DAYS = 3, 10


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def engagement(db: Database, clock: FixedClock) -> Engagement:
    """Three mails in a row without a sign are too many; ten days to answer."""
    return Engagement(db, clock, MOST, SUNSET_DAYS)


@pytest.fixture
def ada(db: Database) -> int:
    """A customer who may be mailed and who can be seen."""
    with db.transaction() as session:
        return customer(session, "marketing", "open_tracking")


def customer(session: UnitOfWork, *purposes: str, at: datetime = START - 90 * DAY) -> int:
    number: int = session.execute(
        text("insert into customers (external_id) values (gen_random_uuid()::text) returning id")
    ).scalar_one()
    for purpose in purposes:
        record(session, number, purpose, "granted", "words", "checkout", at)
    return number


def campaign(
    db: Database, clock: FixedClock, *customers: int, kind: str = "marketing", **fields: object
) -> int:
    """One more campaign, a day after the one before, sent to these customers."""
    clock.moment += DAY
    now = clock.now()
    with db.transaction() as session:
        row = Campaign(
            name="C", template="outdoor", picks=3, sender="a@shop.example", postal_address="Street 1", brief={},
            segment={}, slots=[], status="sent", kind=kind, started_at=now, finished_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        for number in customers:
            values = {"status": "sent", "tracked": True, "sent_at": now, **fields}
            session.add(Send(campaign_id=row.id, customer_id=number, **values))
        return row.id


def event(db: Database, customer_id: int, name: str, at: datetime, machine: bool = False) -> None:
    with db.transaction() as session:
        key = f"{name}:{customer_id}:{at}:{machine}"
        session.add(Event(key=key, name=name, customer_id=customer_id, at=at, machine=machine))


def state(db: Database, customer_id: int) -> tuple[str, int] | None:
    with db.transaction() as session:
        row = session.get(EngagementState, customer_id)
        return (row.state, row.mails) if row else None


def test_as_many_mails_without_a_sign_as_the_house_says_make_somebody_snoozed(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    assert engagement.run() == NOTHING and state(db, ada) is None
    for n in range(1, MOST):
        campaign(db, clock, ada)
        assert engagement.run() == NOTHING
        assert state(db, ada) == ("active", n)
    campaign(db, clock, ada)
    assert engagement.run() == EngagementResult(snoozed=1)
    assert state(db, ada) == ("snoozed", MOST)
    assert engagement.run() == engagement.run() == NOTHING
    with db.transaction() as session:
        assert set(session.scalars(select(Campaign.engagement_at == Campaign.finished_at))) == {True}


@pytest.mark.parametrize("name", ["opened", "clicked"])
def test_a_person_who_opens_or_clicks_is_counted_anew_and_a_machine_is_nobody(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int, name: str
) -> None:
    with db.transaction() as session:
        unseen = customer(session, "marketing", "open_tracking")
    for _ in range(2):
        campaign(db, clock, ada, unseen)
    event(db, ada, name, clock.now() + DAY / 2)
    event(db, unseen, name, clock.now() + DAY / 2, machine=True)
    for _ in range(2):
        campaign(db, clock, ada, unseen)
    assert engagement.run() == EngagementResult(snoozed=1)
    assert (state(db, ada), state(db, unseen)) == (("active", 2), ("snoozed", 4))
    event(db, unseen, name, clock.now(), machine=True)
    assert engagement.run() == NOTHING, "nor does a machine wake anybody"
    event(db, unseen, name, clock.now())
    assert engagement.run() == EngagementResult(woken=1)
    assert state(db, unseen) == ("active", 0)


@pytest.mark.parametrize("sign", ["order", "consent", "preferences"])
def test_orders_consents_and_saved_preferences_are_signs(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int, sign: str
) -> None:
    for _ in range(MOST):
        campaign(db, clock, ada)
    assert engagement.run() == EngagementResult(snoozed=1)
    clock.moment += DAY
    with db.transaction() as session:
        if sign == "order":
            session.execute(text("insert into products (sku, title) values ('J1', 'Jacket')"))
            session.execute(
                text(
                    "insert into order_lines (order_id, customer_id, product_id, ordered_at) "
                    "select 'O1', :c, id, :at from products"
                ),
                {"c": ada, "at": clock.now()},
            )
        elif sign == "consent":
            record(session, ada, "profiling", "granted", "words", "checkout", clock.now())
        else:
            note_saved(session, ada, clock.now())
    assert engagement.run() == EngagementResult(woken=1)
    assert state(db, ada) == ("active", 0)
    assert engagement.run() == NOTHING


def test_a_sign_of_the_future_is_none_yet(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    for _ in range(MOST):
        campaign(db, clock, ada)
    event(db, ada, "clicked", clock.now() + 2 * DAY)
    assert engagement.run() == EngagementResult(snoozed=1)
    clock.moment += 2 * DAY
    assert engagement.run() == EngagementResult(woken=1)


def test_who_cannot_be_seen_is_never_snoozed(db: Database, clock: FixedClock, engagement: Engagement) -> None:
    with db.transaction() as session:
        never = customer(session, "marketing")
        ever = customer(session, "marketing", "open_tracking")
    for _ in range(MOST):
        campaign(db, clock, never, tracked=False)
        campaign(db, clock, ever, tracked=False)  # frozen before they agreed to be seen
        campaign(db, clock, ever, status="uncertain", sent_at=None)
        campaign(db, clock, ever, status="failed", sent_at=None)
    assert engagement.run() == NOTHING
    assert (state(db, never), state(db, ever)) == (None, None)
    for _ in range(MOST):
        campaign(db, clock, ever)
    assert engagement.run() == EngagementResult(snoozed=1)
    with db.transaction() as session:
        record(session, ever, "open_tracking", "withdrawn", "", "preference page", clock.now())
    assert engagement.run() == EngagementResult(woken=1), "from now on nobody could see an answer"


def through(db: Database, clock: FixedClock, engagement: Engagement, ada: int) -> datetime:
    """Until she is asked; returns when that was."""
    for _ in range(MOST):
        campaign(db, clock, ada)
    engagement.run()
    campaign(db, clock, ada, kind="repermission")
    assert engagement.run() == EngagementResult(asked=1)
    assert state(db, ada) == ("asked", MOST), "a question is no mail that had to be looked at"
    return clock.now()


def marketing(db: Database, customer_id: int) -> bool:
    with db.transaction() as session:
        return "marketing" in states(session, [customer_id])[customer_id]


def test_who_does_not_answer_in_time_is_let_go_by_the_ledger(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    at = through(db, clock, engagement, ada)
    clock.moment = at + SUNSET_DAYS * DAY
    assert engagement.run() == NOTHING and marketing(db, ada)
    clock.moment += timedelta(seconds=1)
    assert engagement.run() == EngagementResult(sunset=1)
    assert not marketing(db, ada) and state(db, ada) == ("sunset", MOST)
    with db.transaction() as session:
        last = history(session, ada)[-1]
        assert (last.purpose, last.action, last.source, last.at) == (
            "marketing",
            "withdrawn",
            "sunset",
            clock.now(),
        )
        entries = len(history(session, ada))
    clock.moment += 30 * DAY
    assert engagement.run() == NOTHING
    event(db, ada, "opened", clock.now())
    assert engagement.run() == NOTHING, "an open is no consent"
    with db.transaction() as session:
        assert len(history(session, ada)) == entries
        record(session, ada, "marketing", "granted", "words", "sign-up", clock.now())
    assert engagement.run() == EngagementResult(woken=1)
    assert marketing(db, ada) and state(db, ada) == ("active", 0)


def test_an_answer_in_the_last_moment_counts(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    at = through(db, clock, engagement, ada)
    event(db, ada, "clicked", at + SUNSET_DAYS * DAY)
    clock.moment = at + (SUNSET_DAYS + 1) * DAY
    assert engagement.run() == EngagementResult(woken=1)
    assert marketing(db, ada) and state(db, ada) == ("active", 0)


def test_an_answer_that_comes_between_two_steps_counts(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    """The step that lets go looks for a sign by itself."""
    at = through(db, clock, engagement, ada)
    clock.moment = at + (SUNSET_DAYS + 1) * DAY
    event(db, ada, "clicked", at + DAY)
    assert sum(engagement._let_go()) == 0
    assert marketing(db, ada) and state(db, ada) == ("active", 0)


def test_who_has_withdrawn_already_gets_no_second_entry(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    at = through(db, clock, engagement, ada)
    with db.transaction() as session:
        record(session, ada, "marketing", "withdrawn", "", "one-click unsubscribe", at)
        before = len(history(session, ada))
    clock.moment = at + (SUNSET_DAYS + 1) * DAY
    assert engagement.run() == EngagementResult(sunset=1)
    with db.transaction() as session:
        assert len(history(session, ada)) == before


def test_an_old_question_does_not_ask_who_rests_anew(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    at = through(db, clock, engagement, ada)
    event(db, ada, "clicked", at + DAY)
    clock.moment = at + DAY
    assert engagement.run() == EngagementResult(woken=1)
    for _ in range(MOST):
        campaign(db, clock, ada)
    assert engagement.run() == EngagementResult(snoozed=1)
    assert engagement.run() == NOTHING


def test_a_house_that_wants_nobody_to_rest_wakes_all(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    with db.transaction() as session:
        gone = customer(session, "marketing", "open_tracking")
    at = through(db, clock, engagement, gone)
    clock.moment = at + (SUNSET_DAYS + 1) * DAY
    engagement.run()
    through(db, clock, engagement, ada)
    never = Engagement(db, clock, 0, SUNSET_DAYS)
    assert never.run() == EngagementResult(woken=1)
    assert (state(db, ada), state(db, gone)) == (("active", MOST), ("sunset", MOST))
    assert never.run() == NOTHING


def test_a_campaign_that_is_opened_again_is_counted_again(
    db: Database, clock: FixedClock, engagement: Engagement, ada: int
) -> None:
    last = 0
    for _ in range(MOST):
        last = campaign(db, clock, ada, status="sent" if _ < MOST - 1 else "uncertain")
    assert engagement.run() == NOTHING
    with db.transaction() as session:
        session.execute(update(Send).values(status="sent"))
        session.execute(
            update(Campaign).where(Campaign.id == last).values(finished_at=clock.now() + timedelta(seconds=5))
        )
    assert engagement.run() == EngagementResult(snoozed=1)


def test_one_run_at_a_time_and_in_pieces(
    db: Database, clock: FixedClock, engagement: Engagement, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        many = [customer(session, "marketing", "open_tracking") for _ in range(7)]
    for _ in range(MOST):
        campaign(db, clock, *many)
    monkeypatch.setattr("campaigns.flows.feedback.engagement._AT_ONCE", 3)
    monkeypatch.setattr("campaigns.flows.feedback.engagement._LET_GO_AT_ONCE", 2)
    with db.transaction() as session:
        session.execute(text("select pg_advisory_xact_lock(:n)"), {"n": ENGAGEMENT_LOCK})
        elsewhere: list[EngagementResult] = []
        thread = Thread(target=lambda: elsewhere.append(engagement.run()))
        thread.start()
        thread.join(20)
        assert elsewhere == [NOTHING]
    asked_to_end = iter([False, False, False, True])  # after the first piece is counted
    stopped = Engagement(db, clock, MOST, SUNSET_DAYS, stopping=lambda: next(asked_to_end))
    assert stopped.run() == EngagementResult(snoozed=3)
    assert engagement.run() == EngagementResult(snoozed=4)
    campaign(db, clock, *many, kind="repermission")
    assert engagement.run() == EngagementResult(asked=7)
    event(db, many[2], "clicked", clock.now())
    clock.moment += (SUNSET_DAYS + 1) * DAY
    assert engagement.run() == EngagementResult(woken=1, sunset=6)


# What happens to a customer on a day: a mail, a sign of a person or of a machine, or nothing.
DAYS = st.lists(st.sampled_from(["mail", "mail", "mail", "human", "machine", "nothing"]), max_size=14)


@settings(max_examples=25, deadline=None)
@given(days=DAYS, runs=st.sets(st.integers(0, 13)))
def test_whenever_it_runs_only_too_many_mails_in_a_row_make_somebody_rest(
    database: Database, days: list[str], runs: set[int]
) -> None:
    clock = FixedClock(START)
    engagement = Engagement(database, clock, MOST, SUNSET_DAYS)
    try:
        with database.transaction() as session:
            number = customer(session, "marketing", "open_tracking")
        in_a_row = 0
        for n, what in enumerate(days):
            if what == "mail":
                campaign(database, clock, number)
                in_a_row += 1
            else:
                clock.moment += DAY
                if what != "nothing":
                    event(database, number, "opened", clock.now(), machine=what == "machine")
                in_a_row = 0 if what == "human" else in_a_row
            if n in runs:
                engagement.run()
        engagement.run()
        found = state(database, number)
        # Who has rested is not counted further, as no marketing would have come.
        assert (found or ("active", 0))[0] == ("snoozed" if in_a_row >= MOST else "active")
        assert engagement.run() == NOTHING
    finally:
        empty_tables(database)


@pytest.fixture
def asking(servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    """The sample shop, where one mail without a sign is too many."""
    runtime = make_runtime(servers, tmp_path, snooze_after=1, sunset_days=SUNSET_DAYS).start()
    runtime.redis.flushdb()
    runtime.clock = FixedClock(START)
    fill_shop(runtime, sample)
    yield runtime
    runtime.close()


def test_the_whole_story_with_mails_that_are_really_sent(asking: Runtime, sample: SampleFiles) -> None:
    clock = asking.clock
    assert isinstance(clock, FixedClock)
    news, question, after, at_last = (approved(asking, sample) for _ in range(4))
    with asking.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == question).values(kind="repermission"))
    send_all(asking, news)
    assert ("count_engagement", 0) in asking.jobs.hints  # type: ignore[attr-defined]
    with asking.db.transaction() as session:
        seen = set(session.scalars(select(Send.customer_id).where(Send.tracked, Send.status == "sent")))
        unseen = set(session.scalars(select(Send.customer_id).where(~Send.tracked, Send.status == "sent")))
    assert len(seen) > 2 and len(unseen) > 2
    clock.moment += DAY
    assert asking.engagement.run() == EngagementResult(snoozed=len(seen))

    send_all(asking, question)
    report = asking.reporting.report(question)
    assert (report.sent, report.held_back["not_asked"]) == (len(seen), len(unseen))
    clock.moment += DAY
    assert asking.engagement.run() == EngagementResult(asked=len(seen))
    with asking.db.transaction() as session:
        send = session.scalars(
            select(Send).where(Send.campaign_id == question, Send.status == "sent").limit(1)
        ).one()
    asking.feedback.click(asking.signer.sign("click", question, send.id, CLICK_CALL_TO_ACTION, 0), READER)
    assert asking.engagement.run() == EngagementResult(woken=1)

    send_all(asking, after)
    report = asking.reporting.report(after)
    assert (report.sent, report.held_back["snoozed"]) == (len(unseen) + 1, len(seen) - 1)
    with asking.db.transaction() as session:
        read = session.scalars(
            select(Send).where(Send.campaign_id == after, Send.tracked, Send.status == "sent")
        ).one()
    event(asking.db, read.customer_id, "opened", clock.now())

    clock.moment += SUNSET_DAYS * DAY
    withdrawn = report.held_back["withdrawn"]
    assert asking.engagement.run() == EngagementResult(sunset=len(seen) - 1)
    send_all(asking, at_last)
    report = asking.reporting.report(at_last)
    assert (report.sent, report.held_back["withdrawn"]) == (len(unseen) + 1, withdrawn + len(seen) - 1)
    with asking.db.transaction() as session:
        left = set(
            session.scalars(
                select(ConsentState.customer_id).where(
                    ConsentState.purpose == "marketing", ConsentState.granted
                )
            )
        )
    assert left == unseen | {send.customer_id}

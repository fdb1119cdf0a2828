"""Series: each occurrence makes one run, whoever looks, however often, and whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.core.errors import Refused
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.series import LATE, SeriesRuns, begin_series, end_series
from campaigns.models import AuditEntry, Campaign, CampaignStatus, QuietDay, SeriesRun
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import bare_campaign, send_on

START = datetime(2026, 12, 1, 8, tzinfo=UTC)
DAILY = {"every": "day", "at": "09:00", "zone": "Europe/Oslo", "starts": "2026-12-01"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START - timedelta(hours=1))


@pytest.fixture
def runs(db: Database, clock: FixedClock) -> SeriesRuns:
    return SeriesRuns(db, clock)


@pytest.fixture
def begun(db: Database, clock: FixedClock) -> Callable[..., int]:
    """A campaign that comes again, approved."""

    def begin(**rule: Any) -> int:
        with db.transaction() as session:
            number = bare_campaign(session)
            campaign = get_campaign(session, number)
            campaign.recurrence = {**DAILY, **rule}
            session.add(campaign.move(CampaignStatus.APPROVED, clock.now(), "Ada"))
            begin_series(session, campaign, clock.now(), "Ada")
            return number

    return begin


def made(db: Database, number: int) -> list[tuple[datetime, int | None, str]]:
    with db.transaction() as session:
        query = select(SeriesRun.due_at, SeriesRun.campaign_id, SeriesRun.skipped)
        found = session.execute(query.where(SeriesRun.series_id == number).order_by(SeriesRun.due_at))
        return [(row[0], row[1], row[2]) for row in found]


def test_a_run_is_a_campaign_of_its_own_that_says_what_the_pattern_says(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    number = begun()
    assert runs.run_due() == []  # not yet
    clock.moment = START + timedelta(seconds=2)
    [run] = runs.run_due()
    with db.transaction() as session:
        campaign = get_campaign(session, run)
        assert (campaign.status, campaign.scheduled_at) == ("scheduled", START)
        assert (campaign.name, campaign.sender) == ("Bare, 1 Dec 2026", "a@b.example")
        assert (campaign.series_id, campaign.recurrence) == (number, None)
        said = session.scalars(select(AuditEntry).where(AuditEntry.action == "series.ran")).one()
        assert said.detail == {"campaign": run, "approved_by": "Ada"}
    assert made(db, number) == [(START, run, "")]
    standing = runs.show(number)
    assert standing.next[0] == START + timedelta(days=1)
    assert [one.campaign_id for one in standing.runs] == [run]


def test_two_schedulers_at_once_make_one_run(
    db: Database, clock: FixedClock, begun: Callable[..., int]
) -> None:
    numbers = [begun() for _ in range(3)]
    clock.moment = START
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: SeriesRuns(db, clock).run_due(), range(16)))
    assert sum(map(len, results)) == 3
    assert all(len(made(db, number)) == 1 for number in numbers)
    with db.transaction() as session:
        assert len(session.scalars(select(Campaign.id).where(Campaign.series_id.in_(numbers))).all()) == 3


def test_killed_in_between_it_is_made_once_afterwards(
    db: Database,
    runs: SeriesRuns,
    clock: FixedClock,
    begun: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = begun()
    clock.moment = START
    with monkeypatch.context() as patch:
        # The last thing before the commit: the run and its note are written, and lost together.
        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("campaigns.flows.scheduling.series.record", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.run_due()
    assert made(db, number) == []
    assert len(runs.run_due()) == 1
    assert runs.run_due() == []


def test_after_an_outage_only_the_newest_is_made_up_for(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    number = begun()
    clock.moment = START + timedelta(days=3, hours=1)
    assert len(runs.run_due()) == 1
    found = made(db, number)
    assert [bool(campaign) for _, campaign, _ in found] == [False, False, False, True]
    assert "too late" in found[0][2]
    clock.moment = START + timedelta(days=4) + LATE + timedelta(minutes=1)
    assert runs.run_due() == []
    assert runs.show(number).next[0] == START + timedelta(days=5)


def test_a_series_ends_after_its_count_also_where_runs_were_skipped(
    runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    number = begun(count=3)
    clock.moment = START + timedelta(days=1)
    assert len(runs.run_due()) == 1
    clock.moment = START + timedelta(days=2)
    assert len(runs.run_due()) == 1
    standing = runs.show(number)
    assert (standing.state, standing.handled, standing.next) == ("ended", 3, ())
    with pytest.raises(Refused, match="has ended"):
        runs.resume(number, "Ada")


def test_quiet_days_and_patterns_that_are_a_draft_again_are_skipped_and_named(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    number = begun()
    with db.transaction() as session:
        session.add(QuietDay(day=START.date(), note="Independence Day", by="Ada"))
    clock.moment = START
    assert runs.run_due() == []
    with db.transaction() as session:
        get_campaign(session, number).status = CampaignStatus.DRAFT.value
    clock.moment = START + timedelta(days=1)
    assert runs.run_due() == []
    assert [why for _, _, why in made(db, number)] == [
        "a quiet day: Independence Day",
        "the campaign was draft, not approved",
    ]


def test_paused_it_makes_nothing_and_resumed_it_makes_nothing_up(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    number = begun()
    runs.pause(number, "Ada")
    clock.moment = START + timedelta(days=2, hours=1)
    assert runs.run_due() == []
    runs.resume(number, "Ada")
    assert runs.run_due() == []
    assert made(db, number) == []
    clock.moment = START + timedelta(days=3)
    assert len(runs.run_due()) == 1
    runs.end(number, "Ada")
    clock.moment = START + timedelta(days=4)
    assert runs.run_due() == []
    with db.transaction() as session:
        said = session.scalars(select(AuditEntry.action).where(AuditEntry.by == "Ada")).all()
    assert said == ["series.paused", "series.resumed", "series.ended"]


def test_one_that_cannot_be_read_does_not_stop_the_others(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    broken, odd, sound = begun(), begun(zone=""), begun()
    with db.transaction() as session:
        get_campaign(session, broken).recurrence = {"every": "blue moon"}
        get_campaign(session, odd).delivery = {"quiet_hours": ["08:00", "10:00"]}  # nine o'clock lies within
    clock.moment = START + timedelta(hours=11)  # also in Kiritimati, a day ahead
    assert runs.run_due() == []
    assert made(db, odd) == []
    clock.moment = START + timedelta(days=1)
    assert len(runs.run_due()) == 1
    assert len(made(db, sound)) == 2
    with db.transaction() as session:
        assert (
            session.scalar(text("select state from series where campaign_id = :n"), {"n": broken}) == "paused"
        )


def test_by_customers_own_clocks_each_run_is_for_its_day(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    begun(zone="")
    clock.moment = datetime(
        2026, 11, 30, 18, 45, tzinfo=UTC
    )  # nine o'clock in Kiritimati is a quarter of an hour off
    # It was approved when that had passed already for the first of December.
    assert runs.run_due() == []
    clock.moment += timedelta(days=1)
    [run] = runs.run_due()
    with db.transaction() as session:
        assert get_campaign(session, run).delivery == {"local_time": "09:00", "local_date": "2026-12-02"}


def test_nobody_gets_it_again_too_soon_where_that_is_the_rule(
    db: Database, runs: SeriesRuns, clock: FixedClock, begun: Callable[..., int]
) -> None:
    begun(wait_days=2)
    segments, made_so_far = [], []
    for day in range(4):
        clock.moment = START + timedelta(days=day, seconds=day)
        [run] = runs.run_due()
        made_so_far.append(run)
        with db.transaction() as session:
            segments.append(get_campaign(session, run).segment)
    one, two, three, _ = made_so_far
    assert segments == [
        {},
        {"all": [{}, {"not": {"got": {"campaign": [one]}}}]},
        # The day before yesterday is two days ago, though its mails went out a few seconds later than now.
        {"all": [{}, {"not": {"got": {"campaign": [two]}}}]},
        {"all": [{}, {"not": {"got": {"campaign": [three]}}}]},
    ]


def test_ended_with_its_campaign(db: Database, begun: Callable[..., int], clock: FixedClock) -> None:
    number = begun()
    with db.transaction() as session:
        assert end_series(session, number, clock.now(), "Ada")
        assert not end_series(session, number, clock.now(), "Ada")


def test_approved_once_its_runs_go_out_and_the_pattern_never_does(shop: Runtime, sample: SampleFiles) -> None:
    number = shop.campaigns.create_from_file(sample.campaign)
    clock = FixedClock(shop.clock.now())
    runs = SeriesRuns(shop.db, clock)
    tomorrow = clock.now() + timedelta(days=1)
    with shop.db.transaction() as session:
        campaign = get_campaign(session, number)
        campaign.scheduled_at, campaign.delivery = None, {}
        campaign.recurrence = {**DAILY, "starts": tomorrow.date().isoformat(), "wait_days": 7}
    shop.campaigns.approve(number, "Ada")
    assert shop.campaigns.status(number) == "approved"
    with pytest.raises(Refused, match="comes again by itself"):
        shop.campaigns.send(number, "Ada")
    sent = []
    for _ in range(2):
        clock.moment = runs.show(number).next[0]
        [run] = runs.run_due()
        shop.campaigns.send(run, "scheduler")
        shop.sending.plan(run)
        send_on(shop, run)
        sent.append(shop.campaigns.show(run)["counts"].get("sent", 0))
    assert sent[0] > 0
    assert sent[1] == 0  # all of them got the first one a day ago
    shop.campaigns.cancel(number, "Ada")
    assert runs.show(number).state == "ended"

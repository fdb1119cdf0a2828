"""Reports are kept: made when something happened, by one worker at a time, and the last one outlives the sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from campaigns.core.clock import FixedClock
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.customers.retention import Retention
from campaigns.flows.reports.model_judging import ModelJudging
from campaigns.models import AuditEntry, KeptReport, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.partitions import drop_extra_partitions
from tests.shop import Command, approved, record_opens, send_all

KEEP_DAYS = 400


@pytest.fixture
def clock(runtime: Runtime) -> FixedClock:
    """A clock that stands still, before any part has asked for one."""
    clock = FixedClock(runtime.clock.now())
    runtime.clock = clock
    return clock


@pytest.fixture
def sent(clock: FixedClock, shop: Runtime, sample: SampleFiles) -> int:
    """A campaign that was sent just now."""
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    return campaign_id


def unsubscribe_one(runtime: Runtime, campaign_id: int) -> None:
    with runtime.db.transaction() as session:
        mails = select(Send).where(Send.campaign_id == campaign_id, Send.status == "sent").order_by(Send.id)
        send = session.scalars(mails).first()
    assert send
    token = runtime.signer.sign("unsubscribe", campaign_id, send.customer_id, send.id)
    runtime.unsubscribing.by_link(token)


def test_it_is_made_without_being_asked_for(shop: Runtime, sent: int) -> None:
    keeping = shop.report_keeping
    before = keeping.current(sent)
    assert (before.report, before.at, before.making) == (None, None, True)
    assert keeping.work() == 1
    kept = keeping.current(sent)
    assert kept.report and kept.at == shop.clock.now() and not kept.making
    assert kept.report["totals"] == shop.reporting.report(sent).to_json()
    assert kept.report["counts"]["mailed"] == shop.reporting.report(sent).sent > 0


def test_it_is_made_again_only_where_something_happened(shop: Runtime, sent: int, clock: FixedClock) -> None:
    keeping = shop.report_keeping
    keeping.work()
    assert keeping.work() == 0, "not due"
    clock.moment += timedelta(minutes=5)
    assert keeping.work() == 0, "due, and nothing has changed"
    first = keeping.current(sent).at
    unsubscribe_one(shop, sent)
    clock.moment += timedelta(minutes=5)
    assert keeping.work() == 1
    kept = keeping.current(sent)
    assert kept.report and kept.report["counts"]["unsubscribed"] == 1
    assert kept.at and first and kept.at > first
    clock.moment += timedelta(days=2)
    assert keeping.work() == 1, "windows end, though nothing happens"


def test_an_order_is_something_that_happened(shop: Runtime, sent: int, clock: FixedClock) -> None:
    shop.report_keeping.work()
    with shop.db.transaction() as session:
        session.execute(
            text(
                "insert into order_lines (order_id, customer_id, product_id, unit_price, ordered_at) select 'late', "
                "s.customer_id, p.id, 10, s.sent_at + interval '1 minute' from sends s, products p "
                "where s.campaign_id = :c and s.status = 'sent' and p.currency <> '' order by s.id, p.id limit 1"
            ),
            {"c": sent},
        )
    clock.moment += timedelta(minutes=5)
    assert shop.report_keeping.work() == 1
    kept = shop.report_keeping.current(sent).report
    assert kept and kept["revenue"][0]["orders"] == 1


def test_a_person_may_ask(shop: Runtime, sent: int) -> None:
    keeping = shop.report_keeping
    keeping.work()
    keeping.ask(sent, "Ola")
    assert ("make_reports", 0) in shop.jobs.hints  # type: ignore[attr-defined]
    assert keeping.current(sent).making
    assert keeping.work() == 1 and not keeping.current(sent).making
    with shop.db.transaction() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.action == "report.asked_for")).all()
    assert [(entry.by, entry.subject) for entry in told] == [("Ola", f"campaign {sent}")]
    with pytest.raises(NotFound):
        keeping.ask(4711, "Ola")


def test_what_a_killed_worker_had_is_made_by_another(shop: Runtime, sent: int, clock: FixedClock) -> None:
    keeping = shop.report_keeping
    with shop.db.transaction() as session:
        session.add(KeptReport(campaign_id=sent, due_at=clock.now()))
    assert keeping._take() == sent
    assert keeping._take() is None, "it is somebody's"
    clock.moment += timedelta(minutes=31)
    assert keeping.work() == 1


def test_a_draft_has_none(shop: Runtime, sample: SampleFiles) -> None:
    draft = shop.campaigns.create_from_file(sample.campaign)
    shop.report_keeping.ask(draft, "Ola")
    assert shop.report_keeping.work() == 0
    assert shop.report_keeping.current(draft).making is False


def test_the_last_report_outlives_the_sends(shop: Runtime, clock: FixedClock, sample: SampleFiles) -> None:
    def from_number(number: int) -> None:
        with shop.db.transaction() as session:
            session.execute(text(f"alter sequence campaigns_id_seq restart with {number}"))

    from_number(150)
    old = approved(shop, sample)
    send_all(shop, old)
    record_opens(shop)
    from_number(200)
    approved(shop, sample)
    shop.report_keeping.work()
    unsubscribe_one(shop, old)
    before = shop.reporting.report(old)
    clock.moment += timedelta(days=KEEP_DAYS + 1)
    dropped = Retention(shop.db, clock, KEEP_DAYS, shop.report_keeping.keep).run()
    try:
        assert any(name.startswith("sends_") for name in dropped)
        kept = shop.report_keeping.current(old)
        assert kept.dropped_at == kept.at == clock.now()
        assert kept.report and kept.report["counts"]["unsubscribed"] == before.unsubscribes == 1
        assert kept.report["totals"] == {**before.to_json()}
        shop.report_keeping.ask(old, "Ola")
        assert shop.report_keeping.work() == 0
        assert shop.report_keeping.current(old).report == kept.report, "never one of nothing"
    finally:
        drop_extra_partitions(shop.db)


class TestOverviews:
    def test_campaigns_and_weeks(self, shop: Runtime, sent: int) -> None:
        page, older = shop.overviews.campaigns()
        assert [(line.id, line.headline) for line in page] == [(sent, {})] and older is None
        shop.report_keeping.work()
        unsubscribe_one(shop, sent)
        shop.report_keeping.ask(sent, "Ola")
        shop.report_keeping.work()
        [line] = shop.overviews.campaigns()[0]
        assert line.headline["mailed"] == shop.reporting.report(sent).sent
        weeks = shop.overviews.weeks()
        assert len(weeks) == 26
        assert (weeks[-1]["mailed"], weeks[-1]["unsubscribed"]) == (line.headline["mailed"], 1)
        assert not any(week["mailed"] for week in weeks[:-1])

    def test_comparing(self, shop: Runtime, sent: int, sample: SampleFiles) -> None:
        with pytest.raises(BadInput, match="choose 2 to 5"):
            shop.overviews.compared([sent, sent])
        second = approved(shop, sample)
        send_all(shop, second)
        with pytest.raises(BadInput, match="no report yet"):
            shop.overviews.compared([sent, second])
        shop.report_keeping.work()
        assert [one.id for one in shop.overviews.compared([second, sent])] == [second, sent]
        with pytest.raises(NotFound):
            shop.overviews.compared([sent, 4711])


@pytest.fixture
def bought(runtime: Runtime) -> Iterator[Runtime]:
    """A shop with two tastes, in which customers go on buying what is of theirs."""
    with runtime.db.transaction() as session:
        for statement in (
            "insert into products (sku, title, category, price, currency) select 'P' || n, 'Thing ' || n, "
            "case when n <= 20 then 'Warm' else 'Cold' end, 10, 'EUR' from generate_series(1, 40) n",
            "insert into customers (external_id, country, locale) select 'T' || n, case when n % 2 = 0 then 'NO' else 'DE' end, "
            "case when n % 2 = 0 then 'nb_NO' else 'de_DE' end from generate_series(1, 160) n",
            # Each buys seven things of their taste, the last one in the last month.
            "insert into order_lines (order_id, customer_id, product_id, unit_price, ordered_at) "
            "select c.external_id || '-' || k, c.id, p.id, 10, "
            "now() - interval '5 days' - case when k = 7 then interval '0' else k * interval '20 days' + interval '40 days' end "
            "from customers c cross join generate_series(1, 7) k join products p on p.sku = "
            "'P' || (1 + (c.id % 2) * 20 + (c.id * 7 + k * (1 + c.id % 3)) % 20)",
        ):
            session.execute(text(statement))
    yield runtime


class TestJudging:
    def test_each_model_is_judged_once_and_compared_with_the_one_before(self, bought: Runtime) -> None:
        judging = bought.model_judging
        assert judging.judged() == [] and judging.work() == 0
        bought.training.run()
        assert judging.work() == 1 and judging.work() == 0
        [first] = judging.judged()
        assert first.evaluation and not first.fault and not first.waiting
        ours = first.evaluation["discover"]["ours"]
        assert ours["customers"] > 30 and 0 < ours["ndcg@10"] <= 1 and 0 < ours["coverage"] <= 1
        assert {row["by"] for row in first.evaluation["segments"]} >= {"country", "language"}
        assert first.changes and first.changes["before"] is None
        bought.training.run(anew=True)
        assert judging.work() == 1
        second = judging.judged()[0]
        assert second.model_id > first.model_id
        assert second.changes and second.changes["overlap"] == 1.0, "the same orders make the same lists"
        assert (second.changes["rises"], second.changes["falls"]) == ([], [])

    def test_a_large_shop_is_judged_on_a_sample_of_its_customers(self, bought: Runtime) -> None:
        bought.training.run()
        with bought.db.transaction() as session:
            lines = session.scalar(text("select count(*) from order_lines"))
        some = ModelJudging(bought.db, bought.clock, bought.jobs, most_lines=lines * 2 // 3)
        assert some.work() == 1
        [judged] = some.judged()
        every = bought.model_judging.judge(judged.model_id).evaluation
        assert judged.evaluation and judged.evaluation["sampled"] is True
        assert every and every["sampled"] is False
        told = judged.evaluation["lines_before"] / every["lines_before"]
        assert told == pytest.approx(2 / 3, abs=0.15)

    def test_what_is_bought_more_rises(self, bought: Runtime) -> None:
        bought.training.run(anew=True)
        with bought.db.transaction() as session:
            session.execute(
                text(
                    "insert into order_lines (order_id, customer_id, product_id, unit_price, ordered_at) "
                    "select 'new-' || c.id, c.id, p.id, 10, now() - interval '1 day' from customers c, products p "
                    "where p.sku = 'P3' and c.id % 4 <> 0"
                )
            )
        bought.training.run(anew=True)
        bought.model_judging.work()
        told = bought.model_judging.judged()[0].changes
        assert told and told["overlap"] < 1
        moved = {each["sku"]: each["after"] - each["before"] for each in (*told["rises"], *told["falls"])}
        assert moved and all(change != 0 for change in moved.values())
        assert {"sku", "title", "before", "after", "product_id"} == set(told["rises"][0])

    def test_a_shop_with_too_few_orders_says_so(self, runtime: Runtime) -> None:
        with runtime.db.transaction() as session:
            session.execute(text("insert into products (sku, title) values ('P1', 'Thing')"))
            session.execute(text("insert into customers (external_id) values ('T1')"))
            session.execute(
                text(
                    "insert into order_lines (order_id, customer_id, product_id, ordered_at) "
                    "select 'o', c.id, p.id, now() - interval '1 day' from customers c, products p"
                )
            )
        runtime.training.run()
        assert runtime.model_judging.work() == 1
        [one] = runtime.model_judging.judged()
        assert one.evaluation is None and one.fault

    def test_a_model_that_is_gone(self, runtime: Runtime) -> None:
        with pytest.raises(NotFound):
            runtime.model_judging.judge(4711)


def test_the_command_shows_what_is_kept_of_a_model(bought: Runtime, command: Command) -> None:
    trained = bought.training.run()
    status, out, _ = command("evaluate", "--model", str(trained.model_id), "--json")
    assert status == 0
    [kept] = bought.model_judging.judged()
    assert json.loads(out)["evaluation"]["discover"] == (kept.evaluation or {})["discover"]
    status, out, _ = command("evaluate", "--model", str(trained.model_id))
    assert status == 0 and "New products" in out
    assert command("evaluate", "--model", "4711")[0] == 1
    assert command("evaluate", "--model", str(trained.model_id), "--days", "3")[0] == 2

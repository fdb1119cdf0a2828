"""Old sends, events and pictures are dropped; the numbers stay, and every link in an old mail still works."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT, PIXEL_SLOT
from campaigns.core.clock import FixedClock
from campaigns.core.errors import NotFound
from campaigns.flows.customers.retention import Retention
from campaigns.flows.opening.askers import Asker
from campaigns.models import Campaign, CampaignStatus, CopyCell, Event, Send, WrittenCopyRow
from campaigns.models.partitions import PARTITIONED, CampaignRange, partition_names
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.partitions import drop_extra_partitions
from tests.shop import approved, record_opens, send_all

READER = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
OLD = 150
RANGE = CampaignRange(1)
NAMES = [RANGE.partition(table) for table in PARTITIONED]
KEEP_DAYS = 400


def number_campaigns_from(runtime: Runtime, number: int) -> None:
    with runtime.db.transaction() as session:
        session.execute(text(f"alter sequence campaigns_id_seq restart with {number}"))


@pytest.fixture
def years_ago(shop: Runtime, sample: SampleFiles) -> Iterator[Runtime]:
    """Campaign 150 was sent, opened and clicked, one of its sends is uncertain; the shop is at 200 now."""
    number_campaigns_from(shop, OLD)
    send_all(shop, approved(shop, sample))
    send = old_send(shop)
    for slot in (0, PIXEL_SLOT):
        shop.opening.picture(shop.signer.sign("open", OLD, send.id, slot), READER)
    record_opens(shop)
    shop.feedback.click(shop.signer.sign("click", OLD, send.id, CLICK_SLOT, 0), READER)
    with shop.db.transaction() as session:
        unclear = "update sends set status = 'uncertain' where id = (select max(id) from sends)"
        session.execute(text(unclear))
    number_campaigns_from(shop, 200)
    approved(shop, sample)
    yield shop
    drop_extra_partitions(shop.db)


def old_send(runtime: Runtime) -> Send:
    """A tracked mail of the old campaign."""
    with runtime.db.transaction() as session:
        return session.scalars(
            select(Send).where(Send.campaign_id == OLD, Send.tracked, Send.status == "sent").order_by(Send.id)
        ).first()  # type: ignore[return-value]


def later(runtime: Runtime, days: int = KEEP_DAYS + 1) -> datetime:
    return runtime.clock.now() + timedelta(days=days)


def retention(runtime: Runtime, moment: datetime | None = None) -> Retention:
    return Retention(runtime.db, FixedClock(moment or later(runtime)), KEEP_DAYS)


def test_the_numbers_stay_when_the_sends_are_gone(years_ago: Runtime) -> None:
    before = years_ago.reporting.report(OLD)
    assert (before.opens_human, before.clicks_human, before.uncertain) == (1, 1, 1)
    moment = later(years_ago)
    assert retention(years_ago, moment).run() == NAMES
    with years_ago.db.transaction() as session:
        left = partition_names(session)
    assert not set(NAMES) & set(left) and "sends_p000002" in left
    after = years_ago.reporting.report(OLD)
    assert datetime.fromisoformat(after.sends_dropped_at or "") == moment
    assert replace(after, sends_dropped_at=None) == before
    assert years_ago.reconciling.named(OLD) == []
    assert retention(years_ago).run() == [], "a second run finds nothing"
    assert years_ago.reporting.report(OLD) == after


def test_words_for_one_customer_go_with_their_mails(years_ago: Runtime) -> None:
    def words(key: str, campaign_id: int, salt: str) -> list[object]:
        cell = CopyCell(campaign_id=campaign_id, key=key, salt=salt, state="written")
        return [cell, WrittenCopyRow(content_hash=key, fields={"subject": "Hei"}, writer="model")]

    with years_ago.db.transaction() as session:
        for key, campaign_id, salt in (("own", OLD, "s"), ("shared", OLD, ""), ("of now", 200, "t")):
            session.add_all(words(key, campaign_id, salt))
    retention(years_ago).run()
    with years_ago.db.transaction() as session:
        cells = session.scalars(select(CopyCell.key)).all()
        kept = select(WrittenCopyRow.content_hash).where(WrittenCopyRow.fields["subject"].astext == "Hei")
        assert (cells, set(session.scalars(kept))) == (["of now"], {"shared", "of now"})


def test_links_of_dropped_mails_still_work(years_ago: Runtime, sample: SampleFiles) -> None:
    send = old_send(years_ago)
    retention(years_ago).run()
    sign = years_ago.signer.sign
    shown = years_ago.opening.picture(sign("open", OLD, send.id, 0), READER)
    neutral = hashlib.sha256((sample.campaign.parent / "hero-neutral.jpg").read_bytes()).hexdigest()
    assert hashlib.sha256(shown.body).hexdigest() == neutral
    pixel = years_ago.opening.picture(sign("open", OLD, send.id, PIXEL_SLOT), READER)
    assert pixel.headers["Content-Type"] == "image/gif"
    with years_ago.db.transaction() as session:
        wanted = session.get_one(Campaign, OLD).brief["call_to_action_url"]
    for kind in (CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT):
        assert years_ago.feedback.click(sign("click", OLD, send.id, kind, 0), READER) == wanted
    with pytest.raises(NotFound):
        years_ago.viewing.in_browser(sign("view", OLD, send.id))

    token = sign("preferences", OLD, send.customer_id, send.id)
    assert "marketing" in years_ago.preferences.of(token).granted
    for _ in range(2):
        years_ago.unsubscribing.by_link(sign("unsubscribe", OLD, send.customer_id, send.id))
    assert "marketing" not in years_ago.preferences.of(token).granted
    with years_ago.db.transaction() as session:
        events = session.scalars(select(Event)).all()
    assert [(e.name, e.campaign_id, e.send_id) for e in events] == [("unsubscribed", 0, send.id)]


def test_the_next_campaigns_go_out_as_ever(years_ago: Runtime, sample: SampleFiles) -> None:
    retention(years_ago).run()
    fresh = approved(years_ago, sample)
    send_all(years_ago, fresh)
    assert years_ago.reporting.report(fresh).sent > 0


@pytest.mark.parametrize("hindrance", ["numbers left", "ended lately", "a draft", "still sending"])
def test_what_may_not_go_yet_stays(years_ago: Runtime, sample: SampleFiles, hindrance: str) -> None:
    moment = later(years_ago)
    with years_ago.db.transaction() as session:
        if hindrance == "numbers left":
            for table in ("campaign_transitions", "campaigns"):
                column = "id" if table == "campaigns" else "campaign_id"
                session.execute(text(f"delete from {table} where {column} >= 200"))
        elif hindrance == "ended lately":
            moment = later(years_ago, KEEP_DAYS - 1)
        elif hindrance == "still sending":
            session.get_one(Campaign, OLD).status = CampaignStatus.SENDING.value
    if hindrance == "a draft":
        number_campaigns_from(years_ago, 160)
        years_ago.campaigns.create_from_file(sample.campaign)
    assert retention(years_ago, moment).run() == []
    report = years_ago.reporting.report(OLD)
    assert report.sends_dropped_at is None and report.sent > 0
    assert old_send(years_ago) is not None


class Killed(BaseException):
    """As sudden as a signal."""


class Mortal(Retention):
    """Dies before the nth step that changes something."""

    steps_left = 0

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Killed

    def _summarise(self, one: CampaignRange) -> None:
        self._step()
        super()._summarise(one)

    def _drop(self, one: CampaignRange, table: str) -> list[str]:
        self._step()
        return super()._drop(one, table)


@pytest.mark.parametrize("steps", range(4))
def test_after_a_kill_the_next_run_goes_on(years_ago: Runtime, steps: int) -> None:
    before = years_ago.reporting.report(OLD)
    mortal = Mortal(years_ago.db, FixedClock(later(years_ago)), KEEP_DAYS)
    mortal.steps_left = steps
    with pytest.raises(Killed):
        mortal.run()
    assert replace(years_ago.reporting.report(OLD), sends_dropped_at=None) == before, "never a wrong number"
    assert retention(years_ago).run() == NAMES[max(0, steps - 1) :]
    assert replace(years_ago.reporting.report(OLD), sends_dropped_at=None) == before


def test_two_at_once_drop_each_partition_once(years_ago: Runtime) -> None:
    before, moment = years_ago.reporting.report(OLD), later(years_ago)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: retention(years_ago, moment).run(), range(4)))
    rest = retention(years_ago, moment).run()
    assert sorted(name for names in [*runs, rest] for name in names) == sorted(NAMES)
    assert replace(years_ago.reporting.report(OLD), sends_dropped_at=None) == before


def test_nobody_who_sends_waits_long_for_it(years_ago: Runtime) -> None:
    waited: list[float] = []

    def send_on() -> None:
        time.sleep(0.3)  # The other thread stands in line for its lock by now.
        began = time.monotonic()
        with years_ago.db.transaction() as session:
            session.execute(text("insert into sends (campaign_id, customer_id) values (200, 1)"))
        waited.append(time.monotonic() - began)

    sender = threading.Thread(target=send_on)
    with years_ago.db.transaction() as reading:
        # A report that takes its time: it has all partitions locked as long as it runs.
        reading.execute(text("select count(*) from sends"))
        sender.start()
        dropped = retention(years_ago).run()
        sender.join()
    assert NAMES[0] not in dropped
    assert waited[0] < 4.0
    assert set(dropped) | set(retention(years_ago).run()) == set(NAMES)


def test_the_first_range_is_emptied_in_place(shop: Runtime, sample: SampleFiles) -> None:
    send_all(shop, approved(shop, sample))
    send = first_send(shop)
    shop.opening.picture(shop.signer.sign("open", 1, send.id, PIXEL_SLOT), READER)
    record_opens(shop)
    before = shop.reporting.report(1)
    with shop.db.transaction() as session:
        old, new = shop.clock.now(), later(shop, 300)
        session.add(Event(campaign_id=0, key="old", name="unsubscribed", at=old))
        session.add(Event(campaign_id=0, key="new", name="unsubscribed", at=new))
    number_campaigns_from(shop, 100)
    approved(shop, sample)
    assert retention(shop).run() == ["sends_p000000", "events_p000000", "slot_serves_p000000"]
    with shop.db.transaction() as session:
        assert session.scalars(select(Event.key)).all() == ["new"]
        assert session.scalar(text("select count(*) from sends")) == 0
        assert "sends_p000000" in partition_names(session)
    assert replace(shop.reporting.report(1), sends_dropped_at=None) == before
    assert retention(shop).run() == []
    drop_extra_partitions(shop.db)


def first_send(runtime: Runtime) -> Send:
    with runtime.db.transaction() as session:
        return session.scalars(select(Send).where(Send.tracked, Send.status == "sent")).first()  # type: ignore[return-value]

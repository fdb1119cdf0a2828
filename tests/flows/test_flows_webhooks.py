"""Webhooks: all that happened is told once or more, signed, and never at the cost of mail."""

from __future__ import annotations

import base64
import hmac
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.audience import consent
from campaigns.core.clock import FixedClock
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.feedback.happenings import Happening, record_event
from campaigns.flows.webhooks import webhook_delivery
from campaigns.flows.webhooks.webhook_walks import look_again
from campaigns.models import WEBHOOK_EVENTS, Customer
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.receiver import Receiver
from tests.shop import approved, bare_campaign, fill_shop, make_runtime, send_all


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def house(servers: EmbeddedUrls, runtime: Runtime, receiver: Receiver) -> Iterator[Runtime]:
    """A house that may tell this receiver, though it is here."""
    house = make_runtime(servers, runtime.settings.folder, webhook_private=receiver.origin)
    yield house
    house.close()


def listens(house: Runtime, receiver: Receiver, *events: str) -> int:
    made = house.webhooks.create(f"{receiver.origin}/hooks", events or WEBHOOK_EVENTS, "ada")
    return made.number


def happens(house: Runtime, *names: str, customer: str = "c-1") -> None:
    """Events of a campaign, each with a key of its own."""
    now = house.clock.now()
    with house.db.transaction() as session:
        found = session.scalar(text("select id from customers where external_id = :ref"), {"ref": customer})
        if found is None:
            row = Customer(external_id=customer)
            session.add(row)
            session.flush()
            found = row.id
        number = session.scalar(text("select max(id) from campaigns")) or bare_campaign(session)
        for n, name in enumerate(names):
            detail = (
                {"reply": "550 kari@private.example unknown", "permanent": True} if name == "bounced" else {}
            )
            key = f"{name}-{n}-{time.monotonic_ns()}"
            happening = Happening(
                key=key, name=name, campaign_id=number, send_id=7, customer_id=found, at=now, detail=detail
            )
            record_event(session, happening, house.meters)


def agrees(house: Runtime, customer: str = "c-1") -> int:
    """Somebody whose opens may be noted, by our own number."""
    with house.db.transaction() as session:
        query = text("select id from customers where external_id = :ref")
        own = int(session.execute(query, {"ref": customer}).scalar_one())
        consent.record(session, own, "open_tracking", "granted", "Yes", "a test", house.clock.now())
        return own


def told(house: Runtime) -> None:
    house.webhook_collecting.run()
    house.webhook_delivery.work()


def later(house: Runtime, **passed: float) -> None:
    clock = FixedClock(house.webhook_delivery._clock.now() + timedelta(**passed))
    house.webhook_delivery._clock = house.webhook_collecting._clock = clock


def test_what_happens_is_told_with_outside_names_and_without_addresses(
    house: Runtime, receiver: Receiver
) -> None:
    happens(house, "delivered")
    number = listens(house, receiver, "mail.bounced", "mail.clicked")
    happens(house, "bounced", "clicked", "opened")
    told(house)
    (got,) = receiver.got
    bounced, clicked = got.events
    assert (bounced["type"], bounced["data"]["customer_id"], bounced["data"]["permanent"]) == (
        "mail.bounced",
        "c-1",
        True,
    )
    assert clicked["type"] == "mail.clicked" and clicked["data"]["machine"] is False
    assert b"private.example" not in got.body
    told(house)
    assert len(receiver.got) == 1, "once"
    (delivery,) = house.webhooks.deliveries(number)
    assert (delivery["status"], delivery["last_status"], delivery["answer"]) == ("delivered", 200, "thanks")
    assert delivery["events"] == {"mail.bounced": 1, "mail.clicked": 1}


def test_it_is_signed_as_standard_webhooks_say_with_both_secrets_while_one_is_changed(
    house: Runtime, receiver: Receiver
) -> None:
    made = house.webhooks.create(f"{receiver.origin}/hooks", ["mail.clicked"], "ada")
    fresh = house.webhooks.rotate(made.number, "ada")
    happens(house, "clicked")
    told(house)
    (got,) = receiver.got
    assert (
        got.headers["webhook-id"].startswith("msg_")
        and abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    )
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (fresh, made.secret)]
    wanted = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    assert got.headers["webhook-signature"] == " ".join(f"v1,{mac}" for mac in wanted)
    later(house, hours=25)
    happens(house, "clicked")
    told(house)
    assert len(receiver.got[1].headers["webhook-signature"].split()) == 1, "the old one has ended"


def test_what_is_committed_late_is_told_though_higher_numbers_were_read(
    house: Runtime, receiver: Receiver
) -> None:
    listens(house, receiver, "mail.opened", "mail.clicked")
    happens(house, "clicked")
    told(house)
    own = agrees(house)
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with house.db.transaction() as session:
            at = house.clock.now()
            late = Happening(key="slow", name="opened", campaign_id=1, send_id=7, customer_id=own, at=at)
            record_event(session, late, house.meters)
            session.flush()
            begun.set()
            may_end.wait(10)

    writer = threading.Thread(target=slow)
    writer.start()
    begun.wait(10)
    happens(house, "clicked")
    told(house)
    assert len(receiver.got) == 1, "the lower number is not there yet"
    may_end.set()
    writer.join()
    told(house)
    assert Counter(event["type"] for got in receiver.got for event in got.events) == {
        "mail.clicked": 2,
        "mail.opened": 1,
    }


def test_opens_of_who_withdrew_meanwhile_are_not_told_also_when_told_again(
    house: Runtime, receiver: Receiver
) -> None:
    number = listens(house, receiver, "mail.opened", "mail.clicked")
    happens(house, "delivered")
    own = agrees(house)
    happens(house, "opened", "clicked")
    told(house)
    assert [event["type"] for event in receiver.got[0].events] == ["mail.opened", "mail.clicked"]
    with house.db.transaction() as session:
        now = house.clock.now()
        consent.withdraw(session, own, "open_tracking", "a test", now, now)
    [delivery] = house.webhooks.deliveries(number)
    house.webhooks.redeliver(delivery["id"], "ada")
    told(house)
    assert [event["type"] for event in receiver.got[1].events] == ["mail.clicked"]


def test_two_collectors_and_two_workers_tell_each_thing_once_and_one_at_a_time(
    house: Runtime, receiver: Receiver, servers: EmbeddedUrls
) -> None:
    listens(house, receiver, "mail.clicked")
    happens(house, *["clicked"] * 250)
    receiver.seconds = 0.05
    other = make_runtime(servers, house.settings.folder, webhook_private=receiver.origin)
    threads = [threading.Thread(target=told, args=(one,)) for one in (house, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told(house)
    other.close()
    keys = [event["id"] for got in receiver.got for event in got.events]
    assert len(keys) == len(set(keys)) == 250
    assert [len(got.events) for got in receiver.got] == [100, 100, 50]
    assert receiver.most_at_once == 1


def test_a_campaign_tells_its_steps_and_each_mail_s_end(
    house: Runtime, receiver: Receiver, sample: SampleFiles
) -> None:
    fill_shop(house, sample)
    listens(house, receiver, "mail.sent", "mail.held_back", "campaign.changed")
    number = approved(house, sample)
    house.campaigns.send(number, "test")
    house.sending.plan(number)
    told(house)
    assert house.sending.send_batch(number).sent
    told(house)
    send_all(house, number)
    later(house, minutes=1)
    for _ in range(3):
        told(house)
    events = [event for got in receiver.got for event in got.events]
    counts = house.campaigns.show(number)["counts"]
    kinds = Counter(event["type"] for event in events)
    assert kinds["mail.sent"] == counts["sent"] and kinds["mail.held_back"] == counts.get("held_back", 0)
    assert len({event["id"] for event in events}) == len(events), "none twice"
    steps = [event["data"]["to"] for event in events if event["type"] == "campaign.changed"]
    assert steps == ["approved", "planning", "sending", "sent"]
    held = next(event for event in events if event["type"] == "mail.held_back")
    assert held["data"]["reason"] and held["data"]["customer_id"]


def test_a_mail_that_is_tried_again_is_told_again(
    house: Runtime, receiver: Receiver, sample: SampleFiles
) -> None:
    fill_shop(house, sample)
    listens(house, receiver, "mail.sent", "mail.failed")
    number = approved(house, sample)
    send_all(house, number)
    later(house, minutes=1)
    told(house)
    told(house)
    first = sum(len(got.events) for got in receiver.got)
    with house.db.transaction() as session:
        ids = list(session.scalars(text("select id from sends where status = 'sent' order by id limit 2")))
        look_again(session, number, ids, house.clock.now())
    later(house, minutes=1)
    told(house)
    assert sum(len(got.events) for got in receiver.got) == first + 2


def test_a_failure_is_tried_again_later_and_after_three_days_it_is_switched_off(
    house: Runtime, receiver: Receiver
) -> None:
    number = listens(house, receiver, "mail.clicked")
    receiver.answer = lambda n: (500, {}, "down\x00 for a while")
    happens(house, "clicked")
    told(house)
    told(house)
    assert len(receiver.got) == 1, "it rests"
    (delivery,) = house.webhooks.deliveries(number)
    assert (delivery["status"], delivery["last_status"], delivery["answer"]) == (
        "waiting",
        500,
        "down for a while",
    )
    for _ in range(30):
        later(house, hours=4)
        house.webhook_delivery.work()
    shown = house.webhooks.show(number)
    assert not shown["on"] and "3 days" in shown["off_because"]
    assert house.webhooks.deliveries(number)[0]["status"] == "given_up"
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1, "the same id at each attempt"
    tried = len(receiver.got)
    assert 8 <= tried <= 25
    with pytest.raises(Refused):
        house.webhooks.redeliver(delivery["id"], "ada")
    receiver.answer = lambda n: (204, {}, "")
    house.webhooks.switch(number, True, "ada")
    house.webhooks.redeliver(delivery["id"], "ada")
    house.webhook_delivery.work()
    assert house.webhooks.deliveries(number)[0]["status"] == "delivered"
    assert house.webhooks.show(number)["failures"] == 0


def test_gone_is_gone_at_once(house: Runtime, receiver: Receiver) -> None:
    number = listens(house, receiver, "mail.clicked")
    receiver.answer = lambda n: (410, {}, "")
    happens(house, "clicked")
    told(house)
    assert house.webhooks.show(number)["off_because"] == "it answered 410 Gone"
    happens(house, "clicked")
    told(house)
    assert len(receiver.got) == 1


def test_a_redirect_is_not_followed(house: Runtime, receiver: Receiver) -> None:
    number = listens(house, receiver, "mail.clicked")
    receiver.answer = lambda n: (302, {"Location": f"{receiver.origin}/elsewhere"}, "")
    happens(house, "clicked")
    told(house)
    assert [got.path for got in receiver.got] == ["/hooks"]
    assert "another address" in house.webhooks.deliveries(number)[0]["answer"]


def test_one_that_hangs_keeps_nobody_else_waiting(
    house: Runtime, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_delivery, "ANSWER_SECONDS", 1.0)
    with Receiver() as hanging:
        hanging.seconds = 6.0
        both = make_runtime(
            EmbeddedUrls(str(house.urls[0]), str(house.urls[1])),
            Path(house.settings.folder),
            webhook_private=f"{receiver.origin},{hanging.origin}",
        )
        slow, quick = listens(both, hanging, "mail.clicked"), listens(both, receiver, "mail.clicked")
        happens(both, "clicked")
        both.webhook_collecting.run()
        began = time.monotonic()
        both.webhook_delivery.work()
        assert time.monotonic() - began < 5
        assert both.webhooks.deliveries(quick)[0]["status"] == "delivered"
        assert both.webhooks.deliveries(slow)[0]["last_status"] is None
        both.close()


def test_one_refused_delivery_stops_no_other(house: Runtime, receiver: Receiver) -> None:
    number = listens(house, receiver, "mail.clicked")
    receiver.answer = lambda n: (400, {}, "no") if n == 0 else (200, {}, "")
    happens(house, *["clicked"] * 150)
    told(house)
    house.webhook_delivery.work()
    assert Counter(one["status"] for one in house.webhooks.deliveries(number)) == {
        "waiting": 1,
        "delivered": 1,
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hooks", "https://127.0.0.1/x", "https://[::1]/x", "https://10.0.0.8/x", "https://localhost/x",
        "https://169.254.169.254/latest", "ftp://shop.example/x", "https://ada:secret@shop.example/x", "https://", "x",
        "https://shop.example/a b",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_told_is_refused(runtime: Runtime, url: str) -> None:
    with pytest.raises(BadInput):
        runtime.webhooks.create(url, ["mail.clicked"], "ada")


def test_a_name_that_leads_inside_is_not_asked(runtime: Runtime, receiver: Receiver) -> None:
    made = runtime.webhooks.create("https://hooks.shop.example/x", ["mail.clicked"], "ada")
    runtime.webhook_delivery._http._resolve = lambda host, port: ["127.0.0.1"]
    runtime.webhooks.test(made.number, "ada")
    runtime.webhook_delivery.work()
    assert not receiver.got
    assert "private network" in runtime.webhooks.deliveries(made.number)[0]["answer"]


def test_the_button_tells_something_at_once_and_removing_ends_all(house: Runtime, receiver: Receiver) -> None:
    number = listens(house, receiver, "mail.clicked")
    house.webhooks.test(number, "ada")
    house.webhook_delivery.work()
    assert receiver.got[0].events[0]["type"] == "test"
    happens(house, "clicked")
    house.webhook_collecting.run()
    house.webhooks.remove(number, "ada")
    house.webhook_delivery.work()
    assert len(receiver.got) == 1
    with pytest.raises(NotFound):
        house.webhooks.show(number)
    with house.db.transaction() as session:
        actions = session.scalars(text("select action from audit_entries order by id")).all()
    assert actions == ["webhook.created", "webhook.tested", "webhook.removed"]


def test_the_secret_is_kept_encrypted_and_an_erased_customer_is_told_as_nobody(
    house: Runtime, receiver: Receiver
) -> None:
    made = house.webhooks.create(f"{receiver.origin}/hooks", ["mail.clicked"], "ada")
    with house.db.transaction() as session:
        kept = bytes(session.execute(text("select secret_cipher from webhook_endpoints")).scalar_one())
    assert made.secret.encode() not in kept
    happens(house, "clicked")
    house.webhook_collecting.run()
    with house.db.transaction() as session:
        number = session.execute(text("select id from customers")).scalar_one()
    house.rights.erase_of(number)
    house.webhook_delivery.work()
    assert receiver.got[0].events[0]["data"]["customer_id"] is None
    assert b"c-1" not in receiver.got[0].body


def test_deliveries_are_forgotten_after_a_month(house: Runtime, receiver: Receiver) -> None:
    number = listens(house, receiver, "mail.clicked")
    happens(house, "clicked")
    told(house)
    assert house.webhook_delivery.forget_old() == 0
    later(house, days=31)
    assert house.webhook_delivery.forget_old() == 1
    assert house.webhooks.deliveries(number) == []


def test_reading_on_uses_the_index_of_numbers(house: Runtime) -> None:
    with house.db.transaction() as session:
        session.execute(text("set local enable_seqscan = off"))
        plan = session.scalars(
            text("explain select id, name from events where id > 5 and id <= 9000 order by id limit 2000")
        ).all()
    assert "Index Scan" in "\n".join(plan) and "Seq Scan" not in "\n".join(plan)

"""Messages that programs ask for: rendered at once, sent once whatever dies, held back where nobody reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.audience.suppression import sealed_address, suppress
from campaigns.compose.message_template import MessageSource
from campaigns.core.clock import FixedClock
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, Conflict, NotFound
from campaigns.delivery.classify import Phase
from campaigns.delivery.fake import BROKEN_AFTER_THE_DOT, BROKEN_BEFORE_THE_DOT, Answer, FakeTransport
from campaigns.delivery.transport import Outcome, OutgoingMail, unannounced
from campaigns.flows.messages.message_sending import MessageSending
from campaigns.flows.messages.messages import MessageOrder
from campaigns.flows.sending.turns import urgent_waits
from campaigns.models import Customer, Message
from campaigns.runtime import Runtime
from tests.delivery.delivery_servers import Relay
from tests.shop import make_runtime

ADDRESS = "kari@orders.example"
SOURCE = MessageSource(
    subject="Your order {{ order.number }}",
    text="Thank you, {{ name }}.\n{% for line in order.lines %}- {{ line.title }}\n{% endfor %}",
    html="<p>Thank you, {{ name }}.</p>{% for line in order.lines %}<p>{{ line.title }}</p>{% endfor %}",
)
DATA = {"name": "Kari <3", "order": {"number": "A-1", "lines": [{"title": "Tent & poles"}]}}


def order(key: str = "a-1", **changes: Any) -> MessageOrder:
    given: dict[str, Any] = {
        "idempotency_key": key,
        "address": ADDRESS,
        "source": SOURCE,
        "data": DATA,
        "category": "order",
        "sender": "Fjell & Fern <orders@fjellandfern.example>",
        **changes,
    }
    return MessageOrder(**given)


def asked(runtime: Runtime, key: str = "a-1", **changes: Any) -> int:
    return int(runtime.messages.order(order(key, **changes), "shop").message["id"])


def sending(runtime: Runtime, transport: FakeTransport) -> MessageSending:
    """A worker of its own on this transport."""
    return MessageSending(
        db=runtime.db,
        clock=runtime.clock,
        keyring=runtime.keyring,
        signer=runtime.signer,
        dkim=None,
        gate=runtime.gate,
        make_transport=lambda: transport,
        meters=runtime.meters,
    )


def status(runtime: Runtime, number: int) -> tuple[str, str]:
    shown = runtime.messages.show(number)
    return shown["status"], shown["reason"]


def test_it_arrives_as_it_was_filled_in_without_anything_of_a_campaign(runtime: Runtime) -> None:
    number, relay = asked(runtime, reply_to="help@fjellandfern.example"), FakeTransport()
    assert sending(runtime, relay).work().sent == 1
    mail = message_from_bytes(relay.accepted[0].message, policy=policy.default)
    assert mail["Subject"] == "Your order A-1"
    assert mail["Reply-To"] == "help@fjellandfern.example"
    assert not [name for name in mail if name.lower().startswith(("list-", "feedback-id"))]
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert "Thank you, Kari <3." in plain and "- Tent & poles" in plain
    assert "Kari &lt;3" in html and "Tent &amp; poles" in html and "<title>Your order A-1</title>" in html
    assert "<img" not in html and "/o/" not in html and "/c/" not in html, "nothing watches"
    assert status(runtime, number) == ("sent", "")


def test_the_same_order_is_one_message_and_another_under_its_key_is_refused(runtime: Runtime) -> None:
    first, again = (runtime.messages.order(order(), "shop") for _ in range(2))
    assert (first.new, again.new) == (True, False) and first.message["id"] == again.message["id"]
    with pytest.raises(Conflict, match="another message"):
        asked(runtime, data={**DATA, "name": "Ola"})
    assert asked(runtime, "a-2") != first.message["id"]
    other = runtime.messages.order(order(), "another key of the API")
    assert other.new, "each key of the API has its own"


def test_twenty_who_ask_the_same_at_once_get_one_message(runtime: Runtime) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(asked(runtime))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 20 and len(set(numbers)) == 1


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"data": {"name": "Kari"}}, "subject"),
        ({"source": MessageSource("{{ a.b() }}", "x"), "data": {"a": {}}}, "subject"),
        ({"source": MessageSource("x", "{{ ''.__class__ }}")}, "text"),
        ({"source": MessageSource("x", "{% include 'a' %}")}, "text"),
        ({"source": MessageSource("x", "y", mjml="<mjml><mj-body>")}, "mjml"),
        ({"source": MessageSource("x", "   ")}, "text"),
        ({"address": "nobody"}, "address"),
        ({"address": ADDRESS, "customer": "1"}, "customer"),
        ({"sender": "Shop"}, "sender"),
        ({"sender": "Shop <a@b.example>\r\nBcc: x@y.example"}, "sender"),
        ({"category": ""}, "category"),
        ({"data": {"x": "y" * 100_001}}, "data"),
    ],
)
def test_what_does_not_fit_is_told_to_who_asks(runtime: Runtime, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput) as refused:
        asked(runtime, **changes)
    assert refused.value.message.startswith(where), refused.value.message


def test_a_line_break_in_the_data_makes_no_header(runtime: Runtime) -> None:
    relay = FakeTransport()
    asked(runtime, data={**DATA, "order": {**DATA["order"], "number": "1\r\nBcc: evil@x.example"}})  # type: ignore[dict-item]
    sending(runtime, relay).work()
    mail = message_from_bytes(relay.accepted[0].message, policy=policy.default)
    assert mail["Bcc"] is None and mail["Subject"] == "Your order 1 Bcc: evil@x.example"


@pytest.mark.parametrize(
    ("reason", "ends"),
    [
        ("bounced", "held_back"),
        ("complained", "held_back"),
        ("manual", "held_back"),
        ("unsubscribed", "sent"),
    ],
)
def test_who_unsubscribed_still_gets_their_order_and_a_dead_address_gets_nothing(
    runtime: Runtime, reason: str, ends: str
) -> None:
    with runtime.db.transaction() as session:
        suppress(session, runtime.keyring, ADDRESS, reason, "test", runtime.clock.now())
    number = asked(runtime)
    sending(runtime, FakeTransport()).work()
    assert status(runtime, number) == (ends, f"suppressed: {reason}" if ends == "held_back" else "")


def test_a_dead_address_is_suppressed_and_a_broken_connection_tried_again(runtime: Runtime) -> None:
    dead = {ADDRESS: Answer(550, "5.1.1 no such user", Phase.RCPT)}
    number = asked(runtime)
    sending(runtime, FakeTransport(dead)).work()
    assert status(runtime, number) == ("failed", "rejected: 550 5.1.1")
    with runtime.db.transaction() as session:
        assert session.scalar(text("select count(*) from suppressions where reason = 'bounced'"))
    other = asked(runtime, "b", address="ola@orders.example")
    relay = FakeTransport({"ola@orders.example": [BROKEN_BEFORE_THE_DOT, Answer()]})
    worker = sending(runtime, relay)
    worker.work()
    assert status(runtime, other) == ("queued", "")
    worker._clock = FixedClock(runtime.clock.now() + timedelta(minutes=5))
    worker.work()
    assert status(runtime, other) == ("sent", "") and len(relay.accepted) == 1


def test_a_relay_that_does_not_say_leaves_it_uncertain_and_nobody_sends_it_again(runtime: Runtime) -> None:
    number, relay = asked(runtime), FakeTransport({ADDRESS: [BROKEN_AFTER_THE_DOT, Answer()]})
    worker = sending(runtime, relay)
    worker.work()
    worker._clock = FixedClock(runtime.clock.now() + timedelta(hours=1))
    worker.work()
    assert status(runtime, number)[0] == "uncertain" and not relay.accepted


class Killed(BaseException):
    """The worker's end."""


class Dying(FakeTransport):
    """Ends its worker before or after the mail is out."""

    def __init__(self, announced: bool) -> None:
        super().__init__()
        self._announced = announced

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        for mail in mails:
            if self._announced:
                before_data(mail.send_id)
                self.accepted.append(mail)
            raise Killed
        yield from ()


def lease_ends(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        session.execute(text("update messages set claimed_until = clock_timestamp() - interval '1 second'"))


def test_killed_before_the_intent_it_goes_out_and_killed_after_it_never_again(runtime: Runtime) -> None:
    before, relay = asked(runtime, "before"), FakeTransport()
    with pytest.raises(Killed):
        sending(runtime, Dying(announced=False)).work()
    assert sending(runtime, relay).work().sent == 0, "the claim still holds"
    lease_ends(runtime)
    assert sending(runtime, relay).work().sent == 1
    assert status(runtime, before) == ("sent", "")
    after = asked(runtime, "after")
    with pytest.raises(Killed):
        sending(runtime, Dying(announced=True)).work()
    lease_ends(runtime)
    assert sending(runtime, relay).work().sent == 0
    assert status(runtime, after)[0] == "uncertain"
    assert len(relay.accepted) == 1


def test_a_worker_that_slept_through_its_claim_hands_nothing_over(runtime: Runtime) -> None:
    number, other = asked(runtime), FakeTransport()

    class Sleepy(FakeTransport):
        def send_group(
            self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
        ) -> Iterator[Outcome]:
            taken = list(mails)
            lease_ends(runtime)
            assert sending(runtime, other).work().sent == 1
            yield from super().send_group(taken, before_data)

    sleepy = Sleepy()
    sending(runtime, sleepy).work()
    assert (len(other.accepted), len(sleepy.accepted)) == (1, 0)
    assert status(runtime, number) == ("sent", "")


def test_many_workers_send_each_message_once(runtime: Runtime) -> None:
    numbers = [asked(runtime, f"m-{n}") for n in range(40)]
    relays = [FakeTransport() for _ in range(4)]
    threads = [threading.Thread(target=sending(runtime, relay).work) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail.send_id for relay in relays for mail in relay.accepted) == numbers


def test_it_goes_over_a_real_relay(servers: EmbeddedUrls, runtime: Runtime) -> None:
    with Relay() as relay:
        url = f"smtp://127.0.0.1:{relay.port}?tls=none"
        over = make_runtime(servers, runtime.settings.folder, smtp_url=url)
        number = asked(over)
        assert over.message_sending.work().sent == 1
        assert status(over, number) == ("sent", "")
        over.close()
    assert len(relay.received) == 1


def test_a_batch_of_a_campaign_steps_aside_while_a_message_waits(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        assert not urgent_waits(session, now)
    asked(runtime)
    with runtime.db.transaction() as session:
        assert urgent_waits(session, runtime.clock.now())
    sending(runtime, FakeTransport()).work()
    with runtime.db.transaction() as session:
        assert not urgent_waits(session, runtime.clock.now())


def test_it_is_forgotten_with_its_customer_after_its_days_and_exported_before(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        session.add(Customer(external_id="c-1", **_sealed(runtime)))
    number = asked(runtime)
    exported = runtime.rights.export(ADDRESS)["messages"]
    assert [one["subject"] for one in exported] == ["Your order A-1"] and "Kari" in exported[0]["text"]
    with runtime.db.transaction() as session:
        kept = repr(session.execute(select(Message.__table__)).mappings().all())
    assert ADDRESS not in kept and "Kari" not in kept
    runtime.rights.erase(ADDRESS)
    with pytest.raises(NotFound):
        runtime.messages.show(number)
    old = asked(runtime, "old", address="someone@else.example")
    worker = sending(runtime, FakeTransport())
    worker.work()
    assert worker.forget_old(30) == 0
    worker._clock = FixedClock(runtime.clock.now() + timedelta(days=31))
    assert worker.forget_old(30) == 1
    with pytest.raises(NotFound):
        runtime.messages.show(old)


def _sealed(runtime: Runtime) -> dict[str, Any]:
    with runtime.db.transaction() as session:
        return sealed_address(session, runtime.keyring, ADDRESS)


def test_kept_messages_have_versions_and_send_by_name(runtime: Runtime) -> None:
    body = {
        "category": "order", "sender": "Shop <a@shop.example>", "subject": "Order {{ n }}",
        "text": "Order {{ n }} is here.", "mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>{{ n }}</mj-text></mj-column></mj-section></mj-body></mjml>",
    }  # fmt: skip
    first = runtime.message_templates.save("order-confirmed", body, "ada")
    assert runtime.message_templates.save("order-confirmed", body, "ada")["version"] == first["version"] == 1
    assert (
        runtime.message_templates.save("order-confirmed", {**body, "subject": "Yours: {{ n }}"}, "ada")[
            "version"
        ]
        == 2
    )
    with pytest.raises(BadInput, match="sender"):
        runtime.message_templates.save("bad", {**body, "sender": "nobody"}, "ada")
    taken = runtime.messages.order(
        MessageOrder("k", address=ADDRESS, template="order-confirmed", data={"n": 7}), "shop"
    )
    assert (taken.message["template"], taken.message["template_version"]) == ("order-confirmed", 2)
    relay = FakeTransport()
    sending(runtime, relay).work()
    assert b"Subject: Yours: 7" in relay.accepted[0].message
    runtime.message_templates.remove("order-confirmed", "ada")
    with pytest.raises(NotFound):
        runtime.messages.order(MessageOrder("l", address=ADDRESS, template="order-confirmed"), "shop")
    assert runtime.message_templates.list() == []

"""What follows for a customer from bounces: the same whoever tells of them, however often, and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from campaigns.audience.suppression import suppress
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Fault, Kind, Outcome
from campaigns.flows.feedback.bounces import MailFate, soft_bounces_in_a_row
from campaigns.flows.feedback.provider_events import ProviderEvent, take_in
from campaigns.flows.sending.claims import Claims
from campaigns.flows.sending.counters import recount
from campaigns.models import Customer, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_provider_mail import Mail, days, events, mails, reason, suppressed, wants_mail
from tests.shop import approved, fill_shop, make_runtime, send_all

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LIMIT = 3


@pytest.fixture
def told(servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    runtime = make_runtime(servers, tmp_path / "data", soft_bounce_limit=LIMIT).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    yield runtime
    runtime.close()


@pytest.fixture
def series(told: Runtime, sample: SampleFiles) -> list[Mail]:
    """Five mails to one customer, from the oldest to the newest, half an hour apart."""
    first = approved(told, sample)
    send_all(told, first)
    mail = mails(told, first)[0]
    now = told.clock.now()
    campaigns = [first, *(told.campaigns.create_from_file(sample.campaign) for _ in range(4))]
    with told.db.transaction() as session:
        for number, campaign in enumerate(campaigns):
            # As if the others had been sent as well; that is not what these tests are about.
            session.execute(_ANOTHER, {"c": campaign, "customer": mail.customer})
            begun = now - timedelta(minutes=30 * (5 - number))
            session.execute(_BEGUN, {"at": begun, "c": campaign, "customer": mail.customer})
    return [next(m for m in mails(told, one) if m.customer == mail.customer) for one in campaigns]


_ANOTHER = text(
    "insert into sends (campaign_id, customer_id, status) values (:c, :customer, 'sent') on conflict do nothing"
)
_BEGUN = text(
    "update sends set intent_at = :at, sent_at = :at where campaign_id = :c and customer_id = :customer"
)


def told_of(mail: Mail, name: str, at: datetime, reply: str = "", permanent: bool = True) -> ProviderEvent:
    return ProviderEvent(mail.campaign, mail.send, name, at, reply, f"{name} {at}", permanent)


def take(runtime: Runtime, told: Sequence[ProviderEvent]) -> None:
    for event in told:
        with runtime.db.transaction() as session:
            take_in(session, runtime.keyring, runtime.meters, event, runtime.clock.now(), LIMIT)


def full(mail: Mail, at: datetime) -> ProviderEvent:
    return told_of(mail, "bounced", at, "552 5.2.2 mailbox full")


def forget(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        session.execute(text("delete from events where name in ('bounced', 'delivered', 'complained')"))
        session.execute(text("delete from suppressions"))


def test_soft_bounces_in_a_row_end_the_address(told: Runtime, series: list[Mail]) -> None:
    now = told.clock.now()
    for number, mail in enumerate(series[:LIMIT], start=1):
        take(told, [full(mail, now)] * 3)
        assert suppressed(told, mail) is (number == LIMIT), "the same bounce told again is one bounce"
    assert reason(told) == [("bounced", "soft bounces")]


def test_a_delivery_in_between_resets_in_any_order(told: Runtime, series: list[Mail]) -> None:
    now = told.clock.now()
    story = [
        full(series[0], now), full(series[1], now), told_of(series[2], "delivered", now), full(series[3], now),
        full(series[4], now),
    ]  # fmt: skip
    for order in list(permutations(story))[::7]:
        forget(told)
        take(told, order)
        assert not suppressed(told, series[0]), [event.send_id for event in order]
    forget(told)
    take(told, [event for event in story if event.name != "delivered"])
    assert suppressed(told, series[0]), "without the delivery they are four in a row"


def test_a_delivery_never_lifts_what_is_final(told: Runtime, series: list[Mail]) -> None:
    now = told.clock.now()
    dead = told_of(series[3], "bounced", now, "550 5.1.1 no such user")
    story = [*(full(mail, now) for mail in series[:LIMIT]), dead, told_of(series[4], "delivered", now)]
    for order in list(permutations(story))[::7]:
        forget(told)
        take(told, order)
        assert reason(told) == [("bounced", "provider")], [event.send_id for event in order]


def test_a_persons_word_is_not_lifted_by_a_delivery(told: Runtime, series: list[Mail]) -> None:
    now = told.clock.now()
    with told.db.transaction() as session:
        suppress(session, told.keyring, series[0].address, "manual", "a person", now)
    take(told, [full(mail, now) for mail in series[:LIMIT]])
    take(told, [told_of(series[4], "delivered", now)])
    assert reason(told) == [("manual", "a person")]


def test_the_senders_fault_never_ends_an_address(told: Runtime, series: list[Mail]) -> None:
    now = told.clock.now()
    for reply in ("550 5.7.26 unauthenticated", "550 5.7.515 bulk sender", "421 4.7.28 too fast"):
        take(told, [told_of(mail, "bounced", now, reply) for mail in series])
        assert not suppressed(told, series[0])


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["delivered", "deferred", "full", "dead", "ours", "complained"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=EVENTS, data=st.data())
def test_the_end_does_not_depend_on_the_order(
    told: Runtime, series: list[Mail], story: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    now = told.clock.now() - timedelta(hours=1)
    replies = {"full": "552 5.2.2 full", "dead": "550 5.1.1 unknown", "ours": "550 5.7.26 no"}
    said = [
        told_of(
            series[n],
            "bounced" if what in replies else what,
            now + timedelta(minutes=m),
            replies.get(what, ""),
        )
        for n, what, m in story
    ]
    ends = []
    for order in (said, data.draw(st.permutations(said)), data.draw(st.permutations([*said, *said]))):
        forget(told)
        take(told, order)
        ends.append((suppressed(told, series[0]), [events(told, mail) for mail in series]))
    assert ends[0] == ends[1] == ends[2]


def fate(number: int, ago: float, what: str = "") -> MailFate:
    begun = NOW - days(ago)
    at = begun + timedelta(minutes=1)
    return MailFate(
        number,
        begun,
        sent=what != "failed",
        delivered=at if "delivered" in what else None,
        soft=at + timedelta(minutes=1) if "soft" in what else None,
        refused=at if "refused" in what else None,
    )


@pytest.mark.parametrize(
    ("mails", "run"),
    [
        ([], 0),
        ([fate(1, 1, "soft"), fate(2, 2, "soft")], 2),
        ([fate(1, 1, "soft"), fate(2, 2, "delivered"), fate(3, 3, "soft")], 1),
        ([fate(1, 1, "soft"), fate(2, 2), fate(3, 3, "soft")], 2),
        ([fate(1, 1, "soft"), fate(2, 8), fate(3, 9, "soft")], 1),
        ([fate(1, 1, "soft"), fate(2, 8, "refused"), fate(3, 9, "soft")], 2),
        ([fate(1, 1, "soft"), fate(2, 8, "failed"), fate(3, 9, "soft")], 2),
        ([fate(1, 1, "delivered soft"), fate(2, 2, "soft")], 2),
        ([fate(1, 1), fate(2, 20, "soft")], 1),
    ],
)
def test_what_counts_as_in_a_row(mails: list[MailFate], run: int) -> None:
    assert soft_bounces_in_a_row(mails, NOW) == run
    assert soft_bounces_in_a_row(reversed(mails), NOW) == run


def relay(runtime: Runtime, answers: dict[str, Answer]) -> None:
    runtime.outlet.close()
    runtime.outlet._make = lambda: FakeTransport(answers)


def test_what_the_relay_says_at_once_follows_the_same_policy(told: Runtime, sample: SampleFiles) -> None:
    first = approved(told, sample)
    send_all(told, first)
    dead, full_, blocked, *_ = mails(told, first)
    relay(
        told,
        {
            dead.address: Answer(550, "5.1.1 no such user"),
            full_.address: Answer(552, "5.2.2 mailbox full"),
            blocked.address: Answer(550, "5.7.26 neither SPF nor DKIM passed"),
        },
    )
    for number in range(1, LIMIT + 1):
        send_all(told, approved(told, sample))
        assert suppressed(told, dead)
        assert suppressed(told, full_) is (number == LIMIT)
        assert not suppressed(told, blocked)
    assert reason(told) == [("bounced", "relay"), ("bounced", "soft bounces")]
    with told.db.transaction() as session:
        blames = session.scalars(text("select detail->>'blame' from events where name = 'bounced'")).all()
    assert sorted(blames) == ["dead", *["sender"] * LIMIT, *["soft"] * LIMIT]
    assert wants_mail(told, dead)


def test_mail_that_is_given_up_after_many_tries_is_a_soft_bounce(told: Runtime, sample: SampleFiles) -> None:
    campaign = approved(told, sample)
    with told.db.transaction() as session:
        people = session.scalars(select(Customer.id)).all()
    told.campaigns.send(campaign, "test")
    told.sending.plan(campaign)
    with told.db.transaction() as session:
        session.execute(text("update sends set attempts = 30 where status = 'planned'"))
    told.outlet.close()
    told.outlet._make = lambda: _Deferring()
    while told.sending.send_batch(campaign).claimed:
        pass
    with told.db.transaction() as session:
        rows = session.execute(
            text("select detail->>'blame' as blame, detail->>'permanent' as permanent from events")
        ).all()
        failed = session.scalar(text("select count(*) from sends where status = 'failed'"))
    assert people and failed
    assert {tuple(row) for row in rows} == {("soft", "false")}
    assert len(rows) == failed


class _Deferring(FakeTransport):
    def __init__(self) -> None:
        super().__init__({})

    def send_group(self, mails, before_data=lambda _: None):  # type: ignore[no-untyped-def]
        for mail in mails:
            before_data(mail.send_id)
            yield Outcome(mail.send_id, Kind.DEFERRED, 452, "4.2.2", "4.2.2 full")


def test_what_a_dead_workers_journal_tells_follows_the_same_policy(
    told: Runtime, sample: SampleFiles
) -> None:
    campaign = approved(told, sample)
    told.campaigns.send(campaign, "test")
    told.sending.plan(campaign)
    dead = Journal(told.journals)
    with told.db.transaction() as session:
        (one,) = Claims(timedelta(0)).take(
            session, campaign, 1, f"{told.host}:{dead.writer}", told.clock.now()
        )
        session.execute(text("update sends set status = 'sending' where id = :id"), {"id": one.id})
        recount(session, campaign)
    dead.intent(one.id)
    dead.outcome(Outcome(one.id, Kind.REJECTED, 550, "5.1.1", "5.1.1 nobody", Fault.RECIPIENT))
    dead.close()
    told.recovery.sweep()
    with told.db.transaction() as session:
        assert session.get_one(Send, (campaign, one.id)).status == "failed"
        assert session.scalar(text("select detail->>'blame' from events where name = 'bounced'")) == "dead"
    assert reason(told) == [("bounced", "relay")]

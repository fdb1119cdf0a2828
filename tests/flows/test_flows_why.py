"""Why a mail came: what is told is true, and no more than the mail said itself."""

from __future__ import annotations

from datetime import UTC

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from campaigns.compose.content import language_of, reason_words
from campaigns.core.errors import BadToken
from campaigns.flows.customers.why import Explanation
from campaigns.flows.opening.askers import Asker
from campaigns.models import ConsentEntry, Customer, Product, Send, SlotServe, WrittenCopyRow
from campaigns.models.copy import line_ids
from campaigns.models.values import Reason
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import record_opens, sent_under_weather

THUNDERBIRD = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")


@pytest.fixture
def sent(shop: Runtime, sample: SampleFiles) -> Runtime:
    """The sample shop with the first campaign sent and weather over its cities."""
    return sent_under_weather(shop, sample)


def sends(session: Session, *conditions: object) -> list[Send]:
    wanted = select(Send).where(Send.status == "sent", *conditions).order_by(Send.id)  # type: ignore[arg-type]
    return list(session.scalars(wanted))


def a_send(runtime: Runtime, *conditions: object) -> Send:
    with runtime.db.transaction() as session:
        return sends(session, *conditions)[0]


def why(runtime: Runtime, send: Send) -> Explanation:
    found = runtime.preferences.why(token(runtime, send))
    assert found is not None
    return found


def token(runtime: Runtime, send: Send) -> str:
    return runtime.signer.sign("preferences", send.campaign_id, send.customer_id, send.id)


def served(runtime: Runtime, send: Send, variant: str, signal: str, weather: str) -> None:
    row = {"variant": variant, "signal": signal, "weather": weather, "served_at": runtime.clock.now()}
    with runtime.db.transaction() as session:
        session.merge(SlotServe(campaign_id=send.campaign_id, send_id=send.id, slot=0, **row))


def test_it_tells_of_each_mail_what_the_mail_said(sent: Runtime) -> None:
    with sent.db.transaction() as session:
        mails = sends(session)
        people = {c.id: c for c in session.scalars(select(Customer))}
        titles = {row.id: row.title for row in session.execute(select(Product.id, Product.title))}
        entries = {e.id: e for e in session.scalars(select(ConsentEntry))}
    kinds = set()
    for send in mails:
        told = why(sent, send)
        language = language_of(people[send.customer_id].locale)
        expected = [
            (titles[row[0]], reason_words(Reason(row[1], row[3], row[2]), language))
            for row in send.picks or []
        ]
        assert [(pick.title, pick.reason) for pick in told.picks] == expected != []
        entry = entries[send.consent_entry_id or 0]
        assert told.wording == entry.wording != ""
        assert told.agreed_on is not None and told.sent_on is not None and send.sent_at is not None
        assert abs((told.agreed_on - entry.at.astimezone(UTC).date()).days) <= 1
        assert abs((told.sent_on - send.sent_at.astimezone(UTC).date()).days) <= 1
        assert (told.personal, told.tracked) == (send.personal, send.tracked)
        assert told.by_model is False
        assert told.own_reasons <= told.personal
        kinds.add((told.personal, told.own_reasons))
    assert kinds == {(True, True), (True, False), (False, False)}


def test_a_subject_is_told_without_the_name_or_not_at_all(sent: Runtime) -> None:
    send = a_send(sent)
    for subject, told in {
        "Outside we go, {first_name}!": "Outside we go!",
        "All for {first_name} and friends": "",
        "From {price_1} on": "",
        "Outside  we\ngo": "Outside we go",
    }.items():
        with sent.db.transaction() as session:
            row = session.get_one(WrittenCopyRow, send.copy_id)
            row.fields = {**row.fields, "subject": subject}
        assert why(sent, send).subject == told


def test_the_day_is_that_of_the_customers_calendar(sent: Runtime) -> None:
    send = a_send(sent)
    with sent.db.transaction() as session:
        moment = send.sent_at.replace(month=3, day=31, hour=23, minute=30)  # type: ignore[union-attr]
        session.execute(update(Send).where(Send.id == send.id).values(sent_at=moment))
        session.get_one(Customer, send.customer_id).timezone = "Europe/Oslo"
    assert why(sent, send).sent_on == moment.replace(month=4, day=1).date()


def test_weather_is_named_only_where_it_decided_a_picture(sent: Runtime) -> None:
    send = a_send(sent, Send.tracked)
    told = why(sent, send)
    assert (told.placed_by, told.by_weather) == ("", False), "nothing was shown yet"
    served(sent, send, "default", "home", "rain")
    assert why(sent, send).placed_by == "", "looked up, but no rule held"
    for signal, weather, placed_by, by_weather in (
        ("home", "rain", "home", True),
        ("address", "snow", "opening", True),
        ("apple_city", "clear", "opening", True),
        ("home", "unknown", "home", False),
        ("none", "unknown", "", False),
        ("", "unknown", "", False),
    ):
        served(sent, send, "rain", signal, weather)
        told = why(sent, send)
        assert (told.placed_by, told.by_weather) == (placed_by, by_weather), signal


def test_a_picture_really_shown_at_home_is_told(sent: Runtime) -> None:
    with sent.db.transaction() as session:
        mails = sends(session, Send.tracked)
    for send in mails:
        sent.opening.picture(sent.signer.sign("open", send.campaign_id, send.id, 0), THUNDERBIRD)
    record_opens(sent)
    assert ("home", True) in {(told.placed_by, told.by_weather) for told in (why(sent, s) for s in mails)}


def test_nothing_is_told_of_other_peoples_mail_or_of_what_is_gone(sent: Runtime) -> None:
    with sent.db.transaction() as session:
        first, second = sends(session)[:2]
    sign = sent.signer.sign
    for numbers in (
        (first.campaign_id, second.customer_id, first.id),
        (first.campaign_id, first.customer_id, 0),
        (first.campaign_id, first.customer_id, 10**12),
        (10**6, first.customer_id, first.id),
    ):
        assert sent.preferences.why(sign("preferences", *numbers)) is None
    with pytest.raises(BadToken):
        sent.preferences.why(sign("view", first.campaign_id, first.id))
    sent.rights.erase_of(first.customer_id)
    assert sent.preferences.why(token(sent, first)) is None


def test_it_tells_whether_a_model_wrote_any_of_the_words(sent: Runtime) -> None:
    send = a_send(sent)
    with sent.db.transaction() as session:
        session.execute(
            update(WrittenCopyRow).where(WrittenCopyRow.id == line_ids(send.picks)[0]).values(writer="model")
        )
    assert why(sent, send).by_model is True
    with sent.db.transaction() as session:
        session.execute(delete(WrittenCopyRow))
    assert why(sent, send).by_model is None

"""A customer's page: found by POST, masked, explained, exported and erased; and what is not told without consent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from web_story import Story

from campaigns.audience.customers import address_of
from campaigns.models import AuditEntry, ConsentState, Customer, OrderLine, Send, SlotServe

CUSTOMERS = "/console/customers/"


def somebody(story: Story, *conditions: Any) -> Customer:
    with story.runtime.db.transaction() as session:
        found = select(Customer).where(Customer.erased_at.is_(None), *conditions)
        return session.scalars(found.order_by(Customer.id).limit(1)).one()


def sent_to(purpose: str, granted: bool) -> Any:
    """Got the sent campaign, and grants this now or does not."""
    state = select(ConsentState.customer_id).where(ConsentState.purpose == purpose, ConsentState.granted)
    got = Customer.id.in_(select(Send.customer_id).where(Send.status == "sent"))
    return got & (Customer.id.in_(state) if granted else Customer.id.not_in(state))


def page(client: FlaskClient, customer: Customer, query: str = "") -> str:
    answer = client.get(CUSTOMERS + customer.external_id + query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_customer_is_found_by_number_and_by_address_and_nothing_is_in_the_url(
    signed_in: FlaskClient, story: Story
) -> None:
    customer = somebody(story, Customer.email_cipher.is_not(None))
    address = address_of(story.runtime.keyring, customer)
    for who in (customer.external_id, f"  {address} ", address.upper()):
        answer = signed_in.post(CUSTOMERS, data={"who": who})
        assert answer.headers["Location"] == CUSTOMERS + customer.external_id
    missed = signed_in.post(CUSTOMERS, data={"who": "nobody@there.example"})
    assert missed.status_code == 404 and "Nobody has this number" in missed.get_data(as_text=True)
    assert signed_in.get(CUSTOMERS + "no-such").status_code == 404


def test_the_address_is_masked_until_somebody_asks_which_is_recorded(
    signed_in: FlaskClient, story: Story, role: Any
) -> None:
    customer = somebody(story, Customer.email_cipher.is_not(None))
    address = address_of(story.runtime.keyring, customer)
    assert address not in page(signed_in, customer)
    shown = signed_in.post(f"{CUSTOMERS}{customer.external_id}/address").get_data(as_text=True)
    assert address in shown
    with story.runtime.db.transaction() as session:
        newest = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (newest.action, newest.subject) == ("customer.address_shown", f"customer {customer.id}")
    role("viewer")
    assert "Show address" not in page(signed_in, customer)
    assert signed_in.post(f"{CUSTOMERS}{customer.external_id}/address").status_code == 403


def test_mails_come_with_picks_and_reasons_and_orders_by_the_page(
    signed_in: FlaskClient, story: Story
) -> None:
    with story.runtime.db.transaction() as session:
        many = select(OrderLine.customer_id).group_by(OrderLine.customer_id)
        busiest = session.scalar(many.order_by(func.count().desc(), OrderLine.customer_id).limit(1))
        first = session.get_one(
            OrderLine, session.scalar(select(func.min(OrderLine.id)).where(OrderLine.customer_id == busiest))
        )
        template = {"customer_id": busiest, "product_id": first.product_id, "ordered_at": first.ordered_at}
        extra = [OrderLine(order_id=f"PAGED-{n:02}", **template) for n in range(45)]
        session.add_all(extra)
        session.flush()
        orders = session.scalar(select(func.count()).where(OrderLine.customer_id == busiest))
    customer = somebody(story, Customer.id == busiest)
    seen, place = [], None
    while lines := story.runtime.customer_pages.orders(customer.external_id, place):
        seen += [line.line for line in lines]
        place = (lines[-1].at, lines[-1].line)
    assert len(seen) == len(set(seen)) == orders
    html = page(signed_in, customer)
    assert "Older orders" in html
    older = html.split("orders_after=")[1].split("#")[0]
    assert "Newest orders" in page(signed_in, customer, f"?orders_after={older}")
    assert signed_in.get(f"{CUSTOMERS}{customer.external_id}?orders_after=yesterday").status_code == 400
    got = somebody(story, sent_to("profiling", True))
    html = page(signed_in, got)
    assert "Autumn on the trail" in html and "Picked for them" in html
    with story.runtime.db.transaction() as session:
        for row in session.scalars(select(OrderLine).where(OrderLine.order_id.like("PAGED-%"))):
            session.delete(row)


@contextmanager
def shown_to(story: Story, customer: Customer, variant: str) -> Iterator[None]:
    """While it lasts, it is on record that this picture was shown in the mail that they got."""
    with story.runtime.db.transaction() as session:
        asked = select(Send.id).where(Send.customer_id == customer.id, Send.campaign_id == story.sent)
        served = session.merge(
            SlotServe(
                campaign_id=story.sent, send_id=session.scalars(asked).one(), slot=0, variant=variant,
                link="https://x.example", signal="address", weather="snow", served_at=story.runtime.clock.now(),
            )
        )  # fmt: skip
    try:
        yield
    finally:
        with story.runtime.db.transaction() as session:
            session.delete(served)


@pytest.mark.parametrize(("purpose", "told"), [("open_location", True), ("open_location", False)])
def test_the_place_of_an_open_is_told_only_with_consent(
    signed_in: FlaskClient, story: Story, purpose: str, told: bool
) -> None:
    customer = somebody(story, sent_to("open_tracking", True), sent_to(purpose, told))
    with shown_to(story, customer, "snowy-peaks"):
        html = page(signed_in, customer)
    assert "snowy-peaks" in html
    assert ("the opener&#39;s rough location" in html) is told


def test_without_open_tracking_nothing_of_opens_is_told(signed_in: FlaskClient, story: Story) -> None:
    customer = somebody(story, sent_to("open_tracking", False))
    with shown_to(story, customer, "rainy-fells"):
        html = page(signed_in, customer)
    assert "rainy-fells" not in html and "not noted: they did not agree" in html


def test_why_somebody_would_get_no_mail_now(signed_in: FlaskClient, story: Story) -> None:
    asked = select(ConsentState.customer_id).where(ConsentState.purpose == "marketing")
    never = somebody(story, Customer.id.not_in(asked))
    assert "would be held back: never asked for marketing mail" in page(signed_in, never)
    assert "may be mailed" in page(signed_in, somebody(story, sent_to("marketing", True)))


def test_segments_that_they_are_in_are_named(signed_in: FlaskClient, story: Story) -> None:
    customer = somebody(story, Customer.country != "")
    inside = story.runtime.segments.create("Their country", {"country": customer.country}, "test")
    outside = story.runtime.segments.create("Elsewhere", {"not": {"segment": inside}}, "test")
    html = page(signed_in, customer)
    assert "Their country" in html and "Elsewhere" not in html
    for number in (outside, inside):
        story.runtime.segments.archive(number, "test")


def test_admins_export_and_erase_and_erasing_asks_twice(
    signed_in: FlaskClient, story: Story, role: Any
) -> None:
    with story.runtime.db.transaction() as session:
        session.add(Customer(external_id="to be/erased", first_name="Erasmus"))
    own = CUSTOMERS + "to%20be/erased"
    role("approver")
    assert signed_in.post(f"{own}/export").status_code == 403
    assert signed_in.post(f"{own}/erase", data={"typed": "to be/erased"}).status_code == 403
    role("admin")
    exported = signed_in.post(f"{own}/export")
    assert exported.json is not None and exported.json["format"] == "tailormail customer export"
    assert "Erasmus" not in exported.headers["Content-Disposition"]
    asked = signed_in.post(f"{own}/erase")
    assert asked.status_code == 200 and "Erase for good" in asked.get_data(as_text=True)
    assert signed_in.post(f"{own}/erase", data={"typed": "yes"}).status_code == 400
    assert signed_in.get(own).status_code == 200, "nothing was erased"
    number = story.runtime.customer_pages.show("to be/erased").number
    assert signed_in.post(f"{own}/erase", data={"typed": " to be/erased "}).status_code == 302
    assert signed_in.get(own).status_code == 404
    with story.runtime.db.transaction() as session:
        done = session.scalars(select(AuditEntry).where(AuditEntry.subject == f"customer {number}")).all()
        assert {one.action for one in done} >= {"customer.exported", "customer.erased"}
        assert "to be/erased" not in str([(one.subject, one.detail) for one in done])

"""Every figure of a report against counting by hand, in a small made world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from insight_world import NOW, START, Mail, Order, World, make_world
from sqlalchemy import text

from campaigns.core.db import Database, UnitOfWork
from campaigns.insight.full_report import Asked, full_report, headline
from tests.shop import bare_campaign

Told = tuple[World, dict[str, Any]]


@pytest.fixture(scope="module")
def told(database: Database) -> Iterator[Told]:
    """The world and its report; rolled back at the end."""
    session = UnitOfWork(database)
    try:
        world = make_world(session)
        asked = Asked(world.mine, START, ("hero",), {0: "Plain", 1: "Bold"})
        yield world, full_report(session, asked, NOW)
    finally:
        session.rollback()
        session.close()


def mailed(world: World) -> list[Mail]:
    return [mail for mail in world.mails if mail.mailed]


def measured(world: World) -> list[Mail]:
    return [mail for mail in world.mails if mail.measured]


def test_counts_and_rates(told: Told) -> None:
    world, report = told
    all_, seen = mailed(world), measured(world)
    expected = {
        "mailed": len(all_),
        "measured": len(seen),
        "opened": sum(mail.opened for mail in seen),
        "opened_any": sum(mail.opened or mail.opened_machine for mail in seen),
        "clicked": sum(bool(mail.clicks) for mail in seen),
        "clicked_any": sum(bool(mail.clicks) or mail.machine_click for mail in seen),
        "unsubscribed": sum(mail.unsubscribed for mail in all_),
        "complained": sum(mail.complained for mail in all_),
        "bounced": 0,
    }
    assert report["counts"] == expected
    assert report["rates"]["opened"]["of"] == len(seen)
    assert report["rates"]["unsubscribed"]["of"] == len(all_)
    assert report["rates"]["opened"]["share"] == pytest.approx(expected["opened"] / len(seen), abs=1e-5)
    assert 0 < expected["opened"] < expected["opened_any"], "machines are there, and are apart"


def test_clicks_by_link_product_and_picture(told: Told) -> None:
    world, report = told
    seen = measured(world)
    people = Counter(place for mail in seen for place in mail.clicks)
    assert {(row["place"], row["number"]): row["rate"]["n"] for row in report["clicks"]} == dict(people)
    machines = {row["place"]: row["machines"] for row in report["clicks"]}
    assert machines["pick"] == sum(mail.machine_click and ("pick", 0) not in mail.clicks for mail in seen)
    assert machines["slot"] == 0
    products = {row["name"]: (row["shown"], row["rate"]["n"]) for row in report["products"]}
    for place, sku in enumerate(("r-A", "r-B", "r-C")):
        shown = [mail for mail in seen if mail.send % 3 == place]
        clicked = sum(("pick", 0) in mail.clicks for mail in shown)
        assert products[f"{sku} ({sku})"] == (len(shown), clicked)
    pictures = {row["name"]: (row["slot"], row["shown"], row["rate"]["n"]) for row in report["pictures"]}
    for variant in ("rain", "snow"):
        shown = [mail for mail in seen if mail.variant == variant]
        assert pictures[variant] == ("hero", len(shown), sum(("slot", 0) in mail.clicks for mail in shown))
    assert {row["name"]: row["customers"] for row in report["weather"]} == Counter(
        mail.weather for mail in seen if mail.weather
    )


def test_groups_and_arms(told: Told) -> None:
    world, report = told
    by_country = Counter(world.countries[mail.customer] for mail in mailed(world))
    assert {row["name"]: row["mailed"] for row in report["groups"]["country"]} == by_country
    opened = Counter(world.countries[mail.customer] for mail in measured(world) if mail.opened)
    for row in report["groups"]["country"]:
        assert row["rates"]["opened"]["n"] == opened[row["name"]]
    before = {mail.customer: 0 for mail in mailed(world)}
    for order in world.orders:
        if order.at < START and order.customer in before:
            before[order.customer] += 1
    loyalty = Counter(
        "no order before" if n == 0 else "1 order before" if n == 1 else "2 to 4 orders before"
        for n in before.values()
    )
    assert {row["name"]: row["mailed"] for row in report["groups"]["loyalty"]} == loyalty
    for row in report["arms"]:
        own = [mail for mail in mailed(world) if mail.arm == row["arm"]]
        assert (row["name"], row["mailed"]) == (("Plain", "Bold")[row["arm"]], len(own))
        assert row["rates"]["clicked"]["n"] == sum(bool(mail.clicks) for mail in own if mail.measured)


def after_last_mail(world: World, order: Order, mail: Mail) -> timedelta | None:
    """How long after this campaign's mail the order came, unless another's was the last before it."""
    assert mail.sent_at
    if order.customer != mail.customer or order.at <= mail.sent_at:
        return None
    rival = world.rival_sent.get(order.customer)
    return None if rival is not None and mail.sent_at < rival <= order.at else order.at - mail.sent_at


def test_orders_count_for_the_last_mail_before_them(told: Told) -> None:
    world, report = told
    ages = [
        (order, mail, age)
        for mail in mailed(world)
        for order in world.orders
        if (age := after_last_mail(world, order, mail)) is not None
    ]
    for window in report["revenue"]:
        own = [(order, mail) for order, mail, age in ages if age <= timedelta(days=window["days"])]
        assert window["orders"] == len({order.number for order, _ in own})
        assert window["conversion"]["n"] == len({order.customer for order, _ in own})
        revenue: dict[str, float] = {}
        for order, _ in own:
            revenue[order.currency] = revenue.get(order.currency, 0) + order.value
        assert {name: float(amount) for name, amount in window["revenue"].items()} == pytest.approx(revenue)
    assert [window["complete"] for window in report["revenue"]] == [True] * 5
    week = [(order, mail) for order, mail, age in ages if age <= timedelta(days=7)]
    for row in report["arms"]:
        assert row["week"]["orders"] == sum(mail.arm == row["arm"] for _, mail in week)
    assert any(customer in world.rival_sent for customer in {order.customer for order in world.orders})


def test_orders_after_a_click(told: Told) -> None:
    world, report = told
    by_customer = {mail.customer: mail for mail in mailed(world)}
    for window in report["revenue"]:
        own = set()
        for order in world.orders:
            mail = by_customer.get(order.customer)
            moments = [at for at in mail.clicks.values() if at <= order.at] if mail and mail.tracked else []
            if moments and order.at - max(moments) <= timedelta(days=window["days"]):
                own.add(order.number)
        assert window["after_click"]["orders"] == len(own)


def spent(world: World, customer: int, since: datetime, until: datetime, currency: str = "EUR") -> float:
    return sum(
        order.value
        for order in world.orders
        if order.customer == customer and order.currency == currency and since <= order.at < until
    )


def test_lift_is_the_difference_to_the_holdout(told: Told) -> None:
    world, report = told
    lift = report["lift"]
    until = datetime.fromisoformat(lift["until"])
    sent = [mail.sent_at for mail in mailed(world) if mail.sent_at]
    assert until == max(sent) + timedelta(days=30)
    treated = [mail for mail in world.mails if mail.arm >= 0]
    held = [mail for mail in world.mails if mail.arm == -1]
    assert (lift["mailed"]["customers"], lift["holdout"]["customers"]) == (len(treated), len(held))
    means = [
        sum(spent(world, mail.customer, START, until) for mail in side) / len(side)
        for side in (treated, held)
    ]
    assert lift["per_customer"]["mean"] == pytest.approx(means[0] - means[1], abs=1e-4)
    assert lift["per_customer"]["low"] < lift["per_customer"]["mean"] < lift["per_customer"]["high"]
    assert lift["total"]["mean"] == pytest.approx((means[0] - means[1]) * len(treated), abs=0.02)
    assert lift["is_effect"] and lift["complete"] and lift["currency"] == "EUR"


def test_before_and_after(told: Told) -> None:
    world, report = told
    found = report["before_after"]
    length = timedelta(days=30)
    assert found["days"] == 30
    rows = {row["metric"]: row for row in found["rows"]}
    for who, side in (
        ("mailed", mailed(world)),
        ("holdout", [mail for mail in world.mails if mail.arm == -1]),
    ):
        customers = {mail.customer for mail in side}
        own = [order for order in world.orders if order.customer in customers]

        def within(since: datetime, until: datetime, own: list[Order] = own) -> list[Order]:
            return [order for order in own if since <= order.at < until]

        for when, (since, until) in {
            "before": (START - length, START),
            "after": (START, START + length),
        }.items():
            orders = within(since, until)
            euros = [order for order in orders if order.currency == "EUR"]
            buyers = {order.customer for order in orders}
            earlier = {order.customer for order in within(since - length, since)}
            assert rows["average_order_value"][who][when] == pytest.approx(
                sum(order.value for order in euros) / len(euros), abs=1e-5
            )
            assert rows["conversion"][who][when] == pytest.approx(len(buyers) / len(customers), abs=1e-5)
            assert rows["retention"][who][when] == pytest.approx(
                len(buyers & earlier) / len(earlier), abs=1e-5
            )
            life = sum(order.value for order in own if order.currency == "EUR" and order.at < until)
            assert rows["lifetime_value"][who][when] == pytest.approx(life / len(customers), abs=1e-5)
    for row in found["rows"]:
        apart = row["mailed"]["change"]["mean"] - row["holdout"]["change"]["mean"]
        assert row["difference"]["mean"] == pytest.approx(apart, abs=1e-5)


def test_days_and_headline(told: Told) -> None:
    world, report = told
    assert sum(day["mailed"] for day in report["days"]) == len(mailed(world))
    assert sum(day["unsubscribed"] for day in report["days"]) == sum(
        mail.unsubscribed for mail in mailed(world)
    )
    head = headline(report)
    assert head["mailed"] == len(mailed(world))
    assert head["week"]["orders"] == report["revenue"][2]["orders"]


def test_it_names_nobody(told: Told) -> None:
    _, report = told
    written = repr({name: part for name, part in report.items() if name != "sample_send"})
    assert "'r1'" not in written and "customer_id" not in written


def test_there_is_no_effect_without_a_holdout(session: UnitOfWork) -> None:
    world = make_world(session, 60, prefix="alone")
    session.execute(text("update sends set arm = null where campaign_id = :c"), {"c": world.mine})
    report = full_report(session, Asked(world.mine, START, ("hero",)), NOW)
    assert report["lift"]["is_effect"] is False and "no holdout" in report["lift"]["why"]
    assert report["returns"]["effect"] is None
    assert all(
        row["holdout"]["before"] is None and row["difference"] is None
        for row in report["before_after"]["rows"]
    )


def test_a_campaign_without_mails_has_a_report(session: UnitOfWork) -> None:
    report = full_report(session, Asked(bare_campaign(session), None), NOW)
    assert report["counts"]["mailed"] == 0
    assert report["rates"]["opened"] == {"n": 0, "of": 0, "share": None, "low": None, "high": None}
    assert report["lift"]["is_effect"] is False
    assert headline(report)["mailed"] == 0

"""A small made world, told twice: as rows of the database and as plain Python lists, to count by brute force."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
NOW = START + timedelta(days=40)
MINE, OTHER = "Mine", "Other"
_PRODUCTS = (("A", 10, "EUR"), ("B", 25, "EUR"), ("C", 40, "USD"))
_COUNTRIES = ("NO", "DE", "FR")


@dataclass
class Order:
    """One order of one product."""

    number: str
    customer: int
    product: int
    value: float
    currency: str
    at: datetime


@dataclass
class Mail:
    """One customer in the campaign."""

    send: int
    customer: int
    status: str
    arm: int
    tracked: bool
    sent_at: datetime | None
    opened: bool = False
    opened_machine: bool = False
    clicks: dict[tuple[str, int], datetime] = field(default_factory=dict)
    machine_click: bool = False
    unsubscribed: bool = False
    complained: bool = False
    variant: str = ""
    weather: str = ""

    @property
    def mailed(self) -> bool:
        return self.status == "sent"

    @property
    def measured(self) -> bool:
        return self.mailed and self.tracked


@dataclass
class World:
    """`mine` is the campaign that is reported on; `rival` sent a second mail to some, ten days later."""

    mine: int
    rival: int
    products: list[int]
    mails: list[Mail]
    rival_sent: dict[int, datetime]
    orders: list[Order]
    countries: dict[int, str]


def make_world(session: Session, customers: int = 400, seed: int = 7, prefix: str = "r") -> World:
    """Two campaigns over the same customers, with opens, clicks and orders; `prefix` begins their numbers."""
    rng = random.Random(seed)
    mine, rival = _campaign(session, MINE), _campaign(session, OTHER)
    products = [
        session.scalar(
            text(
                "insert into products (sku, title, price, currency) values (:sku, :sku, :price, :currency) returning id"
            ),
            {"sku": f"{prefix}-{sku}", "price": price, "currency": currency},
        )
        for sku, price, currency in _PRODUCTS
    ]
    ids = session.scalars(
        text(
            "insert into customers (external_id, country, locale) select :prefix || n, (cast(:names as text[]))[1 + n % 3], "
            "case when n % 2 = 0 then 'nb_NO' else 'de-DE' end from generate_series(1, :n) n returning id"
        ),
        {"n": customers, "names": list(_COUNTRIES), "prefix": prefix},
    ).all()
    rows = session.execute(text("select id, country from customers where id = any(:ids)"), {"ids": list(ids)})
    countries = {row.id: row.country for row in rows}
    mails = [_mail(rng, n, customer) for n, customer in enumerate(ids, start=1)]
    rival_sent = {
        mail.customer: START + timedelta(days=10) for mail in mails if mail.mailed and rng.random() < 0.4
    }
    orders = [order for mail in mails for order in _orders(rng, mail, products)]
    world = World(mine, rival, [int(p or 0) for p in products], mails, rival_sent, orders, countries)
    _write(session, world)
    return world


def _campaign(session: Session, name: str) -> int:
    arms = {"factor": "subject", "arms": [{"name": "Plain"}, {"name": "Bold"}], "holdout": 0.2}
    number = session.scalar(
        text(
            "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots, status, "
            "started_at, finished_at, experiment) values (:name, 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', "
            "cast(:slots as jsonb), 'sent', :start, :end, cast(:experiment as jsonb)) returning id"
        ),
        {
            "name": name,
            "slots": json.dumps([{"name": "hero"}]),
            "start": START if name == MINE else START + timedelta(days=10),
            "end": START + timedelta(hours=3) if name == MINE else START + timedelta(days=10, hours=1),
            "experiment": json.dumps(arms),
        },
    )
    assert number is not None
    return int(number)


def _mail(rng: random.Random, n: int, customer: int) -> Mail:
    drawn = rng.random()
    if drawn < 0.2:
        return Mail(n, customer, "held_back", -1, False, None)
    if drawn < 0.25:
        return Mail(n, customer, "failed", rng.randrange(2), False, None)
    sent = START + timedelta(minutes=rng.randrange(180))
    mail = Mail(n, customer, "sent", rng.randrange(2), rng.random() < 0.8, sent)
    mail.unsubscribed, mail.complained = rng.random() < 0.05, rng.random() < 0.02
    if not mail.tracked:
        return mail
    mail.opened, mail.opened_machine = rng.random() < 0.4, rng.random() < 0.5
    mail.machine_click = rng.random() < 0.1
    if mail.opened:
        mail.variant = "rain" if rng.random() < 0.6 else "snow"
        mail.weather = mail.variant
        for place, number in (("pick", 0), ("slot", 0), ("call_to_action", 0)):
            if rng.random() < 0.3:
                mail.clicks[place, number] = sent + timedelta(hours=rng.randrange(1, 48))
    return mail


def _orders(rng: random.Random, mail: Mail, products: list[int | None]) -> list[Order]:
    made = []
    lively = 3.0 if mail.mailed else 2.0
    for place in range(int(rng.random() * lively)):
        which = rng.randrange(3)
        at = START + timedelta(days=rng.uniform(-70, 38))
        _, price, currency = _PRODUCTS[which]
        made.append(
            Order(
                f"{mail.customer}-{place}",
                mail.customer,
                int(products[which] or 0),
                float(price),
                currency,
                at,
            )
        )
    return made


def _write(session: Session, world: World) -> None:
    for mail in world.mails:
        session.execute(
            text(
                "insert into sends (campaign_id, id, customer_id, status, reason, arm, tracked, sent_at, picks) values "
                "(:c, :id, :customer, :status, :reason, :arm, :tracked, :sent_at, cast(:picks as jsonb))"
            ),
            {
                "c": world.mine, "id": mail.send, "customer": mail.customer, "status": mail.status, "arm": mail.arm,
                "reason": "holdout" if mail.arm == -1 else "", "tracked": mail.tracked, "sent_at": mail.sent_at,
                "picks": json.dumps([[world.products[mail.send % 3], "taste", 0, ""]]),
            },
        )  # fmt: skip
        for event in _events(mail):
            _event(session, world.mine, mail, *event)
        if mail.variant:
            session.execute(
                text(
                    "insert into slot_serves (campaign_id, send_id, slot, variant, signal, weather, served_at) "
                    "values (:c, :s, 0, :v, 'home', :w, :at), (:c, :s, 255, 'pixel', 'none', 'unknown', :at)"
                ),
                {"c": world.mine, "s": mail.send, "v": mail.variant, "w": mail.weather, "at": mail.sent_at},
            )
    for place, (customer, at) in enumerate(world.rival_sent.items(), start=1):
        session.execute(
            text(
                "insert into sends (campaign_id, id, customer_id, status, sent_at) values (:c, :id, :customer, 'sent', :at)"
            ),
            {"c": world.rival, "id": 100_000 + place, "customer": customer, "at": at},
        )
    for order in world.orders:
        session.execute(
            text(
                "insert into order_lines (order_id, customer_id, product_id, quantity, unit_price, ordered_at) "
                "values (:o, :c, :p, 1, :v, :at)"
            ),
            {"o": order.number, "c": order.customer, "p": order.product, "v": order.value, "at": order.at},
        )


def _events(mail: Mail) -> list[tuple[str, bool, datetime, dict[str, object]]]:
    if mail.sent_at is None:
        return []
    at = mail.sent_at + timedelta(minutes=30)
    told: list[tuple[str, bool, datetime, dict[str, object]]] = []
    if mail.opened:
        told.append(("opened", False, at, {"requester": "direct"}))
    if mail.opened_machine:
        told.append(("opened", True, at, {"requester": "apple_mpp"}))
    for (place, number), moment in mail.clicks.items():
        told.append(("clicked", False, moment, {"place": place, "number": number, "requester": "direct"}))
    if mail.machine_click:
        told.append(("clicked", True, at, {"place": "pick", "number": 0, "requester": "scanner"}))
    if mail.unsubscribed:
        told.append(("unsubscribed", False, at, {}))
    if mail.complained:
        told.append(("complained", False, at, {}))
    return told


def _event(
    session: Session,
    campaign: int,
    mail: Mail,
    name: str,
    machine: bool,
    at: datetime,
    detail: dict[str, object],
) -> None:
    session.execute(
        text(
            "insert into events (campaign_id, key, name, send_id, customer_id, at, machine, detail) values "
            "(:c, :key, :name, :s, :customer, :at, :machine, cast(:detail as jsonb))"
        ),
        {
            "c": campaign, "key": f"{name}/{mail.send}/{machine}/{detail.get('place')}", "name": name, "s": mail.send,
            "customer": mail.customer, "at": at, "machine": machine, "detail": json.dumps(detail),
        },
    )  # fmt: skip

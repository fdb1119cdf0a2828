"""A random small shop, in the database and in Python, and every rule of a segment worked out the slow way."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from sqlalchemy.orm import Session

from campaigns.models import (
    PURPOSES,
    Campaign,
    ConsentEntry,
    ConsentState,
    Customer,
    EngagementState,
    Event,
    Favourite,
    OrderLine,
    Product,
    Send,
)

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
COUNTRIES, CITIES, LOCALES = ("Norway", "Åland", ""), ("Oslo", "BERGEN", ""), ("en_GB", "nb_NO", "de", "")
ZONES, TAGS = ("Europe/Oslo", "UTC", ""), ("vip", "press", "new")
CATEGORIES, BRANDS, SKUS = ("Boots", "Hats"), ("Regnby", "Tussock"), ("S0", "S1", "S2", "S3")
STATES = ("active", "snoozed", "asked", "sunset")
CAMPAIGNS = 3
SPANS = (1, 20, 90, 400)


@dataclass
class Person:
    """One customer with all that rules ask about."""

    row: Customer
    granted: set[str] = field(default_factory=set)
    state: str = "active"
    likes: list[tuple[str, str]] = field(default_factory=list)
    lines: list[tuple[str, Product, int, Decimal | None, datetime]] = field(default_factory=list)
    sends: list[tuple[int, str, bool, datetime]] = field(default_factory=list)
    events: list[tuple[int, str, bool, datetime]] = field(default_factory=list)


@dataclass
class World:
    """The shop; `campaigns` are their numbers."""

    people: list[Person]
    products: list[Product]
    campaigns: list[int]

    def members(self, tree: Mapping[str, Any]) -> set[str]:
        """The external ids of those for whom the rules hold."""
        return {person.row.external_id for person in self.people if self.holds(tree, person)}

    def holds(self, tree: Mapping[str, Any], person: Person) -> bool:
        """Whether the rules hold for this one."""
        if not tree:
            return True
        [(name, value)] = tree.items()
        if name == "all":
            return all(self.holds(rule, person) for rule in value)
        if name == "any":
            return any(self.holds(rule, person) for rule in value)
        if name == "not":
            return not self.holds(value, person)
        return bool(_RULES[name](self, person, value))


def make_world(session: Session, seed: int, people: int = 40) -> World:
    """A shop of its own, always the same for a seed."""
    dice = random.Random(seed)
    products = [
        Product(sku=sku, title=sku, category=CATEGORIES[i % 2], brand=BRANDS[i // 2], tags=[TAGS[i % 3]])
        for i, sku in enumerate(SKUS)
    ]
    campaigns = [
        Campaign(
            name=f"C{n}", template="t", picks=1, sender="a@b.example", postal_address="x", brief={}, segment={},
            slots=[], status="sent", started_at=_ago(dice), finished_at=NOW - timedelta(days=n * 100),
        )
        for n in range(CAMPAIGNS)
    ]  # fmt: skip
    session.add_all([*products, *campaigns])
    session.flush()
    world = World([], products, [campaign.id for campaign in campaigns])
    for number in range(people):
        world.people.append(_person(session, dice, world, number))
    session.flush()
    return world


def _person(session: Session, dice: random.Random, world: World, number: int) -> Person:
    home = dice.random() < 0.7
    row = Customer(
        external_id=f"W{number}",
        email_cipher=b"x" if dice.random() < 0.7 else None,
        email_hmac=f"{number:032}".encode() if dice.random() < 0.8 else None,
        country=dice.choice(COUNTRIES),
        city=dice.choice(CITIES),
        locale=dice.choice(LOCALES),
        timezone=dice.choice(ZONES),
        tags=[tag for tag in TAGS if dice.random() < 0.3],
        latitude=round(dice.uniform(55, 65), 1) if home else None,
        longitude=round(dice.uniform(5, 15), 1) if home else None,
        created_at=_ago(dice),
    )
    session.add(row)
    session.flush()
    person = Person(row)
    _consents(session, dice, person)
    _orders(session, dice, world, person)
    _mails(session, dice, world, person)
    if dice.random() < 0.6:
        person.state = dice.choice(STATES)
        session.add(EngagementState(customer_id=row.id, state=person.state))
    for kind, value in (("category", dice.choice(CATEGORIES)), ("product", dice.choice(SKUS))):
        if dice.random() < 0.3:
            person.likes.append((kind, value))
            session.add(Favourite(customer_id=row.id, kind=kind, value=value, at=NOW))
    return person


def _consents(session: Session, dice: random.Random, person: Person) -> None:
    for purpose in PURPOSES:
        action = dice.choice(("granted", "withdrawn", ""))
        if not action:
            continue
        entry = ConsentEntry(customer_id=person.row.id, purpose=purpose, action=action, at=NOW, source="t")
        session.add(entry)
        session.flush()
        granted = action == "granted"
        session.add(
            ConsentState(
                customer_id=person.row.id, purpose=purpose, granted=granted, entry_id=entry.id, at=NOW
            )
        )
        if granted:
            person.granted.add(purpose)


def _orders(session: Session, dice: random.Random, world: World, person: Person) -> None:
    for order in range(dice.choice((0, 0, 1, 2, 3))):
        at = _ago(dice)
        for product in dice.sample(world.products, dice.choice((1, 2))):
            price = Decimal(dice.randrange(0, 20000)) / 100 if dice.random() < 0.9 else None
            line = (f"O{person.row.id}-{order}", product, dice.choice((1, 2)), price, at)
            person.lines.append(line)
            session.add(
                OrderLine(
                    order_id=line[0], customer_id=person.row.id, product_id=product.id, quantity=line[2],
                    unit_price=price, ordered_at=at,
                )
            )  # fmt: skip


def _mails(session: Session, dice: random.Random, world: World, person: Person) -> None:
    for place, campaign in enumerate(world.campaigns):
        if dice.random() < 0.4:
            continue
        status = dice.choice(("sent", "sent", "sent", "held_back", "uncertain", "failed"))
        tracked = dice.random() < 0.7
        # Before the campaign ended, as it is in life: a rule about the last days skips those that ended before.
        at = NOW - timedelta(days=place * 100 + dice.uniform(0, 30))
        person.sends.append((campaign, status, tracked, at))
        send = Send(
            campaign_id=campaign, customer_id=person.row.id, status=status, tracked=tracked, sent_at=at
        )
        session.add(send)
        session.flush()
        for name in ("opened", "clicked"):
            if dice.random() < 0.5:
                event = (campaign, name, dice.random() < 0.4, at)
                person.events.append(event)
                session.add(
                    Event(
                        campaign_id=campaign, key=f"{name}:{send.id}", name=name, send_id=send.id,
                        customer_id=person.row.id, at=at, machine=event[2],
                    )
                )  # fmt: skip


def _ago(dice: random.Random) -> datetime:
    return NOW - timedelta(days=dice.uniform(0, 500))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _one_of(text: str, value: Any) -> bool:
    return text.lower() in [word.strip().lower() for word in _listed(value)]


def _since(at: datetime, value: Mapping[str, Any]) -> bool:
    return "within_days" not in value or at >= NOW - timedelta(days=value["within_days"])


def _language(_: World, person: Person, value: Any) -> bool:
    locale = person.row.locale.lower()
    wanted = [word.strip().replace("-", "_").lower() for word in _listed(value)]
    return any(locale == word or locale.startswith(f"{word}_") for word in wanted)


def _bought(_: World, person: Person, value: Mapping[str, Any]) -> bool:
    def fits(product: Product) -> bool:
        return (
            ("category" not in value or _one_of(product.category, value["category"]))
            and ("brand" not in value or _one_of(product.brand, value["brand"]))
            and ("sku" not in value or product.sku in [w.strip() for w in _listed(value["sku"])])
            and ("tag" not in value or bool(set(product.tags) & {w.strip() for w in _listed(value["tag"])}))
        )

    return any(fits(line[1]) and _since(line[4], value) for line in person.lines)


def _lines(person: Person, value: Mapping[str, Any]) -> list[Any]:
    return [line for line in person.lines if _since(line[4], value)]


def _spent(person: Person, value: Mapping[str, Any]) -> Decimal:
    return sum((line[2] * line[3] for line in _lines(person, value) if line[3] is not None), Decimal(0))


def _orders_of(person: Person, value: Mapping[str, Any]) -> int:
    return len({line[0] for line in _lines(person, value)})


def _within_bounds(number: Any, value: Mapping[str, Any]) -> bool:
    least, most = (value.get(key) for key in ("at_least", "at_most"))
    return (least is None or number >= Decimal(str(least))) and (most is None or number <= Decimal(str(most)))


def _average(_: World, person: Person, value: Mapping[str, Any]) -> bool:
    orders = _orders_of(person, value)
    return orders > 0 and _within_bounds(_spent(person, value) / orders, value)


def _when(at: datetime, value: Mapping[str, Any]) -> bool:
    day = at.astimezone(UTC).date().isoformat()
    return (
        _since(at, value)
        and ("more_than_days" not in value or at < NOW - timedelta(days=value["more_than_days"]))
        and ("after" not in value or day >= value["after"])
        and ("before" not in value or day < value["before"])
    )


def _near(_: World, person: Person, value: Mapping[str, Any]) -> bool:
    if person.row.latitude is None or person.row.longitude is None:
        return False
    here, there = radians(person.row.latitude), radians(value["latitude"])
    half = sin((there - here) / 2) ** 2
    half += cos(here) * cos(there) * sin(radians(value["longitude"] - person.row.longitude) / 2) ** 2
    return 2 * 6371.0088 * asin(sqrt(min(1.0, half))) <= value["km"]


def _likes(world: World, person: Person, value: Mapping[str, Any]) -> bool:
    for kind, liked in person.likes:
        if kind == "category" and "category" in value and _one_of(liked, value["category"]):
            return True
        if kind == "product":
            product = next(one for one in world.products if one.sku == liked)
            if "sku" in value and liked in [w.strip() for w in _listed(value["sku"])]:
                return True
            if "category" in value and _one_of(product.category, value["category"]):
                return True
    return False


def _of_campaign(number: int, value: Mapping[str, Any]) -> bool:
    return "campaign" not in value or number in _listed(value["campaign"])


def _got(person: Person, value: Mapping[str, Any], tracked: bool = False) -> bool:
    return any(
        status in ("sent", "uncertain") and _of_campaign(campaign, value) and _since(at, value)
        for campaign, status, was_tracked, at in person.sends
        if was_tracked or not tracked
    )


def _did(person: Person, name: str, value: Mapping[str, Any]) -> bool:
    return any(
        event == name and not machine and _of_campaign(campaign, value) and _since(at, value)
        for campaign, event, machine, at in person.events
    )


def _sign(name: str, wanted: bool) -> Callable[[World, Person, Any], bool]:
    def rule(_: World, person: Person, value: Any) -> bool:
        if "open_tracking" not in person.granted:
            return False
        if wanted:
            return _did(person, name, value)
        return _got(person, value, tracked=True) and not _did(person, name, value)

    return rule


_RULES: dict[str, Callable[[World, Person, Any], bool]] = {
    "country": lambda _, person, value: _one_of(person.row.country, value),
    "city": lambda _, person, value: _one_of(person.row.city, value),
    "timezone": lambda _, person, value: _one_of(person.row.timezone, value),
    "language": _language,
    "tag": lambda _, person, value: bool(set(person.row.tags) & {w.strip() for w in _listed(value)}),
    "has_purpose": lambda _, person, value: value in person.granted,
    "has_address": lambda _, person, value: (
        (person.row.email_cipher is not None and person.row.email_hmac is not None) == value
    ),
    "added": lambda _, person, value: _when(person.row.created_at, value),
    "near": _near,
    "likes": _likes,
    "engagement": lambda _, person, value: person.state in _listed(value),
    "bought": _bought,
    "not_bought": lambda world, person, value: not _bought(world, person, value),
    "total_spent": lambda _, person, value: _within_bounds(_spent(person, value), value),
    "orders": lambda _, person, value: _within_bounds(Decimal(_orders_of(person, value)), value),
    "average_order": _average,
    "first_order": lambda _, person, value: (
        bool(person.lines) and _when(min(line[4] for line in person.lines), value)
    ),
    "last_order": lambda _, person, value: (
        bool(person.lines) and _when(max(line[4] for line in person.lines), value)
    ),
    "got": lambda _, person, value: _got(person, value),
    "opened": _sign("opened", True),
    "clicked": _sign("clicked", True),
    "not_opened": _sign("opened", False),
    "not_clicked": _sign("clicked", False),
}

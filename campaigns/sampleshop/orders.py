"""Two years of orders, made from tastes, brands, climates, seasons and popularity."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate

from campaigns.sampleshop.catalogue import Product
from campaigns.sampleshop.people import TASTES, City, Customer

HISTORY_DAYS = 730
ORDERS_PER_DAY = 0.0175  # of an average customer, before the months thin them out
BY_POPULARITY_ALONE = 0.12  # presents, impulses: lines that follow no taste
SALE_MONTHS = {1: Decimal("0.80"), 7: Decimal("0.85")}
MONTH_DEMAND = (0, 0.9, 0.6, 0.7, 0.8, 0.9, 0.9, 0.8, 0.8, 1.0, 1.2, 1.5, 1.5)  # by number of the month
PEAK_DEMAND = max(MONTH_DEMAND)
SEASON_TAGS = {
    "winter": {"snow": 2.2, "cold": 1.8, "heat": 0.3},
    "spring": {"rain": 1.4, "wind": 1.3, "clear": 1.2},
    "summer": {"heat": 2.2, "clear": 1.6, "snow": 0.3, "cold": 0.5},
    "autumn": {"rain": 1.8, "wind": 1.5, "cold": 1.2, "heat": 0.6},
    "tropics": {"heat": 1.5, "snow": 0.5},
}
HOURS = (7, 8, 9, 12, 12, 13, 16, 17, 18, 19, 20, 20, 21, 21, 22, 23)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of one order; `unit_price` in EUR as paid, `ordered_at` aware, in UTC."""

    order_id: str
    customer_id: str
    sku: str
    quantity: int
    unit_price: Decimal
    ordered_at: datetime


def make_orders(
    seed: int, customers: Sequence[Customer], products: Sequence[Product], today: date
) -> list[OrderLine]:
    """All lines of the two years before `today`, oldest first; none lies on or after `today`."""
    rng = random.Random(f"orders/{seed}")
    shelf = _Shelf(products)
    baskets = [
        (at, customer, lines)
        for customer in customers
        if not customer.newcomer
        for at, lines in _baskets_of(rng, customer, shelf, today)
    ]
    baskets.sort(key=lambda basket: (basket[0], basket[1].external_id))
    return [
        OrderLine(f"F{100001 + number}", customer.external_id, product.sku, quantity, _paid(product, at), at)
        for number, (at, customer, lines) in enumerate(baskets)
        for product, quantity in lines
    ]


def season(month: int, latitude: float) -> str:
    """The season at `latitude` in `month` (1 to 12); within the tropics there is only one."""
    if abs(latitude) < 23:
        return "tropics"
    northern = month if latitude > 0 else (month + 5) % 12 + 1
    return ("winter", "spring", "summer", "autumn")[northern % 12 // 3]


class _Shelf:
    """Products with their chance of being picked, worked out once per taste, season and city."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = list(products)
        self._tastes = {taste.name: taste for taste in TASTES}
        self._chances: dict[tuple[str, str, str], list[float]] = {}

    def pick(self, rng: random.Random, customer: Customer, when: str) -> Product:
        """One product, by the customer's taste mostly, sometimes by popularity alone."""
        taste = "" if rng.random() < BY_POPULARITY_ALONE else customer.taste
        chances = self._chances_for(taste, when, customer.home)
        product = self._draw(rng, chances)
        if product.brand != customer.favourite_brand and rng.random() < 0.4:
            product = self._draw(rng, chances)
        return product

    def _draw(self, rng: random.Random, chances: list[float]) -> Product:
        return self._products[bisect(chances, rng.random() * chances[-1], hi=len(chances) - 1)]

    def _chances_for(self, taste: str, when: str, home: City) -> list[float]:
        key = (taste, when, home.name)
        if key not in self._chances:
            weights = (self._weight(product, taste, when, home) for product in self._products)
            self._chances[key] = list(accumulate(weights))
        return self._chances[key]

    def _weight(self, product: Product, taste_name: str, when: str, home: City) -> float:
        weight = float(product.popularity)
        tags = set(product.tags)
        if taste_name:
            taste = self._tastes[taste_name]
            weight *= 9.0 if tags & taste.core else 2.0 if tags & taste.near else 0.5
        for tag, factor in SEASON_TAGS[when].items():
            if tag in tags:
                weight *= factor
        return weight * 1.5 ** len(tags & set(home.climate))


def _baskets_of(
    rng: random.Random, customer: Customer, shelf: _Shelf, today: date
) -> Iterator[tuple[datetime, list[tuple[Product, int]]]]:
    owned: set[str] = set()
    for day in _order_days(rng, customer, today):
        at = _moment(rng, day, customer.home.longitude, today)
        when = season(day.month, customer.home.latitude)
        basket: dict[str, tuple[Product, int]] = {}
        for _ in range(rng.choices((1, 2, 3, 4, 5), weights=(40, 30, 17, 9, 4))[0]):
            product = shelf.pick(rng, customer, when)
            if product.sku in basket or (product.sku in owned and not product.consumable):
                continue
            most = 3 if product.consumable else 1
            basket[product.sku] = (product, rng.randint(1, most) if rng.random() > 0.02 else 2)
        owned.update(basket)
        if basket:
            yield at, list(basket.values())


def _order_days(rng: random.Random, customer: Customer, today: date) -> list[date]:
    """Days of orders since joining: a Poisson process that the months thin out; at least one day."""
    first = max(customer.joined, today - timedelta(days=HISTORY_DAYS - 1))
    keenness = ORDERS_PER_DAY * rng.gammavariate(1.4, 1 / 1.4)
    span = (today - first).days
    days = []
    elapsed = rng.expovariate(max(keenness, 1e-4))
    while elapsed < span:
        day = first + timedelta(days=int(elapsed))
        if rng.random() * PEAK_DEMAND < MONTH_DEMAND[day.month]:
            days.append(day)
        elapsed += rng.expovariate(max(keenness, 1e-4))
    return days or [first + timedelta(days=rng.randrange(span))]


def _moment(rng: random.Random, day: date, longitude: float, today: date) -> datetime:
    """A waking hour of the place, in UTC; by the sun and not by time zone data, which a machine may lack."""
    local = datetime.combine(day, time(rng.choice(HOURS), rng.randrange(60), rng.randrange(60)), tzinfo=UTC)
    at = local - timedelta(hours=round(longitude / 15))
    return at if at.date() < today else at - timedelta(days=1)


def _paid(product: Product, at: datetime) -> Decimal:
    return (product.price * SALE_MONTHS.get(at.month, Decimal(1))).quantize(Decimal("0.01"))

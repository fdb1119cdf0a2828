"""Attempts to push a product into other people's mails, played against the training that really runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, arrays_of, product
from sqlalchemy import insert

from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.models import Customer, OrderLine, Product
from campaigns.recommend.interactions import Interactions, days_since_epoch, load_interactions
from campaigns.recommend.model import train
from campaigns.recommend.poisoning import line_weights
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.scoring import History

CUSTOMERS, PRODUCTS, WORLDS = 400, 120, 6
TARGET = 999
"""A product that is in the catalogue and that hardly anybody wants."""

NOW = days_since_epoch(TODAY)
CATALOGUE = {
    key: product(
        key, f"{('Red', 'Blue', 'Tall', 'Flat')[key % 4]} thing number{key}", f"World {key % WORLDS}"
    )
    for key in (*range(1, PRODUCTS + 1), TARGET)
}
PUBLIC = 77
"""The domain at which half of the ordinary customers have their address; the others share none."""


@dataclass(frozen=True)
class Lines:
    """Order lines as columns, and each customer's address block."""

    customer: np.ndarray
    product: np.ndarray
    day: np.ndarray
    block: dict[int, int]

    def plus(self, other: Lines) -> Lines:
        return Lines(
            np.concatenate([self.customer, other.customer]),
            np.concatenate([self.product, other.product]),
            np.concatenate([self.day, other.day]),
            self.block | other.block,
        )

    def third(self) -> Lines:
        """Those of one customer in three."""
        chosen = self.customer % 3 == 0
        return Lines(self.customer[chosen], self.product[chosen], self.day[chosen], self.block)

    def learned(self, guarded: bool, share: float = 1.0) -> Interactions:
        everything = Interactions.from_arrays(
            arrays_of(CATALOGUE),
            self.customer,
            self.product,
            self.customer * 100_000 + np.floor(self.day).astype(np.int64),
            self.day,
            np.ones(len(self.day), np.int64),
        )
        if not guarded:
            return everything
        block = np.array([self.block[key] for key in everything.customer_ids.tolist()])
        weight = line_weights(everything.customer, everything.product, everything.day, block, share)
        return replace(everything, weight=weight)


def lines(rows: list[tuple[int, int, float]], block: int) -> Lines:
    customer, product_id, day = (np.array(column) for column in zip(*rows, strict=True))
    return Lines(customer, product_id, day, dict.fromkeys(customer.tolist(), block))


@pytest.fixture(scope="module")
def honest() -> Lines:
    """Half a year of a shop whose customers each live in one world; one in four ordered once only."""
    rng = np.random.default_rng(11)
    popularity = rng.zipf(1.6, PRODUCTS + 1).clip(1, 30).astype(float)
    customer, bought, day = [], [], []
    for number in range(CUSTOMERS):
        own = np.array([key for key in range(1, PRODUCTS + 1) if key % WORLDS == number % WORLDS])
        chance = popularity[own] / popularity[own].sum()
        for _ in range(1 if number % 4 == 0 else int(rng.integers(2, 6))):
            at = NOW - float(rng.uniform(0, 180))
            for key in rng.choice(own, int(rng.integers(2, 6)), replace=False, p=chance):
                customer.append(number)
                bought.append(int(key))
                day.append(at)
    blocks = {number: PUBLIC if number % 2 else 10_000 + number for number in range(CUSTOMERS)}
    return Lines(np.array(customer), np.array(bought), np.array(day), blocks)


def lists_with(interactions: Interactions, victims: Lines, wanted: int = TARGET) -> int:
    """In how many of the victims' lists of six the product is."""
    recommender = Recommender(train(interactions, TODAY), CATALOGUE)
    histories = [
        History(key, victims.product[of], NOW - victims.day[of], True)
        for key in range(CUSTOMERS)
        if len(of := np.flatnonzero(victims.customer == key))
    ]
    picked = recommender.pick_batch(histories, 6)
    return sum(any(pick.product.id == wanted for pick in row) for row in picked)


def best(honest: Lines, n: int) -> list[int]:
    return (np.argsort(-np.bincount(honest.product, minlength=PRODUCTS + 1), kind="stable")[:n]).tolist()


def one_customer_orders_without_end(honest: Lines) -> Lines:
    rng = np.random.default_rng(1)
    with_it = best(honest, 40)
    rows = [(5000, TARGET, NOW - float(at)) for at in rng.uniform(0, 30, 10_000)]
    return lines(rows + [(5000, key, NOW - 1.0) for key in with_it], 55)


def one_domain(honest: Lines) -> Lines:
    rng = np.random.default_rng(2)
    with_it = best(honest, 40)
    rows = []
    for number in range(200):
        at = NOW - float(rng.uniform(0.2, 14))
        rows += [
            (6000 + number, key, at) for key in (TARGET, *rng.choice(with_it, 3, replace=False).tolist())
        ]
    return lines(rows, 66)


def a_burst_from_everywhere(honest: Lines) -> Lines:
    """Fresh customers without a common domain, within hours."""
    rng = np.random.default_rng(3)
    with_it = best(honest, 40)
    made = lines([(7000, TARGET, NOW - 1.0)], 0)
    for number in range(200):
        at = NOW - 1.0 + float(rng.uniform(0, 0.2))
        others = rng.choice(with_it, 3, replace=False).tolist()
        made = made.plus(lines([(7000 + number, key, at) for key in (TARGET, *others)], 90_000 + number))
    return made


@pytest.mark.parametrize(
    ("attack", "works"),
    [(one_customer_orders_without_end, False), (one_domain, True), (a_burst_from_everywhere, True)],
)
def test_an_attack_reaches_hardly_any_list(
    honest: Lines, attack: Callable[[Lines], Lines], works: bool
) -> None:
    before = lists_with(honest.learned(guarded=True), honest)
    attacked = honest.plus(attack(honest))
    after = lists_with(attacked.learned(guarded=True), honest)
    assert after <= before + CUSTOMERS // 50, f"{before} lists before, {after} after"
    unguarded = lists_with(attacked.learned(guarded=False), honest)
    assert (unguarded > CUSTOMERS // 10) == works, (
        f"{unguarded} without the weights: does this still show anything?"
    )


def test_what_is_honestly_on_sale_does_not_vanish(honest: Lines) -> None:
    """A sale brings new customers, and established ones buy too."""
    rng = np.random.default_rng(4)
    buyers = rng.choice(CUSTOMERS, 60, replace=False).tolist() + list(range(8000, 8040))
    rows = [(int(key), TARGET, NOW - 2.0 + float(rng.uniform(0, 1))) for key in buyers]
    sale = Lines(
        np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), np.array([row[2] for row in rows]),
        {key: PUBLIC if key % 2 else 20_000 + key for key in buyers},
    )  # fmt: skip
    known = honest.plus(replace(sale, block=sale.block | honest.block))
    guarded, unguarded = (lists_with(known.learned(guarded=guard), honest) for guard in (True, False))
    assert guarded >= 0.6 * unguarded > CUSTOMERS // 10
    weights = known.learned(guarded=True).weight[-len(rows) :]
    assert weights[:60].min() == 1.0, "those who have bought before count in full"


def test_ordinary_lines_count_in_full(honest: Lines) -> None:
    weight = honest.learned(guarded=True).weight
    assert (weight < 1).mean() < 0.01 and weight.min() > 0.3


def test_a_young_shop_has_only_new_customers_and_all_count() -> None:
    rng = np.random.default_rng(5)
    customer = np.repeat(np.arange(60), 3)
    day = NOW - np.repeat(rng.uniform(0, 5, 60), 3)
    weight = line_weights(customer, rng.integers(0, 20, 180), day, np.full(60, 9))
    assert (weight == 1).all()


def test_a_shop_of_one_company_counts_in_full(honest: Lines) -> None:
    everybody = replace(honest, block=dict.fromkeys(range(CUSTOMERS), 4))
    assert (everybody.learned(guarded=True).weight == honest.learned(guarded=True).weight).mean() > 0.99


def test_in_a_sample_a_group_counts_as_much_less(honest: Lines) -> None:
    """Of a third of the customers: so many of the two hundred of one domain count a third of what all do."""
    attacked = honest.plus(one_domain(honest))
    everybody, some = attacked.learned(guarded=True), attacked.third().learned(guarded=True, share=1 / 3)
    counted, sampled = _weight_of_pushers(everybody), _weight_of_pushers(some)
    assert len(counted) == 200 and len(sampled) == pytest.approx(67, abs=1)
    assert sampled.sum() == pytest.approx(counted.sum() / 3, rel=0.35)
    others = some.weight[some.customer_ids[some.customer] < 6000]
    assert (others == 1).mean() > 0.98, "who is alone at a domain counts in full"


def _weight_of_pushers(loaded: Interactions) -> np.ndarray:
    theirs = loaded.customer_ids[loaded.customer] >= 6000
    return loaded.weight[theirs & (loaded.catalogue.ids[loaded.product] == TARGET)]


def test_half_the_shop_in_a_day_counts_like_a_large_order() -> None:
    ordinary = np.repeat(np.arange(300), 5)
    hoarder = np.full(1000, 300)
    weight = line_weights(
        np.concatenate([ordinary, hoarder]),
        np.concatenate([np.tile(np.arange(5), 300), np.arange(1000)]),
        np.concatenate([np.repeat(np.arange(300) % 50, 5), np.full(1000, 10)]).astype(float),
        np.zeros(301, np.int64),
    )
    assert (weight[:1500] == 1).all() and weight[1500:].sum() == pytest.approx(60)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9), st.floats(0, 40)), max_size=80),
    st.lists(st.integers(0, 3), min_size=13, max_size=13),
)
def test_weights_are_shares_whatever_is_bought(rows: list[tuple[int, int, float]], blocks: list[int]) -> None:
    customer, bought, day = (np.array([row[n] for row in rows]) for n in range(3))
    weight = line_weights(
        customer.astype(np.int64), bought.astype(np.int64), day.astype(float), np.array(blocks, np.int64)
    )
    assert weight.shape == (len(rows),)
    assert ((weight > 0) & (weight <= 1)).all()


def test_what_is_loaded_is_weighed_by_domain_and_knows_the_country(
    session: UnitOfWork, keyring: KeyRing
) -> None:
    """Sixty established customers at many domains, and thirty of one domain who all buy one product."""
    now = datetime.now(UTC)

    def people(prefix: str, number: int, domain: str, country: str) -> list[int]:
        rows = [
            {
                "external_id": f"{prefix}-{n}",
                "email_domain_hmac": keyring.address_hmac(domain.format(n)),
                "country": country,
            }
            for n in range(number)
        ]
        return list(session.scalars(insert(Customer).returning(Customer.id), rows))

    goods = list(
        session.scalars(
            insert(Product).returning(Product.id), [{"sku": f"p-{n}", "title": f"Wort{n}"} for n in range(3)]
        )
    )
    established = people("old", 60, "at{}.example", "NO")
    attackers = people("new", 30, "one.example", "SE")
    rows: list[tuple[int, int, float]] = [
        (one, goods[n % 2], days) for n, one in enumerate(established) for days in (40, 3)
    ]
    # One a day, so that it is no burst.
    rows += [(one, goods[2], n + 0.5) for n, one in enumerate(attackers)]
    lines = [
        {
            "order_id": f"poison-{n}",
            "customer_id": customer,
            "product_id": bought,
            "ordered_at": now - timedelta(days=days),
        }
        for n, (customer, bought, days) in enumerate(rows)
    ]
    session.execute(insert(OrderLine), lines)
    loaded = load_interactions(session)
    of_attackers = np.isin(loaded.customer_ids[loaded.customer], attackers)
    assert loaded.weight[of_attackers].sum() == pytest.approx(3)
    assert (loaded.weight[np.isin(loaded.customer_ids[loaded.customer], established)] == 1).all()
    pushed = np.searchsorted(loaded.catalogue.ids, goods[2])
    assert (loaded.buyers()[pushed], loaded.weighted_buyers()[pushed]) == (30, pytest.approx(3))
    countries = dict(zip(loaded.customer_ids.tolist(), loaded.country.tolist(), strict=True))
    assert {countries[one] for one in established} == {"NO"} and countries[attackers[0]] == "SE"

"""What a model, its picks and its reasons tell of single customers: nothing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from recommend_samples import (
    TODAY,
    history,
    interactions_of,
    outdoor_catalogue,
    outdoor_lines,
    product,
)
from sqlalchemy import insert

from campaigns.audience.privacy import erase_by_id
from campaigns.core.clock import SystemClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.flows.shop.training import Training
from campaigns.models import Customer, OrderLine, Product
from campaigns.recommend.interactions import load_interactions
from campaigns.recommend.minimums import LEAST_CUSTOMERS, at_least, enough_together
from campaigns.recommend.model import RecommenderModel, train
from campaigns.recommend.private_counts import (
    MOST_PER_CUSTOMER,
    bounded,
    private_counts,
    two_sided_geometric,
    with_private_counts,
)
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.sparserows import ones_at
from campaigns.recommend.storage import load_active

# Titles without a word in common, so that only purchases can bring two of them together.
STRANGERS = {key: product(key, f"Wort{key}", f"Sorte{key}") for key in range(1, 41)}
SECRET, VISIBLE = 7, 3


def shop_in_which(together: int) -> list[tuple[int, int, float]]:
    """Ordinary purchases, and so many customers who bought SECRET beside VISIBLE."""
    rng = np.random.default_rng(3)
    lines = []
    for customer in range(60):
        for key in rng.choice([key for key in STRANGERS if key != SECRET], 5, replace=False):
            lines.append((customer, int(key), float(rng.uniform(1, 100))))
    for customer in range(100, 100 + together):
        lines += [(customer, SECRET, 40.0), (customer, VISIBLE, 40.0)]
    return lines


def weight_between(model: RecommenderModel, of: int, given: int) -> float:
    row = int(np.searchsorted(model.product_ids, of))
    source = np.searchsorted(model.product_ids, given)
    return float(model.weights[row][model.sources[row] == source].max(initial=0))


@pytest.mark.parametrize("together", [1, LEAST_CUSTOMERS - 1, LEAST_CUSTOMERS])
def test_a_pair_counts_from_enough_customers_on(together: int) -> None:
    """Who buys VISIBLE must not learn from their picks what one other customer bought beside it."""
    model = train(interactions_of(STRANGERS, shop_in_which(together)), TODAY)
    enough = together >= LEAST_CUSTOMERS
    for of, given in ((SECRET, VISIBLE), (VISIBLE, SECRET)):
        assert (weight_between(model, of, given) > 0) == enough
    (picks,) = Recommender(model, STRANGERS).pick_batch([history(VISIBLE)], len(STRANGERS) - 1)
    (secret,) = [pick for pick in picks if pick.product.id == SECRET]
    assert (secret.reason.because_id == VISIBLE) == enough
    if not enough:
        assert secret.reason.kind == "from_our_shop", "nor is it called a favourite"


def test_each_weight_from_purchases_has_enough_customers_behind_it() -> None:
    interactions = interactions_of(STRANGERS, shop_in_which(9))
    model = train(interactions, TODAY)
    bought = interactions.bought()
    together = (bought.T @ bought).toarray()
    rows = np.repeat(np.arange(len(STRANGERS)), model.sources.shape[1])
    used = model.weights.ravel() > 0
    assert used.any()
    assert together[rows[used], model.sources.ravel()[used]].min() >= LEAST_CUSTOMERS


def test_the_mask_is_symmetric_without_a_diagonal_and_counts_nobody_who_is_weighed_down() -> None:
    customers, products = np.repeat(np.arange(8), 2), np.tile([0, 1], 8)
    bought = ones_at(customers, products, (8, 3))
    assert enough_together(bought, 8).toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert not enough_together(bought, 9).nnz
    bought.data[:2] = 0.2
    assert not enough_together(bought, 8).nnz
    assert enough_together(bought, 7).nnz == 2


def test_trends_begin_at_enough_customers() -> None:
    for buyers in (LEAST_CUSTOMERS - 1, LEAST_CUSTOMERS):
        lines = [(customer, SECRET, 2.0) for customer in range(buyers)]
        lines += [(customer, VISIBLE, 2.0) for customer in range(20)]
        model = train(interactions_of(STRANGERS, lines), TODAY)
        place = int(np.searchsorted(model.product_ids, SECRET))
        assert (model.trend[place] > 0) == (buyers >= LEAST_CUSTOMERS)
        (picks,) = Recommender(model, STRANGERS).pick_batch([history(customer=99)], 40)
        (pick,) = [pick for pick in picks if pick.product.id == SECRET]
        assert (pick.reason.kind == "recent_favourite") == (buyers >= LEAST_CUSTOMERS)
    assert at_least(np.array([0, 4, 5, 6])).tolist() == [0, 0, 5, 6]


def test_the_model_file_holds_no_customer() -> None:
    """Neither their numbers nor anything of which there is one for each of them."""
    strange = 9_000_000_000
    lines = [(strange + customer * 7, key, ago) for customer, key, ago in outdoor_lines(157)]
    blob = train(interactions_of(outdoor_catalogue(), lines), TODAY).to_bytes()
    ids = {strange + customer * 7 for customer in range(157)}
    with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            assert 157 not in array.shape, name
            if name != "header":
                assert array.size <= 18 * 50 + 1, f"{name} grows with something else than the products"
                assert ids.isdisjoint(array.ravel().astype(np.float64).tolist()), name
        header = json.loads(archive["header"].tobytes())
    told = json.dumps(header["meta"])
    assert not any(str(number) in told for number in ids)


def test_who_was_erased_is_gone_from_the_next_model(session: UnitOfWork, keyring: KeyRing) -> None:
    """The model is then, byte for byte, the one of a shop that never had this customer."""
    now = datetime.now(UTC)
    number = iter(range(10**6))

    def person(name: str) -> int:
        values = {"external_id": f"privacy-{name}", "country": "NO"}
        return session.execute(insert(Customer).values(values).returning(Customer.id)).scalar_one()

    titles = [f"Wort{n}" for n in range(12)]
    goods = list(
        session.scalars(
            insert(Product).returning(Product.id),
            [{"sku": f"privacy-{title}", "title": title, "price": 1} for title in titles],
        )
    )

    def buys(customer: int, *which: int) -> None:
        rows = [
            {
                "order_id": f"privacy-{next(number)}",
                "customer_id": customer,
                "product_id": goods[one],
                "ordered_at": now - timedelta(days=3 + one),
            }
            for one in which
        ]
        session.execute(insert(OrderLine), rows)

    for n in range(LEAST_CUSTOMERS - 1):
        buys(person(f"other {n}"), 0, 1, 2 + n)
    never = train(load_interactions(session), now)
    somebody = person("somebody")
    buys(somebody, 0, 1, 9)
    with_them = train(load_interactions(session), now)
    assert weight_between(with_them, goods[0], goods[1]) > 0 == weight_between(never, goods[0], goods[1])
    erase_by_id(session, keyring, somebody, now)
    after = train(load_interactions(session), now)
    facts = {"fit_seconds": 0}
    assert (
        replace(after, meta=after.meta | facts).to_bytes()
        == replace(never, meta=never.meta | facts).to_bytes()
    )


def test_noise_is_that_of_the_mechanism() -> None:
    """Each step away is e^(1 / scale) times less likely: that is what makes it private."""
    noise = two_sided_geometric(np.random.default_rng(5), 400_000, 4.0)
    share = np.exp(-1 / 4.0)
    assert abs(noise.mean()) < 0.05
    assert noise.var() == pytest.approx(2 * share / (1 - share) ** 2, rel=0.02)
    at = np.array([np.mean(noise == step) for step in range(6)])
    assert at[0] == pytest.approx((1 - share) / (1 + share), rel=0.02)
    assert at[1:] / at[:-1] == pytest.approx(np.full(5, share), rel=0.05)


def test_one_customer_changes_no_more_than_the_noise_is_made_for() -> None:
    rng = np.random.default_rng(6)
    cells = np.unique(rng.integers(0, 50 * 200, 3000))
    bought = ones_at(*np.divmod(cells, 200), (50, 200))
    ids = np.arange(1000, 1050)
    every = bounded(bought, ids, seed=8, most=MOST_PER_CUSTOMER)
    assert np.diff(every.indptr).max() == MOST_PER_CUSTOMER
    for missing in range(0, 50, 7):
        stay = np.arange(50) != missing
        less = bounded(bought[stay], ids[stay], seed=8, most=MOST_PER_CUSTOMER)
        difference = every.sum(axis=0) - less.sum(axis=0)
        assert np.abs(difference).sum() <= MOST_PER_CUSTOMER


def test_private_counts_are_near_the_true_ones_and_never_the_same_twice() -> None:
    bought = ones_at(np.repeat(np.arange(2000), 2), np.tile([0, 3], 2000), (2000, 5))
    ids = np.arange(2000)
    counts = private_counts(bought, ids, 1.0, seed=1)
    assert counts.min() >= 0 and abs(counts[0] - 2000) < 200 and counts[[1, 2, 4]].max() < 200
    assert private_counts(bought, ids, 1.0, seed=1).tolist() == counts.tolist()
    assert private_counts(bought, ids, 1.0, seed=2).tolist() != counts.tolist()
    for epsilon in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="epsilon"):
            private_counts(bought, ids, epsilon, seed=1)


def test_picks_still_work_with_private_counts() -> None:
    catalogue = outdoor_catalogue()
    interactions = interactions_of(catalogue, outdoor_lines())
    model = train(interactions, TODAY)
    private = with_private_counts(model, interactions, TODAY, epsilon=1.0, seed=4)
    again = RecommenderModel.from_bytes(private.to_bytes())
    assert again.meta["epsilon"] == 1.0 and again.area_favourites("NO") is None
    assert (again.buyers != model.buyers).any() and (again.recent_buyers != model.recent_buyers).any()
    assert (again.weights == model.weights).all()
    assert again.trend.min() >= 0 and again.trend.max() <= 1
    picks = Recommender(again, catalogue).pick_batch(
        [history(101, 102), history(customer=2), history(personal=False, customer=3)], 5
    )
    assert [len(row) for row in picks] == [5, 5, 5]
    assert {pick.reason.kind for pick in picks[0]} & {"because_you_bought"}
    secret = with_private_counts(model, interactions, TODAY, epsilon=1.0)
    assert (secret.buyers != with_private_counts(model, interactions, TODAY, epsilon=1.0).buyers).any()


def test_a_shop_may_ask_for_private_counts(db: Database) -> None:
    with db.transaction() as session:
        customer, sold = Customer(external_id="only"), Product(sku="only", title="Only", price=1)
        session.add_all([customer, sold])
        session.flush()
        line = OrderLine(
            order_id="1",
            customer_id=customer.id,
            product_id=sold.id,
            ordered_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        session.add(line)
    for epsilon in (None, 0.5):
        Training(db, SystemClock(), epsilon=epsilon).run(anew=True)
        with db.transaction() as session:
            model = load_active(session)
        assert model is not None and model.meta.get("epsilon") == epsilon

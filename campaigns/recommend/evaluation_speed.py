"""How many customers a second get their picks, with rules and reasons, as in a campaign."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np

from campaigns.models.values import ProductFacts
from campaigns.recommend.interactions import CatalogueArrays, Interactions
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.scoring import History

PICKS = 6
_MOST_CUSTOMERS = 10_000


def customers_per_second(model: RecommenderModel, past: Interactions, today: float) -> float:
    """Picks for all customers of `past` at once, with a catalogue in memory; the first batch warms up."""
    recommender = Recommender(model, facts_of(past.catalogue))
    histories = histories_of(past, today)[:_MOST_CUSTOMERS]
    recommender.pick_batch(histories[:100], PICKS)
    began = time.perf_counter()
    recommender.pick_batch(histories, PICKS)
    return round(len(histories) / max(time.perf_counter() - began, 1e-9), 1)


def histories_of(past: Interactions, today: float) -> list[History]:
    """What each customer who bought anything bought, with the days since."""
    by_customer = np.argsort(past.customer, kind="stable")
    customer = past.customer[by_customer]
    starts = np.flatnonzero(np.append(True, customer[1:] != customer[:-1])[: len(customer)])
    products = np.split(past.catalogue.ids[past.product[by_customer]].astype(np.int64), starts[1:])
    days = np.split(today - past.day[by_customer], starts[1:])
    return [
        History(
            int(past.customer_ids[customer[start]]), bought, ago, True, str(past.country[customer[start]])
        )
        for start, bought, ago in zip(starts, products, days, strict=False)
    ]


def facts_of(catalogue: CatalogueArrays) -> dict[int, ProductFacts]:
    """The catalogue as picks see it, all of it in stock; what an evaluation does not know stays empty."""
    return {
        key: ProductFacts(key, str(key), title, "", category, "", Decimal(1), "", "", "", 1, ())
        for key, title, category in zip(
            catalogue.ids.tolist(), catalogue.texts, catalogue.categories, strict=True
        )
    }

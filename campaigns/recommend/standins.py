"""Prepared picks in which what is sold out since gives its place to a substitute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.scoring import History
from campaigns.recommend.substitutes import Substitutes


def with_stand_ins(
    recommender: Recommender, substitutes: Substitutes, picks: Sequence[Pick], history: History
) -> list[Pick] | None:
    """The same picks, each that may not be picked any more replaced; None where nothing may replace one.

    A substitute obeys all prohibitions, and is nothing that the customer bought. The limits on how many of a kind
    are in a mail hold as before, because it is of the same category as what it stands for.
    """
    mended = list(picks)
    for place, pick in enumerate(picks):
        if not recommender.allows(pick.product.id):
            others = [other.product for other in mended if other is not pick]
            stand_in = _stand_in(recommender, substitutes, pick.product, others, history)
            if stand_in is None:
                return None
            reason = Reason("instead_of", pick.product.title, pick.product.id)
            mended[place] = replace(pick, product=stand_in, reason=reason)
    return mended


def _stand_in(
    recommender: Recommender,
    substitutes: Substitutes,
    product: ProductFacts,
    others: Sequence[ProductFacts],
    history: History,
) -> ProductFacts | None:
    # What is forbidden since, or hidden, is not talked about; only what is sold out is.
    rules = recommender.rules
    if product.stock > 0 or rules.hides(product) or rules.never.holds(product):
        return None
    bought = set(history.products.tolist()) if history.personal else set()
    taken = bought | {other.id for other in others}

    def allowed(key: int) -> bool:
        found = recommender.candidate(key)
        return found is not None and not _forbidden(recommender, found, others, history)

    best = substitutes.best(product.id, allowed, taken)
    return None if best is None else recommender.candidate(best)


def _forbidden(
    recommender: Recommender, product: ProductFacts, others: Sequence[ProductFacts], history: History
) -> bool:
    enemies = any(recommender.rules.are_enemies(product, other) for other in others)
    return enemies or (history.personal and recommender.owns_one(history, product))

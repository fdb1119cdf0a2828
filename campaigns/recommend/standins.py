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
    """The same picks, each that may not be picked any more replaced; None where all are to be picked anew.

    A substitute obeys all prohibitions, and is nothing that the customer bought. The limits on how many of a kind
    are in a mail hold as before, because it is of the same category as what it stands for, unless people listed it.
    Where the rules say so, what is sold out and has no substitute is left out, but for the last of a mail.
    """
    mended: list[Pick | None] = list(picks)
    for place, pick in enumerate(picks):
        if not recommender.allows(pick.product.id):
            if not _only_sold_out(recommender, pick.product):
                return None
            others = [other.product for other in mended if other is not None and other is not pick]
            stand_in = _stand_in(recommender, substitutes, pick.product, others, history)
            if stand_in is not None:
                reason = Reason("instead_of", pick.product.title, pick.product.id)
                mended[place] = replace(pick, product=stand_in, reason=reason)
            elif recommender.rules.stand_ins.leave_out:
                mended[place] = None
            else:
                return None
    left = [pick for pick in mended if pick is not None]
    return [replace(pick, rank=rank) for rank, pick in enumerate(left)] or None


def _only_sold_out(recommender: Recommender, product: ProductFacts) -> bool:
    # What is forbidden since, or hidden, is not talked about.
    rules = recommender.rules
    return product.stock <= 0 and not rules.hides(product) and not rules.never.holds(product)


def _stand_in(
    recommender: Recommender,
    substitutes: Substitutes,
    product: ProductFacts,
    others: Sequence[ProductFacts],
    history: History,
) -> ProductFacts | None:
    bought = set(history.products.tolist()) if history.personal else set()
    taken = bought | {other.id for other in others}

    def allowed(key: int) -> bool:
        found = recommender.candidate(key)
        return found is not None and not _forbidden(recommender, found, others, history)

    best = substitutes.best(product.id, allowed, taken, recommender.rules.stand_ins)
    return None if best is None else recommender.candidate(best)


def _forbidden(
    recommender: Recommender, product: ProductFacts, others: Sequence[ProductFacts], history: History
) -> bool:
    enemies = any(recommender.rules.are_enemies(product, other) for other in others)
    return enemies or (history.personal and recommender.owns_one(history, product))

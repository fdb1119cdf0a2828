"""Ordinary cells of the sample shop, for evaluating a writer without any customer's data."""

from __future__ import annotations

import random
from collections.abc import Sequence

from campaigns.copywriting.brief import Brief, parse_brief
from campaigns.copywriting.evaluating import Trial
from campaigns.copywriting.request import ENGAGEMENT, SEASONS, STAGES, CopyRequest
from campaigns.models.values import Pick, ProductFacts, Reason
from campaigns.sampleshop.catalogue import CURRENCY, Product, catalogue

_PICKS = 3
_REASONS = ("because_you_bought", "like_your_purchases", "best_seller", "you_looked_at", "shop_choice")
_SEED = 7
_STOCK = 10
# One in so many is written for somebody of whom nothing is known.
_GENERAL_ONE_IN = 5


def ordinary_trials(number: int, languages: Sequence[str]) -> list[Trial]:
    """So many cells, the languages in turn; the same ones whenever it is asked."""
    brief, products = _brief(), [_facts(n, product) for n, product in enumerate(catalogue(), 1)]
    throw = random.Random(_SEED)
    trials = []
    for place in range(number):
        language = languages[place % len(languages)]
        request = _request(brief, language, throw.sample(products, _PICKS), throw)
        trials.append(Trial(f"ordinary-{language}-{place + 1:03d}", request))
    return trials


def _brief() -> Brief:
    return parse_brief(
        {
            "goal": "Get people outside in any weather, with things that suit what they like to do.",
            "voice": "A friend who knows the mountains: warm, plain, a little dry. Short sentences.",
            "offer": {"amount_percent": 15, "code": "FERN15"},
            "call_to_action_url": "https://fjellandfern.example/season",
        }
    )


def _request(
    brief: Brief, language: str, products: Sequence[ProductFacts], throw: random.Random
) -> CopyRequest:
    personal = throw.randrange(_GENERAL_ONE_IN) > 0
    reasons = throw.sample(_REASONS, len(products))
    return CopyRequest(
        brief=brief,
        language=language,
        stage=throw.choice(STAGES),
        favourite_category=products[0].category,
        picks=tuple(
            Pick(product, rank, 1.0 / (rank + 1), Reason(kind))
            for rank, (product, kind) in enumerate(zip(products, reasons, strict=True))
        ),
        season=throw.choice(SEASONS),
        personal=personal,
        granularity="pick_set",
        engagement=throw.choice(ENGAGEMENT),
    )


def _facts(number: int, product: Product) -> ProductFacts:
    return ProductFacts(
        id=number,
        sku=product.sku,
        title=product.title,
        description=product.description,
        category=product.category,
        brand=product.brand,
        price=product.price,
        currency=CURRENCY,
        url=product.url,
        image_url="",
        stock=_STOCK,
        tags=product.tags,
    )

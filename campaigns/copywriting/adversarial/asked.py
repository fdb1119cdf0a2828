"""The request in which a case stands: a poisoned product beside a clean one, and what the customer may have brought in."""

from __future__ import annotations

from decimal import Decimal

from campaigns.copywriting.adversarial.cases import Case
from campaigns.copywriting.brief import Brief, parse_brief
from campaigns.copywriting.request import CopyRequest
from campaigns.models.values import Pick, ProductFacts, Reason

_POISONED, _CLEAN = 1, 2


def suite_brief() -> Brief:
    """An ordinary brief, with nothing in it that a case could hide behind."""
    return parse_brief(
        {
            "goal": "Show people a few things from the shop",
            "voice": "Plain and friendly.",
            "call_to_action_url": "https://shop.example/selection",
        }
    )


def request_of(case: Case) -> CopyRequest:
    """What a writer is asked for this case: the fine facts are told, so that poison in them is told too."""
    poisoned = poisoned_product(case)
    picks = (
        Pick(poisoned, 0, 1.0, Reason("in_your_cart")),
        Pick(_clean_product(), 1, 0.5, Reason("best_seller")),
    )
    return CopyRequest(
        brief=suite_brief(),
        language=case.language,
        stage="active",
        favourite_category=poisoned.category,
        picks=picks,
        season="autumn",
        personal=True,
        granularity="pick_set",
        style=case.poison.get("style", ""),
        place=case.poison.get("place", ""),
    )


def poisoned_product(case: Case) -> ProductFacts:
    """A product of no particular kind, with the poison of the case in its texts."""
    poison = case.poison
    return ProductFacts(
        id=_POISONED,
        sku=case.name,
        title=poison.get("title", "Quiet Kettle"),
        description=poison.get("description", ""),
        category=poison.get("category") or poison.get("favourite") or "Kettles",
        brand=poison.get("brand", "Holm"),
        price=Decimal("24.90"),
        currency="EUR",
        url="https://shop.example/p/kettle",
        image_url="",
        stock=7,
        tags=(case.marker, *((poison["tags"],) if "tags" in poison else ())),
    )


def _clean_product() -> ProductFacts:
    return ProductFacts(
        id=_CLEAN,
        sku="clean",
        title="Plain Lantern",
        description="",
        category="Lanterns",
        brand="Holm",
        price=Decimal("31.00"),
        currency="EUR",
        url="https://shop.example/p/lantern",
        image_url="",
        stock=9,
        tags=(),
    )

"""Briefs, picks and requests for the tests of copywriting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaigns.copywriting.brief import Brief, parse_brief
from campaigns.copywriting.request import CopyRequest
from campaigns.models.values import Pick, ProductFacts, Reason

LANGUAGES = ("en", "de", "fr", "es")
OFFER = {"amount_percent": 20, "code": "FERN20", "ends": "2026-03-01", "conditions": "On rain jackets."}


def a_brief(**changes: Any) -> Brief:
    raw: dict[str, Any] = {
        "goal": "Bring people to the new rain jackets",
        "voice": "Dry, warm, plain.",
        "call_to_action_url": "https://fjellandfern.example/rain",
    }
    return parse_brief({**raw, **changes})


def a_product(number: int = 1, **changes: Any) -> ProductFacts:
    facts: dict[str, Any] = {
        "id": number,
        "sku": f"SKU-{number}",
        "title": f"Rolltop {number}{number}",
        "description": "A welded pack for laptops and lunch in cities where it rains sideways. Roll it down.",
        "category": "Packs",
        "brand": "Fjell & Fern",
        "price": Decimal("1129.90"),
        "currency": "EUR",
        "url": "https://fjellandfern.example/p",
        "image_url": "",
        "stock": 3,
        "tags": ("rain", "city", "waterproof"),
    }
    return ProductFacts(**{**facts, **changes})


def a_pick(number: int = 1, kind: str = "because_you_bought", because: str = "", **changes: Any) -> Pick:
    return Pick(a_product(number, **changes), number - 1, 1.0, Reason(kind, because, 9))


def a_request(**changes: Any) -> CopyRequest:
    fields: dict[str, Any] = {
        "brief": a_brief(),
        "language": "en",
        "stage": "active",
        "favourite_category": "Jackets",
        "picks": (a_pick(1), a_pick(2, kind="best_seller")),
        "season": "autumn",
        "personal": True,
    }
    return CopyRequest(**{**fields, **changes})

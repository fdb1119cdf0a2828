"""Values that cross the stages: what a product, a pick and a copy are."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product as every stage sees it; `price` in `currency`, `stock` in pieces."""

    id: int
    sku: str
    title: str
    description: str
    category: str
    brand: str
    price: Decimal
    currency: str
    url: str
    image_url: str
    stock: int
    tags: tuple[str, ...]


OWN_REASONS = (
    "because_you_bought",
    "like_your_purchases",
    "buy_again",
    "in_your_cart",
    "because_in_your_cart",
    "you_looked_at",
    "because_you_looked_at",
    "because_you_like",
    "your_favourite",
)
"""Kinds of reasons that tell what the customer bought, did or said."""
GENERAL_REASONS = (
    "area_favourite",
    "recent_favourite",
    "best_seller",
    "shop_choice",
    "instead_of",
    "from_our_shop",
)
"""Kinds of reasons that tell what many do, or what the shop does."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product was picked, true by construction.

    `kind` is one of OWN_REASONS or GENERAL_REASONS. Where it begins with because_, and for like_your_purchases and
    instead_of, `because` is the title of the product that is named (`because_id` its id); for because_you_like
    that may be a category instead, then without id.
    """

    kind: str
    because: str = ""
    because_id: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """A recommended product; `rank` counts from 0, `score` only orders picks of one customer."""

    product: ProductFacts
    rank: int
    score: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Copy:
    """The words of one mail; `product_lines` has one line per pick, in the same order."""

    subject: str
    preheader: str
    headline: str
    intro: str
    product_lines: tuple[str, ...]
    call_to_action: str

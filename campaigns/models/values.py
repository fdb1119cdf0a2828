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


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product was picked, true by construction.

    `kind` is one of because_you_bought, like_your_purchases, because_you_like, your_favourite,
    recent_favourite, best_seller; `because` is the title of the bought product (`because_id` its id) for the
    first two, and of the liked product, or the liked category (then without id), for the third.
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

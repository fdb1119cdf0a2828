"""A product as it is now: what cards show, and what picking by weather looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class LiveProduct:
    """`price` in `currency` (ISO 4217), None where unknown; `stock` in pieces, None where nobody counts.

    `url` is its page in the shop, `picture` the sha256 of a stored picture of it, if there is one.
    """

    product_id: int
    sku: str
    title: str
    price: Decimal | None = None
    currency: str = ""
    stock: int | None = None
    url: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)
    picture: str = ""

    @property
    def sold_out(self) -> bool:
        """Whether it is counted and none is left."""
        return self.stock is not None and self.stock <= 0

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields; the price as text, so that no cent is lost."""
        return {
            "product_id": self.product_id,
            "sku": self.sku,
            "title": self.title,
            "price": None if self.price is None else str(self.price),
            "currency": self.currency,
            "stock": self.stock,
            "url": self.url,
            "tags": sorted(self.tags),
            "picture": self.picture,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LiveProduct:
        """The reverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError or ArithmeticError: it was not made by `to_json`.
        """
        price = None if raw["price"] is None else Decimal(raw["price"])
        return cls(**{**raw, "price": price, "tags": frozenset(raw["tags"])})

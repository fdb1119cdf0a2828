"""Looking products up, a page at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select

from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.models import Product


class ProductSearch:
    """Reads products. One object serves all threads of a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(
        self, search: str = "", after: str = "", size: int = 50
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Some products by sku, those behind `after`, and the sku behind which the next page begins; None: no more.

        `search` is a part of the title, or the beginning of a sku.
        """
        wanted = select(Product).order_by(Product.sku).limit(size + 1)
        if search.strip():
            said = search.strip()
            named = Product.title.icontains(said, autoescape=True)
            wanted = wanted.where(or_(named, Product.sku.istartswith(said, autoescape=True)))
        if after:
            wanted = wanted.where(Product.sku > after)
        with self._db.transaction() as session:
            rows = session.scalars(wanted).all()
            page = [product_as_plain(row) for row in rows[:size]]
        return page, page[-1]["sku"] if len(rows) > size else None

    def show(self, sku: str) -> dict[str, Any]:
        """One product.

        Raises:
            NotFound: there is none of this sku.
        """
        with self._db.transaction() as session:
            row = session.scalar(select(Product).where(Product.sku == sku))
            if row is None:
                raise NotFound("there is no such product")
            return product_as_plain(row)


def product_as_plain(row: Product) -> dict[str, Any]:
    """A product, ready for JSON."""
    texts = ("sku", "title", "description", "category", "brand", "currency", "url", "image_url")
    return {
        **{name: getattr(row, name) for name in texts},
        "price": None if row.price is None else str(row.price),
        "stock": row.stock,
        "tags": list(row.tags),
        "updated_at": row.updated_at.isoformat(),
    }

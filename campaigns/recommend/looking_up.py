"""Products by what a person types: a number or a part of a title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models import Product

FEW = 20


@dataclass(frozen=True, slots=True)
class ProductHit:
    """A product as a list shows it; `stock` None where it is not known."""

    sku: str
    title: str
    category: str
    brand: str
    stock: int | None


_COLUMNS = (Product.sku, Product.title, Product.category, Product.brand, Product.stock)


def find_products(session: Session, typed: str, few: int = FEW) -> list[ProductHit]:
    """The products whose SKU begins so, then those whose title has it; upper and lower case are the same."""
    by_sku = func.lower(Product.sku).startswith(typed.lower(), autoescape=True)
    by_title = Product.title.icontains(typed, autoescape=True)
    found = select(*_COLUMNS).where(or_(by_sku, by_title)).order_by(case((by_sku, 0), else_=1), Product.sku)
    return [ProductHit(*row) for row in session.execute(found.limit(few))]


def products_named(session: Session, skus: Sequence[str]) -> list[ProductHit]:
    """These products, in this order; those that the shop does not have are left out."""
    found = {
        row.sku: ProductHit(*row) for row in session.execute(select(*_COLUMNS).where(Product.sku.in_(skus)))
    }
    return [found[sku] for sku in skus if sku in found]

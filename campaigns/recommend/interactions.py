"""What customers bought and what the shop sells, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Product
from campaigns.recommend.bulk import read_columns
from campaigns.recommend.sparserows import ones_at

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_LINES = """
    select l.customer_id, l.product_id, hashtextextended(l.order_id, 0) as order_key,
           (extract(epoch from l.ordered_at) / 86400)::float8 as day, l.quantity
    from order_lines l join customers c on c.id = l.customer_id and c.erased_at is null
    where l.quantity > 0 and l.ordered_at < coalesce(%(until)s::timestamptz, 'infinity')
"""
_LINE_COLUMNS = {"customer_id": "i8", "product_id": "i8", "order_key": "i8", "day": "f8", "quantity": "i4"}


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueArrays:
    """The P products in ascending order of id; `texts` is title, category and description in one."""

    ids: Ints
    texts: Sequence[str]
    categories: Sequence[str]
    stock: Ints
    prices: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """L order lines of U customers over the catalogue's P products.

    `customer` and `product` (L,) are positions in `customer_ids` (U,) and `catalogue.ids`; `order`
    (L,) is equal for lines of one order; `day` (L,) are days since 1970 in UTC, with fractions.
    """

    catalogue: CatalogueArrays
    customer_ids: Ints
    customer: Ints
    product: Ints
    order: Ints
    day: Floats
    quantity: Ints

    @classmethod
    def from_arrays(
        cls,
        catalogue: CatalogueArrays,
        customers: Ints,
        products: Ints,
        orders: Ints,
        days: Floats,
        quantity: Ints,
    ) -> Interactions:
        """From columns of order lines; lines of products outside the catalogue are left out."""
        known = np.isin(products, catalogue.ids)
        customer_ids, customer = np.unique(customers[known], return_inverse=True)
        product = np.searchsorted(catalogue.ids, products[known])
        return cls(catalogue, customer_ids, customer, product, orders[known], days[known], quantity[known])

    def lines(self, chosen: NDArray[np.bool_]) -> Interactions:
        """Only the lines where `chosen` (L,) is true; customers and products keep their positions."""
        return replace(
            self,
            customer=self.customer[chosen],
            product=self.product[chosen],
            order=self.order[chosen],
            day=self.day[chosen],
            quantity=self.quantity[chosen],
        )

    def since(self, day: float) -> Interactions:
        """Only the lines at or after `day`."""
        return self.lines(self.day >= day)

    def bought(self) -> sparse.csr_array:
        """(U, P) float32, 1 where the customer ever bought the product."""
        shape = (len(self.customer_ids), len(self.catalogue.ids))
        return ones_at(self.customer, self.product, shape)

    def buyers(self) -> Ints:
        """(P,) number of distinct customers who bought each product."""
        return np.bincount(self.bought().indices, minlength=len(self.catalogue.ids)).astype(np.int64)


def days_since_epoch(moment: datetime) -> float:
    """Days since 1970 of an aware moment, with fractions."""
    return moment.astimezone(UTC).timestamp() / 86400


def load_interactions(session: Session, until: datetime | None = None) -> Interactions:
    """All orders (before `until`) of customers who were not erased, and the whole catalogue."""
    lines = read_columns(session, _LINES, {"until": until}, _LINE_COLUMNS)
    return Interactions.from_arrays(
        _load_catalogue_arrays(session),
        lines["customer_id"],
        lines["product_id"],
        lines["order_key"],
        lines["day"],
        lines["quantity"].astype(np.int64),
    )


def _load_catalogue_arrays(session: Session) -> CatalogueArrays:
    rows = session.execute(
        select(
            Product.id, Product.title, Product.category, Product.description, Product.stock, Product.price
        ).order_by(Product.id)
    ).all()
    return CatalogueArrays(
        ids=np.array([row.id for row in rows], np.int64),
        texts=[f"{row.title} {row.category} {row.description}" for row in rows],
        categories=[row.category for row in rows],
        stock=np.array([-1 if row.stock is None else row.stock for row in rows], np.int64),
        prices=np.array([np.nan if row.price is None else float(row.price) for row in rows]),
    )

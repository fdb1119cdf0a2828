"""What customers bought and what the shop sells, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models import Customer, OrderLine, Product
from campaigns.recommend.bulk import read_columns
from campaigns.recommend.poisoning import line_weights
from campaigns.recommend.sparserows import column_sums, from_cells, ones_at

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Of so many customers, a power of two, it is told how many are in a sample.
_SHARES = 1024
_OF_SAMPLE = f" and (%(share)s::int is null or hashint8(c.id) & {_SHARES - 1} < %(share)s)"
# Numbered orders keep their numbers: of two orders at one moment the larger is the later one.
_LINES = (
    """
    select l.customer_id, l.product_id,
           case when l.order_id ~ '^[0-9]{1,18}$' then l.order_id::bigint else hashtextextended(l.order_id, 0) end
               as order_key,
           (extract(epoch from l.ordered_at) / 86400)::float8 as day, l.quantity - l.returned as quantity
    from order_lines l join customers c on c.id = l.customer_id and c.erased_at is null
    where l.quantity > l.returned and l.ordered_at < coalesce(%(until)s::timestamptz, 'infinity')
"""
    + _OF_SAMPLE
)
_LINE_COLUMNS = {"customer_id": "i8", "product_id": "i8", "order_key": "i8", "day": "f8", "quantity": "i4"}
# Who never ordered is not read. Of an address only its domain's keyed hash is known here, as a number.
_CUSTOMERS = (
    """
    select c.id, coalesce(array_position(%(countries)s::text[], c.country), 0) as country,
           coalesce(hashtextextended(encode(c.email_domain_hmac, 'hex'), 0), 0) as block
    from customers c
    where c.erased_at is null and exists (select from order_lines l where l.customer_id = c.id)
"""
    + _OF_SAMPLE
    + " order by c.id"
)
_CUSTOMER_COLUMNS = {"id": "i8", "country": "i4", "block": "i8"}


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
    (L,) is equal for lines of one order; `day` (L,) are days since 1970 in UTC, with fractions. `weight`
    (L,) is 1 for a usual line and less for one that looks as if it was to push a product (poisoning.py).
    `country` (U,) is "" where it is unknown.
    """

    catalogue: CatalogueArrays
    customer_ids: Ints
    customer: Ints
    product: Ints
    order: Ints
    day: Floats
    quantity: Ints
    weight: Floats
    country: NDArray[np.str_]

    @classmethod
    def from_arrays(
        cls,
        catalogue: CatalogueArrays,
        customers: Ints,
        products: Ints,
        orders: Ints,
        days: Floats,
        quantity: Ints,
        weight: Floats | None = None,
        countries: Mapping[int, str] | None = None,
    ) -> Interactions:
        """From columns of order lines; lines of products outside the catalogue are left out.

        Args:
            weight: (L,), all 1 where it is not given.
            countries: by customer id; who is missing has none.
        """
        known = np.isin(products, catalogue.ids)
        customer_ids, customer = np.unique(customers[known], return_inverse=True)
        told = countries or {}
        return cls(
            catalogue=catalogue,
            customer_ids=customer_ids,
            customer=customer,
            product=np.searchsorted(catalogue.ids, products[known]),
            order=orders[known],
            day=days[known],
            quantity=quantity[known],
            weight=np.ones(len(customer)) if weight is None else weight[known],
            country=np.array([told.get(key, "") for key in customer_ids.tolist()], np.str_),
        )

    def lines(self, chosen: NDArray[np.bool_]) -> Interactions:
        """Only the lines where `chosen` (L,) is true; customers and products keep their positions."""
        if chosen.all():
            return self  # nobody changes the arrays, and those of a large shop are some hundred megabytes
        return replace(
            self,
            customer=self.customer[chosen],
            product=self.product[chosen],
            order=self.order[chosen],
            day=self.day[chosen],
            quantity=self.quantity[chosen],
            weight=self.weight[chosen],
        )

    def since(self, day: float) -> Interactions:
        """Only the lines at or after `day`."""
        return self.lines(self.day >= day)

    def bought(self) -> sparse.csr_array:
        """(U, P) float32, 1 where the customer ever bought the product."""
        shape = (len(self.customer_ids), len(self.catalogue.ids))
        return ones_at(self.customer, self.product, shape)

    def weighted(self) -> sparse.csr_array:
        """(U, P) float32, the largest weight of the lines by which the customer bought the product."""
        if (self.weight == 1).all():
            return self.bought()
        width = max(len(self.catalogue.ids), 1)
        cells, place = np.unique(self.customer * width + self.product, return_inverse=True)
        largest = np.zeros(len(cells))
        np.maximum.at(largest, place, self.weight)
        shape = (len(self.customer_ids), len(self.catalogue.ids))
        return from_cells(largest, *np.divmod(cells, width), shape)

    def buyers(self) -> Ints:
        """(P,) number of distinct customers who bought each product."""
        return np.bincount(self.bought().indices, minlength=len(self.catalogue.ids)).astype(np.int64)

    def weighted_buyers(self) -> Floats:
        """(P,) the same, where a customer counts by the weight of their lines."""
        return column_sums(self.weighted())


def days_since_epoch(moment: datetime) -> float:
    """Days since 1970 of an aware moment, with fractions."""
    return moment.astimezone(UTC).timestamp() / 86400


def share_within(session: Session, most: int) -> int | None:
    """Of 1,024 customers how many have about `most` lines together; None where all have no more."""
    lines = session.scalar(select(func.count()).select_from(OrderLine)) or 0
    return None if lines <= most else max(1, _SHARES * most // lines)


def load_interactions(
    session: Session, until: datetime | None = None, share: int | None = None
) -> Interactions:
    """All orders (before `until`) of customers who were not erased, and the whole catalogue.

    Lines that look as if they were to push a product weigh less; see poisoning.py.

    Args:
        share: of 1,024 customers so many, always the same ones; None for all (see `share_within`).
    """
    lines = read_columns(session, _LINES, {"until": until, "share": share}, _LINE_COLUMNS)
    homes = sorted(session.scalars(select(Customer.country).where(Customer.country != "").distinct()))
    who = read_columns(session, _CUSTOMERS, {"countries": homes, "share": share}, _CUSTOMER_COLUMNS)
    names = np.array(["", *homes])[who["country"]]
    known = np.isin(lines["customer_id"], who["id"])
    if not known.all():  # who was erased between the two statements is in the first one only
        lines = lines[known]
    customer = np.searchsorted(who["id"], lines["customer_id"])
    _, product = np.unique(lines["product_id"], return_inverse=True)
    return Interactions.from_arrays(
        _load_catalogue_arrays(session),
        lines["customer_id"],
        lines["product_id"],
        lines["order_key"],
        lines["day"],
        lines["quantity"].astype(np.int64),
        weight=line_weights(
            customer, product, lines["day"], who["block"], 1.0 if share is None else share / _SHARES
        ),
        countries=dict(zip(who["id"].tolist(), names.tolist(), strict=True)),
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

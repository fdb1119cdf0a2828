"""Models, the catalogue and histories in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import Refused
from campaigns.core.log import get_logger
from campaigns.models import Product, RecommenderModelRow
from campaigns.models.values import UNKNOWN_STOCK, ProductFacts
from campaigns.recommend.bulk import read_columns
from campaigns.recommend.feedback import load_feedback
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.scoring import History

log = get_logger(__name__)

# As orders are let in (audience/posted_orders.py, audience/import_merge_rows.py).
_CLOCKS_AHEAD = timedelta(days=1)

_HISTORIES = """
    select customer_id, product_id,
           greatest(0, extract(epoch from %(now)s::timestamptz - max(ordered_at)) / 86400)::float8 as days_ago
    from order_lines
    where customer_id = any(%(ids)s::bigint[]) and quantity > returned and ordered_at <= %(until)s::timestamptz
    group by customer_id, product_id, order_id order by customer_id, product_id, days_ago
"""
_HISTORY_COLUMNS = {"customer_id": "i8", "product_id": "i8", "days_ago": "f8"}


def load_active(session: Session) -> RecommenderModel | None:
    """The active model; None where there is none, or none that this version can read."""
    blob = session.scalar(
        select(RecommenderModelRow.blob)
        .where(RecommenderModelRow.active)
        .order_by(RecommenderModelRow.id.desc())
        .limit(1)
    )
    if blob is None:
        return None
    try:
        return RecommenderModel.from_bytes(blob)
    except Refused as error:
        log.warning("recommender_model_unreadable", why=error.message)
        return None


def version(session: Session) -> tuple[object, ...]:
    """Something that differs when the active model or any product has changed."""
    active = select(func.max(RecommenderModelRow.id)).where(RecommenderModelRow.active).scalar_subquery()
    return tuple(session.execute(select(active, func.count(), func.max(Product.updated_at))).one())


def load_catalogue(session: Session) -> dict[int, ProductFacts]:
    """All products by id. One without a price counts as sold out: no mail could state its price."""
    return {row.id: facts_of(row) for row in session.scalars(select(Product).order_by(Product.id))}


def load_histories(
    session: Session, customer_ids: Sequence[int], personal_flags: Sequence[bool], now: datetime | None = None
) -> list[History]:
    """One history per customer in the given order, by a few queries; a product is in it once for each order.

    Nothing is even read of customers without consent to profiling. `now` is the database's clock where it is
    not given; what a shop whose clock runs ahead says to be of today counts then as well.
    """
    ids = [key for key, personal in zip(customer_ids, personal_flags, strict=True) if personal]
    feedback = load_feedback(session, ids, now)
    until = feedback.now + _CLOCKS_AHEAD if now is None else now
    values = {"ids": ids, "now": feedback.now, "until": until}
    rows = read_columns(session, _HISTORIES, values, _HISTORY_COLUMNS)
    starts = np.searchsorted(rows["customer_id"], customer_ids, side="left")
    ends = np.searchsorted(rows["customer_id"], customer_ids, side="right")
    return [
        History(
            key,
            rows["product_id"][start:end].copy(),
            rows["days_ago"][start:end].copy(),
            personal,
            **(feedback.of(key) if personal else {}),
        )
        for key, personal, start, end in zip(customer_ids, personal_flags, starts, ends, strict=True)
    ]


def facts_of(row: Product) -> ProductFacts:
    """A product as every stage sees it; one without a price counts as sold out."""
    stock = UNKNOWN_STOCK if row.stock is None else row.stock
    return ProductFacts(
        id=row.id,
        sku=row.sku,
        title=row.title,
        description=row.description,
        category=row.category,
        brand=row.brand,
        price=Decimal(0) if row.price is None else row.price,
        currency=row.currency,
        url=row.url,
        image_url=row.image_url,
        stock=0 if row.price is None else stock,
        tags=tuple(row.tags),
    )

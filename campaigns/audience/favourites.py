"""What people said they like before they bought anything: categories and products (by SKU)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.db import any_of
from campaigns.core.errors import BadInput
from campaigns.models import Favourite
from campaigns.models.contact import FAVOURITE_KINDS

Liked = tuple[str, str]
"""(kind, value): `("category", "Boots")` or `("product", "JKT-01")`."""

_OF_CUSTOMERS = (
    select(Favourite.customer_id, Favourite.kind, Favourite.value)
    .where(Favourite.customer_id == any_of("ids"))
    .order_by(Favourite.customer_id, Favourite.kind, Favourite.value)
)


def add_favourites(session: Session, customer_id: int, liked: Sequence[Liked], at: datetime) -> None:
    """Remember these; what is known already stays as it is.

    Raises:
        BadInput: a kind that is none.
    """
    unknown = {kind for kind, _ in liked} - set(FAVOURITE_KINDS)
    if unknown:
        raise BadInput(f"{', '.join(sorted(unknown))}: must be one of {', '.join(FAVOURITE_KINDS)}", "kind")
    if liked:
        rows = [{"customer_id": customer_id, "kind": kind, "value": value, "at": at} for kind, value in liked]
        session.execute(insert(Favourite).values(rows).on_conflict_do_nothing())


def favourites_of(session: Session, customer_ids: Iterable[int]) -> dict[int, list[Liked]]:
    """The favourites of those of the customers who have any."""
    found: dict[int, list[Liked]] = {}
    for customer_id, kind, value in session.execute(_OF_CUSTOMERS, {"ids": list(customer_ids)}):
        found.setdefault(customer_id, []).append((kind, value))
    return found

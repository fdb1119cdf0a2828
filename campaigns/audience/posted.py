"""What all that a shop posts as it happens has in common: whose it is, which products, and what was wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience import import_values
from campaigns.audience.import_values import shown
from campaigns.models import Customer, Product

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Problem:
    """What was left out: its place in the post, such as "orders[2].lines[0]", and why."""

    where: str
    reason: str


@dataclass(slots=True)
class Landed:
    """What became of the rows that were posted; `problems` are those left out, each by its place.

    `unwanted` rows were not kept because their customer has not consented to profiling.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    unwanted: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, where: str, reason: str) -> None:
        """One more that was left out."""
        self.problems.append(Problem(where, reason))


def customers_of(session: Session, references: Collection[str]) -> dict[str, int]:
    """The customers with these external ids, who cannot be erased until the transaction ends.

    Somebody being erased at this moment is waited for and then not found: nothing lands on an erased customer.
    """
    found = (
        select(Customer.external_id, Customer.id)
        .where(Customer.external_id.in_(sorted(references)), Customer.erased_at.is_(None))
        .order_by(Customer.id)
        .with_for_update(read=True, key_share=True)
    )
    return {row[0]: row[1] for row in session.execute(found)}


def products_of(session: Session, skus: Collection[str]) -> dict[str, int]:
    """The ids of the products with these skus; what no text of PostgreSQL can hold is none of them."""
    storable = sorted(sku for sku in skus if not why_not_storable(sku))
    found = select(Product.sku, Product.id).where(Product.sku.in_(storable))
    return {row[0]: row[1] for row in session.execute(found)}


def identified(landed: Landed, where: str, **ids: str) -> tuple[str, ...] | None:
    """Identifiers of the shop by their names, as imports read them; None, and noted, where one of them is none."""
    try:
        return tuple(_reference(value, name) for name, value in ids.items())
    except ValueError as error:
        landed.note(where, str(error))
        return None


def why_not_storable(value: str) -> str:
    """What PostgreSQL would refuse in a text; empty where there is nothing."""
    if "\0" in value:
        return "has a NUL character, which no text may have"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has half a surrogate pair, which is no character"
    return ""


def _reference(value: str, name: str) -> str:
    try:
        plain = import_values.reference(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
    trouble = why_not_storable(plain)
    if trouble:
        raise ValueError(f"{name} {trouble}")
    return plain


def why_no_moment(at: datetime, name: str, now: datetime, ahead: timedelta) -> str:
    """Why nothing of the shop's can have happened at `at`; empty where it can."""
    if at.tzinfo is None:
        return f"{name} has no zone; end it with Z or +01:00"
    if at > now + ahead:
        return f"{name} is in the future"
    return f"{name} is before 1970" if at < EARLIEST else ""


def unknown_customer(external_id: str) -> str:
    """Why a row of a stranger is left out."""
    return f"customer_id {shown(external_id)} is not known; import the customer first"


def unknown_product(sku: str) -> str:
    """Why a row of no product is left out."""
    return f"sku {shown(sku)} is not known; import its product first"

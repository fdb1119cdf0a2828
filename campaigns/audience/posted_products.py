"""Products as a shop posts them when prices, stock or words change; only what is given is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience import import_values
from campaigns.audience.posted import why_not_storable
from campaigns.models import Product

FIELDS = (
    "title", "description", "category", "brand", "price", "currency", "url", "image_url", "stock", "tags",
)  # fmt: skip
_CHECKS: dict[str, Callable[[str], Any]] = {
    "title": import_values.needed_line,
    "description": import_values.text,
    "category": import_values.one_line,
    "brand": import_values.one_line,
    "price": import_values.price,
    "currency": import_values.currency,
    "url": import_values.web_address,
    "image_url": import_values.picture_address,
}


@dataclass(frozen=True, slots=True)
class PostedProduct:
    """`given` are values by FIELDS: texts, whole numbers for stock, a list for tags; None for what is unknown."""

    sku: str
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of one: inserted, updated, unchanged, or refused and why."""

    sku: str
    result: str
    reason: str = ""


def keep_products(session: Session, products: Sequence[PostedProduct], now: datetime) -> list[ProductResult]:
    """Insert or change products by sku; one result for each, in their order. A sku that comes twice ends as its last.

    Raises:
        OperationalError: another writer of the same rows was in the way.
    """
    results: list[ProductResult] = []
    good: list[tuple[int, str, dict[str, Any]]] = []
    for place, posted in enumerate(products):
        try:
            good.append((place, _sku(posted.sku), _values(posted.given)))
            results.append(ProductResult(posted.sku.strip(), "unchanged"))
        except ValueError as error:
            results.append(ProductResult(posted.sku[:200], "refused", str(error)))
    # In one order for all writers, so that two of them cannot wait for one another.
    there = select(Product).where(Product.sku.in_({sku for _, sku, _ in good})).order_by(Product.sku)
    rows = {row.sku: row for row in session.scalars(there.with_for_update())}
    new: dict[str, dict[str, Any]] = {}
    for place, sku, values in good:
        results[place] = _kept(rows.get(sku), new, sku, values, now)
    if new:
        statement = insert(Product).values([new[sku] for sku in sorted(new)])
        changed = {name: statement.excluded[name] for name in (*FIELDS, "updated_at")}
        session.execute(statement.on_conflict_do_update(index_elements=["sku"], set_=changed))
    session.flush()
    return results


def _kept(
    row: Product | None, new: dict[str, dict[str, Any]], sku: str, values: dict[str, Any], now: datetime
) -> ProductResult:
    if row is None:
        if sku not in new and "title" not in values:
            return ProductResult(sku, "refused", "sku is not known; a new product needs a title")
        known = sku in new
        blank: dict[str, Any] = {
            "description": "",
            "category": "",
            "brand": "",
            "price": None,
            "currency": "",
        }
        whole: dict[str, Any] = {"sku": sku, **blank, "url": "", "image_url": "", "stock": None, "tags": []}
        new[sku] = {**whole, "created_at": now, "updated_at": now, **new.get(sku, {}), **values}
        return ProductResult(sku, "updated" if known else "inserted")
    changed = {name: value for name, value in values.items() if not _same(getattr(row, name), value)}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.updated_at = now
    return ProductResult(sku, "updated" if changed else "unchanged")


def _same(old: Any, new: Any) -> bool:
    return bool(list(old) == new if isinstance(new, list) else old == new)


def _sku(value: str) -> str:
    sku = import_values.reference(value)
    trouble = why_not_storable(sku)
    if trouble:
        raise ValueError(f"sku {trouble}")
    return sku


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked by the rules of imports."""
    return {name: _value(name, value) for name, value in given.items()}


def _value(name: str, value: Any) -> Any:
    if name == "stock":
        return value
    if name == "tags":
        words = [str(word) for word in value or ()]
        if any(why_not_storable(word) for word in words):
            raise ValueError("tags have a sign that no text may have")
        return import_values.tags(" ".join(words))
    text = "" if value is None else str(value)
    trouble = why_not_storable(text)
    if trouble:
        raise ValueError(f"{name} {trouble}")
    try:
        checked = _CHECKS[name](text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
    return Decimal(checked) if name == "price" and checked else checked

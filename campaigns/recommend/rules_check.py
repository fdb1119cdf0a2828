"""Whether the names in rules mean anything in this shop, and whether the rules agree with one another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.described_file import check_described, read_toml
from campaigns.core.errors import BadInput
from campaigns.models import Product
from campaigns.models.values import ProductFacts
from campaigns.recommend.rules import Rules, folded
from campaigns.recommend.rules_file import Named, PickingTerms, ShopTerms, rules_of
from campaigns.recommend.storage import facts_of

_MOST_TOLD = 5


def load_shop_terms(path: Path | None) -> ShopTerms:
    """The shop's picking file; without one, the sensitive topics and nothing else.

    Raises:
        BadInput: the file cannot be read; names the file and every wrong field.
    """
    if path is None:
        return ShopTerms()
    return check_described(ShopTerms, read_toml(path, "TAILORMAIL_PICKING_PATH"), where=path.name)


def check_terms(session: Session, shop: ShopTerms, terms: PickingTerms) -> None:
    """Refuse what is misspelt, and what the rules forbid themselves.

    Raises:
        BadInput: names every field with a product, category, brand or tag that the shop does not have, and the nearest
            that it has; or a pinned product that may not be picked.
    """
    faults = term_faults(session, shop, terms)
    if faults:
        raise BadInput("; ".join(faults[:_MOST_TOLD]), where="picking")


def term_faults(session: Session, shop: ShopTerms, terms: PickingTerms) -> list[str]:
    """The same as a list of "field: what is wrong"; empty where nothing is."""
    rules = rules_of(shop, terms)
    return [*_unknown(session, terms)] or [
        *_pinned_in_vain(session, rules),
        *_listed_in_vain(session, rules, terms),
    ]


def _unknown(session: Session, terms: PickingTerms) -> Iterator[str]:
    skus = _known_in(lambda: session.scalars(select(Product.sku)).all())
    categories = _known_in(lambda: session.scalars(select(Product.category).distinct()).all())
    brands = _known_in(lambda: session.scalars(select(Product.brand).distinct()).all())
    tags = _known_in(lambda: session.scalars(select(func.unnest(Product.tags)).distinct()).all())

    def of(named: Named, field: str) -> Iterator[str]:
        yield from _missing(named.skus, skus, f"{field}.skus", exact=True)
        yield from _missing(named.categories, categories, f"{field}.categories")
        yield from _missing(named.brands, brands, f"{field}.brands")
        yield from _missing(named.tags, tags, f"{field}.tags")

    yield from of(terms.never, "never")
    for number, favour in enumerate(terms.favour):
        yield from of(favour, f"favour[{number}]")
    for number, group in enumerate(terms.never_together):
        yield from _missing(group, categories, f"never_together[{number}]")
    yield from _missing(terms.durable, categories, "durable")
    yield from _missing(terms.pinned, skus, "pinned", exact=True)
    named = dict.fromkeys(one for sku, others in terms.stand_ins.instead for one in (sku, *others))
    yield from _missing(named, skus, "stand_ins.instead", exact=True)


def _known_in(read: Callable[[], Collection[str]]) -> Callable[[], dict[str, str]]:
    """The names of the shop by how they are compared, read when first asked for."""
    kept: dict[str, str] = {}

    def known() -> dict[str, str]:
        if not kept:
            kept.update({folded(name): name for name in read() if name})
        return kept

    return known


def _missing(
    names: Collection[str], known: Callable[[], dict[str, str]], field: str, exact: bool = False
) -> Iterator[str]:
    for name in names:
        there = known().get(folded(name))
        # SKUs are compared letter by letter, so that a wrong case is a wrong SKU.
        if there is None or (exact and there != name):
            near = [there] if there else get_close_matches(folded(name), known(), n=1, cutoff=0.6)
            hint = f"; the nearest is {known().get(near[0], near[0])}" if near else ""
            none = "" if known() else " (no products are imported yet)"
            yield f"{field}: the shop has no {name!r}{none}{hint}"


def _pinned_in_vain(session: Session, rules: Rules) -> Iterator[str]:
    if not rules.pinned:
        return
    rows = session.scalars(select(Product).where(Product.sku.in_(rules.pinned)))
    facts = {row.sku: facts_of(row) for row in rows}
    seen: list[ProductFacts] = []
    for sku in rules.pinned:
        product = facts.get(sku)
        if product is None:
            continue
        if rules.hides(product):
            yield f"pinned: {sku} is sensitive by its category or tags and is never shown"
        elif rules.never.holds(product):
            yield f"pinned: {sku} is among what is never picked"
        for other in seen:
            if rules.are_enemies(product, other):
                yield f"pinned: {sku} and {other.sku} are never in one mail"
        seen.append(product)


def _listed_in_vain(session: Session, rules: Rules, terms: PickingTerms) -> Iterator[str]:
    listed = dict.fromkeys(other for _, others in terms.stand_ins.instead for other in others)
    if not listed:
        return
    rows = session.scalars(select(Product).where(Product.sku.in_(listed)))
    facts = {row.sku: facts_of(row) for row in rows}
    for sku in listed:
        product = facts.get(sku)
        if product is not None and rules.hides(product):
            yield f"stand_ins.instead: {sku} is sensitive by its category or tags and is never shown"
        elif product is not None and rules.never.holds(product):
            yield f"stand_ins.instead: {sku} is among what is never picked, so it can stand in for nothing"

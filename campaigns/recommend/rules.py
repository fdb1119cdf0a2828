"""What may be picked and what comes first, as one value; rules_file.py reads it from what people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.models.values import ProductFacts
from campaigns.recommend.sensitive import Sensitive

DURABLE_TAG = "durable"
MARGIN_TAG = "margin:"


@dataclass(frozen=True, slots=True)
class Match:
    """Products by SKU, category, brand or tag; a product is meant if any of them names it.

    Names of categories, brands and tags are kept as `folded` gives them, SKUs as they are.
    """

    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.skus or self.categories or self.brands or self.tags)

    def __or__(self, other: Match) -> Match:
        return Match(
            self.skus | other.skus,
            self.categories | other.categories,
            self.brands | other.brands,
            self.tags | other.tags,
        )

    def holds(self, product: ProductFacts) -> bool:
        """Whether it means this product."""
        return (
            product.sku in self.skus
            or (bool(self.categories) and folded(product.category) in self.categories)
            or (bool(self.brands) and folded(product.brand) in self.brands)
            or (bool(self.tags) and any(folded(tag) in self.tags for tag in product.tags))
        )


@dataclass(frozen=True, slots=True)
class Favour:
    """Products whose scores are multiplied by `weight`: above 1 they come more often, below 1 less."""

    products: Match
    weight: float


ALIKE, CATEGORY, BRAND, LISTED = "alike", "category", "brand", "listed"
"""Among what a stand-in is looked for; see StandInRules."""


@dataclass(frozen=True, slots=True)
class StandInRules:
    """What takes the place of a pick that sells out before its mail goes out.

    Of `instead` (by the SKU of what is sold out) the first that may be picked for this customer; else what is most
    alike among what `choose` lets in, all of it of the same category and at half to double the price: of the same
    use and size (`alike`), of the same brand (`brand`), everything (`category`), nothing (`listed`); of several, what
    all let in. `price_within` is the most by which prices may differ, as a share of the price of what is sold out.
    Where nothing is left the mail is picked anew, or goes without that product (`leave_out`).
    """

    choose: frozenset[str] = frozenset({ALIKE})
    price_within: float | None = None
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leave_out: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be picked and what comes first; only products in stock in any case.

    Prohibitions, never broken: `never`; `sensitive` products, which are not named in reasons and count for nobody's
    taste either; of each set of `never_together` at most one category in a mail; and what belongs to a `durable`
    category, or one with a product tagged "durable", of which the customer bought something within `durable_days`.

    Limits, kept as long as enough is left and broken in this order where it is not: one at most of products with
    nearly equal titles (`likeness` is the cosine from which they count as equal, None: never), and at most
    `per_category` and `per_brand` in a mail; then `price_band`, in multiples of what the customer usually pays, and
    nothing that the last mail showed to no avail (`fresh`); at last nothing bought within `bought_days` (None: ever).

    What comes first: `pinned` (SKUs in their order), then by score, on which `favour`, `margin` and `clear_stock` (0 to
    1) weigh. `buy_again` is the share of the picks for what the customer bought before; `popularity` is the dial
    of the model (None: as it was trained). `stand_ins` says what takes the place of what sells out; what is listed
    there for a pinned product is pinned in its place.
    """

    per_category: int = 2
    bought_days: float | None = None
    per_brand: int | None = None
    likeness: float | None = 0.75
    price_band: tuple[float, float] | None = None
    fresh: bool = True
    never: Match = Match()
    sensitive: Sensitive | None = None
    never_together: tuple[frozenset[str], ...] = ()
    durable: frozenset[str] = frozenset()
    durable_days: float = 730.0
    pinned: tuple[str, ...] = ()
    favour: tuple[Favour, ...] = ()
    margin: float = 0.0
    clear_stock: float = 0.0
    buy_again: float = 0.0
    popularity: float | None = None
    stand_ins: StandInRules = StandInRules()

    def allows(self, product: ProductFacts) -> bool:
        """Whether it may be picked for anybody: in stock, not sensitive, and not on the list of never."""
        return product.stock > 0 and not self.never.holds(product) and not self.hides(product)

    def are_enemies(self, one: ProductFacts, other: ProductFacts) -> bool:
        """Whether the two are of categories that are never together in a mail."""
        pair = {folded(one.category), folded(other.category)}
        return len(pair) == 2 and any(pair <= together for together in self.never_together)

    def hides(self, product: ProductFacts) -> bool:
        """Whether it is sensitive: never picked, never named, no part of anybody's taste."""
        return self.sensitive is not None and self.sensitive.holds(product)


def folded(name: str) -> str:
    """A name of a category, brand or tag as it is compared."""
    return " ".join(name.split()).casefold()


def margin_of(product: ProductFacts) -> float:
    """The margin that a tag such as "margin:35" tells (per cent of the price), 0 to 1; 0 where none does."""
    for tag in product.tags:
        text = folded(tag)
        if text.startswith(MARGIN_TAG):
            number = text.removeprefix(MARGIN_TAG).strip(" %")
            if number.replace(".", "", 1).isdecimal():
                return min(float(number) / 100, 1.0)
    return 0.0

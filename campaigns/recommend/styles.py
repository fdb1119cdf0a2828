"""The style of somebody's purchases: the one tag of the shop that they are known by, or none.

A style is never guessed: a tag counts only where several different products carry it, most of what was bought does,
and it is clearly more frequent there than in the shop, so that "waterproof" is nobody's style in a shop for rain
jackets. Prices tell no style on purpose: nobody likes to read that they buy cheaply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from campaigns.models.values import ProductFacts
from campaigns.recommend.rules import folded
from campaigns.recommend.substitutes import tells_of_use

# So many different products with the tag, or it may be chance.
_LEAST_PRODUCTS = 3
# Of the different products that were bought, at least this share has the tag ...
_LEAST_SHARE = 0.5
# ... and so many times the share that it has among all products.
_LEAST_LIFT = 1.5
_LONGEST = 30


class Styles:
    """Which tags can be a style in this shop, and how usual each is.

    `hidden` are the ids of sensitive products: neither they nor their tags say anything.
    """

    def __init__(self, catalogue: Mapping[int, ProductFacts], hidden: Collection[int] = ()) -> None:
        secret = set(hidden)
        self._tags = {
            key: frozenset(filter(_can_be_style, map(folded, product.tags)))
            for key, product in catalogue.items()
            if key not in secret
        }
        carried = Counter(tag for tags in self._tags.values() for tag in tags)
        self._usual = {tag: count / len(self._tags) for tag, count in carried.items()}

    def known(self, tag: str) -> str:
        """The tag as the shop's products carry it, "" where none does that may be told."""
        name = folded(tag)
        return name if name in self._usual else ""

    def of(self, products: Iterable[int]) -> str:
        """The tag most typical of these products, "" where none is."""
        bought = [tags for product in set(products) if (tags := self._tags.get(product)) is not None]
        if len(bought) < _LEAST_PRODUCTS:
            return ""
        counts = Counter(tag for tags in bought for tag in tags)
        typical = {
            tag: (-count / len(bought) / self._usual[tag], tag)
            for tag, count in counts.items()
            if count >= _LEAST_PRODUCTS
            and count >= _LEAST_SHARE * len(bought)
            and count / len(bought) >= _LEAST_LIFT * self._usual[tag]
        }
        return min(typical, key=typical.__getitem__) if typical else ""


def _can_be_style(tag: str) -> bool:
    """Plain words that tell what a thing is or is for, and not how it is sold."""
    return 2 < len(tag) <= _LONGEST and all(c.isalpha() or c in " -'" for c in tag) and tells_of_use(tag)

"""Values that cross the stages: what a product, a pick and a copy are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import NamedTuple

UNKNOWN_STOCK = 1_000_000
"""What stands for the stock of a shop that does not count it: it has plenty of everything."""


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product as every stage sees it; `price` in `currency`, `stock` in pieces."""

    id: int
    sku: str
    title: str
    description: str
    category: str
    brand: str
    price: Decimal
    currency: str
    url: str
    image_url: str
    stock: int
    tags: tuple[str, ...]


OWN_REASONS = (
    "because_you_bought",
    "like_your_purchases",
    "buy_again",
    "in_your_cart",
    "because_in_your_cart",
    "you_looked_at",
    "because_you_looked_at",
    "because_you_like",
    "your_favourite",
)
"""Kinds of reasons that tell what the customer bought, did or said."""
GENERAL_REASONS = (
    "area_favourite",
    "recent_favourite",
    "best_seller",
    "shop_choice",
    "instead_of",
    "from_our_shop",
)
"""Kinds of reasons that tell what many do, or what the shop does."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product was picked, true by construction.

    `kind` is one of OWN_REASONS or GENERAL_REASONS. Where it begins with because_, and for like_your_purchases and
    instead_of, `because` is the title of the product that is named (`because_id` its id); for because_you_like
    that may be a category instead, then without id.
    """

    kind: str
    because: str = ""
    because_id: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """A recommended product; `rank` counts from 0, `score` only orders picks of one customer."""

    product: ProductFacts
    rank: int
    score: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Copy:
    """The words of one mail; `product_lines` has one line per pick, in the same order."""

    subject: str
    preheader: str
    headline: str
    intro: str
    product_lines: tuple[str, ...]
    call_to_action: str


class Link(NamedTuple):
    """Words within a text that lead somewhere; `url` is checked by whoever made it."""

    words: str
    url: str


class LinkedText(str):
    """A text with links in it: as a plain text each reads "words: <URL>" (RFC 3986, appendix C), in HTML it is an anchor.

    Templates need not know: where they escape, they ask for `__html__`.
    """

    pieces: tuple[str | Link, ...]

    def __new__(cls, pieces: Sequence[str | Link]) -> LinkedText:
        """The text of these pieces, in their order."""
        text = super().__new__(cls, "".join(map(_plain, pieces)))
        text.pieces = tuple(pieces)
        return text

    def __html__(self) -> str:
        return "".join(map(_in_html, self.pieces))


def _plain(piece: str | Link) -> str:
    return piece if isinstance(piece, str) else f"{piece.words}: <{piece.url}>"


def _in_html(piece: str | Link) -> str:
    if isinstance(piece, str):
        return escape(piece)
    # The colour is the text's: programs' usual blue cannot be read on dark ground.
    return f'<a href="{escape(piece.url)}" style="color:inherit;">{escape(piece.words)}</a>'

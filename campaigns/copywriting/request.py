"""What is asked of a writer: the brief and, of the customer, only what tailors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from campaigns.copywriting.brief import Brief
from campaigns.copywriting.languages import SUPPORTED
from campaigns.copywriting.terms import Granularity
from campaigns.models.values import UNKNOWN_STOCK, Copy, Pick, ProductFacts

STAGES = ("newcomer", "active", "loyal", "lapsing", "lost")
SEASONS = ("spring", "summer", "autumn", "winter")
ENGAGEMENT = ("", "keen", "usual", "quiet")
DETAILS = ("", "short", "full")
VARIANTS = ("", "a", "b", "c", "d", "e")
MOST_FAVOURITES = 3
# Raised whenever the prompt or the offline phrases change, so that no cell keeps a copy of the old words.
PROMPT_VERSION = "4"
OFFLINE = "offline"
"""Stands in a key where the name of a model would, for the words of the offline writer."""
# Reasons that speak of the product; all others speak of what the customer did.
IMPERSONAL_REASONS = ("best_seller", "recent_favourite", "shop_choice", "instead_of", "from_our_shop")

# Of the reader, what is told only where copies are finer than cells.
_FINE = ("favourites", "engagement", "style", "detail", "place")
# What the offline writer takes from a request for heads and for lines; a fact that it does not use must not part
# its words. (Language, variant, seed, the picks and whether the mail is personal count always.)
OFFLINE_HEAD_USES = (
    "stage",
    "shown_favourite",
    "season",
    "favourites",
    "engagement",
    "style",
    "detail",
    "place",
)
OFFLINE_LINE_USES = ("detail",)


class PartKeys(NamedTuple):
    """Under which keys the parts of a copy are kept; without `lines`, the key of a copy kept as a whole."""

    head: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """What one mail is written from; customers with an equal request get the same words.

    `language` is one of languages.SUPPORTED, `stage` one of STAGES, `season` one of SEASONS or "",
    `favourite_category` a category of the shop or "", `favourites` those that follow it, `engagement` one of
    ENGAGEMENT, `detail` one of DETAILS, `style` a tag of the shop's products or "", `place` a country or town
    or "". `granularity` says how many mails share the words; `salt` (only for "customer") tells the customers
    apart without being a number of the shop. `variant` is one of VARIANTS; `seed` moves the choices of the
    offline writer; `siblings` are copies of the same cell's other variants, from which this one is to differ.

    What the granularity does not tell is dropped here, and with `personal` False (no profiling consent) all
    that is known of the reader, so no writer can know it. There is no place for a name or an address, on
    purpose.
    """

    brief: Brief
    language: str
    stage: str
    favourite_category: str
    picks: tuple[Pick, ...]
    season: str
    personal: bool
    granularity: Granularity = "cell"
    variant: str = ""
    salt: str = ""
    engagement: str = ""
    style: str = ""
    detail: str = ""
    favourites: tuple[str, ...] = ()
    place: str = ""
    seed: int = 0
    siblings: tuple[Copy, ...] = ()

    def __post_init__(self) -> None:
        if self.language not in SUPPORTED:
            raise ValueError(f"no copy is written in {self.language!r}; use languages.language_for")
        if self.season and self.season not in SEASONS:
            raise ValueError(f"unknown season {self.season!r}")
        if self.personal and self.stage not in STAGES:
            raise ValueError(f"unknown stage {self.stage!r}")
        if not self.personal or self.granularity == "cell" or self.salt:
            self._forget()
        finer = self.engagement or self.detail or self.variant
        if finer and not (
            self.engagement in ENGAGEMENT and self.detail in DETAILS and self.variant in VARIANTS
        ):
            raise ValueError("engagement, detail or variant is not one of those known")
        if self.granularity == "customer" and not self.salt:
            raise ValueError("a copy for one customer needs a salt")

    def _forget(self) -> None:
        """Drop what must not be told."""
        if not self.personal:
            self._drop("stage", "favourite_category", *_FINE, "salt")
            if self.granularity == "customer":
                # Words of one's own are tailored words, and those take consent to profiling.
                object.__setattr__(self, "granularity", "pick_set")
        if self.granularity == "cell" and (
            self.engagement or self.style or self.detail or self.favourites or self.place
        ):
            # A cell knows no more than what its key names, or there would be nearly as many cells as customers.
            self._drop(*_FINE)
        if self.salt and self.granularity != "customer":
            self._drop("salt")

    def _drop(self, *names: str) -> None:
        for name in names:
            if getattr(self, name):
                object.__setattr__(self, name, () if name == "favourites" else "")

    def reason_kind(self, pick: Pick) -> str:
        """Why this was picked, as far as it may be said; "" where that would tell of the customer."""
        kind = pick.reason.kind
        return kind if self.personal or kind in IMPERSONAL_REASONS else ""

    @property
    def shown_favourite(self) -> str:
        """The favourite category if a pick belongs to it, else "": what is not shown is not promised."""
        favourite = self.favourite_category
        if favourite and any(pick.product.category == favourite for pick in self.picks):
            return favourite
        return ""

    @property
    def in_parts(self) -> bool:
        """Whether heads and lines are kept apart, each for all mails that it fits."""
        return self.granularity == "cell"

    def facts(self) -> dict[str, Any]:
        """What the writer is told of the customer and of the situation, as JSON values; "" is left out.

        `reader` is missing where the customer has not agreed to profiling. `picks` have the shop's number of
        the product and the kind of the reason, in the order of the mail. This is what is kept for the audit.
        """
        told: dict[str, Any] = {"granularity": self.granularity, "language": self.language}
        told |= {name: value for name in ("season", "variant") if (value := getattr(self, name))}
        if self.personal:
            told["reader"] = self.reader()
        told["picks"] = [{"sku": p.product.sku, "reason": self.reason_kind(p)} for p in self.picks]
        return told

    def reader(self) -> dict[str, Any]:
        """What is told of the customer, by name; {} without consent to profiling, and nothing that is empty."""
        if not self.personal:
            return {}
        names = ("stage", "engagement", "style", "detail", "place")
        told: dict[str, Any] = {name: value for name in names if (value := getattr(self, name))}
        favourites = [self.shown_favourite, *self.favourites]
        return told | ({"favourites": kept} if (kept := [name for name in favourites if name]) else {})

    def cell_key(self, model: str = OFFLINE) -> str:
        """SHA-256 (hexadecimal) of everything that decides the whole copy when `model` writes it.

        Product texts count, prices and stock do not: those are placeholders or unsaid. Titles of products
        that the customer bought (`Reason.because`) never enter: they would make a cell of each customer.
        """
        request = self.canonical() if self.granularity == "pick_set" else self
        counts = tuple([request._what_counts(pick) for pick in request.picks])
        return _key("cell", model, self._situation(model), self.salt, counts)

    def part_keys(self, model: str = OFFLINE) -> PartKeys:
        """Where its words are kept: head and lines apart, in the order of the picks, or the whole.

        What the offline writer writes is in parts always: it knows nothing of one customer only.
        """
        if not self.in_parts and model != OFFLINE:
            return PartKeys(self.cell_key(model))
        return PartKeys(self.head_key(model), tuple(self.line_key(pick, model) for pick in self.picks))

    def canonical(self) -> CopyRequest:
        """The same with the picks after the first in an order that all mails with this set of picks share.

        Copies of a pick set are written and kept for this request; `arranging.arranged` puts them in order.
        """
        rest = sorted(self.picks[1:], key=lambda pick: pick.product.sku)
        picks = (*self.picks[:1], *rest)
        return self if picks == self.picks else replace(self, picks=picks)

    def head_key(self, model: str = OFFLINE) -> str:
        """The same of what decides all but the lines: of the picks only the first, and how many there are."""
        first = [self._what_counts(pick) for pick in self.picks[:1]]
        return _key("head", model, self._situation(model), (len(self.picks), *first))

    def line_key(self, pick: Pick, model: str = OFFLINE) -> str:
        """The same of what decides the line of one pick, wherever in the mail it stands.

        A model is told the brief, season and life-cycle stage and why this was picked, and may let them show;
        the offline writer speaks of the product alone, so that its lines serve for all campaigns.
        """
        if model == OFFLINE:
            brief = self.brief
            said = (brief.call_to_action_in(self.language), *brief.must_mention_in(self.language))
            told = (brief.catalogue_language, self.language, self.personal, self.variant, self.seed, *said)
            # Where the brief forbids words or asks for short ones, lines of other campaigns may not do.
            voice, longest = brief.voice, brief.longest("product_lines")
            asked = (longest, voice.reading_level, voice.avoid, brief.banned_in(self.language))
            uses = self._of(OFFLINE_LINE_USES)
            return _key("line", model, told, asked, uses, _product_digest(pick.product))
        told = (self.brief.digest, self.language, self.variant, self.stage, self.season, self.personal)
        return _key("line", model, told, self._what_counts(pick))

    def _situation(self, model: str) -> tuple[Any, ...]:
        shared = (self.brief.digest, self.language, self.variant, self.personal)
        if model == OFFLINE:
            return (*shared, self.seed, *self._of(OFFLINE_HEAD_USES))
        return (*shared, self.stage, self.shown_favourite, self.season, *self._of(_FINE))

    def _of(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in names])

    def _what_counts(self, pick: Pick) -> tuple[str, str]:
        return _product_digest(pick.product), self.reason_kind(pick)


_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@lru_cache(maxsize=512)  # A part that is new is looked for, written and kept, each time by its key.
def _key(kind: str, model: str, *decides: Hashable) -> str:
    return _digest([kind, model, PROMPT_VERSION, *decides])


def _digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


@lru_cache(maxsize=8192)
def _product_digest(facts: ProductFacts) -> str:
    text = [facts.title, facts.description, facts.category, facts.brand, spoken_tags(facts)]
    # Whether price and stock are known decides whether {price_n} and {stock_n} may be written.
    known = [facts.price > 0, facts.currency, facts.stock != UNKNOWN_STOCK]
    return _digest([facts.sku, *text, *known])


def texts_digest(products: Iterable[ProductFacts]) -> str:
    """SHA-256 of all that is told of these products."""
    return _digest([_product_digest(facts) for facts in products])


def spoken_tags(product: ProductFacts) -> list[str]:
    """The tags that say something of the product; one with a colon ("margin:35") is a note of the shop to itself."""
    return [tag for tag in product.tags if ":" not in tag]

"""What is asked of a writer: the brief and, of the customer, only what tailors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from campaigns.copywriting.brief import Brief
from campaigns.copywriting.languages import SUPPORTED
from campaigns.models.values import Pick, ProductFacts

STAGES = ("newcomer", "active", "lapsing", "loyal")
SEASONS = ("spring", "summer", "autumn", "winter")
# Raised whenever the prompt or the offline phrases change, so that no cell keeps a copy of the old words.
PROMPT_VERSION = "3"
OFFLINE = "offline"
"""Stands in a key where the name of a model would, for the words of the offline writer."""
# Reasons that speak of the product; all others speak of what the customer did.
IMPERSONAL_REASONS = ("best_seller", "recent_favourite", "shop_choice", "instead_of", "from_our_shop")


class PartKeys(NamedTuple):
    """Under which keys the parts of a copy are kept; without `lines`, the key of a copy kept as a whole."""

    head: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """What one mail is written from; customers with an equal request get the same words.

    `language` is one of languages.SUPPORTED, `stage` one of STAGES, `season` one of SEASONS or "",
    `favourite_category` a category of the shop or "". With `personal` False (no profiling consent) stage
    and favourite are dropped here, so no writer can know them. There is no place for a name or an
    address, on purpose.
    """

    brief: Brief
    language: str
    stage: str
    favourite_category: str
    picks: tuple[Pick, ...]
    season: str
    personal: bool

    def __post_init__(self) -> None:
        if self.language not in SUPPORTED:
            raise ValueError(f"no copy is written in {self.language!r}; use languages.language_for")
        if self.season and self.season not in SEASONS:
            raise ValueError(f"unknown season {self.season!r}")
        if not self.personal:
            object.__setattr__(self, "stage", "")
            object.__setattr__(self, "favourite_category", "")
        elif self.stage not in STAGES:
            raise ValueError(f"unknown stage {self.stage!r}")

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

    def cell_key(self, model: str = OFFLINE) -> str:
        """SHA-256 (hexadecimal) of everything that decides the whole copy when `model` writes it.

        Product texts count, prices and stock do not: those are placeholders or unsaid. Titles of products
        that the customer bought (`Reason.because`) never enter: they would make a cell of each customer.
        """
        return _key("cell", model, self._situation(), [self._what_counts(pick) for pick in self.picks])

    def part_keys(self, model: str = OFFLINE) -> PartKeys:
        """The keys of its head and of its lines, in the order of the picks."""
        return PartKeys(self.head_key(model), tuple(self.line_key(pick, model) for pick in self.picks))

    def head_key(self, model: str = OFFLINE) -> str:
        """The same of what decides all but the lines: of the picks only the first, and how many there are."""
        first = [self._what_counts(pick) for pick in self.picks[:1]]
        return _key("head", model, self._situation(), [len(self.picks), *first])

    def line_key(self, pick: Pick, model: str = OFFLINE) -> str:
        """The same of what decides the line of one pick, wherever in the mail it stands.

        A model is told the brief, season and life-cycle stage and why this was picked, and may let them show;
        the offline writer speaks of the product alone, so that its lines serve for all campaigns.
        """
        if model == OFFLINE:
            brief = self.brief
            said = [brief.call_to_action_in(self.language), *brief.must_mention_in(self.language)]
            told = [brief.catalogue_language, self.language, self.personal, *said]
            return _key("line", model, told, _product_digest(pick.product))
        told = [self.brief.digest, self.language, self.stage, self.season, self.personal]
        return _key("line", model, told, self._what_counts(pick))

    def _situation(self) -> list[Any]:
        return [
            self.brief.digest,
            self.language,
            self.stage,
            self.shown_favourite,
            self.season,
            self.personal,
        ]

    def _what_counts(self, pick: Pick) -> list[str]:
        return [_product_digest(pick.product), self.reason_kind(pick)]


_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def _key(kind: str, model: str, *decides: Any) -> str:
    return _digest([kind, model, PROMPT_VERSION, *decides])


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


@lru_cache(maxsize=8192)
def _product_digest(facts: ProductFacts) -> str:
    text = [facts.title, facts.description, facts.category, facts.brand, list(facts.tags)]
    # Whether a price is known decides whether {price_n} may be written.
    return _digest([facts.sku, *text, facts.price > 0, facts.currency])

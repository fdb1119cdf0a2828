"""What is asked of a writer: the brief and, of the customer, only what tailors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from campaigns.copywriting.brief import Brief
from campaigns.copywriting.languages import SUPPORTED
from campaigns.models.values import Pick

STAGES = ("newcomer", "active", "lapsing", "loyal")
SEASONS = ("spring", "summer", "autumn", "winter")
# Raised whenever the prompt or the offline phrases change, so that no cell keeps a copy of the old words.
PROMPT_VERSION = "2"
# Reasons that speak of the product; all others speak of what the customer did.
IMPERSONAL_REASONS = ("best_seller", "recent_favourite")


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """One cell: customers who get the same words.

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

    def cell_key(self, model: str = "offline") -> str:
        """SHA-256 (hexadecimal) of everything that decides the copy when `model` writes it.

        Product texts count, prices and stock do not: those are placeholders or unsaid. Titles of products
        that the customer bought (`Reason.because`) never enter: they would make a cell of each customer.
        """
        decides = {
            "brief": self.brief.as_json(),
            "language": self.language,
            "stage": self.stage,
            "favourite_category": self.favourite_category,
            "season": self.season,
            "personal": self.personal,
            "picks": [self._what_counts(pick) for pick in self.picks],
            "prompt_version": PROMPT_VERSION,
            "model": model,
        }
        canonical = json.dumps(decides, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _what_counts(self, pick: Pick) -> list[Any]:
        facts = pick.product
        text = [facts.title, facts.description, facts.category, facts.brand, list(facts.tags)]
        # Whether a price is known decides whether {price_n} may be written.
        return [facts.sku, *text, facts.price > 0, facts.currency, self.reason_kind(pick)]

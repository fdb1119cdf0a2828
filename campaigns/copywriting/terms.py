"""How a campaign wants its copy written: how fine, by which way, and within which bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Granularity = Literal["cell", "pick_set", "customer"]


class CopyTerms(BaseModel):
    """The section [copy] of a campaign file; the defaults hold where it is silent.

    granularity: one copy for each *cell* (variant, language, stage, favourite category, first pick), for each
    *pick set* (the same, and all picks), or for each *customer*.
    mode: "now" asks while the campaign runs; "batch" hands the cells of a campaign that is scheduled ahead to the
    server's Batch API, at half the price, and asks for the rest when it runs.
    variants: so many different copies a cell; customers fall to one of them by their number, always the same one.
    max_calls, max_tokens, max_cost, max_minutes: beyond any of them the offline writer writes the rest; None: no
    bound. `max_cost` is in the currency of the model's prices, `max_minutes` counts from the first call.
    fallback_limit: percent of the cells asked of the model that it has no words for (all refused, or it was away), above
    which the campaign pauses itself; 100: never. What the budget left to the offline writer does not count.
    approve_samples: nobody can approve the campaign before a person has approved its samples.
    seed: another number gives other words of the offline writer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    granularity: Granularity = "cell"
    mode: Literal["now", "batch"] = "now"
    variants: int = Field(1, ge=1, le=5)
    max_calls: int | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, ge=0)
    max_cost: Decimal | None = Field(None, ge=0)
    max_minutes: float | None = Field(60.0, gt=0, le=7 * 24 * 60)
    fallback_limit: float = Field(30.0, ge=0, le=100)
    approve_samples: bool = False
    seed: int = Field(0, ge=0, le=2**31 - 1)

    @field_validator("max_calls", "max_tokens", "max_cost", "max_minutes", mode="before")
    @classmethod
    def _none_is_no_bound(cls, value: object) -> object:
        """TOML has no null: "none" says that there is no bound, also where one is usual."""
        return None if value == "none" else value

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` takes them back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> CopyTerms:
        """The terms that `as_json` made; {} gives the defaults."""
        return cls.model_validate(raw)

"""The facts of an offer: the only source from which code fills {offer_amount}, _code, _starts and _ends."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from babel.numbers import get_currency_precision, is_currency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from campaigns.copywriting.voice import plain_line

LONGEST_CODE = 30


class OfferMoney(BaseModel):
    """So much off, in money: `amount` in whole units of `currency` (ISO 4217), with its usual decimals."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    amount: Decimal = Field(gt=0, le=1_000_000)
    currency: str

    @model_validator(mode="after")
    def _is_money(self) -> OfferMoney:
        if not is_currency(self.currency):
            raise ValueError(f"{self.currency!r} is no currency; write its ISO 4217 code, such as EUR")
        decimals = get_currency_precision(self.currency)
        exact = self.amount.quantize(Decimal(1).scaleb(-decimals))
        if exact != self.amount:
            raise ValueError(f"an amount in {self.currency} has at most {decimals} decimals")
        # 10, 10.0 and 10.00 are one amount, and briefs that say them are one brief.
        self.__dict__["amount"] = exact
        return self


class Offer(BaseModel):
    """What is offered: a percentage or money off, or what a code gives; both dates belong to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    amount_percent: int | None = Field(None, ge=1, le=100)
    amount: OfferMoney | None = None
    code: Annotated[str, AfterValidator(plain_line)] = Field("", max_length=LONGEST_CODE)
    starts: date | None = None
    ends: date | None = None
    conditions: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _states_something(self) -> Offer:
        if not self.has_amount and not self.code:
            raise ValueError(
                'needs an amount_percent, an amount = { amount = 10, currency = "EUR" } or a code'
            )
        return self

    @property
    def has_amount(self) -> bool:
        """Whether {offer_amount} has a value."""
        return self.amount_percent is not None or self.amount is not None

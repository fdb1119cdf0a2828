"""What a campaign cost, and what came back for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaigns.insight.attribution import MAIN_WINDOW, money
from campaigns.insight.rates import rounded


@dataclass(frozen=True, slots=True)
class Prices:
    """What the house pays: for a thousand mails (None: nobody said), in `currency`; `margin` is what is left of a
    revenue of 1 when the goods are paid."""

    thousand_mails: Decimal | None = None
    currency: str = "EUR"
    margin: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class CopyCost:
    """What the model was paid for the words; `amount` is None where tokens were used at prices that nobody said."""

    amount: Decimal | None
    currency: str


def costs(mailed: int, prices: Prices, words: CopyCost) -> dict[str, Any]:
    """The cost of words and of sending, and their sums by currency; `unknown` names what nobody gave a price for."""
    sending = None if prices.thousand_mails is None else prices.thousand_mails * mailed / 1000
    known = [(words.amount, words.currency), (sending, prices.currency)]
    total: dict[str, Decimal] = {}
    for amount, currency in known:
        if amount:
            total[currency] = total.get(currency, Decimal(0)) + amount
    unknown = [name for name, amount in (("copy", words.amount), ("sending", sending)) if amount is None]
    return {
        "copy": {"amount": _money(words.amount), "currency": words.currency},
        "sending": {"amount": _money(sending), "currency": prices.currency},
        "total": {currency: money(amount) for currency, amount in total.items()},
        "unknown": unknown,
    }


def on_investment(
    spent: Mapping[str, Any], lifted: Mapping[str, Any], windows: list[dict[str, Any]], prices: Prices
) -> dict[str, Any]:
    """What came back for each unit of money spent: (margin - cost) / cost, from -1 (nothing) upwards.

    `effect` is by the lift over the holdout, with its interval; `observed` by what was ordered in the week after a
    mail, which is no effect. None, with `why`, where it cannot be told.
    """
    currency = lifted["currency"]
    why = _why_not(spent, currency)
    if why:
        return {"effect": None, "observed": None, "why": why, "margin": float(prices.margin)}
    cost = Decimal(spent["total"][currency])
    week = next(window for window in windows if window["days"] == MAIN_WINDOW)
    observed = _return(Decimal(week["revenue"].get(currency, "0")), cost, prices.margin)
    effect = None
    if lifted["is_effect"]:
        effect = {
            name: _return(Decimal(str(value)), cost, prices.margin) for name, value in lifted["total"].items()
        }
    return {"effect": effect, "observed": observed, "why": lifted["why"], "margin": float(prices.margin)}


def _why_not(spent: Mapping[str, Any], currency: str) -> str:
    if spent["unknown"]:
        return f"nobody has said what {' and '.join(spent['unknown'])} costs"
    others = sorted(set(spent["total"]) - {currency})
    if others:
        return f"it cost {', '.join(others)} and brought {currency or 'no known currency'}"
    if currency not in spent["total"]:
        return "it cost nothing"
    return ""


def _return(revenue: Decimal, cost: Decimal, margin: Decimal) -> float | None:
    return rounded(float((revenue * margin - cost) / cost), 4) if cost else None


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)

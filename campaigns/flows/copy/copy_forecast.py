"""What a campaign's copy will take, foreseen from its real audience: cells, calls, tokens, money, time.

For all granularities side by side, so that a person can choose; nothing is written and no model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.copywriting.crew import nothing
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import CopyTerms, Granularity
from campaigns.copywriting.usage import Prices, Usage
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import Refused
from campaigns.flows.copy.copy_forecast_basis import Basis, basis_of
from campaigns.flows.copy.copy_forecast_tally import Tally
from campaigns.flows.copy.copy_planned import PlannedAudience
from campaigns.flows.copy.wording import CopyShelf
from campaigns.flows.describing.plans import get_campaign

GRANULARITIES: tuple[Granularity, ...] = ("cell", "pick_set", "customer")
_MICROS = 1_000_000

Progress = Callable[[int, int], None]
"""Is told how many mails were looked at, and of how many."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What one granularity would take. `largest` and `median` are mails a cell, `known` the cells whose words are
    there already; `seconds` at the concurrency set; `cost_micros` None where no price is known."""

    cells: int
    mails: int
    largest: int
    median: int
    known: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_micros: int | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values; `cost` is a decimal string in the currency of the forecast."""
        cost = None if self.cost_micros is None else f"{self.cost_micros / _MICROS:.4f}"
        return {
            "cells": self.cells,
            "mails": self.mails,
            "largest_cell": self.largest,
            "median_cell": self.median,
            "known_cells": self.known,
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": cost,
            "seconds": round(self.seconds, 1),
        }


class CopyForecast:
    """Looks ahead; one object belongs to one process. `concurrency` is how many calls are made at the same time."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audience: PlannedAudience,
        shelf: CopyShelf,
        prices: Prices,
        concurrency: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audience = audience
        self._shelf = shelf
        self._prices = prices
        self._concurrency = concurrency

    def planned_requests(
        self, campaign_id: int, beat: Callable[[], None] = nothing
    ) -> Iterator[tuple[str, CopyRequest, int]]:
        """The cells that the campaign has by its own granularity: key, what is asked, and for how many mails.

        Cells of several mails come last, those of most mails first: where each customer has words of their own,
        nobody needs to keep them all in mind. `beat` is called for each thousand mails.
        """
        kept: dict[str, tuple[CopyRequest, int]] = {}
        for page in self._audience.pages(campaign_id):
            beat()
            for requests in page.values():
                for request in requests.values():
                    key = self._shelf.cell_of(request)
                    if request.granularity == "customer":
                        yield key, request, 1
                        continue
                    first, mails = kept.get(key, (request, 0))
                    kept[key] = first, mails + 1
        for key in sorted(kept, key=lambda key: (-kept[key][1], key)):
            request, mails = kept[key]
            yield key, request.canonical() if request.granularity == "pick_set" else request, mails

    def foresee(self, campaign_id: int, progress: Progress = lambda done, size: None) -> dict[str, Any]:
        """The forecast as JSON-ready values; it is kept with the campaign, with the time it was made.

        Raises:
            NotFound: there is no such campaign.
            Refused: no model is set, so that nothing is asked and nothing is spent.
        """
        if not self._shelf.slow:
            raise Refused(
                "no model is set, so the offline writer writes all copy and nothing is spent: "
                "set OPENAI_API_KEY or OPENAI_BASE_URL"
            )
        with self._db.transaction() as session:
            terms = CopyTerms.from_json(get_campaign(session, campaign_id).copy)
        size = self._audience.size(campaign_id)
        tallies = {one: Tally(self._shelf) for one in GRANULARITIES}
        done = 0
        for page in self._audience.pages(campaign_id, GRANULARITIES):
            for one, requests in page.items():
                tallies[one].add(requests.values())
            done += len(page["cell"])
            progress(done, max(size, done))
        basis = basis_of(self._db, {one: tally.samples for one, tally in tallies.items()}, self._concurrency)
        foreseen = {one: self._foreseen(tally, basis, one, terms) for one, tally in tallies.items()}
        told = self._told(terms, foreseen, basis, done)
        with self._db.transaction() as session:
            get_campaign(session, campaign_id).copy_forecast = told
        return told

    def _foreseen(self, tally: Tally, basis: Basis, one: Granularity, terms: CopyTerms) -> Foreseen:
        with self._db.transaction() as session:
            tally.look_up(session)
        first_calls = tally.cells_to_write + tally.line_calls
        calls = round(first_calls * basis.calls_a_cell)
        usage = Usage(
            calls, round(calls * basis.prompt_tokens[one]), 0, round(calls * basis.answer_tokens[one])
        )
        batch = terms.mode == "batch"
        return Foreseen(
            cells=tally.cells,
            mails=tally.mails,
            largest=tally.largest,
            median=tally.median,
            known=tally.known,
            calls=calls,
            input_tokens=usage.input,
            output_tokens=usage.output,
            cost_micros=self._prices.micros(usage, batch) if self._prices.are_known else None,
            seconds=calls * basis.seconds_a_call,
        )

    def _told(
        self, terms: CopyTerms, foreseen: Mapping[Granularity, Foreseen], basis: Basis, mails: int
    ) -> dict[str, Any]:
        own = foreseen[terms.granularity]
        return {
            "at": self._clock.now().isoformat(),
            "model": self._shelf.model,
            "mails": mails,
            "granularity": terms.granularity,
            "mode": terms.mode,
            "currency": self._prices.currency,
            "by_granularity": {one: found.as_json() for one, found in foreseen.items()},
            "basis": basis.as_json(),
            "exceeds": list(exceeded(terms, own, self._prices.currency)),
        }


def exceeded(terms: CopyTerms, foreseen: Foreseen, currency: str) -> Iterator[str]:
    """In words, which bounds of the budget this would exceed."""
    rest = "; what is beyond it is written offline"
    if terms.max_calls is not None and foreseen.calls > terms.max_calls:
        yield f"{foreseen.calls:,} calls are foreseen, and max_calls allows {terms.max_calls:,}{rest}"
    tokens = foreseen.input_tokens + foreseen.output_tokens
    if terms.max_tokens is not None and tokens > terms.max_tokens:
        yield f"{tokens:,} tokens are foreseen, and max_tokens allows {terms.max_tokens:,}{rest}"
    micros = foreseen.cost_micros
    if terms.max_cost is not None and micros is not None and micros > terms.max_cost * _MICROS:
        cost = f"{micros / _MICROS:,.2f} {currency}"
        yield f"a cost of {cost} is foreseen, and max_cost allows {terms.max_cost:,.2f}{rest}"
    minutes = foreseen.seconds / 60
    if terms.mode == "now" and terms.max_minutes is not None and minutes > terms.max_minutes:
        yield f"{minutes:,.0f} minutes are foreseen, and max_minutes allows {terms.max_minutes:g}{rest}"

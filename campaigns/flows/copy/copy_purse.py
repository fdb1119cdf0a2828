"""The budget of a campaign's copy: one row in the database, which all processes that write for it share."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices, Usage
from campaigns.core.db import Database, rows
from campaigns.core.errors import BadInput

_MICROS = 1_000_000
_OPEN = """
    insert into copy_spend (campaign_id) values (%(campaign)s) on conflict do nothing
"""
# By PostgreSQL's clock, so that hosts whose clocks differ agree on when the time is over.
_RESERVE = """
    update copy_spend set calls = calls + 1, began_at = coalesce(began_at, clock_timestamp()),
        last_at = clock_timestamp()
    where campaign_id = %(campaign)s
      and (%(calls)s::bigint is null or calls < %(calls)s)
      and (%(tokens)s::bigint is null or input_tokens + output_tokens < %(tokens)s)
      and (%(micros)s::bigint is null or cost_micros < %(micros)s)
      and (%(seconds)s::float8 is null or began_at is null
           or clock_timestamp() < began_at + make_interval(secs => %(seconds)s))
    returning extract(epoch from began_at + make_interval(secs => %(seconds)s) - clock_timestamp())
"""
_TAKE = """
    update copy_spend set calls = calls + %(calls)s, input_tokens = input_tokens + %(input)s,
        cached_tokens = cached_tokens + %(cached)s, output_tokens = output_tokens + %(output)s,
        cost_micros = cost_micros + %(micros)s, last_at = clock_timestamp()
    where campaign_id = %(campaign)s
"""


class CampaignPurse:
    """A `copywriting.usage.Purse` for one campaign; safe to use from several threads, processes and hosts.

    Each bound can be exceeded by what the calls in flight take, and `max_calls` not at all: a call is counted
    when it is reserved. A process that is killed leaves its reserved calls counted.
    """

    def __init__(self, db: Database, campaign_id: int, terms: CopyTerms, prices: Prices) -> None:
        self._db = db
        self._campaign = campaign_id
        self._prices = prices
        self._bounds: Mapping[str, Any] = {
            "campaign": campaign_id,
            "calls": terms.max_calls,
            "tokens": terms.max_tokens,
            "micros": None if terms.max_cost is None else int(terms.max_cost * _MICROS),
            "seconds": None if terms.max_minutes is None else terms.max_minutes * 60,
        }
        self._opened = False
        self._over_at = math.inf
        """When the time is over, by the monotonic clock, as far as the last call told."""
        if terms.max_minutes is not None:
            self._over_at = time.monotonic() + terms.max_minutes * 60

    def may_call(self) -> bool:
        """Reserve one more call; False where calls, tokens, money or time are used up."""
        with self._db.transaction() as session:
            if not self._opened:
                open_spend(session, self._campaign)
            may = rows(session, _RESERVE, self._bounds)
        self._opened = True
        if may and may[0][0] is not None:
            self._over_at = time.monotonic() + float(may[0][0])
        return bool(may)

    def patience(self) -> float:
        """What is left of the campaign's time for copy."""
        return max(self._over_at - time.monotonic(), 0.0)

    def took(self, usage: Usage) -> None:
        """What a reserved call took; `usage.calls` 0 gives the reservation back."""
        with self._db.transaction() as session:
            add_spend(session, self._campaign, usage.calls - 1, usage, self._prices.micros(usage))


def open_spend(session: Session, campaign_id: int) -> None:
    """See to it that the campaign has its row of copy_spend."""
    rows(session, _OPEN, {"campaign": campaign_id})


def add_spend(session: Session, campaign_id: int, calls: int, usage: Usage, micros: int) -> None:
    """Add calls, tokens and cost to what a campaign spent, whose row is there; less than none takes them off."""
    taken = {
        "campaign": campaign_id,
        "calls": calls,
        "input": usage.input,
        "cached": usage.cached,
        "output": usage.output,
        "micros": micros,
    }
    rows(session, _TAKE, taken)


def check_budget(terms: CopyTerms, prices: Prices) -> None:
    """Refuse a bound that nobody could keep.

    Raises:
        BadInput: a cost is bounded, and nobody has said what the model costs.
    """
    if terms.max_cost is not None and not prices.are_known:
        raise BadInput(
            "a bound on the cost needs the prices of the model: set TAILORMAIL_LLM_INPUT_PRICE and "
            "TAILORMAIL_LLM_OUTPUT_PRICE (per million tokens), or bound max_calls or max_tokens instead",
            where="copy.max_cost",
        )

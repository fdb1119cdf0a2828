"""A campaign's batches and its budget: what a batch will take is counted when it is made, because nothing can be
stopped after; when its answers come, what they really took takes the place of that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from campaigns.copywriting.asking import Question, expected_usage
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices, Usage
from campaigns.core.db import rows
from campaigns.flows.copy.copy_purse import add_spend, open_spend
from campaigns.models.copy_work import CopyBatch, CopyBatchKey, CopySpend

SETTLED_WITHIN = timedelta(minutes=10)
"""So long a cancelled batch may take, says the reference of POST /v1/batches/{batch_id}/cancel."""
_MICROS = 1_000_000

_KEYS = "insert into copy_batch_keys (batch_id, key) select %(batch)s, unnest(%(keys)s::text[])"
_HANDED_OVER = "select distinct key from copy_batch_keys where key = any(%(keys)s::text[])"
_KEYS_OF = "select key from copy_batch_keys where batch_id = %(batch)s"
_SETTLING = """
    select exists (select 1 from copy_batches b
                   where b.campaign_id = %(campaign)s and not b.collected and b.state <> 'lost')
       and exists (select 1 from campaign_transitions t
                   where t.campaign_id = %(campaign)s and t.to_status = 'sending' and t.at > %(since)s)
"""


@dataclass(slots=True)
class Allowance:
    """What is left of the bounds; each question takes its share of it."""

    terms: CopyTerms
    prices: Prices
    calls: int
    tokens: int
    micros: int

    @classmethod
    def of(cls, session: Session, campaign_id: int, terms: CopyTerms, prices: Prices) -> Allowance:
        """What was spent until now, and what batches that are under way have reserved."""
        spent = session.get(CopySpend, campaign_id)
        if spent is None:
            return cls(terms, prices, 0, 0, 0)
        tokens = spent.input_tokens + spent.output_tokens
        return cls(terms, prices, spent.calls, tokens, spent.cost_micros)

    def take(self, question: Question) -> Usage | None:
        """What one more question will take, which is taken; None if there is no room for it."""
        usage = expected_usage(question)
        micros = self.prices.micros(usage, batch=True)
        terms = self.terms
        if terms.max_calls is not None and self.calls + 1 > terms.max_calls:
            return None
        if terms.max_tokens is not None and self.tokens + usage.tokens > terms.max_tokens:
            return None
        if terms.max_cost is not None and self.micros + micros > terms.max_cost * _MICROS:
            return None
        self.calls += 1
        self.tokens += usage.tokens
        self.micros += micros
        return usage


def reserve(session: Session, batch: CopyBatch, keys: Collection[str], usage: Usage, prices: Prices) -> None:
    """Count what a new batch will take, and note which answers it is to bring."""
    micros = prices.micros(usage, batch=True)
    batch.reserved_calls, batch.reserved_input, batch.reserved_output = usage.calls, usage.input, usage.output
    batch.reserved_micros = micros
    session.flush()
    rows(session, _KEYS, {"batch": batch.id, "keys": list(keys)})
    open_spend(session, batch.campaign_id)
    add_spend(session, batch.campaign_id, usage.calls, usage, micros)


def release(session: Session, batch_id: int, answers: int | None = None) -> None:
    """Take off what was reserved for so many answers; None: for all that is left, and forget their keys."""
    batch = session.get_one(CopyBatch, batch_id, with_for_update=True, populate_existing=True)
    of, calls = batch.reserved_calls, batch.reserved_calls
    if answers is None:
        session.execute(delete(CopyBatchKey).where(CopyBatchKey.batch_id == batch_id))
    else:
        calls = min(answers, of)
    if not calls:
        return
    asked, told, micros = (
        total * calls // of for total in (batch.reserved_input, batch.reserved_output, batch.reserved_micros)
    )
    batch.reserved_calls -= calls
    batch.reserved_input -= asked
    batch.reserved_output -= told
    batch.reserved_micros -= micros
    session.flush()
    add_spend(session, batch.campaign_id, -calls, Usage(0, -asked, 0, -told), -micros)


def handed_over(session: Session, keys: Collection[str]) -> set[str]:
    """Those of these keys whose answers some batch is to bring."""
    return {key for (key,) in rows(session, _HANDED_OVER, {"keys": list(keys)})}


def keys_of(session: Session, batch_id: int) -> set[str]:
    """The keys of the answers that this batch is to bring."""
    return {key for (key,) in rows(session, _KEYS_OF, {"batch": batch_id})}


def is_settling(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether a campaign that has just begun should wait with its calls for a batch of its, which is cancelled now:
    what that brings would be paid for twice. After `SETTLED_WITHIN` it waits no longer."""
    asked = {"campaign": campaign_id, "since": now - SETTLED_WITHIN}
    return bool(rows(session, _SETTLING, asked)[0][0])

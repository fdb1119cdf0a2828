"""How much of a campaign's budget its batches may take: reckoned before, because nothing can be stopped after."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.copywriting.asking import Question
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import NO_USAGE, Prices, Usage
from campaigns.models.copy_work import CopyBatch, CopySpend

# Rather too many: four characters of English are a token, fewer of other languages and of JSON.
_CHARACTERS_OF_A_TOKEN = 3
_TOKENS_OF_AN_ANSWER = 400
_MICROS = 1_000_000


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
        """What was spent until now counts, and what batches that are under way will take at most in calls."""
        spent = session.get(CopySpend, campaign_id)
        under_way = session.query(CopyBatch).where(
            CopyBatch.campaign_id == campaign_id, ~CopyBatch.collected, CopyBatch.state != "lost"
        )
        calls = sum(row.requests for row in under_way)
        if spent is None:
            return cls(terms, prices, calls, 0, 0)
        tokens = spent.input_tokens + spent.output_tokens
        return cls(terms, prices, spent.calls + calls, tokens, spent.cost_micros)

    def allows(self, question: Question) -> bool:
        """Whether there is room for one more question; if so, it is taken."""
        usage = expected(question)
        micros = self.prices.micros(usage, batch=True)
        terms = self.terms
        if terms.max_calls is not None and self.calls + 1 > terms.max_calls:
            return False
        if terms.max_tokens is not None and self.tokens + usage.tokens > terms.max_tokens:
            return False
        if terms.max_cost is not None and self.micros + micros > terms.max_cost * _MICROS:
            return False
        self.calls += 1
        self.tokens += usage.tokens
        self.micros += micros
        return True


def expected(question: Question) -> Usage:
    """What a call will take, roughly."""
    characters = sum(len(message["content"]) for message in question.messages)
    asked = characters // _CHARACTERS_OF_A_TOKEN
    return NO_USAGE.plus(Usage(1, asked, 0, _TOKENS_OF_AN_ANSWER))

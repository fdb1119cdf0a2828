"""The budget of a campaign's copy: bounds are kept by all who spend from it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices, Usage
from campaigns.core.db import Database
from campaigns.core.errors import BadInput
from campaigns.flows.copy.copy_purse import CampaignPurse, check_budget
from campaigns.models import CopySpend
from tests.shop import bare_campaign

PRICES = Prices(Decimal(1), Decimal("0.5"), Decimal(10), "EUR")
USED = Usage(1, 1000, 400, 100)
COST = 600 + 200 + 1000  # micros


@pytest.fixture
def campaign(db: Database) -> int:
    with db.transaction() as session:
        return bare_campaign(session)


def purse(db: Database, campaign: int, **terms: object) -> CampaignPurse:
    return CampaignPurse(db, campaign, CopyTerms.from_json({"max_minutes": None, **terms}), PRICES)


def spent(db: Database, campaign: int) -> CopySpend:
    with db.transaction() as session:
        return session.get_one(CopySpend, campaign)


def test_calls_are_counted_when_they_are_reserved_by_whoever(db: Database, campaign: int) -> None:
    purses = [purse(db, campaign, max_calls=7) for _ in range(3)]
    with ThreadPoolExecutor(6) as threads:
        granted = list(threads.map(lambda n: purses[n % 3].may_call(), range(30)))
    assert granted.count(True) == 7
    assert spent(db, campaign).calls == 7


def test_a_call_that_reached_nobody_is_given_back(db: Database, campaign: int) -> None:
    one = purse(db, campaign, max_calls=1)
    assert one.may_call()
    assert not one.may_call()
    one.took(Usage())
    assert one.may_call()
    one.took(USED)
    assert not one.may_call()
    row = spent(db, campaign)
    assert (row.calls, row.input_tokens, row.cached_tokens, row.output_tokens) == (1, 1000, 400, 100)
    assert row.cost_micros == COST


@pytest.mark.parametrize(
    ("bound", "value"), [("max_tokens", 2200), ("max_cost", f"{2 * COST / 1_000_000:f}")]
)
def test_tokens_and_money_end_it(db: Database, campaign: int, bound: str, value: object) -> None:
    one = purse(db, campaign, **{bound: value})
    for _ in range(2):
        assert one.may_call()
        one.took(USED)
    assert not one.may_call()


def test_time_counts_from_the_first_call(db: Database, campaign: int) -> None:
    one = purse(db, campaign, max_minutes=1)
    assert one.may_call()
    with db.transaction() as session:
        session.execute(text("update copy_spend set began_at = began_at - :t"), {"t": timedelta(seconds=55)})
    assert one.may_call()
    with db.transaction() as session:
        session.execute(text("update copy_spend set began_at = began_at - :t"), {"t": timedelta(seconds=6)})
    assert not one.may_call()
    assert purse(db, campaign).may_call(), "without a bound there is none"


def test_what_is_left_of_the_time_is_what_it_has_patience_for(db: Database, campaign: int) -> None:
    one = purse(db, campaign, max_minutes=1)
    assert 55 < one.patience() <= 60
    assert one.may_call()
    with db.transaction() as session:
        session.execute(text("update copy_spend set began_at = began_at - :t"), {"t": timedelta(seconds=50)})
    assert one.may_call()
    assert 5 < one.patience() <= 10, "as another process sees it, too"
    with db.transaction() as session:
        session.execute(text("update copy_spend set began_at = began_at - :t"), {"t": timedelta(seconds=50)})
    assert not one.may_call()
    assert purse(db, campaign).patience() == float("inf")


def test_a_bound_on_an_unknown_cost_is_refused() -> None:
    terms = CopyTerms.from_json({"max_cost": "5"})
    check_budget(terms, PRICES)
    with pytest.raises(BadInput, match="TAILORMAIL_LLM_OUTPUT_PRICE"):
        check_budget(terms, Prices(Decimal(1)))

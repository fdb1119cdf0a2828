"""Cells by the hundred thousand: they are taken and let go by index, and counted right when sends come again."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.core.db import UnitOfWork, rows
from campaigns.flows.copy import copy_cells
from campaigns.flows.copy.copy_cells import claim_cells, leave, let_go, register
from campaigns.models import CopyCell
from tests.shop import bare_campaign

MANY = 20_000


@pytest.fixture
def campaign(session: UnitOfWork) -> int:
    return bare_campaign(session)


@pytest.fixture
def many(session: UnitOfWork, campaign: int) -> int:
    """A campaign with a cell for each mail, as where each customer has words of their own."""
    fill = """
        insert into copy_cells (campaign_id, key, sends)
        select :campaign, 'cell' || n, 1 from generate_series(1, :many) n
    """
    session.execute(text(fill), {"campaign": campaign, "many": MANY})
    session.execute(text("analyze copy_cells"))
    return campaign


def scans(session: UnitOfWork, sql: str, **asked: Any) -> dict[str, int]:
    """How many cells each scan of this statement went through, by its index."""
    ((told,),) = rows(session, f"explain (analyze, format json) {sql}", asked)
    found: dict[str, int] = {}

    def walk(plan: dict[str, Any]) -> None:
        if plan.get("Relation Name") == "copy_cells" and "Scan" in plan["Node Type"]:
            seen = int(plan["Actual Rows"]) + int(plan.get("Rows Removed by Filter", 0))
            found[plan.get("Index Name", "all of it")] = seen
        for child in plan.get("Plans", []):
            walk(child)

    walk((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])
    return found


def test_taking_some_of_many_cells_reads_only_these(session: UnitOfWork, many: int) -> None:
    seen = scans(session, copy_cells._CLAIM, campaign=many, worker="here:w", limit=32)
    assert seen.pop("ix_copy_cells_waiting") == 32
    assert max(seen.values(), default=0) <= 32


def test_letting_go_of_cells_reads_only_those_that_are_held(session: UnitOfWork, many: int) -> None:
    assert len(claim_cells(session, many, "here:w", 32)) == 32
    for sql in (copy_cells._END_KNOWN_OF_MINE, copy_cells._LET_GO):
        seen = scans(session, sql, campaign=many, worker="here:w", emptied=False)
        assert seen.pop("ix_copy_cells_claimed") <= 32
        assert not seen


def test_the_cells_of_most_sends_come_first_and_those_that_ended_are_named(
    session: UnitOfWork, campaign: int
) -> None:
    facts: dict[str, dict[str, Any]] = {"few": {}, "most": {}, "some": {}}
    numbers = register(session, campaign, {"few": 1, "most": 9, "some": 5}, facts)
    assert [cell.key for cell in claim_cells(session, campaign, "here:w", 2)] == ["most", "some"]
    session.execute(
        text("update copy_cells set state = 'written' where number = :number"), {"number": numbers["most"]}
    )
    assert let_go(session, campaign, "here:w", emptied=False) == [numbers["most"]]
    assert [cell.key for cell in claim_cells(session, campaign, "far:w", 2)] == ["some", "few"]


def sends_of(session: UnitOfWork, campaign: int) -> dict[str, int]:
    session.expire_all()
    found = session.scalars(select(CopyCell).where(CopyCell.campaign_id == campaign))
    return {cell.key: cell.sends for cell in found}


def test_who_comes_again_into_a_cell_that_counts_nobody_is_counted(
    session: UnitOfWork, campaign: int
) -> None:
    numbers = register(session, campaign, {"a": 3, "b": 4}, {"a": {}, "b": {}})
    claim_cells(session, campaign, "here:w", 2)
    let_go(session, campaign, "here:w", emptied=True)
    assert sends_of(session, campaign) == {"a": 0, "b": 0}
    # Two who were in `a` come again, and one who was in `b` belongs to `a` now.
    register(session, campaign, {"a": 3}, {"a": {}})
    leave(session, campaign, Counter({numbers["a"]: 2, numbers["b"]: 1}), {numbers["a"]: 3})
    assert sends_of(session, campaign) == {"a": 3, "b": 0}
    assert [cell.key for cell in claim_cells(session, campaign, "here:w", 2)] == ["a"]


def test_who_comes_again_into_the_same_cell_is_counted_once(session: UnitOfWork, campaign: int) -> None:
    numbers = register(session, campaign, {"a": 3}, {"a": {}})
    register(session, campaign, {"a": 2}, {"a": {}})
    leave(session, campaign, {numbers["a"]: 2}, {numbers["a"]: 2})
    assert sends_of(session, campaign) == {"a": 3}

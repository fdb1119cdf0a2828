"""Segments: every rule against real rows, every mistake named by its path, and no way in for SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql

from campaigns.audience.importing import ImportResult
from campaigns.audience.segments import DEEPEST, parse_segment
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.models import Customer

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
EVERYBODY = {"C1", "C2", "C3", "C4"}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, EVERYBODY),
        ({"not": {}}, set()),
        ({"country": ["Norway"]}, {"C1", "C2"}),
        ({"country": "nORWAY"}, {"C1", "C2"}),
        ({"country": ["Germany", "Sweden", "Nowhere"]}, {"C3", "C4"}),
        ({"language": ["en"]}, {"C1"}),
        ({"language": "e"}, set()),
        ({"language": ["en-GB", "nb"]}, {"C1", "C2"}),
        ({"language": "en_US"}, set()),
        ({"language": "%"}, set()),
        ({"language": "e_"}, set()),
        ({"bought": {}}, {"C1", "C2", "C3"}),
        ({"bought": {"category": "Jackets"}}, {"C1", "C3"}),
        ({"bought": {"category": "jackets", "within_days": 60}}, {"C1"}),
        ({"bought": {"category": ["Hats", "Boots"]}}, {"C1", "C2"}),
        ({"bought": {"sku": ["B1"]}}, {"C2"}),
        ({"bought": {"brand": "Regnby", "tag": "snow"}}, {"C1"}),
        ({"bought": {"brand": "Tussock", "tag": "snow"}}, set()),
        ({"not_bought": {"category": "Jackets"}}, {"C2", "C4"}),
        ({"not_bought": {"within_days": 365}}, {"C2", "C4"}),
        ({"total_spent": {"at_least": 258.80}}, {"C1"}),
        ({"total_spent": {"at_least": 258.81}}, set()),
        ({"total_spent": {"at_most": 149.5}}, {"C2", "C4"}),
        ({"total_spent": {"at_least": 149.5, "at_most": 150}}, {"C2", "C3"}),
        ({"total_spent": {"at_most": 0, "within_days": 365}}, {"C2", "C4"}),
        ({"has_purpose": "profiling"}, {"C1"}),
        ({"has_purpose": "open_tracking"}, set()),
        ({"tag": "vip"}, {"C1", "C3"}),
        ({"tag": ["new", "old"]}, {"C3"}),
        ({"all": [{"tag": "vip"}, {"not": {"country": "Norway"}}]}, {"C3"}),
        ({"any": [{"tag": "new"}, {"all": [{"country": "Norway"}, {"language": "nb"}]}]}, {"C2", "C3"}),
        ({"not": {"any": [{"tag": "vip"}, {"bought": {"sku": "B1"}}]}}, {"C4"}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_rules(
    shop: Callable[..., ImportResult],
    grant: Callable[..., None],
    members: Callable[[Any], set[str]],
    tree: Any,
    expected: set[str],
) -> None:
    grant("C1", "profiling")
    grant("C2", "profiling")
    grant("C2", "profiling", action="withdrawn", at="2026-02-01T00:00:00Z")
    assert members(tree) == expected


def test_a_name_in_any_script_and_case_is_found(
    shop: Callable[..., ImportResult], members: Callable[[Any], set[str]]
) -> None:
    shop("customers", "external_id,email,country,tags\nT1,t1@shop.example,ÅLAND,naïve\n")
    assert members({"country": "åland"}) == {"T1"}
    assert members({"tag": "naïve"}) == {"T1"}


@pytest.mark.parametrize(
    "attack", ["' or 1=1 --", "'; drop table customers; --", "%", "_", ":name", "%(x)s", "{vip}", '"}', "\\"]
)
@pytest.mark.parametrize(
    "tree",
    [
        {"country": ["@"]}, {"language": ["@"]}, {"tag": ["@"]}, {"bought": {"category": ["@"]}},
        {"bought": {"sku": ["@"]}}, {"bought": {"brand": ["@"]}}, {"bought": {"tag": ["@"]}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_values_cannot_leave_their_quotes(
    shop: Callable[..., ImportResult],
    members: Callable[[Any], set[str]],
    session: UnitOfWork,
    tree: Any,
    attack: str,
) -> None:
    hostile = json.loads(json.dumps(tree).replace("@", json.dumps(attack)[1:-1]))
    assert members(hostile) == set()
    assert members({"not": hostile}) == EVERYBODY
    assert session.scalar(select(func.count()).select_from(Customer)) == 4
    compiled = parse_segment(hostile).condition(NOW).compile(dialect=postgresql.dialect())
    if len(attack) > 2:
        assert attack not in str(compiled)


def nested(depth: int) -> Any:
    tree: Any = {"tag": "vip"}
    for _ in range(depth):
        tree = {"not": tree}
    return tree


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        (None, "segment"),
        ([], "segment"),
        ("everybody", "segment"),
        ({"colour": "red"}, "segment"),
        ({"tag": "vip", "country": "Norway"}, "segment"),
        ({"all": []}, "segment.all"),
        ({"all": {}}, "segment.all"),
        ({"any": [{}, {"tag": []}]}, "segment.any[1].tag"),
        ({"any": [{}, {"tag": ["vip", 3]}]}, "segment.any[1].tag[1]"),
        ({"not": {"country": None}}, "segment.not.country"),
        ({"country": ["Nor\0way"]}, "segment.country[0]"),
        ({"country": "\ud800"}, "segment.country[0]"),
        ({"all": [{}, {"bought": {"colour": "red"}}]}, "segment.all[1].bought"),
        ({"all": [{"bought": {"within_days": 0}}]}, "segment.all[0].bought.within_days"),
        ({"bought": {"within_days": True}}, "segment.bought.within_days"),
        ({"bought": {"within_days": 10**9}}, "segment.bought.within_days"),
        ({"not_bought": {"sku": 5}}, "segment.not_bought.sku"),
        ({"total_spent": {}}, "segment.total_spent"),
        ({"total_spent": {"at_least": "much"}}, "segment.total_spent.at_least"),
        ({"total_spent": {"at_least": float("nan")}}, "segment.total_spent.at_least"),
        ({"total_spent": {"at_least": 10**400}}, "segment.total_spent.at_least"),
        ({"total_spent": {"at_least": 5, "at_most": 4}}, "segment.total_spent"),
        ({"has_purpose": "spam"}, "segment.has_purpose"),
        ({"has_purpose": ["profiling"]}, "segment.has_purpose"),
        ({"all": [{}] * 500}, "segment.all["),
        (nested(DEEPEST + 1), "segment.not"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_named_by_its_path(tree: Any, path: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_segment(tree)
    where = refusal.value.where
    assert where.startswith(path) if path.endswith(("[", "not")) else where == path


WORDS = st.text(min_size=1, max_size=12) | st.sampled_from(["vip", "Norway", "en", "Jackets"])
LISTS = WORDS | st.lists(WORDS, min_size=1, max_size=3)
DAYS = st.integers(min_value=1, max_value=36500)
MONEY = st.integers(0, 10**6) | st.floats(0, 10**6)
BOUGHT = st.fixed_dictionaries(
    {}, optional={"category": LISTS, "sku": LISTS, "brand": LISTS, "tag": LISTS, "within_days": DAYS}
)
LEAVES = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"country": LISTS}),
    st.fixed_dictionaries({"language": LISTS}),
    st.fixed_dictionaries({"tag": LISTS}),
    st.fixed_dictionaries({"bought": BOUGHT}),
    st.fixed_dictionaries({"not_bought": BOUGHT}),
    st.fixed_dictionaries({"total_spent": st.fixed_dictionaries({"at_least": MONEY})}),
    st.fixed_dictionaries({"has_purpose": st.sampled_from(["profiling", "marketing"])}),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "bought", "total_spent", "tag", "within_days"])
            | st.text(max_size=5),
            inner,
            max_size=2,
        )
    ),
    max_leaves=8,
)


@given(ANY_JSON)
def test_anything_is_parsed_or_refused_with_a_path(tree: Any) -> None:
    try:
        parse_segment(tree).condition(NOW)
    except BadInput as refusal:
        assert refusal.where.startswith("segment")


def test_every_tree_that_parses_also_runs_and_splits_the_customers(
    shop: Callable[..., ImportResult], grant: Callable[..., None], members: Callable[[Any], set[str]]
) -> None:
    grant("C1", "profiling")

    @settings(max_examples=60, deadline=None)
    @given(TREES)
    def check(tree: Any) -> None:
        try:
            parse_segment({"not": tree})
        except BadInput:
            return
        inside, outside = members(tree), members({"not": tree})
        assert inside | outside == EVERYBODY
        assert not inside & outside

    check()

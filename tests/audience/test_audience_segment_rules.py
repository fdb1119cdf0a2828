"""Every rule of a segment against the slow way, on random shops; and values that try to leave their quotes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segment_world import (
    _RULES,
    BRANDS,
    CATEGORIES,
    CITIES,
    COUNTRIES,
    LOCALES,
    NOW,
    SKUS,
    SPANS,
    STATES,
    TAGS,
    ZONES,
    World,
    make_world,
)  # fmt: skip
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from campaigns.audience.contact import ContactTerms
from campaigns.audience.segment_references import put_in, referred, users_of
from campaigns.audience.segment_why import why_in
from campaigns.audience.segments import RULES, parse_segment
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.models import Customer, KeptSegment


def words(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    some = st.sampled_from([value for value in values if value] + ["nothing"])
    return some | some.map(str.upper) | st.lists(some, min_size=1, max_size=3)


DAYS = st.sampled_from(SPANS)
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "within_days": DAYS,
        "more_than_days": DAYS,
        "after": st.sampled_from(["2025-01-01", "2025-08-01"]),
        "before": st.sampled_from(["2025-12-01", "2026-02-01"]),
    },
).filter(bool)


def bounds(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    least = st.fixed_dictionaries({"at_least": values}, optional={"within_days": DAYS})
    most = st.fixed_dictionaries({"at_most": values}, optional={"within_days": DAYS})
    both = st.tuples(values, values).map(lambda pair: {"at_least": min(pair), "at_most": max(pair)})
    return least | most | both


def trees(world: World) -> st.SearchStrategy[Any]:
    bought = st.fixed_dictionaries(
        {},
        optional={
            "category": words(CATEGORIES),
            "brand": words(BRANDS),
            "sku": st.sampled_from(SKUS),
            "tag": st.sampled_from(TAGS),
            "within_days": DAYS,
        },
    )
    mails = st.fixed_dictionaries(
        {}, optional={"campaign": st.sampled_from([*world.campaigns, world.campaigns]), "within_days": DAYS}
    )
    near = st.fixed_dictionaries(
        {"latitude": st.floats(55, 65), "longitude": st.floats(5, 15), "km": st.integers(1, 800)}
    )
    values: dict[str, st.SearchStrategy[Any]] = {
        "country": words(COUNTRIES), "city": words(CITIES), "timezone": words(ZONES), "language": words(LOCALES),
        "tag": st.sampled_from(TAGS) | st.lists(st.sampled_from(TAGS), min_size=1),
        "has_purpose": st.sampled_from(["marketing", "profiling", "open_tracking"]),
        "has_address": st.booleans(), "added": WHEN, "near": near,
        "likes": st.fixed_dictionaries({"category": words(CATEGORIES)}, optional={"sku": st.sampled_from(SKUS)}),
        "engagement": st.sampled_from(STATES) | st.lists(st.sampled_from(STATES), min_size=1),
        "bought": bought, "not_bought": bought, "total_spent": bounds(st.integers(0, 400)),
        "orders": bounds(st.integers(0, 4)), "average_order": bounds(st.integers(0, 300)),
        "first_order": WHEN, "last_order": WHEN,
        "got": mails, "opened": mails, "clicked": mails, "not_opened": mails, "not_clicked": mails,
    }  # fmt: skip
    assert values.keys() == RULES.keys() == _RULES.keys()
    leaf = st.one_of(*(st.fixed_dictionaries({name: value}) for name, value in values.items()))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"all": rules}),
            st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"any": rules}),
            inner.map(lambda rule: {"not": rule}),
        ),
        max_leaves=5,
    )


def parsed(tree: Any) -> bool:
    try:
        parse_segment(tree)
    except BadInput:
        return False
    return True


def found(session: UnitOfWork, tree: Any) -> set[str]:
    return set(session.scalars(select(Customer.external_id).where(parse_segment(tree).condition(NOW))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_rule_is_what_it_says(session: UnitOfWork, seed: int) -> None:
    world = make_world(session, seed)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(trees(world).filter(parsed))
    def check(tree: Any) -> None:
        expected = world.members(tree)
        assert found(session, tree) == expected
        assert found(session, {"not": tree}) == {p.row.external_id for p in world.people} - expected

    check()


def test_why_tells_of_each_rule_what_counting_tells(session: UnitOfWork) -> None:
    world = make_world(session, 4, people=12)
    tree = {"any": [{"country": "norway"}, {"not": {"all": [{"bought": {}}, {"has_purpose": "marketing"}]}}]}
    for person in world.people:
        why = why_in(session, tree, person.row.id, ContactTerms(0), NOW)
        assert why.inside == world.holds(tree, person)
        assert [answer.depth for answer in why.answers] == [0, 1, 1, 2, 3, 3]
        assert all(answer.holds == world.holds(answer.rule, person) for answer in why.answers)
        if "marketing" not in person.granted:
            assert why.reason in ("never_asked", "withdrawn")


def test_opens_of_who_withdrew_tracking_are_neither_opened_nor_not_opened(session: UnitOfWork) -> None:
    world = make_world(session, 5)
    unseen = {p.row.external_id for p in world.people if "open_tracking" not in p.granted and p.events}
    assert unseen
    for rule in ("opened", "not_opened", "clicked", "not_clicked"):
        assert not found(session, {rule: {}}) & unseen


ATTACKS = ["' or 1=1 --", "'; drop table customers; --", "%", "_", ":name", "%(x)s", "{vip}", '"}', "\\"]


@pytest.mark.parametrize(
    "tree", [{"city": ["@"]}, {"timezone": "@"}, {"likes": {"category": "@", "sku": "@"}}], ids=json.dumps
)
@pytest.mark.parametrize("attack", ATTACKS)
def test_values_of_the_newer_rules_stay_in_their_quotes(session: UnitOfWork, tree: Any, attack: str) -> None:
    hostile = json.loads(json.dumps(tree).replace("@", json.dumps(attack)[1:-1]))
    session.add(Customer(external_id="only", city="Oslo", timezone="UTC"))
    session.flush()
    assert not found(session, hostile)
    assert "only" in found(session, {"not": hostile})
    sql = str(parse_segment(hostile).condition(NOW).compile(dialect=postgresql.dialect()))
    assert len(attack) < 3 or attack not in sql


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"city": ""}, "segment.city[0]"),
        ({"has_address": 1}, "segment.has_address"),
        ({"added": {}}, "segment.added"),
        ({"added": {"after": "31.12.2025"}}, "segment.added.after"),
        ({"added": {"after": "2025-02-30"}}, "segment.added.after"),
        ({"added": {"after": "2025-06-01", "before": "2025-06-01"}}, "segment.added"),
        ({"near": {"latitude": 91, "longitude": 0, "km": 5}}, "segment.near.latitude"),
        ({"near": {"latitude": 1, "longitude": float("nan"), "km": 5}}, "segment.near.longitude"),
        ({"near": {"latitude": 1, "longitude": 1}}, "segment.near.km"),
        ({"near": {"latitude": 1, "longitude": 1, "km": 0.5}}, "segment.near.km"),
        ({"likes": {}}, "segment.likes"),
        ({"engagement": ["active", "asleep"]}, "segment.engagement"),
        ({"orders": {"at_least": 1.5}}, "segment.orders.at_least"),
        ({"orders": {}}, "segment.orders"),
        ({"average_order": {"at_least": 9, "at_most": 3}}, "segment.average_order"),
        ({"last_order": {"more_than_days": -1}}, "segment.last_order.more_than_days"),
        ({"got": {"campaign": []}}, "segment.got.campaign"),
        ({"got": {"campaign": ["1"]}}, "segment.got.campaign[0]"),
        ({"opened": {"campaign": 2**63}}, "segment.opened.campaign[0]"),
        ({"clicked": {"machine": True}}, "segment.clicked"),
        ({"segment": 7}, "segment.segment"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_in_the_newer_rules_is_named_by_its_path(tree: Any, path: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_segment(tree)
    assert refusal.value.where == path


def kept(session: UnitOfWork, name: str, rules: Any) -> int:
    row = KeptSegment(name=name, rules=rules)
    session.add(row)
    session.flush()
    return row.id


def test_segments_that_are_named_are_put_in(session: UnitOfWork) -> None:
    north = kept(session, "North", {"country": "Norway"})
    both = kept(session, "Both", {"all": [{"segment": north}, {"tag": "vip"}]})
    tree = {"not": {"any": [{"segment": [north, both]}, {"tag": "new"}]}}
    inner = {"all": [{"country": "Norway"}, {"tag": "vip"}]}
    assert put_in(session, tree) == {
        "not": {"any": [{"any": [{"country": "Norway"}, inner]}, {"tag": "new"}]}
    }
    assert referred(tree) == {north, both}
    assert users_of(session, north) == {north, both}
    parse_segment(put_in(session, tree))


def test_a_circle_of_segments_is_refused(session: UnitOfWork) -> None:
    one = kept(session, "One", {})
    two = kept(session, "Two", {"segment": one})
    session.get_one(KeptSegment, one).rules = {"not": {"segment": two}}
    session.flush()
    with pytest.raises(BadInput, match="names itself"):
        put_in(session, {"segment": one})
    with pytest.raises(BadInput, match="there is no segment"):
        put_in(session, {"all": [{"segment": 10**9}]})
    with pytest.raises(BadInput):
        put_in(session, {"segment": "1"})


def test_segments_that_double_at_every_step_are_refused(session: UnitOfWork) -> None:
    number = kept(session, "Step 0", {"tag": "vip"})
    for step in range(1, 12):
        number = kept(session, f"Step {step}", {"any": [{"segment": number}, {"segment": number}]})
    with pytest.raises(BadInput):
        parse_segment(put_in(session, {"segment": number}))

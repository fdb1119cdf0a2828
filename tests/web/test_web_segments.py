"""Segments in the console: the builder as a form, counts, why, and who may change what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from form_fields import Pairs, form_fields, with_fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from web_story import Story
from werkzeug.datastructures import MultiDict

from campaigns.audience.segments import parse_segment
from campaigns.core.errors import BadInput, Conflict
from campaigns.models import AuditEntry, Campaign, Customer, KeptSegment
from web.console.segment_choices import Choices
from web.console.segment_fields import GROUPS, RULES
from web.console.segment_form import MATCHES, Row, act, builder_of, read_builder, rules_from_form
from web.console.segment_words import segment_words

SEGMENTS = "/console/segments/"
BUILDER = '{% from "console/_segment_builder.html" import segment_builder %}{{ segment_builder(tree, choices, groups) }}'


@pytest.fixture(autouse=True)
def no_segments(story: Story) -> Any:
    """What one test keeps must not be in the next one's list."""
    yield
    with story.runtime.db.transaction() as session:
        session.execute(update(Campaign).values(segment_id=None))
        session.execute(delete(KeptSegment))


def drawn(app: Flask, tree: Any, offered: dict[str, Any] | None = None) -> Pairs:
    with app.test_request_context("/console/segments/new"):
        html = render_template_string(BUILDER, tree=tree, choices=Choices(offered or {}), groups=GROUPS)
    return form_fields(html)


SOME_WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
    | st.sampled_from(["Gloves, socks", 'a "quoted" one', "Åland", "Norway", " spaced out "]),
    min_size=1,
    max_size=3,
)
DAYS = st.integers(1, 400)
BOUNDS = st.fixed_dictionaries({"at_least": st.integers(0, 900)}, optional={"within_days": DAYS})
WHEN = st.fixed_dictionaries({"after": st.just("2026-01-31")}, optional={"more_than_days": DAYS})
BOUGHT = st.fixed_dictionaries({}, optional={"category": SOME_WORDS, "sku": SOME_WORDS, "within_days": DAYS})
MAILS = st.fixed_dictionaries({}, optional={"campaign": st.just([1, 22]), "within_days": DAYS})
LEAVES = st.one_of(
    *(
        st.fixed_dictionaries({name: SOME_WORDS})
        for name in ("country", "city", "language", "timezone", "tag")
    ),
    *(st.fixed_dictionaries({name: BOUGHT}) for name in ("bought", "not_bought")),
    *(st.fixed_dictionaries({name: BOUNDS}) for name in ("orders", "total_spent", "average_order")),
    *(st.fixed_dictionaries({name: WHEN}) for name in ("added", "first_order", "last_order")),
    *(
        st.fixed_dictionaries({name: MAILS})
        for name in ("got", "opened", "clicked", "not_opened", "not_clicked")
    ),
    st.just({"has_address": True}),
    st.just({"near": {"latitude": 59.9, "longitude": -10.25, "km": 30, "place": "Oslo"}}),
    st.just({"likes": {"category": ["Boots"]}}),
    st.just({"engagement": ["active", "asked"]}),
    st.just({"has_purpose": "open_tracking"}),
    st.just({"segment": [3, 4]}),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | st.just({}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"all": rules}),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"any": rules}),
        inner.map(lambda rule: {"not": rule}),
    ),
    max_leaves=5,
)


def plain(tree: Any) -> Any:
    """The same rules in the one way in which a form says them."""
    if not tree:
        return {}
    [(name, value)] = tree.items()
    if name in ("all", "any"):
        inner = [plain(rule) for rule in value]
        return inner[0] if len(inner) == 1 else {name: inner}
    if name == "not":
        inner = plain(value)
        return inner.get("not", {"not": inner})
    words = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return {name: [word.strip() for word in value]} if words else tree


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREES)
def test_a_form_says_all_rules_and_says_them_back(app: Flask, tree: Any) -> None:
    offered = {"country": (("Norway", "Norway"), ("Gloves, socks", "Odd")), "segments": (("3", "North"),)}
    back = rules_from_form(MultiDict(drawn(app, builder_of(tree), offered)))
    assert same(plain(back), plain(tree))


def same(left: Any, right: Any) -> bool:
    """Words of a rule may come in another order: ticked ones first."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and all(isinstance(item, str) for item in left):
        return sorted(set(left)) == sorted({item.strip() for item in right})
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(st.dictionaries(st.text(max_size=12) | st.from_regex(r"s(\.[0-3]){0,3}:(rule|match|is|v\.\w*)", fullmatch=True),
                       st.text(max_size=12) | st.sampled_from([*RULES, *MATCHES]), max_size=12))  # fmt: skip
def test_whatever_is_typed_is_read_or_refused(typed: dict[str, str]) -> None:
    tree = read_builder(MultiDict(typed))
    for do in (
        "add:s",
        "group:s",
        "remove:s.0",
        "remove:s",
        "choose:s.1",
        "add:s.9",
        "x",
        typed.get("do", ""),
    ):
        act(tree, do)
    try:
        rules = tree.rules()
    except BadInput:
        assert tree.problems()
    else:
        if not re.search("'segment'", str(rules)):
            parse_segment(rules)
        segment_words(rules)


def test_every_rule_has_words_and_fields() -> None:
    assert Row("has_address").rules() == {"has_address": True}
    assert Row("has_address", turned=True).rules() == {"not": {"has_address": True}}
    for rule in RULES.values():
        assert rule.yes and rule.label


def test_a_wrong_row_says_so_and_keeps_what_was_typed(signed_in: FlaskClient) -> None:
    typed = {
        "s:match": "all",
        "s.0:rule": "orders",
        "s.0:v.at_least": "many",
        "name": "Regulars",
        "do": "save",
    }
    answer = signed_in.post(SEGMENTS + "new", data=typed)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'value="many"' in html and 'value="Regulars"' in html
    assert "At least: must be a whole number, such as 30" in html
    assert 'aria-invalid="true"' in html
    typed |= {"s.0:v.at_least": "9", "s.0:v.at_most": "3"}
    assert "“At least” is more than “At most”" in signed_in.post(SEGMENTS + "new", data=typed).get_data(
        as_text=True
    )
    typed |= {"s.0:rule": "bogus"}
    assert "choose what this rule is about" in signed_in.post(SEGMENTS + "new", data=typed).get_data(
        as_text=True
    )


def test_without_a_script_buttons_add_and_remove_rows(signed_in: FlaskClient) -> None:
    page = signed_in.get(SEGMENTS + "new").get_data(as_text=True)
    assert ("s.0:rule", "country") in form_fields(page)
    more = signed_in.post(SEGMENTS + "new", data=with_fields(form_fields(page), do="add:s", name="Kept"))
    fields = form_fields(more.get_data(as_text=True))
    assert ("s.1:rule", "country") in fields and ("name", "Kept") in fields
    group = signed_in.post(SEGMENTS + "new", data=with_fields(fields, do="group:s")).get_data(as_text=True)
    assert ("s.2:match", "any") in form_fields(group)
    less = signed_in.post(SEGMENTS + "new", data=with_fields(form_fields(group), do="remove:s.0"))
    assert ("s.1:match", "any") in form_fields(less.get_data(as_text=True))


def saved(client: FlaskClient, name: str, **fields: str) -> int:
    data = {"s:match": "all", "s.0:rule": "country", "s.0:v.": "NO", "name": name, "do": "save", **fields}
    answer = client.post(SEGMENTS + "new", data=data)
    assert answer.status_code == 302, answer.get_data(as_text=True)[:3000]
    return int(answer.headers["Location"].rpartition("/")[2])


def test_a_segment_is_kept_changed_copied_and_put_away(signed_in: FlaskClient, story: Story) -> None:
    number = saved(signed_in, "  Norwegians ")
    page = signed_in.get(f"{SEGMENTS}{number}").get_data(as_text=True)
    assert '<h1 dir="auto">Norwegians</h1>' in page
    fields = form_fields(page)
    signed_in.post(
        f"{SEGMENTS}{number}", data=with_fields(fields, name="Swedes", s_DOT_0__v_DOT_="SE", do="save")
    )
    assert story.runtime.segments.get(number).rules == {"country": ["SE"]}
    assert (
        signed_in.post(SEGMENTS + "new", data={"s:match": "all", "name": "SWEDES", "do": "save"}).status_code
        == 409
    )
    assert signed_in.post(f"{SEGMENTS}{number}/copy").status_code == 302
    signed_in.post(f"{SEGMENTS}{number}/archive")
    listed = signed_in.get(SEGMENTS).get_data(as_text=True)
    assert "Swedes (copy)" in listed and ">Swedes</a>" not in listed
    assert ">Swedes</a>" in signed_in.get(SEGMENTS + "?archived=1").get_data(as_text=True)
    signed_in.post(f"{SEGMENTS}{number}/restore")
    assert len(story.runtime.segments.list()) == 2
    with story.runtime.db.transaction() as session:
        subject = f"segment {number}"
        done = session.scalars(
            select(AuditEntry).where(AuditEntry.subject == subject).order_by(AuditEntry.id)
        ).all()
    assert [one.action for one in done[-4:]] == [
        "segment.created", "segment.changed", "segment.archived", "segment.restored",
    ]  # fmt: skip


def test_of_two_who_edit_at_once_the_second_is_told_and_loses_nothing(
    signed_in: FlaskClient, story: Story
) -> None:
    number = saved(signed_in, "Shared")
    mine = form_fields(signed_in.get(f"{SEGMENTS}{number}").get_data(as_text=True))
    story.runtime.segments.change(number, 1, "Shared", {"tag": "vip"}, "Somebody else")
    answer = signed_in.post(f"{SEGMENTS}{number}", data=with_fields(mine, s_DOT_0__v_DOT_="DE", do="save"))
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Somebody else changed this segment" in html and "is tagged vip" in html
    assert story.runtime.segments.get(number).rules == {"tag": "vip"}
    again = signed_in.post(f"{SEGMENTS}{number}", data=with_fields(form_fields(html), do="save"))
    assert again.status_code == 302
    assert story.runtime.segments.get(number).rules == {"country": ["DE"]}
    with pytest.raises(Conflict):
        story.runtime.segments.change(number, 1, "Shared", {}, "late")


def test_a_change_reaches_drafts_and_what_names_the_segment(story: Story) -> None:
    segments = story.runtime.segments
    inner = segments.create("Inner", {"tag": "vip"}, "test")
    outer = segments.create("Outer", {"not": {"segment": inner}}, "test")
    with story.runtime.db.transaction() as session:
        for number, segment in ((story.draft, outer), (story.sent, inner)):
            session.get_one(Campaign, number).segment_id = segment
    before = story.runtime.campaigns.show(story.sent)["segment"]
    segments.change(inner, 1, "Inner", {"tag": "press"}, "test")
    assert story.runtime.campaigns.show(story.draft)["segment"] == {"not": {"tag": "press"}}
    assert story.runtime.campaigns.show(story.sent)["segment"] == before
    assert segments.get(inner).campaigns == ((story.sent, "Autumn on the trail"),)
    with pytest.raises(BadInput, match="names itself"):
        segments.change(inner, 2, "Inner", {"segment": outer}, "test")
    assert segments.get(inner).rules == {"tag": "press"}
    with story.runtime.db.transaction() as session:
        session.get_one(Campaign, story.draft).segment = {}


def test_the_count_leaves_out_what_is_not_ready(signed_in: FlaskClient, story: Story) -> None:
    typed = {"s:match": "all", "s.0:rule": "country", "s.0:v.": "", "s.1:rule": "bought"}
    html = signed_in.post(SEGMENTS + "count", data=typed).get_data(as_text=True)
    assert "One rule is not ready yet" in html and "Counted one by one" in html
    html = signed_in.post(SEGMENTS + "count", data={"s:match": "all"}).get_data(as_text=True)
    with story.runtime.db.transaction() as session:
        everybody = session.scalar(select(func.count()).where(Customer.erased_at.is_(None)))
    assert f"<dd>{everybody}</dd>" in html and html.count("<li><a") == 10
    assert "never asked for marketing mail" in html
    assert "@" in html and not re.search(r"[a-z]{2,}@", html), "addresses are masked"


def test_why_answers_for_one_customer(signed_in: FlaskClient, story: Story) -> None:
    with story.runtime.db.transaction() as session:
        customer = session.scalars(select(Customer).where(Customer.country == "NO").limit(1)).one()
    typed = {
        "s:match": "all",
        "s.0:rule": "country",
        "s.0:v.": "NO",
        "s.1:rule": "tag",
        "s.1:v.": "no-such-tag",
    }
    html = signed_in.post(SEGMENTS + "why", data={**typed, "who": customer.external_id}).get_data(
        as_text=True
    )
    assert re.search(r"is not\s+in this segment", html)
    assert re.findall(r'why-sign why-(yes|no)"', html) == ["no", "yes", "no"]
    html = signed_in.post(SEGMENTS + "why", data={**typed, "who": "nobody"}).get_data(as_text=True)
    assert "No customer has this number" in html and 'value="no-such-tag"' in html


def test_viewers_look_and_authors_change(signed_in: FlaskClient, role: Any) -> None:
    number = saved(signed_in, "Looked at")
    role("viewer")
    page = signed_in.get(f"{SEGMENTS}{number}").get_data(as_text=True)
    assert "Save segment" not in page
    assert signed_in.post(SEGMENTS + "count", data={"s:match": "all"}).status_code == 200
    for path in ("new", f"{number}", f"{number}/copy", f"{number}/archive", f"{number}/restore"):
        assert signed_in.post(SEGMENTS + path, data={"s:match": "all", "name": "x"}).status_code == 403, path
    role("author")
    assert signed_in.post(f"{SEGMENTS}{number}/archive").status_code == 302


def test_a_stranger_sees_nothing(client: FlaskClient) -> None:
    for path in ("", "new", "1", "count/abc"):
        assert client.get(SEGMENTS + path).status_code == 302
    for path in ("new", "count", "builder", "why"):
        assert client.post(SEGMENTS + path).status_code in (302, 400)

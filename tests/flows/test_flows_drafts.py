"""Drafts: whatever is typed is kept, what fits is in the campaign, and two people do not overwrite one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flows_drafts import add_products, clock_description, full_description, picture, pictures, row_of
from sqlalchemy import select, text

from campaigns.core.errors import BadInput, Conflict, Refused
from campaigns.flows.describing.drafts import EditedMeanwhile
from campaigns.flows.describing.plans import Plans
from campaigns.models import AuditEntry, Campaign, CampaignDraft, KeptSegment, Picture
from campaigns.runtime import Runtime

STEPS = ("audience", "picks", "brief", "template")


@pytest.fixture
def full(runtime: Runtime) -> int:
    """The number of a campaign that says about everything."""
    with runtime.db.transaction() as session:
        add_products(session)
    return runtime.campaigns.create(full_description(), pictures())


@pytest.mark.parametrize("described", [full_description, clock_description])
def test_every_step_reads_a_campaign_from_a_file_and_writes_the_same(
    runtime: Runtime, described: Callable[[], dict[str, Any]]
) -> None:
    with runtime.db.transaction() as session:
        add_products(session)
    number = runtime.campaigns.create(described(), pictures())
    before = row_of(runtime, number)
    for name in runtime.draft_sections:
        value = runtime.drafts.section(number, name)
        assert runtime.drafts.save(number, name, value, "Ola").problems == (), name
        assert runtime.drafts.section(number, name) == value
        assert row_of(runtime, number) == before, name
    assert runtime.drafts.complete(number) == []


@pytest.mark.parametrize("described", [full_description, clock_description])
def test_a_campaign_as_a_file_is_the_same_campaign(
    runtime: Runtime, described: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    with runtime.db.transaction() as session:
        add_products(session)
    number = runtime.campaigns.create(described(), pictures())
    names = runtime.campaign_files.write(number, tmp_path / "file")
    assert "campaign.toml" in names and len([name for name in names if name.endswith((".png", ".gif"))]) >= 1
    again = runtime.campaigns.create_from_file(tmp_path / "file" / "campaign.toml")
    assert row_of(runtime, again) == row_of(runtime, number)
    assert runtime.campaign_files.zipped(again) == runtime.campaign_files.zipped(number)


def test_a_file_names_the_kept_brief_and_brings_it(runtime: Runtime, tmp_path: Path) -> None:
    brief = {"goal": "Sell tea.", "call_to_action_url": "https://shop.example", "languages": ["en"]}
    runtime.briefs.save("tea", brief, "Ola")
    number = runtime.campaigns.create({**clock_description(), "brief": "tea@1"}, pictures())
    names = runtime.campaign_files.write(number, tmp_path)
    assert "tea.brief.toml" in names
    assert (
        row_of(runtime, runtime.campaigns.create_from_file(tmp_path / "campaign.toml"))["brief_version"] == 1
    )


def test_what_is_wrong_is_kept_and_changes_nothing(runtime: Runtime, full: int) -> None:
    before = row_of(runtime, full)
    typed = {**runtime.drafts.section(full, "picks"), "picks": "many", "never_skus": "TEA-9", "margin": "7"}
    saved = runtime.drafts.save(full, "picks", typed, "Ola")
    assert {problem.field for problem in saved.problems} == {"picks", "margin"}
    kept = runtime.drafts.look(full, "picks")
    assert kept.value == typed and kept.by == "Ola" and kept.problems == saved.problems
    assert row_of(runtime, full) == before
    assert [missing.section for missing in runtime.drafts.complete(full)] == ["picks", "picks"]
    with pytest.raises(Refused, match="picks: Write a whole number"):
        runtime.campaigns.approve(full, "Ola")
    (left,) = runtime.drafts.save(full, "picks", {**typed, "picks": "3", "margin": ""}, "Ola").problems
    assert left.field == "never_skus" and left.message.startswith(
        "The shop has no 'TEA-9'; the nearest is TEA-"
    )


@pytest.mark.parametrize(
    ("step", "wrong", "fields"),
    [
        ("audience", {"name": "", "sender": "nobody", "reply_to": "x"}, {"name", "sender", "reply_to"}),
        ("audience", {"source": "kept", "kept": "999999999"}, {"kept"}),
        ("audience", {"source": "own", "rules": {"moon": 1}}, {"rules"}),
        ("picks", {"price_low": "2", "price_high": "0.5", "fresh": "maybe"}, {"price_low", "price_high", "fresh"}),
        ("picks", {"pinned": "TEA-1\nMUG-1"}, {"pinned"}),
        ("picks", {"favour": [{"weight": "lots", "tags": "new"}]}, {"favour.0.weight"}),
        ("picks", {"stand_in_choose": "x", "stand_in_price": "300", "stand_in_otherwise": "x", "instead": "TEA-1:"},
         {"stand_in_choose", "stand_in_price", "stand_in_otherwise", "instead"}),
        ("picks", {"instead": "TEA-1: TEA-2\nTEA-1: TEA-2, TEA-2"}, {"instead"}),
        ("picks", {"instead": "TEA-1: TEA-2, TEA-1"}, {"instead"}),
        ("picks", {"instead": "TEA-1: TEA-3"}, {"instead"}),
        ("picks", {"instead": "TEA-1: MUG-1"}, {"instead"}),
        ("brief", {"goal": "", "cta_url": "nowhere", "emoji": "-1"}, {"emoji", "goal", "cta_url"}),
        ("brief", {"offer": "percent", "offer_percent": "200"}, {"offer_percent"}),
        ("brief", {"offer_ends": "soon"}, {"offer_ends"}),
        ("brief", {"offer_currency": "COINS"}, {"offer_amount"}),
        ("brief", {"mention_0_en": "x", "length_subject": "5"}, {"mention_0_en", "length_subject"}),
        ("brief", {"source": "kept", "kept": "nothing@7"}, {"kept"}),
        ("brief", {"max_cost": "12"}, {"max_cost"}),
        ("template", {"template": "nowhere"}, {"template"}),
        ("template", {"template": ""}, {"template"}),
    ],
)  # fmt: skip
def test_a_problem_stands_beside_its_field(
    runtime: Runtime, full: int, step: str, wrong: dict[str, Any], fields: set[str]
) -> None:
    typed = {**runtime.drafts.section(full, step), **wrong}
    problems = runtime.drafts.save(full, step, typed, "Ola").problems
    assert {problem.field for problem in problems} == fields, problems
    assert runtime.drafts.section(full, step) == typed


def test_problems_of_slots_name_slot_and_rule(runtime: Runtime, full: int) -> None:
    typed = runtime.drafts.section(full, "template")
    hero, offer = typed["slots"]
    hero["rules"][0]["when"]["temperature_below"] = "cold"
    hero["rules"][1]["link"] = ""
    offer["shops"] = "name,latitude\nPorto,41"
    found = {p.field for p in runtime.drafts.save(full, "template", typed, "Ola").problems}
    assert found == {"slots.0.rules.0.when.temperature_below", "slots.0.rules.1.link", "slots.1.shops"}
    hero["rules"][0]["when"].update(temperature_below="", near_latitude="", hour_from="7", hour_to="7")
    hero["rules"][1]["link"], hero["width"] = "https://shop.example", "601"
    found = {p.field for p in runtime.drafts.save(full, "template", typed, "Ola").problems}
    assert found == {"slots.0.rules.0.when.near_latitude", "slots.1.shops"}
    assert runtime.drafts.section(full, "template") == typed


def test_a_slot_may_show_no_more_products_than_there_are(runtime: Runtime, full: int) -> None:
    typed = runtime.drafts.section(full, "template")
    typed["slots"][1].update(kind="live_product", pick="5")
    assert runtime.drafts.save(full, "template", typed, "Ola").problems == ()
    picks = {**runtime.drafts.section(full, "picks"), "picks": "4"}
    assert [one.field for one in runtime.drafts.save(full, "picks", picks, "Ola").problems] == ["picks"]


def test_the_second_of_two_is_told_and_nothing_is_lost(runtime: Runtime, full: int) -> None:
    opened = runtime.drafts.look(full, "audience")
    runtime.drafts.save(full, "audience", {**opened.value, "name": "Kari's"}, "Kari", opened.version)
    with pytest.raises(EditedMeanwhile) as raised:
        runtime.drafts.save(full, "audience", {**opened.value, "name": "Ola's"}, "Ola", opened.version)
    theirs = raised.value.theirs
    assert (theirs.by, theirs.value["name"]) == ("Kari", "Kari's")
    assert row_of(runtime, full)["name"] == "Kari's"
    runtime.drafts.save(full, "audience", {**opened.value, "name": "Ola's"}, "Ola", theirs.version)
    assert row_of(runtime, full)["name"] == "Ola's"


def test_what_another_way_changed_shows_in_the_form(runtime: Runtime, full: int) -> None:
    runtime.drafts.save(full, "picks", runtime.drafts.section(full, "picks"), "Ola")
    with runtime.db.transaction() as session:
        session.get_one(Campaign, full).picks = 2
    assert runtime.drafts.section(full, "picks")["picks"] == "2"


def test_a_new_draft_says_who_sends_as_the_last_one_did_and_what_it_lacks(
    runtime: Runtime, full: int
) -> None:
    number = runtime.drafts.create("  Spring   news ", "Ola")
    assert row_of(runtime, number)["sender"] == "Leaf & Clay <hello@shop.example>"
    lacks = runtime.drafts.complete(number)
    assert {(one.section, one.field) for one in lacks} >= {("brief", "goal"), ("template", "template")}
    assert runtime.campaigns.show(number)["name"] == "Spring news"
    with pytest.raises(Refused, match="no template yet"):
        runtime.campaign_files.files(number)
    with pytest.raises(BadInput):
        runtime.drafts.create(" ", "Ola")


def test_a_copy_says_the_same_and_lives_by_itself(runtime: Runtime, full: int) -> None:
    wrong = {**runtime.drafts.section(full, "picks"), "picks": "x"}
    runtime.drafts.save(full, "picks", wrong, "Ola")
    copy = runtime.drafts.copy_of(full, "Kari")
    before, now = row_of(runtime, full), row_of(runtime, copy)
    assert now.pop("name") == f"Copy of {before.pop('name')}" and now == before
    assert runtime.drafts.section(copy, "picks") == wrong
    with runtime.db.transaction() as session:
        assert session.get_one(Campaign, copy).created_by == "Kari"
        done = session.scalars(
            select(AuditEntry.action).where(AuditEntry.subject == f"campaign {copy}")
        ).all()
        assert done == ["campaign.created"]


def test_only_drafts_are_edited_and_approved_ones_may_come_back(runtime: Runtime, full: int) -> None:
    with runtime.db.transaction() as session:
        session.get_one(Campaign, full).status = "approved"
    value = runtime.drafts.section(full, "audience")
    with pytest.raises(Refused, match="only a draft is changed"):
        runtime.drafts.save(full, "audience", value, "Ola")
    with pytest.raises(Refused):
        runtime.uploads.keep(full, "a.png", picture("pink"), "Ola")
    runtime.campaigns.reopen(full, "Ola")
    assert runtime.drafts.save(full, "audience", value, "Ola").problems == ()
    history = runtime.campaigns.show(full)["history"]
    assert [(step["from"], step["to"], step["by"]) for step in history] == [("approved", "draft", "Ola")]
    with runtime.db.transaction() as session:
        session.get_one(Campaign, full).status = "sending"
    with pytest.raises(Refused, match="cannot become draft"):
        runtime.campaigns.reopen(full, "Ola")


def test_what_is_approved_is_what_was_looked_at(
    runtime: Runtime, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody goes on typing while the preflight runs."""

    class Clean:
        def refuse_errors(self) -> None:
            pass

    def run(number: int) -> Any:
        runtime.drafts.save(
            number, "picks", {**runtime.drafts.section(number, "picks"), "picks": "2"}, "Kari"
        )
        return Clean()

    flow = runtime.campaigns
    monkeypatch.setattr(flow, "_preflight", run)
    monkeypatch.setattr("campaigns.flows.describing.campaigns.refuse_nobody", lambda *_: None)
    monkeypatch.setattr("campaigns.flows.describing.campaigns.refuse_open_samples", lambda *_: None)
    with pytest.raises(Conflict, match="changed while"):
        flow.approve(full, "Ola")
    assert flow.status(full) == "draft"


def test_a_draft_is_never_remembered_as_it_was(runtime: Runtime, full: int) -> None:
    """Samples and test mails read a draft; what is sent after more editing must be the edited one."""
    plans = Plans(runtime.db)
    for name, status in (("One", "draft"), ("Two", "approved"), ("Three", "sending"), ("Four", "sending")):
        with runtime.db.transaction() as session:
            campaign = session.get_one(Campaign, full)
            campaign.name, campaign.status = name, status
        assert plans.of(full).name == ("Three" if name == "Four" else name)


def test_a_segment_is_taken_as_it_is_now(runtime: Runtime, full: int) -> None:
    with runtime.db.transaction() as session:
        kept = KeptSegment(name="North", rules={"country": ["NO"]})
        session.add(kept)
        session.flush()
        number = kept.id
    typed = {**runtime.drafts.section(full, "audience"), "source": "kept", "kept": str(number)}
    assert runtime.drafts.save(full, "audience", typed, "Ola").problems == ()
    assert row_of(runtime, full)["segment"] == {"country": ["NO"]}
    with runtime.db.transaction() as session:
        assert session.get_one(Campaign, full).segment_id == number


def test_uploads_that_nothing_shows_go_after_a_day(runtime: Runtime, full: int) -> None:
    uploads = runtime.uploads
    unused, shown, hosted = (
        uploads.keep(full, f"{c}.png", picture(c), "Ola") for c in ("pink", "gold", "gray")
    )
    typed = runtime.drafts.section(full, "template")
    typed["slots"][0]["default"]["picture"] = shown
    typed["slots"][0]["alt"] = ""  # not even in the campaign yet
    assert runtime.drafts.save(full, "template", typed, "Ola").problems
    runtime.hosting.keep({"logo": picture("gray")})
    assert uploads.forget_unused() == 0
    with runtime.db.transaction() as session:
        session.execute(text("update picture_uploads set uploaded_at = uploaded_at - interval '25 hours'"))
    assert uploads.forget_unused() == 1
    with runtime.db.transaction() as session:
        left = set(session.scalars(select(Picture.sha256)))
        assert unused not in left and {shown, hosted} <= left
        assert (
            session.scalar(select(CampaignDraft.section).where(CampaignDraft.campaign_id == full))
            == "template"
        )


@pytest.mark.parametrize(
    "body",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\0" * 40,
        b"x" * 2_000_001,
    ],
)
def test_what_is_no_picture_is_refused(runtime: Runtime, full: int, body: bytes) -> None:
    with pytest.raises(BadInput):
        runtime.uploads.keep(full, "x.png", body, "Ola")


def test_a_bomb_is_refused(runtime: Runtime, full: int) -> None:
    with pytest.raises(BadInput, match="at most"):
        runtime.uploads.keep(full, "bomb.png", picture("black", (5000, 5000)), "Ola")


def test_campaigns_are_found_by_name_number_and_status(runtime: Runtime) -> None:
    numbers = [runtime.drafts.create(f"Page {n} of 100%", "Ola") for n in range(5)]
    first, more = runtime.campaigns.page(search="100%", size=3)
    assert [row["id"] for row in first] == numbers[:1:-1] and more == numbers[2]
    rest, end = runtime.campaigns.page(search="PAGE", before=more, size=3)
    assert [row["id"] for row in rest] == [numbers[1], numbers[0]] and end is None
    assert [row["id"] for row in runtime.campaigns.page(search=f"#{numbers[3]}")[0]] == [numbers[3]]
    assert runtime.campaigns.page(status="sent")[0] == [] and runtime.campaigns.page(search="%5%")[0] == []

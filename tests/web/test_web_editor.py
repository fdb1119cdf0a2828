"""The editor of campaigns through the browser's own requests: the whole path, what is wrong, who may, who was faster."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from form_fields import form_fields, with_fields
from sqlalchemy import text
from web_story import Story, description, picture
from werkzeug.test import TestResponse

from campaigns.models import Campaign

SITE = "https://fjellandfern.example"
STEPS = ("audience", "picks", "brief", "template", "schedule", "experiment", "check")
AS_TYPED = {"X-Saving": "as-typed"}


class Form:
    """A step as a browser has it: all of its fields, with some of them changed."""

    def __init__(self, client: FlaskClient, number: int, step: str) -> None:
        self.client = client
        self.url = f"/console/campaigns/{number}/edit/{step}"
        self.page = client.get(self.url).get_data(as_text=True)
        assert 'id="step-form"' in self.page
        self.fields: dict[str, Any] = dict(
            re.findall(r'<input type="hidden" name="(version)" value="(\d+)"', self.page)
        )

    def post(self, headers: Any = None, **fields: Any) -> TestResponse:
        """Press a button."""
        data = {**self.fields, **{name.replace("__", "."): value for name, value in fields.items()}}
        return self.client.post(self.url, data=data, headers=headers or {})


def begin(client: FlaskClient, name: str) -> int:
    """The number of a new draft."""
    answer = client.post("/console/campaigns/new", data={"name": name})
    assert answer.status_code == 302
    return int(re.findall(r"campaigns/(\d+)/edit/audience", answer.location)[0])


BRIEF: dict[str, Any] = {
    "source": "own", "goal": "Get people into the snow.", "languages": ["en", "de"], "cta_url": f"{SITE}/snow",
    "max_minutes": "60", "fallback_limit": "30", "variants": "1",
}  # fmt: skip


def test_a_campaign_is_made_from_nothing_to_approval(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Snow week")
    audience: dict[str, Any] = {"name": "Snow week", "source": "all", "kind": "marketing", "topic": "Snow"}
    audience |= {
        "sender": "Fjell & Fern <hello@fjellandfern.example>",
        "postal_address": "Storgata 12, Tromsø",
    }
    answer = Form(signed_in, number, "audience").post(**audience, then="next")
    assert answer.location.endswith("/edit/picks#main")
    answer = Form(signed_in, number, "picks").post(picks="3", popularity="0.75", never_tags="", then="next")
    assert answer.location.endswith("/edit/brief#main")
    answer = Form(signed_in, number, "brief").post(**BRIEF, then="next")
    assert answer.location.endswith("/edit/template#main")
    Form(signed_in, number, "template").post(template="outdoor", then="stay")
    answer = Form(signed_in, number, "template").post(template="outdoor", do="slot-add:hero")
    assert answer.location.endswith("/edit/template#slots.0")
    hero: dict[str, Any] = {
        "slots.0.name": "hero", "slots.0.kind": "picture", "slots.0.width": "1200", "slots.0.height": "600",
        "slots.0.alt": "Outdoors", "slots.0.default.link": SITE, "slots.0.expired.link": SITE,
        "slots.0.rules.0.link": f"{SITE}/snow", "slots.0.rules.0.when.weather": ["snow"], "template": "outdoor",
    }  # fmt: skip
    for place, colour in (("default", "neutral"), ("expired", "neutral"), ("rules.0", "snow")):
        hero[f"slots.0.{place}.upload"] = (
            io.BytesIO(picture({"neutral": "green", "snow": "white"}[colour])),
            "a.jpg",
        )
    form = Form(signed_in, number, "template")
    assert form.client.post(form.url, data={**form.fields, **hero, "then": "next"}).status_code == 302
    with story.runtime.db.transaction() as session:
        campaign = session.get_one(Campaign, number)
        assert (campaign.picks, campaign.template, campaign.topic) == (3, "outdoor", "Snow")
        assert campaign.brief["goal"] == BRIEF["goal"]
        assert campaign.slots[0]["rules"][0]["when"] == {"weather": ["snow"]}
    assert story.runtime.drafts.complete(number) == []
    for step in STEPS:
        page = signed_in.get(f"/console/campaigns/{number}/edit/{step}").get_data(as_text=True)
        assert "Reaches" in page or "Would get a mail" in page, step
    story.runtime.campaigns.approve(number, by="somebody else")
    page = signed_in.get(f"/console/campaigns/{number}/edit/picks").get_data(as_text=True)
    assert "not edited any more" in page and "disabled" in page
    assert signed_in.post(f"/console/campaigns/{number}/edit/picks", data={"picks": "9"}).status_code == 409
    assert "Back to draft" in signed_in.get(f"/console/campaigns/{number}").get_data(as_text=True)
    assert signed_in.post(f"/console/campaigns/{number}/reopen").status_code == 302
    assert story.runtime.campaigns.status(number) == "draft"


@pytest.mark.parametrize(
    ("step", "typed", "shown"),
    [
        ("audience", {"name": "", "sender": "<b>nobody", "source": "all"}, ["Give it a name", "&lt;b&gt;nobody"]),
        ("picks", {"picks": "lots", "pinned": "NOT-1"}, ["whole number from 0 to 12", "lots", "NOT-1"]),
        ("brief", {**BRIEF, "goal": "x", "cta_url": "now<here"}, ["At least 3", "now&lt;here", "whole web address"]),
        ("template", {"template": "outdoor", "slots__0__name": "hero", "slots__0__alt": "", "slots__0__width": "wide"},
         ["Say what can be seen", "Upload the usual picture", "wide"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_shown_again_with_what_was_typed(
    signed_in: FlaskClient, story: Story, step: str, typed: dict[str, Any], shown: list[str]
) -> None:
    number = begin(signed_in, "Wrong")
    before = story.runtime.campaigns.show(number)
    answer = Form(signed_in, number, step).post(**typed, then="next")
    assert answer.status_code == 302 and answer.location.endswith(f"/edit/{step}#faults")
    page = Form(signed_in, number, step).page
    for words in shown:
        assert words.lower() in page.lower(), words
    assert 'aria-invalid="true"' in page and 'href="#' in page
    described = re.findall(r'aria-describedby="([^"]+)"', page)
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert all(one in ids for each in described for one in each.split()), "every description is there"
    after = story.runtime.campaigns.show(number)
    assert {**after, "audience_now": 0} == {**before, "audience_now": 0}
    assert "Not complete yet" in signed_in.get(f"/console/campaigns/{number}").get_data(as_text=True)


def press(client: FlaskClient, number: int, **changed: Any) -> str:
    """The step "template" with all that its form holds, and some of it changed; returns the page after that."""
    form = Form(client, number, "template")
    form.fields = with_fields(form_fields(form.page))
    assert form.post(**changed).status_code in (200, 302)
    return Form(client, number, "template").page


def test_what_was_just_added_is_not_corrected_before_it_is_saved(
    signed_in: FlaskClient, story: Story
) -> None:
    number = begin(signed_in, "Just added")
    press(signed_in, number, template="outdoor")
    page = press(signed_in, number, do="slot-add:hero")
    assert 'aria-invalid="true"' not in page and re.search(r'id="faults"[^>]* hidden', page)
    assert any(one.section == "template" for one in story.runtime.drafts.complete(number)), (
        "it is not complete"
    )
    page = press(signed_in, number, do="rule-add:0", slots__0__alt="A jacket")
    assert 'aria-invalid="true"' not in page and 'value="A jacket"' in page
    page = press(signed_in, number, then="next")
    for called in ("the usual picture", "the picture when it is over", "the picture of rule 1"):
        assert f"Upload {called}." in page and f"Give the web address that {called} leads to." in page
    page = press(signed_in, number, do="rule-add:0")
    assert "Upload the picture of rule 1" in page
    assert "Upload the picture of rule 2" not in page, "only the new one is spared"


def test_a_file_that_is_no_picture_is_told_of_a_new_part_too(signed_in: FlaskClient) -> None:
    number = begin(signed_in, "No picture")
    press(signed_in, number, template="outdoor")
    press(signed_in, number, do="slot-add:hero")
    file = (io.BytesIO(b"words"), "words.png")
    page = press(signed_in, number, headers=AS_TYPED, slots__0__default__upload=file)
    assert page.count('aria-invalid="true"') == 1 and "Pictures are PNG, JPEG or GIF" in page


def test_a_page_that_saves_as_one_types_gets_json(signed_in: FlaskClient) -> None:
    number = begin(signed_in, "Typing")
    form = Form(signed_in, number, "picks")
    told = form.post(AS_TYPED, picks="x").get_json()
    assert told["version"] == 1 and [one["field"] for one in told["problems"]] == ["picks"]
    form.fields["version"] = told["version"]
    assert form.post(AS_TYPED, picks="2").get_json()["problems"] == []
    late = form.post(AS_TYPED, picks="7")
    assert late.status_code == 409 and late.get_json()["by"]


def test_the_second_sees_both_versions_and_loses_nothing(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Two")
    mine, theirs = Form(signed_in, number, "brief"), Form(signed_in, number, "brief")
    assert theirs.post(**{**BRIEF, "goal": "Their goal"}).status_code == 302
    answer = mine.post(**{**BRIEF, "goal": "My own goal"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "Their goal" in page and "My own goal" in page
    again = re.findall(r'name="version" value="(\d+)"', page)[0]
    signed_in.post(mine.url, data={**BRIEF, "goal": "My own goal", "version": again})
    assert story.runtime.drafts.section(number, "brief")["goal"] == "My own goal"


def test_authors_edit_and_viewers_look(signed_in: FlaskClient, role: Any, story: Story) -> None:
    number = begin(signed_in, "Roles")
    role("viewer")
    page = signed_in.get(f"/console/campaigns/{number}/edit/picks").get_data(as_text=True)
    assert "has to be an author" in page and "Save and go on" not in page
    for path in ("edit/audience", "edit/picks", "edit/brief", "edit/template", "duplicate", "reopen"):
        assert (
            signed_in.post(f"/console/campaigns/{number}/{path}", data={"picks": "1"}).status_code == 403
        ), path
    assert signed_in.post("/console/campaigns/new", data={"name": "x"}).status_code == 403
    assert "New campaign" not in signed_in.get("/console/").get_data(as_text=True)
    role("author")
    assert Form(signed_in, number, "picks").post(picks="1").status_code == 302
    assert signed_in.post(f"/console/campaigns/{number}/duplicate").status_code == 302
    assert signed_in.post(f"/console/campaigns/{number}/approve").status_code == 403


def test_without_a_token_nothing_is_saved(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Token")
    signed_in.application.config["WTF_CSRF_ENABLED"] = True
    try:
        assert Form(signed_in, number, "picks").post(picks="1").status_code == 400
    finally:
        signed_in.application.config["WTF_CSRF_ENABLED"] = False
    assert story.runtime.drafts.look(number, "picks").version == 0


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("x.png", b"\x89PNG\r\n\x1a\nnot"),
        ("x.jpg", b"y" * 2_000_001),
    ],
)
def test_a_file_that_is_no_picture_is_told_beside_it_and_the_old_one_stays(
    signed_in: FlaskClient, story: Story, name: str, body: bytes
) -> None:
    number = story.runtime.campaigns.create(description("Pictures"), _pictures())
    value = story.runtime.drafts.section(number, "template")
    old = value["slots"][0]["default"]["picture"]
    form = Form(signed_in, number, "template")
    data = {**form.fields, **_flat(value), "slots.0.default.upload": (io.BytesIO(body), name)}
    assert signed_in.post(form.url, data=data).status_code == 302
    kept = story.runtime.drafts.look(number, "template")
    assert [one.field for one in kept.problems] == ["slots.0.default.picture"]
    assert kept.value["slots"][0]["default"]["picture"] == old
    page = Form(signed_in, number, "template").page
    assert "PNG, JPEG or GIF" in page and 'src="/i/' in page
    mended = {**Form(signed_in, number, "template").fields, **_flat(value)}
    mended["slots.0.default.upload"] = (io.BytesIO(picture("orange")), "o.png")
    signed_in.post(form.url, data=mended)
    assert story.runtime.drafts.look(number, "template").problems == ()


def test_rules_move_by_buttons_and_everything_typed_stays(signed_in: FlaskClient, story: Story) -> None:
    number = story.runtime.campaigns.create(description("Order"), _pictures())

    def press(do: str, **typed: str) -> list[str]:
        form = Form(signed_in, number, "template")
        data = {**form.fields, **_flat(story.runtime.drafts.section(number, "template")), **typed, "do": do}
        assert signed_in.post(form.url, data=data).status_code == 302
        rules = story.runtime.drafts.section(number, "template")["slots"][0]["rules"]
        return [rule.get("name", "") for rule in rules]

    assert press("rule-down:0:0", **{"slots.0.alt": "Typed just now"}) == ["snow", "rain"]
    assert story.runtime.campaigns.show(number)["slots"][0]["alt"] == "Typed just now"
    assert press("rule-up:0:0") == ["snow", "rain"]
    assert press("rule-move:0:0:1") == ["rain", "snow"]
    assert press("rule-add:0") == ["rain", "snow", ""]
    assert press("rule-remove:0:2") == ["rain", "snow"]
    for nonsense in ("rule-move:9:9:9", "rule-move:0:0:99", "slot-remove:7", "rule-up:x", "what"):
        assert press(nonsense) == ["rain", "snow"]
    assert press("slot-add:offer")[:1] == ["rain"]
    assert len(story.runtime.drafts.section(number, "template")["slots"]) == 2


def test_products_are_found_pinned_and_kept_out(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Pins")
    answer = Form(signed_in, number, "picks").post(picks="4", find="jacket", do="find")
    assert answer.location.endswith("?find=jacket#find")
    page = signed_in.get(answer.location).get_data(as_text=True)
    skus = re.findall(r'value="pin:([^"]+)"', page)
    assert len(skus) > 1
    Form(signed_in, number, "picks").post(picks="4", find="jacket", do=f"pin:{skus[0]}")
    Form(signed_in, number, "picks").post(picks="4", pinned=skus[0], do=f"never:{skus[1]}")
    picking = story.runtime.campaigns.show(number)["picking"]
    assert picking == {"pinned": [skus[0]], "never": {"skus": [skus[1]]}}
    page = signed_in.get(f"/console/campaigns/{number}/edit/picks?find=%25%5C_zzz").get_data(as_text=True)
    assert "has no product with" in page


def test_stand_ins_are_found_listed_and_kept_half_done(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Stand-ins")

    def press(do: str, instead: str) -> str:
        form = Form(signed_in, number, "picks")
        answer = form.post(picks="4", instead=instead, find_stand_in="jacket", do=do)
        assert answer.location.endswith("?find_stand_in=jacket#stand-ins")
        return signed_in.get(answer.location).get_data(as_text=True)

    skus = re.findall(r'value="sells-out:([^"]+)"', press("find-stand-in", ""))
    assert len(skus) > 2 and 'value="stands-in:' not in press("find-stand-in", "")
    page = press(f"sells-out:{skus[0]}", "")
    assert f"Stands in for {skus[0]}" in page and f"Say what stands in for {skus[0]}" in page
    assert f'value="stands-in:{skus[0]}"' not in page, "not for itself"
    assert story.runtime.drafts.section(number, "picks")["instead"] == f"{skus[0]}:"
    assert "stand_ins" not in story.runtime.campaigns.show(number)["picking"]
    press(f"stands-in:{skus[1]}", f"{skus[0]}:")
    page = press(f"stands-in:{skus[2]}", f"{skus[0]}: {skus[1]}")
    assert story.runtime.campaigns.show(number)["picking"]["stand_ins"] == {"instead": {skus[0]: skus[1:3]}}
    assert f"Instead of {skus[0]}, when it sells out: {skus[1]}, then {skus[2]}." in page
    Form(signed_in, number, "picks").post(picks="4", instead=f"{skus[0]}: {skus[0]}", stand_in_price="30")
    page = signed_in.get(f"/console/campaigns/{number}/edit/picks").get_data(as_text=True)
    assert f"{skus[0]} cannot stand in for itself." in page and f">{skus[0]}: {skus[0]}</textarea>" in page
    api = story.runtime.campaigns.show(number)["picking"]["stand_ins"]
    assert api == {"instead": {skus[0]: skus[1:3]}}, "what is wrong changes nothing"


def test_rules_of_an_own_audience_are_kept_half_done(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Rules")
    frame = {"name": "Rules", "source": "own", "kind": "marketing"}
    rules = {"s:match": "all", "s.0:rule": "country", "s.0:is": "yes", "s.0:v.whole": ""}
    form = Form(signed_in, number, "audience")
    signed_in.post(form.url, data={**form.fields, **frame, **rules})
    assert [one.field for one in story.runtime.drafts.look(number, "audience").problems] == ["rules"]
    form = Form(signed_in, number, "audience")
    assert "s.0:rule" in form.page
    panel = signed_in.post(f"{form.url}/count", data={**frame, "source": "all"}).get_data(as_text=True)
    assert "Would get a mail" in panel and "<html" not in panel
    panel = signed_in.post(f"{form.url}/count", data={**frame, **rules}).get_data(as_text=True)
    assert "not complete" in panel


def test_a_kept_brief_is_taken_changed_and_kept_again(signed_in: FlaskClient, story: Story) -> None:
    number = begin(signed_in, "Briefs")
    Form(signed_in, number, "brief").post(**BRIEF, keep_name="snow-brief", do="keep")
    assert story.runtime.briefs.get("snow-brief").brief.goal == BRIEF["goal"]
    other = begin(signed_in, "Another")
    Form(signed_in, other, "brief").post(**{**BRIEF, "source": "kept", "kept": "snow-brief@1", "goal": ""})
    shown = story.runtime.campaigns.show(other)
    assert (shown["brief_name"], shown["brief_version"]) == ("snow-brief", 1)
    Form(signed_in, other, "brief").post(
        **{**BRIEF, "source": "kept", "kept": "snow-brief@1", "goal": ""}, do="take"
    )
    assert story.runtime.campaigns.show(other)["brief_name"] == ""
    assert story.runtime.drafts.section(other, "brief")["goal"] == BRIEF["goal"]
    page = signed_in.post(
        f"/console/campaigns/{other}/edit/brief",
        data={**BRIEF, "keep_name": "No name!", "do": "keep"},
        follow_redirects=True,
    ).get_data(as_text=True)
    assert "Not kept" in page


def test_any_campaign_is_had_as_a_file(signed_in: FlaskClient, story: Story) -> None:
    answer = signed_in.get(f"/console/campaigns/{story.sent}/file")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "campaign.toml" in archive.namelist()
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".jpg")}
        assert files and b"Autumn on the trail" in archive.read("campaign.toml")
    assert signed_in.get(f"/console/campaigns/{begin(signed_in, 'Bare')}/file").status_code == 409


def test_the_list_finds_and_pages(signed_in: FlaskClient) -> None:
    number = begin(signed_in, "A needle")
    page = signed_in.get("/console/?search=needle&status=draft").get_data(as_text=True)
    assert f"/console/campaigns/{number}" in page and "Autumn on the trail" not in page
    assert "No campaign fits" in signed_in.get("/console/?search=needle&status=sent").get_data(as_text=True)
    assert signed_in.get("/console/?before=999999999&status=%3Cb%3E").status_code == 200


def test_what_stays_out_of_the_draft(signed_in: FlaskClient, story: Story) -> None:
    """Fields that no form has, and more of them than anybody types."""
    number = begin(signed_in, "Odd")
    form = Form(signed_in, number, "template")
    odd = {
        "slots.0.__class__": "x",
        "slots.x.name": "y",
        "slots.0": "z",
        "status": "sent",
        "slots.0.default.name": "n",
    }
    assert signed_in.post(form.url, data={**form.fields, **odd, "template": "outdoor"}).status_code == 302
    kept = json.dumps(story.runtime.drafts.section(number, "template"))
    assert "__class__" not in kept and '"y"' not in kept
    assert story.runtime.campaigns.status(number) == "draft"
    with story.runtime.db.transaction() as session:
        found = session.execute(
            text("select detail from audit_entries where subject = :s"), {"s": f"campaign {number}"}
        )
        assert all("@" not in json.dumps(detail) for (detail,) in found)


def _pictures() -> dict[str, bytes]:
    return {"neutral": picture("green"), "rain": picture("blue"), "snow": picture("white")}


def _flat(value: dict[str, Any], path: str = "") -> dict[str, Any]:
    """The fields of a form that says this."""
    fields: dict[str, Any] = {}
    for name, entry in value.items():
        if isinstance(entry, dict):
            fields |= _flat(entry, f"{path}{name}.")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            for n, one in enumerate(entry):
                fields |= _flat(one, f"{path}{name}.{n}.")
        else:
            fields[f"{path}{name}"] = entry
    return fields

"""Briefs that campaigns use again: versions, differences, and the campaigns made from them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.describing.briefs import Change, parse_reference
from campaigns.flows.describing.plans import Plans
from campaigns.models import BriefRow, Campaign
from campaigns.runtime import Runtime
from tests.shop import Command

SPRING: dict[str, Any] = {
    "goal": "Bring people to the new rain jackets",
    "voice": {"tone": "Dry, warm.", "good": ["Rain is coming. Good."], "avoid": ["ultimate"]},
    "call_to_action_url": "https://fjellandfern.example/rain",
    "language": "en",
}
CAMPAIGN: dict[str, Any] = {
    "name": "Spring",
    "template": "outdoor",
    "picks": 0,
    "sender": "Fjell & Fern <hello@fjellandfern.example>",
    "postal_address": "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway",
}


def spring(**changes: Any) -> dict[str, Any]:
    return {**SPRING, **changes}


def test_a_change_is_a_version_and_nothing_is_kept_twice(runtime: Runtime) -> None:
    briefs = runtime.briefs
    assert briefs.save("spring", spring(), "ada") == (1, True)
    assert briefs.save("spring", spring(offer=None, banned=[]), "ada") == (
        1,
        False,
    )
    assert briefs.save("spring", spring(goal="Bring people back"), "bo") == (2, True)
    assert briefs.save("spring", spring(), "ada") == (3, True), "an old content again is the newest again"
    assert briefs.save("autumn", spring(), "ada") == (1, True)

    assert briefs.get("spring").version == 3
    second = briefs.get("spring", 2)
    assert (second.brief.goal, second.by) == ("Bring people back", "bo")
    assert [(one.name, one.version) for one in briefs.list()] == [("autumn", 1), ("spring", 3)]
    assert [one.version for one in briefs.history("spring")] == [3, 2, 1]


def test_what_a_later_release_adds_is_no_change(runtime: Runtime) -> None:
    runtime.briefs.save("spring", spring(), "ada")
    with runtime.db.transaction() as session:
        # As a release would have stored it that knew neither lengths nor banned words.
        row = session.get_one(BriefRow, 1)
        before = {name: said for name, said in row.body.items() if name not in ("lengths", "banned")}
        session.execute(update(BriefRow).values(body=before, digest="of that release"))
    assert runtime.briefs.save("spring", spring(), "ada") == (1, False)


def test_who_save_at_once_get_a_version_each(runtime: Runtime) -> None:
    with ThreadPoolExecutor(4) as pool:
        saved = list(
            pool.map(lambda n: runtime.briefs.save("spring", spring(goal=f"Goal {n}"), ""), range(8))
        )
    assert sorted(saved) == [(version, True) for version in range(1, 9)]


def test_the_difference_of_two_versions(runtime: Runtime) -> None:
    briefs = runtime.briefs
    briefs.save("spring", spring(), "")
    changed = spring(
        voice={**SPRING["voice"], "emoji": 0, "avoid": ["ultimate", "epic"]}, offer={"code": "RAIN"}
    )
    briefs.save("spring", changed, "")
    assert briefs.diff("spring@1", "spring") == (
        Change("offer.code", None, "RAIN"),
        Change("voice.avoid", ["ultimate"], ["ultimate", "epic"]),
        Change("voice.emoji", 1, 0),
    )
    assert briefs.diff("spring@2", "spring") == ()


def test_what_is_not_there_is_said(runtime: Runtime) -> None:
    runtime.briefs.save("spring", spring(), "")
    with pytest.raises(NotFound, match="no brief autumn"):
        runtime.briefs.get("autumn")
    with pytest.raises(NotFound, match="no version 7; its newest is 1"):
        runtime.briefs.diff("spring@1", "spring@7")
    with pytest.raises(NotFound):
        runtime.briefs.history("autumn")
    assert parse_reference(" spring@12 ") == ("spring", 12)
    for reference in (
        "",
        "Spring",
        "spring@",
        "spring@0",
        "spring@1@2",
        "spring@9999999999",
        "a b",
        "x" * 61,
    ):
        with pytest.raises(BadInput):
            parse_reference(reference)


def test_what_is_wrong_is_not_kept(runtime: Runtime) -> None:
    for name, raw, where in (
        ("spring", spring(goal=""), "brief.goal"),
        ("spring", spring(voice={"avoid": "see"}, call_to_action="See it"), "brief.call_to_action.en"),
        ("spring", spring(call_to_action_url="http://user@shop.example/"), "brief.call_to_action_url"),
        ("Spring!", spring(), "name"),
    ):
        with pytest.raises(BadInput) as caught:
            runtime.briefs.save(name, raw, "")
        assert caught.value.where == where
    assert runtime.briefs.list() == []


def test_a_campaign_keeps_the_version_that_it_was_made_from(runtime: Runtime) -> None:
    runtime.briefs.save("spring", spring(), "")
    newest = runtime.campaigns.create({**CAMPAIGN, "brief": "spring"}, {})
    runtime.briefs.save("spring", spring(goal="Bring people back"), "")
    pinned = runtime.campaigns.create({**CAMPAIGN, "brief": "spring@1"}, {})
    later = runtime.campaigns.create({**CAMPAIGN, "brief": "spring"}, {})
    written = runtime.campaigns.create({**CAMPAIGN, "brief": SPRING}, {})

    shown = [runtime.campaigns.show(n) for n in (newest, pinned, later, written)]
    assert [(one["brief_name"], one["brief_version"]) for one in shown] == [
        ("spring", 1), ("spring", 1), ("spring", 2), ("", None),
    ]  # fmt: skip
    assert [one["brief"]["goal"] for one in shown] == [
        SPRING["goal"], SPRING["goal"], "Bring people back", SPRING["goal"],
    ]  # fmt: skip
    assert [one.campaigns for one in runtime.briefs.history("spring")] == [(later,), (newest, pinned)]
    assert runtime.briefs.list()[0].campaigns == (newest, pinned, later)
    assert runtime.briefs.get("spring", 1).campaigns == (newest, pinned)


@pytest.mark.parametrize(
    ("brief", "says"),
    [
        ("autumn", "no brief autumn"),
        ("spring@x", "must look like"),
        (3, "a table, or the name"),
        ("", "no name"),
    ],
)
def test_a_campaign_of_no_such_brief_is_refused(runtime: Runtime, brief: Any, says: str) -> None:
    with pytest.raises((BadInput, NotFound), match=says):
        runtime.campaigns.create({**CAMPAIGN, "brief": brief}, {})
    assert runtime.campaigns.list() == []


def test_a_kept_brief_must_hold_to_rules_made_since(runtime: Runtime) -> None:
    runtime.briefs.save("spring", spring(offer={"code": "RAIN"}), "")
    with runtime.db.transaction() as session:
        row = session.get_one(BriefRow, 1)
        row.body = {**row.body, "offer": {"code": "RAIN 20"}}
    assert runtime.briefs.get("spring").brief.offer is not None, "it can be looked at"
    with pytest.raises(BadInput, match="no spaces"):
        runtime.campaigns.create({**CAMPAIGN, "brief": "spring"}, {})


def test_a_campaign_goes_on_with_a_brief_that_would_be_refused_today(runtime: Runtime) -> None:
    campaign = runtime.campaigns.create({**CAMPAIGN, "brief": spring(offer={"code": "RAIN"})}, {})
    with runtime.db.transaction() as session:
        row = session.get_one(Campaign, campaign)
        row.brief = {**row.brief, "offer": {"code": "RAIN 20"}}
    offer = Plans(runtime.db).of(campaign).brief.offer
    assert offer is not None and offer.code == "RAIN 20"


_FILE = """
goal = "Bring people to the new rain jackets"
call_to_action_url = "https://fjellandfern.example/rain"
[voice]
tone = "Dry, warm."
avoid = ["ultimate"]
"""


def test_the_commands(runtime: Runtime, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "spring.toml"
    path.write_text(_FILE)
    assert json.loads(command("brief", "save", "spring", str(path), "--json")[1]) == {
        "name": "spring", "version": 1, "new": True,
    }  # fmt: skip
    assert "version 1 says that already" in command("brief", "save", "spring", str(path))[1]
    path.write_text(_FILE.replace('["ultimate"]', '["epic", "ultimate"]').replace("Dry", "Wry"))
    assert "kept as version 2" in command("brief", "save", "spring", str(path))[1]

    listed = json.loads(command("brief", "list", "--json")[1])
    assert [(one["name"], one["version"], one["by"]) for one in listed] == [("spring", 2, "cli")]
    assert "rain jackets" in command("brief", "list")[1]
    shown = json.loads(command("brief", "show", "spring@1", "--json")[1])
    assert shown["brief"]["voice"]["tone"] == "Dry, warm."
    assert [version["version"] for version in shown["history"]] == [2, 1]
    assert "brief spring@2" in command("brief", "show", "spring")[1]

    changed = json.loads(command("brief", "diff", "spring@1", "spring@2", "--json")[1])
    assert [change["field"] for change in changed] == ["voice.avoid", "voice.tone"]
    assert command("brief", "diff", "spring@1", "spring@2")[1] == (
        "voice.avoid\n  + epic\nvoice.tone\n  - Dry, warm.\n  + Wry, warm.\n"
    )
    assert "they say the same" in command("brief", "diff", "spring@2", "spring")[1]


def test_the_brief_of_a_campaign_file_can_be_kept(runtime: Runtime, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "campaign.toml"
    path.write_text('name = "Spring"\n[brief]\n' + _FILE.replace("[voice]", "[brief.voice]"))
    assert command("brief", "save", "spring", str(path))[0] == 0
    assert runtime.briefs.get("spring").brief.voice.avoid == ("ultimate",)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "nothing"), "no brief nothing"),
        (("show", "No Such"), "no name for a brief"),
        (("save", "spring", "missing.toml"), "no such file"),
        (("diff", "a@1", "b@x"), "must look like"),
    ],
)
def test_a_command_that_is_refused_says_why(
    runtime: Runtime, command: Command, arguments: tuple[str, ...], says: str
) -> None:
    status, _, err = command("brief", *arguments)
    assert status == 1 and says in err and "Traceback" not in err

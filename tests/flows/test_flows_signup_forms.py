"""Forms: their files, their commands, their wordings; and what newcomers' favourites do to their picks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from campaigns.audience.consent import record
from campaigns.audience.favourites import add_favourites
from campaigns.audience.suppression import sealed_address
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.customers.signup_form import check_form, read_form_file
from campaigns.models import Customer
from campaigns.runtime import Runtime
from tests.shop import Command
from tests.signup_story import a_form
from web.public.words import purposes_in

FILE = """
name = "news"
sender = "Fjell & Fern <hello@fjellandfern.example>"
postal_address = "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway"
privacy_url = "https://fjellandfern.example/privacy"
purposes = ["profiling", "marketing"]
sites = ["https://fjellandfern.example"]

[words.no]
title = "Post fra fjellet"
button = "Meld meg på"

[words.en]
title = "Letters from the fells"
intro = "Twice a month."
button = "Sign me up"

[wording.marketing]
en = "Write to me twice a month."
no = "Skriv til meg to ganger i måneden."
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "news.toml"
    path.write_text(FILE)
    return path


def test_the_commands_make_show_embed_and_stop_a_form(runtime: Runtime, command: Command, file: Path) -> None:
    status, out, _ = command("form", "create", str(file), "--json")
    made = json.loads(out)
    assert status == 0 and made["created"] and made["new_wording"]
    assert made["url"].endswith("/s/news") and set(made["versions"]) == {"en", "no"}

    status, out, _ = command("form", "create", str(file))
    assert status == 0 and "news changed, with the same wording" in out
    file.write_text(FILE.replace("twice a month", "every week"))
    assert "with new wording" in command("form", "create", str(file))[1]

    status, out, _ = command("form", "show", "news", "--json")
    shown = json.loads(out)
    assert shown["purposes"] == ["marketing", "profiling"] and shown["languages"] == ["en", "no"]
    texts = {
        said["purposes"]["marketing"][1] for said in shown["wordings"].values() if said["language"] == "en"
    }
    assert texts == {"Write to me twice a month.", "Write to me every week."}, "former wordings stay known"
    assert "every week" in command("form", "show", "news")[1]

    status, out, _ = command("form", "embed", "news", "--language", "no")
    assert status == 0 and 'action="http' in out and 'lang="nb"' in out and "<script" not in out
    assert shown["versions"]["no"] in out and "to ganger i måneden" in out

    assert "news" in command("form", "list")[1]
    assert command("form", "stop", "news", "--json")[0] == 0
    assert json.loads(command("form", "list", "--json")[1])[0]["active"] is False
    assert command("form", "show", "nonsense")[0] == 1


def test_what_stands_in_a_form_is_escaped_when_it_is_embedded(runtime: Runtime, command: Command) -> None:
    words = {"en": {"title": "T", "button": "<script>alert(1)</script>"}}
    runtime.signup_forms.save(a_form(words=words), purposes_in)
    assert "<script" not in command("form", "embed", "news")[1]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('name = "news"', 'name = "News Letter"', "name"),
        ('"Fjell & Fern <hello@fjellandfern.example>"', '"hello@fjellandfern.example"', "sender"),
        ("https://fjellandfern.example/privacy", "javascript:alert(1)", "privacy_url"),
        ('["profiling", "marketing"]', '["profiling"]', "purposes"),
        ('["profiling", "marketing"]', '["marketing", "spying"]', "purposes"),
        ('"https://fjellandfern.example"]', '"https://fjellandfern.example/shop"]', "sites"),
        ("[words.no]", "[words.sv]", "sv"),
        ('no = "Skriv til meg to ganger i måneden."', "", "wording.marketing"),
        ("[wording.marketing]", "[wording.open_location]", "wording.open_location"),
        ('title = "Post fra fjellet"', "", "words.no.title"),
        ("privacy_url", "privacy", "privacy"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name_of_the_field(
    file: Path, old: str, new: str, field: str
) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(BadInput, match=re.escape(field)):
        read_form_file(file)


def test_favourites_must_be_in_the_catalogue(shop: Runtime) -> None:
    for favourites, missing in (
        ({"categories": ["Boots", "Bots"]}, "Bots"),
        ({"products": ["XX-1"]}, "XX-1"),
    ):
        with pytest.raises(BadInput, match=missing):
            shop.signup_forms.save(a_form(favourites=favourites), purposes_in)
    with pytest.raises(NotFound):
        shop.signup_forms.get("news")


def test_a_form_speaks_the_same_after_it_was_kept(runtime: Runtime) -> None:
    form = a_form(purposes=["open_location", "marketing", "open_tracking", "profiling"])
    runtime.signup_forms.save(form, purposes_in)
    kept = runtime.signup_forms.get("news")
    assert kept.file == form and kept.languages == ("en", "de")
    assert list(kept.said("de").purposes) == ["marketing", "profiling", "open_tracking", "open_location"]
    assert kept.said("de").version == kept.current["de"]
    assert kept.said("fr").language == "en"
    assert check_form(form.model_dump(mode="json"), "again") == form


def newcomer(runtime: Runtime, *purposes: str) -> int:
    with runtime.db.transaction() as session:
        sealed = sealed_address(session, runtime.keyring, "astrid@newcomers.example")
        person = Customer(external_id="signup-1", locale="en", **sealed)
        session.add(person)
        session.flush()
        for purpose in purposes:
            record(session, person.id, purpose, "granted", "Yes", "form:news", runtime.clock.now())
        add_favourites(session, person.id, [("category", "Hats"), ("product", "BOT-01")], runtime.clock.now())
        return person.id


def test_a_newcomer_gets_what_they_like_and_recommend_says_why(shop: Runtime, command: Command) -> None:
    newcomer(shop, "marketing", "profiling")
    status, out, _ = command("recommend", "astrid@newcomers.example", "--json")
    assert status == 0
    why = {pick["sku"]: pick["why"] for pick in json.loads(out)}
    assert why["BOT-01"] == "One of the favourites you chose"
    assert "Because you like Hats" in why.values()


def test_without_profiling_favourites_do_nothing(shop: Runtime) -> None:
    number = newcomer(shop, "marketing")
    _, with_likes = shop.picker.pick({number: False}, 4)
    _, of_anybody = shop.picker.pick({0: False}, 4)
    assert with_likes[number] == of_anybody[0]
    assert {pick.reason.kind for pick in with_likes[number]} == {"best_seller"}

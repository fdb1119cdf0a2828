"""The preference page and the mail in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from web_story import Story

from campaigns.audience.contact_preferences import Wishes
from campaigns.compose.links import SendRef
from campaigns.models import PURPOSES, ConsentEntry, ContactPreference, Customer
from web.public.words import _WORDS, LANGUAGES, purposes_in, words_for
from web.public.words.purposes import PURPOSE_WORDS

TOPIC, OTHER = "new arrivals", "Bücher & Karten"
_FIELD = re.compile(r'<input type="(\w+)" name="(\w+)" value="([^"]*)"( checked)?>')


def url(story: Story, ref: SendRef) -> str:
    return f"/p/{story.token('preferences', ref.customer_id, ref.send_id)}"


def fields(page: str) -> dict[str, list[str]]:
    """What a browser sends for the form as it is shown."""
    sent: dict[str, list[str]] = {}
    for kind, name, value, checked in _FIELD.findall(page):
        if kind == "hidden" or checked:
            sent.setdefault(name, []).append(unescape(value))
    return sent


def ticked(page: str) -> set[str]:
    return set(fields(page).get("purpose", []))


def shown(client: FlaskClient, story: Story, ref: SendRef) -> dict[str, list[str]]:
    return fields(client.get(url(story, ref)).get_data(as_text=True))


def entries(story: Story, ref: SendRef) -> list[ConsentEntry]:
    """The ledger of whose mail this is, in the order of writing."""
    with story.runtime.db.transaction() as session:
        wanted = select(ConsentEntry).where(ConsentEntry.customer_id == ref.customer_id)
        return list(session.scalars(wanted.order_by(ConsentEntry.id)))


def wishes(story: Story, ref: SendRef) -> Wishes:
    return story.runtime.preferences.of(url(story, ref)[3:]).wishes


@pytest.fixture
def topics(story: Story) -> Iterator[None]:
    """The sent campaign has a topic, and one that is approved; drafts are nobody's business."""
    topics_of = {story.sent: TOPIC, story.draft: OTHER}
    _set_topics(story, topics_of, "approved")
    yield
    _set_topics(story, dict.fromkeys(topics_of, ""), "draft")


def _set_topics(story: Story, topics_of: Mapping[int, str], status: str) -> None:
    with story.runtime.db.transaction() as session:
        for campaign, topic in topics_of.items():
            session.execute(
                text("update campaigns set topic = :topic where id = :id"), {"topic": topic, "id": campaign}
            )
        session.execute(
            text("update campaigns set status = :status where id = :id"),
            {"status": status, "id": story.draft},
        )


def test_the_page_shows_what_holds_and_changes_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    before = story.granted(ref.customer_id)
    page = client.get(url(story, ref)).get_data(as_text=True)
    assert ticked(page) == before
    assert story.granted(ref.customer_id) == before
    with story.runtime.db.transaction() as session:
        assert session.get(ContactPreference, ref.customer_id) is None
    client.head(url(story, ref))
    assert story.granted(ref.customer_id) == before


def test_a_forwarded_mail_does_not_show_whose_it_was(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    with story.runtime.db.transaction() as session:
        person = session.get_one(Customer, ref.customer_id)
        person.first_name, person.last_name, person.city = "Zebedeus", "Quartzmann", "Hammerfest"
    pages = [client.get(url(story, ref))]
    pages.append(client.post(url(story, ref), data={"action": "save", "purpose": sorted(PURPOSES)}))
    pages.append(client.post(url(story, ref), data={"action": "export"}))
    for response in pages:
        page = response.get_data(as_text=True)
        assert response.status_code == 200
        assert "@" not in page
        assert not re.search("Zebedeus|Quartzmann|Hammerfest", page)


def test_saving_makes_exactly_the_ticked_purposes_hold(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    for wanted in ({"marketing"}, {"profiling", "open_tracking"}, set(PURPOSES)):
        data = shown(client, story, ref) | {"action": ["save"], "purpose": sorted(wanted)}
        response = client.post(url(story, ref), data=data)
        assert response.status_code == 200
        assert story.granted(ref.customer_id) == wanted == ticked(response.get_data(as_text=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_grant_keeps_the_words_that_were_agreed_to(
    client: FlaskClient, story: Story, language: str
) -> None:
    ref = story.take()
    client.post(url(story, ref), data={"action": "none"})
    with story.runtime.db.transaction() as session:
        session.get_one(Customer, ref.customer_id).locale = language
    data = shown(client, story, ref) | {"purpose": ["profiling", "marketing"]}
    before = entries(story, ref)
    client.post(url(story, ref), data=data)
    granted = entries(story, ref)[len(before) :]
    assert {(entry.action, entry.source) for entry in granted} == {("granted", "preference page")}
    assert len({entry.wording_version for entry in granted} - {""}) == 2
    assert {entry.purpose: entry.wording for entry in granted} == {
        purpose: ": ".join(purposes_in(language)[purpose]) for purpose in ("profiling", "marketing")
    }


def test_one_button_withdraws_everything(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    client.post(url(story, ref), data={"purpose": ["marketing", "profiling", "open_location"]})
    before = entries(story, ref)
    for _ in range(2):
        client.post(url(story, ref), data={"action": "none", "purpose": "marketing"})
    assert story.granted(ref.customer_id) == frozenset()
    assert len(story.events("unsubscribed", ref.send_id)) == 1
    withdrawn = entries(story, ref)[len(before) :]
    assert {entry.action for entry in withdrawn} == {"withdrawn"}
    assert sorted(entry.purpose for entry in withdrawn) == ["marketing", "open_location", "profiling"]


def test_a_choice_counts_though_the_shop_dated_its_own_ahead(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    ahead = story.runtime.clock.now() + timedelta(days=2)
    with story.runtime.db.transaction() as session:
        session.execute(
            text("update consent_states set granted = false, at = :at where customer_id = :id"),
            {"at": ahead, "id": ref.customer_id},
        )
    data = shown(client, story, ref)
    assert "purpose" not in data
    client.post(url(story, ref), data=data | {"purpose": ["profiling"]})
    assert story.granted(ref.customer_id) == {"profiling"}
    client.post(url(story, ref), data=data)
    assert story.granted(ref.customer_id) == frozenset()
    client.post(url(story, ref), data=data | {"purpose": ["profiling", "marketing"]})
    assert story.granted(ref.customer_id) == {"profiling", "marketing"}, "again and again"
    client.post(url(story, ref), data=data)
    assert story.granted(ref.customer_id) == frozenset()


def test_what_the_page_does_not_offer_grants_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    assert client.post(url(story, ref), data={"purpose": ["marketing", "everything"]}).status_code == 200
    assert story.granted(ref.customer_id) == {"marketing"}


def test_how_often_and_a_pause_are_kept_and_shown(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    data = shown(client, story, ref)
    assert (data["frequency"], data["pause"]) == (["all"], ["keep"])
    page = client.post(url(story, ref), data=data | {"frequency": ["weekly"], "pause": ["30"]})
    held = wishes(story, ref)
    assert held.frequency == "weekly"
    assert held.paused_until is not None
    left = held.paused_until - story.runtime.clock.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    data = fields(page.get_data(as_text=True))
    assert (data["frequency"], data["pause"]) == (["weekly"], ["keep"])
    client.post(url(story, ref), data=data)
    assert wishes(story, ref) == held, "saving again prolongs nothing"
    client.post(url(story, ref), data=data | {"pause": ["off"]})
    assert wishes(story, ref) == Wishes("weekly")


def test_topics_are_muted_and_wanted_again(client: FlaskClient, story: Story, topics: None) -> None:
    ref = story.take()
    data = shown(client, story, ref)
    assert data["topic"] == data["topic_on"] == [OTHER, TOPIC]
    page = client.post(url(story, ref), data=data | {"topic": [TOPIC]}).get_data(as_text=True)
    assert wishes(story, ref).muted_topics == {OTHER}
    data = fields(page)
    assert (data["topic"], data["topic_on"], data["topic_off"]) == ([TOPIC], [TOPIC], [OTHER])
    client.post(url(story, ref), data=data | {"topic": [TOPIC, OTHER]})
    assert wishes(story, ref).muted_topics == frozenset()


def test_a_muted_topic_stays_on_the_page_when_nobody_writes_about_it_any_more(
    client: FlaskClient, story: Story, topics: None
) -> None:
    ref = story.take()
    client.post(url(story, ref), data=shown(client, story, ref) | {"topic": []})
    _set_topics(story, {story.sent: "", story.draft: ""}, "draft")
    data = shown(client, story, ref)
    assert data["topic_off"] == [OTHER, TOPIC]
    assert "topic" not in data
    client.post(url(story, ref), data=data | {"topic": [OTHER]})
    assert wishes(story, ref).muted_topics == {TOPIC}


def test_a_stale_page_takes_away_and_never_gives_back(
    client: FlaskClient, story: Story, topics: None
) -> None:
    ref = story.take()
    client.post(url(story, ref), data={"purpose": ["marketing", "profiling"]})
    stale = shown(client, story, ref)
    # Meanwhile, on another device: unsubscribed, a topic muted, less often, a pause.
    story.runtime.unsubscribing.by_link(story.token("unsubscribe", ref.customer_id, ref.send_id))
    elsewhere = shown(client, story, ref)
    client.post(
        url(story, ref), data=elsewhere | {"topic": [TOPIC], "frequency": ["monthly"], "pause": ["90"]}
    )
    meanwhile = wishes(story, ref)
    page = client.post(url(story, ref), data=stale).get_data(as_text=True)
    assert story.granted(ref.customer_id) == ticked(page) == {"profiling"}
    assert wishes(story, ref) == meanwhile
    assert meanwhile.paused_until and meanwhile.muted_topics == {OTHER}
    # What was agreed to meanwhile is not ticked on the stale page, and saving it means just that.
    client.post(url(story, ref), data=shown(client, story, ref) | {"purpose": ["profiling", "open_tracking"]})
    client.post(url(story, ref), data=stale)
    assert story.granted(ref.customer_id) == {"profiling"}


@pytest.mark.parametrize("field", [{"frequency": "hourly"}, {"pause": "31"}, {"pause": "-1"}])
def test_what_is_not_on_the_page_is_refused_as_a_whole(
    client: FlaskClient, story: Story, field: Mapping[str, str]
) -> None:
    ref = story.take()
    before = story.granted(ref.customer_id)
    assert client.post(url(story, ref), data={"action": "save", **field}).status_code == 400
    assert story.granted(ref.customer_id) == before
    assert wishes(story, ref) == Wishes()


def test_why_the_mail_came_is_on_the_page(client: FlaskClient, story: Story, topics: None) -> None:
    ref = story.take()
    page = unescape(client.get(url(story, ref)).get_data(as_text=True))
    told = story.runtime.preferences.why(url(story, ref)[3:])
    assert told is not None
    assert told.subject in page and told.wording in page and told.topic == TOPIC
    for pick in told.picks:
        assert pick.title in page and pick.reason in page
    unsent = client.get(f"/p/{story.token('preferences', ref.customer_id, 0)}").get_data(as_text=True)
    assert "<details" not in unsent


def test_only_its_own_kind_of_token_opens_it(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    good = url(story, ref)
    for wrong in (
        f"/p/{story.token('unsubscribe', ref.customer_id, ref.send_id)}",
        f"/p/{story.runtime.signer.sign('own-data-export', ref.customer_id, 2**33)}",
        f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        "/p/x",
    ):
        assert client.get(wrong).status_code == 404
        for action in ("none", "save", "export", "erase"):
            assert client.post(wrong, data={"action": action}).status_code == 404
    assert "marketing" in story.granted(ref.customer_id)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de", "de"), ("nb-NO,nb;q=0.9,en;q=0.5", "no"), ("ja, fr;q=0.3", "fr"), ("ja", "en")],
)
def test_nobody_is_told_kindly_and_in_the_language_of_the_browser(
    client: FlaskClient, story: Story, accepted: str, language: str
) -> None:
    link = f"/p/{story.token('preferences', 999_999, 999_999)}"
    headers = {"Accept-Language": accepted}
    for response in (
        client.get(link, headers=headers),
        *(client.post(link, data={"action": a}, headers=headers) for a in ("save", "none", "export")),
    ):
        assert response.status_code == 200
        assert words_for(language)["gone_title"] in unescape(response.get_data(as_text=True))


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_the_page_speaks_the_customers_language(client: FlaskClient, story: Story, language: str) -> None:
    page = client.get(f"/p/{story.token('preferences', story.speaking(language), 0)}")
    assert f"<h1>{words_for(language)['preferences_title']}</h1>" in unescape(page.get_data(as_text=True))


def test_a_page_in_english_says_so_to_those_whose_language_it_does_not_speak(
    client: FlaskClient, story: Story
) -> None:
    ref = story.take()
    with story.runtime.db.transaction() as session:
        session.get_one(Customer, ref.customer_id).locale = "pt_BR"
    expired = f"/p/data/{story.runtime.signer.sign('own-data-export', ref.customer_id, 1)}"
    for link in (url(story, ref), expired):
        assert '<html lang="en">' in client.get(link).get_data(as_text=True)


@pytest.mark.parametrize("language", _WORDS)
def test_every_language_says_everything(language: str) -> None:
    assert set(_WORDS) == set(LANGUAGES) == set(PURPOSE_WORDS)
    english, words = _WORDS["en"], _WORDS[language]
    assert words.keys() == english.keys()
    assert all(said.strip() for said in words.values())
    assert len(PURPOSE_WORDS[language]) == len(PURPOSES)
    for key, said in words.items():
        assert re.findall(r"\{\w*\}", said) == re.findall(r"\{\w*\}", english[key]), key
        if language != "en":
            assert said != english[key], f"{key} is still English"


def test_the_mail_in_a_browser_runs_nothing_and_counts_nothing(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    response = client.get(f"/v/{story.token('view', ref.send_id)}")
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "Fjell &amp; Fern" in html
    assert "/o/" not in html and "/i/" in html
    assert "script-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert client.get("/v/forged").status_code == 404

"""The console's pages, and the buttons that move a campaign."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from web_story import COLOURS, CUSTOMERS, Story, description, picture

from campaigns.audience.consent import why_allowed
from campaigns.delivery.capture import list_captured
from campaigns.insight.report import Report
from campaigns.models import Campaign, Customer, SlotServe
from web.console.mailview import without_opens
from web.console.standing import standing_of
from web.console.wording import moment_words, segment_words, share_words, when_words


@pytest.fixture
def fresh(story: Story) -> int:
    """A draft of the test's own."""
    pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
    return story.runtime.campaigns.create(description("A <b>bold</b> one"), pictures)


def page(client: FlaskClient, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status, response.get_data(as_text=True)[-500:]
    return response.get_data(as_text=True)


def test_the_list_shows_every_campaign(signed_in: FlaskClient, story: Story, fresh: int) -> None:
    assert "A &lt;b&gt;bold&lt;/b&gt; one" in page(signed_in, "/console/")
    # Other tests make campaigns too, and a page has so many.
    since = f"/console/?before={max(story.sent, story.draft) + 1}"
    html = page(signed_in, since)
    assert "Autumn on the trail" in html and "First frost" in html
    assert f"{story.runtime.reporting.report(story.sent).sent} sent" in html


def test_a_campaign_shows_its_pictures_and_history(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{story.sent}")
    pictures = set(re.findall(r'src="(/i/[0-9a-f]{64}\.jpg)"', html))
    assert len(pictures) == 3
    assert all(signed_in.get(url).status_code == 200 for url in pictures)
    for words in (
        "Created as a draft",
        "Approved by a test",
        "Sending by worker",
        "everybody who may be mailed",
    ):
        assert words in html


def test_the_buttons_move_a_campaign(signed_in: FlaskClient, story: Story, fresh: int) -> None:
    flow = story.runtime.campaigns
    for action, arrival in (
        ("approve", "approved"),
        ("send", "planning"),
        ("pause", "paused"),
        ("resume", "planning"),
    ):
        assert signed_in.post(f"/console/campaigns/{fresh}/{action}").status_code == 302
        assert flow.status(fresh) == arrival
    assert flow.show(fresh)["history"][0]["by"] == "Ola"
    assert signed_in.post(f"/console/campaigns/{fresh}/cancel").status_code == 409
    assert signed_in.post(f"/console/campaigns/{fresh}/cancel", data={"meant": "yes"}).status_code == 302
    assert flow.status(fresh) == "cancelled"


def test_what_the_state_does_not_allow_is_refused_with_a_reason(signed_in: FlaskClient, story: Story) -> None:
    response = signed_in.post(f"/console/campaigns/{story.sent}/pause")
    assert response.status_code == 409
    assert "cannot become paused" in response.get_data(as_text=True)
    assert signed_in.post(f"/console/campaigns/{story.draft}/explode").status_code == 404
    assert page(signed_in, "/console/campaigns/999999", 404)


@pytest.mark.parametrize(("name", "status"), [("viewer", 403), ("author", 403), ("approver", 302)])
def test_roles(signed_in: FlaskClient, role: Any, fresh: int, name: str, status: int) -> None:
    role(name)
    assert signed_in.post(f"/console/campaigns/{fresh}/approve").status_code == status
    assert ('<button class="button">' in page(signed_in, f"/console/campaigns/{fresh}")) == (status == 302)


def test_progress_adds_up(signed_in: FlaskClient, story: Story) -> None:
    now = signed_in.get(f"/console/campaigns/{story.sent}/progress.json").get_json()
    assert now["status"] == "sent" and not now["active"]
    assert (
        now["sent"] + now["failed"] + now["uncertain"] + now["held_back"] + now["open"]
        == now["audience"]
        == CUSTOMERS
    )
    missing = signed_in.get("/console/campaigns/999999/progress.json")
    assert missing.status_code == 404
    assert "error" in missing.get_json()


def test_standing_before_and_while_it_runs() -> None:
    before = standing_of({"status": "approved", "audience": None, "counts": {}})
    assert (before.audience, before.open, before.active) == (0, 0, False)
    counts = {"sent": 5, "claimed": 2, "planned": 3, "held_back": 1}
    running = standing_of({"status": "sending", "audience": 11, "counts": counts})
    assert (running.audience, running.open, running.active) == (11, 5, True)


class TestPreview:
    def shown(self, client: FlaskClient, story: Story, query: str) -> str:
        html = page(client, f"/console/campaigns/{story.sent}/preview?{query}")
        found = re.search(r'<img src="(/i/[^"]+)" alt="[^"]*" data-slot="hero"', html)
        assert found
        framed = [unescape(text) for text in re.findall(r'srcdoc="([^"]*)"', html)]
        assert len(framed) == 2
        assert all(found[1] in text for text in framed)
        return found[1]

    def test_the_weather_decides_the_picture(self, signed_in: FlaskClient, story: Story) -> None:
        pictures = {sky: self.shown(signed_in, story, f"weather={sky}") for sky in ("rain", "snow", "clear")}
        assert len(set(pictures.values())) == 3

    def test_temperature_and_wind_are_tried(self, signed_in: FlaskClient, story: Story) -> None:
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?temperature=-4.5&wind=50")
        assert re.search(r'name="temperature" value="-4.5"', html)
        assert re.search(r'name="wind" value="50"', html)
        response = signed_in.get(f"/console/campaigns/{story.sent}/preview?wind=strong")
        assert response.status_code == 400
        assert "needs a number of km/h" in response.get_data(as_text=True)

    def test_it_explains_the_mail(self, signed_in: FlaskClient, story: Story) -> None:
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?weather=rain")
        assert "Why these products" in html
        assert re.search(r"Because you bought|Similar to your|A favourite of|One of our best", html)
        for header in ("List-Unsubscribe", "Message-ID", "Feedback-ID"):
            assert f"<dt>{header}</dt>" in html
        assert "<pre" in html

    def test_scripts_of_a_mail_cannot_run(self, signed_in: FlaskClient, story: Story) -> None:
        response = signed_in.get(f"/console/campaigns/{story.sent}/preview?looks=both")
        policy, html = response.headers["Content-Security-Policy"], response.get_data(as_text=True)
        assert "script-src 'self'" in policy, "the page's own, which the mail's policy forbids in the frames"
        assert f"img-src 'self' data: {story.runtime.settings.public_url}" in policy
        assert set(re.findall(r"<iframe[^>]*?\b(sandbox(?:=\S+)?)", html)) == {"sandbox"}
        framed = [unescape(text) for text in re.findall(r'srcdoc="([^"]*)"', html)]
        assert len(framed) == 4
        for mail in framed:
            own = mail.partition("<head>")[2]
            assert own.startswith('<meta http-equiv="Content-Security-Policy" content="script-src \'none\'')

    def test_every_program_shows_the_mail_in_its_own_way(self, signed_in: FlaskClient, story: Story) -> None:
        url = f"/console/campaigns/{story.sent}/preview"
        plain = page(signed_in, url)
        assert plain.count("<iframe") == 2
        outlook = page(signed_in, f"{url}?client=outlook")
        assert outlook.count("<iframe") == 1 and "Microsoft Word" in outlook
        assert "border-radius" not in outlook.partition("srcdoc=")[2].partition("</iframe>")[0]
        off = (
            unescape(page(signed_in, f"{url}?client=images_off"))
            .partition("srcdoc=")[2]
            .partition("</iframe>")[0]
        )
        assert "<img" not in off and "Something made for the weather out there" in off
        dark = page(signed_in, f"{url}?client=gmail&looks=dark")
        assert "an approximation" in dark, "Gmail reads no dark rules"
        assert "by the mail’s own rules" in page(signed_in, f"{url}?looks=dark")
        assert page(signed_in, f"{url}?client=<b>&looks=<b>&arm=99").count("<iframe") == 2

    def test_a_proxy_hides_the_place_and_an_old_address_still_says_so(
        self, signed_in: FlaskClient, story: Story
    ) -> None:
        url = f"/console/campaigns/{story.sent}/preview?place=Oslo&weather=rain&"
        for program in ("client=gmail", "requester=gmail_open"):
            assert "place: <b>the customer’s home</b>" in " ".join(page(signed_in, url + program).split())
        assert "place: <b>where the mail is opened</b>" in " ".join(page(signed_in, url).split())

    def test_only_what_changes_is_fetched_when_the_page_asks_for_it(
        self, signed_in: FlaskClient, story: Story
    ) -> None:
        url = f"/console/campaigns/{story.sent}/preview?weather=snow"
        part = signed_in.get(url, headers={"X-Preview-Part": "1"})
        html = part.get_data(as_text=True)
        assert html.lstrip().startswith('<div id="shown-part"') and "<form" not in html
        assert story.runtime.settings.public_url in html.partition("data-origins=")[2][:200]
        assert part.headers["Vary"].count("X-Preview-Part") == 1

    def test_who_has_no_address_can_be_looked_at_and_is_held_back(
        self, signed_in: FlaskClient, story: Story
    ) -> None:
        with story.runtime.db.transaction() as session:
            session.add(Customer(external_id="without-address", first_name="Nobody"))
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?other=without-address")
        with story.runtime.db.transaction() as session:
            session.execute(delete(Customer).where(Customer.external_id == "without-address"))
        assert "would not get this mail" in html

    def test_looking_counts_nothing(self, signed_in: FlaskClient, story: Story) -> None:
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?weather=snow")
        assert f"{story.runtime.settings.public_url}/o/" not in unescape(html)

    def test_somebody_without_consent_is_shown_as_held_back(
        self, signed_in: FlaskClient, story: Story
    ) -> None:
        with story.runtime.db.transaction() as session:
            people = dict(session.execute(select(Customer.id, Customer.external_id)).all())
        refused = next(ref for number, ref in people.items() if "marketing" not in story.granted(number))
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?other={refused}")
        assert "would not get this mail" in html

    @pytest.mark.parametrize(
        ("query", "status", "words"),
        [
            ("other=nobody", 404, "There is no customer nobody"),
            ("weather=hail", 400, "no weather"),
            ("place=Atlantis", 400, "no customer lives in Atlantis"),
            ("place=a,b", 400, "degrees"),
            ("place=900,900", 400, "degrees"),
            ("other=a@b.example", 400, "number, not the address"),
        ],
    )
    def test_what_does_not_fit_is_said_on_the_page(
        self, signed_in: FlaskClient, story: Story, query: str, status: int, words: str
    ) -> None:
        html = page(signed_in, f"/console/campaigns/{story.sent}/preview?{query}", status)
        assert words.lower() in unescape(html).lower()
        assert "<form" in html


def test_the_report_adds_up(signed_in: FlaskClient, story: Story) -> None:
    html = page(signed_in, f"/console/campaigns/{story.sent}/report")
    numbers = {name: int(n) for name, n in re.findall(r'data-step="(\w[\w ]*)">(\d+)<', html)}
    assert numbers["sent"] + numbers["held back"] == numbers["audience"] == CUSTOMERS
    assert page(signed_in, f"/console/campaigns/{story.draft}/report")


def test_the_report_outlives_the_sends(signed_in: FlaskClient, story: Story, fresh: int) -> None:
    """What is left when retention has dropped the single sends."""
    kept = Report(audience=1000, sent=990, held_back={"withdrawn": 8}, uncertain=2, opens_human=400)
    with story.runtime.db.transaction() as session:
        campaign = session.get_one(Campaign, fresh)
        campaign.summary, campaign.sends_dropped_at = kept.to_json(), datetime(2025, 3, 9, tzinfo=UTC)
    html = page(signed_in, f"/console/campaigns/{fresh}/report")
    assert "the numbers of 2025-03-09" in html
    assert [int(n) for n in re.findall(r'data-step="(?:sent|opened)">(\d+)<', html)] == [990, 400]
    assert "only their number is kept" in html


class TestOutbox:
    def test_it_lists_what_was_captured(self, signed_in: FlaskClient, story: Story) -> None:
        html = page(signed_in, "/console/outbox")
        assert html.count('class="mail-subject"') == 50
        assert page(signed_in, "/console/outbox?page=2")
        assert page(signed_in, "/console/outbox?page=-7")
        assert page(signed_in, "/console/outbox?page=x")

    def test_looking_at_a_mail_is_not_an_open(self, signed_in: FlaskClient, story: Story) -> None:
        send = story.take()
        prefix = f"<{send.campaign_id}.{send.send_id}."
        mails = list_captured(story.runtime.settings.captured_mail, limit=5000)
        mail = next(mail for mail in mails if mail.message_id.startswith(prefix))
        raw = mail.path.read_bytes().replace(b"=\r\n", b"")
        assert b"/o/" in raw
        html = unescape(page(signed_in, f"/console/outbox/{mail.message_id.strip('<>')}"))
        framed = html.partition("srcdoc=")[2].partition("<details")[0]
        assert "/o/" not in framed
        assert "/i/" in framed
        assert "List-Unsubscribe" in html

    def test_a_mail_says_by_which_consent_it_was_allowed(self, signed_in: FlaskClient, story: Story) -> None:
        send = story.take()
        mails = list_captured(story.runtime.settings.captured_mail, limit=5000)
        prefix = f"<{send.campaign_id}.{send.send_id}."
        mail = next(mail for mail in mails if mail.message_id.startswith(prefix))
        with story.runtime.db.transaction() as session:
            allowed = why_allowed(session, send.campaign_id, send.send_id)
            number = session.get_one(Customer, send.customer_id).external_id
        assert allowed is not None
        preview = f"/console/campaigns/{story.sent}/preview?other={number}"
        for place in (f"/console/outbox/{mail.message_id.strip('<>')}", preview):
            html = unescape(page(signed_in, place))
            assert "This mail was allowed because the customer agreed to <b>marketing</b>" in html
            assert allowed.wording in html and allowed.hash in html
            assert f"entry {allowed.entry_id}, position {allowed.position}" in html

    def test_a_mail_that_is_only_looked_at_says_by_which_consent_it_would_be(
        self, signed_in: FlaskClient, story: Story
    ) -> None:
        with story.runtime.db.transaction() as session:
            number = session.get_one(Customer, story.take().customer_id).external_id
        html = page(signed_in, f"/console/campaigns/{story.draft}/preview?other={number}")
        assert "This mail would be allowed because" in html

    def test_the_picture_last_shown_is_shown(self, signed_in: FlaskClient, story: Story) -> None:
        public, seen, unseen = story.runtime.settings.public_url, story.take(), story.take()
        with story.runtime.db.transaction() as session:
            snow = {"variant": "snow", "served_at": story.runtime.clock.now()}
            session.add(SlotServe(campaign_id=seen.campaign_id, send_id=seen.send_id, slot=0, **snow))
        tokens = [story.token("open", ref.send_id, 0) for ref in (seen, unseen)]
        mail = "".join(f'<img src="{public}/o/{token}.jpg">' for token in [*tokens, "forged"])
        with signed_in.application.test_request_context():
            html = without_opens(story.runtime, mail)
        shown = re.findall(r'<img src="(?:/i/([0-9a-f]{64})\.jpg|data:[^"]+)">', html)
        assert shown == [*(sha256(picture(COLOURS[name])).hexdigest() for name in ("snow", "neutral")), ""]

    @pytest.mark.parametrize("name", ["nothing@here", "..%2f..%2fsecret.key", ".", "%00"])
    def test_nothing_else_can_be_read(self, signed_in: FlaskClient, name: str) -> None:
        page(signed_in, f"/console/outbox/{name}", 404)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({}, "everybody who may be mailed"),
        ({"country": ["NO", "SE"]}, "lives in NO or SE"),
        (
            {"all": [{"country": "NO"}, {"not": {"tag": "vip"}}]},
            "(lives in NO and not (is tagged vip))",
        ),
        (
            {"any": [{"bought": {"category": ["boots"], "within_days": 90}}]},
            "bought boots in the last 90 days",
        ),
        ({"not_bought": {}}, "did not buy anything"),
        ({"total_spent": {"at_least": 100}}, "spent at least 100"),
        ({"has_purpose": "profiling"}, "agreed to profiling"),
    ],
)
def test_segments_in_words(tree: dict[str, Any], words: str) -> None:
    assert segment_words(tree) == words


def test_other_words() -> None:
    assert when_words({"weather": ["rain", "drizzle"], "temperature_below": 5}) == "rain, drizzle, below 5 °C"
    assert when_words({"local_hour": [18, 6]}) == "hours 18–6"
    assert share_words(1, 1000) == "0.1 %" and share_words(1, 2) == "50 %" and share_words(0, 0) == ""
    assert moment_words("2026-11-21T03:39:00+00:00") == "21 Nov 2026, 03:39 UTC"
    assert moment_words(None) == "–"

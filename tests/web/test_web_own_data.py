"""Downloading one's data and being erased: asked for on the page, done from a mail to the address on file."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from web_story import Story

from campaigns.compose.links import SendRef
from campaigns.delivery.capture import list_captured
from campaigns.flows.customers.own_data import MOST_A_DAY, Right
from campaigns.models import Campaign, ConsentState, Customer, Notice
from campaigns.models.customer import ADDRESS_CONTEXT
from web.public.words import words_for

EXPORT, ERASURE = "own-data-export", "own-data-erasure"


def page_of_choices(story: Story, ref: SendRef) -> str:
    return f"/p/{story.token('preferences', ref.customer_id, ref.send_id)}"


def address_of(story: Story, ref: SendRef) -> str:
    with story.runtime.db.transaction() as session:
        cipher = session.get_one(Customer, ref.customer_id).email_cipher
    return story.runtime.keyring.decrypt(cipher or b"", ADDRESS_CONTEXT)


def notices(story: Story, ref: SendRef) -> list[Notice]:
    with story.runtime.db.transaction() as session:
        wanted = select(Notice).where(Notice.customer_id == ref.customer_id)
        return list(session.scalars(wanted.order_by(Notice.id)))


def link(story: Story, kind: str, customer_id: int, lives: timedelta = timedelta(hours=1)) -> str:
    ends = int((story.runtime.clock.now() + lives).timestamp())
    return f"/p/{'data' if kind == EXPORT else 'erase'}/{story.runtime.signer.sign(kind, customer_id, ends)}"


def mailed_link(story: Story, to: str) -> str:
    """The path of the link in the newest mail to this address, sent by the real worker's flow and captured."""
    story.runtime.notices.work()
    mails = list_captured(story.runtime.settings.captured_mail, limit=5000)
    mail = next(m for m in mails if to in m.recipient and b"\nAuto-Submitted:" in m.path.read_bytes())
    body = message_from_bytes(mail.path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    found = re.search(rf"{story.runtime.settings.public_url}(/p/\S+)", body.get_content())
    assert found
    return found[1]


def words(story: Story, ref: SendRef) -> dict[str, str]:
    return dict(words_for(story.runtime.preferences.of(page_of_choices(story, ref)[3:]).language))


def test_the_data_come_by_a_link_to_the_address_on_file(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    own = address_of(story, ref)
    page = page_of_choices(story, ref)
    asked = client.post(page, data={"action": "export", "email": "thief@elsewhere.example"})
    text = asked.get_data(as_text=True)
    assert words(story, ref)["data_asked_export"] in text.replace("&#39;", "’")
    assert own not in text and "/p/data/" not in text
    (notice,) = notices(story, ref)
    assert story.runtime.keyring.decrypt(notice.email_cipher or b"", "notices.email") == own
    path = mailed_link(story, own)
    ask = client.get(path)
    assert ask.status_code == 200 and own not in ask.get_data(as_text=True)
    for _ in range(2):
        file = client.post(path)
        assert file.status_code == 200
        assert file.headers["Content-Disposition"] == 'attachment; filename="customer.json"'
        assert file.headers["Cache-Control"] == "no-store"
        assert file.mimetype == "application/json"
        assert own in json.dumps(json.loads(file.data))
    assert not any(
        "thief" in mail.recipient for mail in list_captured(story.runtime.settings.captured_mail, 5000)
    )


def test_asking_erases_nobody_and_the_link_asks_once_more(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    own = address_of(story, ref)
    told = words(story, ref)
    client.post(page_of_choices(story, ref), data={"action": "erase"})
    path = mailed_link(story, own)
    assert path.startswith("/p/erase/")
    assert told["erase_button"] in client.get(path).get_data(as_text=True)
    client.head(path)
    assert address_of(story, ref) == own, "neither asking nor looking erases"
    english = {"Accept-Language": "en"}
    data = link(story, EXPORT, ref.customer_id)
    assert told["erased_title"] in client.post(path).get_data(as_text=True)
    with story.runtime.db.transaction() as session:
        shell = session.get_one(Customer, ref.customer_id)
        granted = select(ConsentState).where(
            ConsentState.customer_id == ref.customer_id, ConsentState.granted
        )
        assert shell.erased_at is not None and shell.email_cipher is None
        assert session.scalars(granted).all() == []
    for again in (client.post(path, headers=english), client.get(path, headers=english)):
        assert again.status_code == 200
        assert words_for("en")["erased_title"] in again.get_data(as_text=True)
    for gone in (
        client.get(page_of_choices(story, ref), headers=english),
        client.post(page_of_choices(story, ref), data={"purpose": "marketing"}, headers=english),
        client.post(page_of_choices(story, ref), data={"action": "erase"}, headers=english),
        client.get(data, headers=english),
        client.post(data, headers=english),
    ):
        assert gone.status_code == 200
        assert words_for("en")["gone_title"] in gone.get_data(as_text=True)
    assert [notice.outcome for notice in notices(story, ref)] in ([], ["sent"])


@pytest.mark.parametrize("kind", [EXPORT, ERASURE])
def test_a_link_expires(client: FlaskClient, story: Story, kind: str) -> None:
    ref = story.take()
    told = words(story, ref)
    old = link(story, kind, ref.customer_id, -timedelta(seconds=1))
    for response in (client.get(old), client.post(old)):
        assert response.status_code == 410
        assert told["expired_title"] in response.get_data(as_text=True).replace("&#39;", "’")
    assert address_of(story, ref)


def test_a_link_grants_one_right_and_no_other(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    choices = page_of_choices(story, ref)[3:]
    ends = int(story.runtime.clock.now().timestamp()) + 3600
    sign = story.runtime.signer.sign
    export, erasure = (sign(kind, ref.customer_id, ends) for kind in (EXPORT, ERASURE))
    wrong = [
        f"/p/erase/{export}", f"/p/data/{erasure}", f"/p/erase/{choices}", f"/p/data/{choices}",
        f"/p/{export}", f"/p/{erasure}", f"/u/{erasure}", f"/p/data/{export[:-1]}", "/p/erase/x",
        f"/p/data/{sign(EXPORT, ref.customer_id)}", f"/p/erase/{sign(ERASURE, ref.customer_id, ends, 1)}",
    ]  # fmt: skip
    for path in wrong:
        assert client.get(path).status_code == 404, path
        assert client.post(path).status_code == 404, path
    assert address_of(story, ref)


def test_nobody_can_be_flooded(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    told = words(story, ref)
    page = page_of_choices(story, ref)
    answers = [client.post(page, data={"action": "export"}) for _ in range(MOST_A_DAY + 2)]
    assert len(notices(story, ref)) == MOST_A_DAY
    assert [told["data_enough"] in a.get_data(as_text=True).replace("&#39;", "’") for a in answers] == [
        False, False, False, True, True,
    ]  # fmt: skip
    client.post(page, data={"action": "erase"})
    assert len(notices(story, ref)) == MOST_A_DAY + 1, "of each kind so many"
    with story.runtime.db.transaction() as session:
        for notice in session.scalars(select(Notice).where(Notice.customer_id == ref.customer_id)):
            notice.created_at -= timedelta(days=1)
    client.post(page, data={"action": "export"})
    assert len(notices(story, ref)) == MOST_A_DAY + 2, "and tomorrow again"


def test_a_link_of_a_sign_up_names_no_campaign_and_works(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    sign = story.runtime.signer.sign
    page = f"/p/{sign('preferences', 0, ref.customer_id, 0)}"
    assert client.post(page, data={"action": "export"}).status_code == 200
    (notice,) = notices(story, ref)
    with story.runtime.db.transaction() as session:
        assert notice.sender == session.get_one(Campaign, story.sent).sender


def test_without_an_address_nothing_is_promised(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    told = words(story, ref)
    with story.runtime.db.transaction() as session:
        session.get_one(Customer, ref.customer_id).email_cipher = None
    answer = client.post(page_of_choices(story, ref), data={"action": "erase"})
    assert told["data_nowhere"] in answer.get_data(as_text=True).replace("&#39;", "’")
    assert notices(story, ref) == []


def test_what_a_link_leads_to_is_kept_by_no_cache_and_told_to_no_one(
    client: FlaskClient, story: Story
) -> None:
    ref = story.take()
    for path in (link(story, EXPORT, ref.customer_id), link(story, ERASURE, ref.customer_id)):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in headers["X-Robots-Tag"]
        assert "Set-Cookie" not in headers


def test_two_presses_at_once_count_both(story: Story) -> None:
    ref = story.take()
    token = page_of_choices(story, ref)[3:]
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda _: story.runtime.own_data.ask(token, Right.EXPORT), range(8)))
    assert [a.value for a in asked].count("queued") == MOST_A_DAY == len(notices(story, ref))
    with story.runtime.db.transaction() as session:
        session.execute(delete(Notice).where(Notice.customer_id == ref.customer_id))


def test_whoever_presses_without_end_is_asked_to_wait(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    old = link(story, EXPORT, ref.customer_id, -timedelta(seconds=1))
    assert {client.post(old).status_code for _ in range(20)} == {410}
    assert client.post(old).status_code == 429
    assert client.get(old).status_code == 410, "looking is not limited"

"""Test mails: by the real way out, counted nowhere, throttled, forgotten, and harmless for whom they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from campaigns.audience.suppression import suppress
from campaigns.compose.identity import customer_tested, numbers_in
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.previewing.scenes import Scene
from campaigns.flows.previewing.test_mails import MOST_AN_HOUR
from campaigns.models import AuditEntry, Campaign, Customer, Event, Send, TestMail
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.delivery_servers import Relay
from tests.shop import SHOP, make_runtime

ANNA = "anna@shop.example"


@pytest.fixture
def customer() -> str:
    return SHOP.customers[0].external_id


@pytest.fixture
def draft(shop: Runtime, sample: SampleFiles) -> int:
    return shop.campaigns.create_from_file(sample.campaign)


@pytest.fixture
def relayed(shop: Runtime, servers: EmbeddedUrls, tmp_path: Path) -> Iterator[Callable[[Relay], Runtime]]:
    """The same shop with a mail server."""
    made: list[Runtime] = []

    def by(relay: Relay) -> Runtime:
        url = f"smtp://127.0.0.1:{relay.port}?tls=none"
        made.append(make_runtime(servers, tmp_path / "relayed", smtp_url=url).start())
        return made[-1]

    yield by
    for runtime in made:
        runtime.close()


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def test_a_real_mail_server_gets_it(
    shop: Runtime, relayed: Callable[[Relay], Runtime], draft: int, customer: str
) -> None:
    with Relay() as relay:
        runtime = relayed(relay)
        ids = runtime.test_mails.ask(
            draft, customer, [ANNA, "bert@shop.example", ANNA], "ola", Scene(weather="snow")
        )
        assert len(ids) == 2, "each address once"
        assert ("send_test_mails", 0) in runtime.jobs.hints  # type: ignore[attr-defined]
        assert runtime.test_mails.work() == 2
        assert runtime.test_mails.work() == 0
        assert {one.recipient for one in relay.received} == {ANNA, "bert@shop.example"}
        mail = read(relay.received[0].content)
    assert str(mail["Subject"]).startswith("[Test] ")
    assert mail["X-Tailormail-Test"] == "yes" and ":test:" in mail["Feedback-ID"]
    assert mail["To"] == relay.received[0].recipient
    text_part = mail.get_body(("plain",))
    assert text_part is not None and "/c/" not in text_part.get_content()
    identities = {read(one.content)["Message-ID"] for one in relay.received}
    assert len(identities) == 2, "no program takes the second for a copy of the first"
    assert all(numbers_in(one) is None for one in identities), "and nobody for that of a send"
    with runtime.db.transaction() as session:
        number = session.scalars(select(Customer.id).where(Customer.external_id == customer)).one()
        assert session.scalar(select(func.count()).select_from(Send)) == 0
        assert session.scalar(select(func.count()).select_from(Event)) == 0
    assert {customer_tested(one) for one in identities} == {number}
    shown = runtime.test_mails.listed(draft)
    assert {mail.state for mail in shown} == {"sent"}
    assert runtime.test_mails.kept_addresses(draft) == ["bert@shop.example", ANNA]


def test_every_picture_of_it_can_be_fetched(shop: Runtime, draft: int, customer: str) -> None:
    shop.test_mails.ask(draft, customer, [ANNA], "ola", Scene(weather="rain"))
    trial = shop.viewing.trial(draft, customer, Scene(weather="rain"))
    assert any(one.url.startswith("data:") for one in trial.pictures.values()), (
        "the sample has a card that is drawn"
    )
    assert shop.test_mails.work() == 1
    [path] = list(shop.settings.captured_mail.rglob("*.eml"))
    html = read(path.read_bytes()).get_body(("html",))
    assert html is not None
    content = html.get_content()
    assert "data:" not in content, "few programs show pictures that stand in the mail itself"
    for name in ("hero", "offer"):
        sha = trial.pictures[name]
        assert any(
            shop.gallery.hosted(found)[1] == sha.body
            for found in {part.split(".")[0] for part in content.split("/i/")[1:]}
        ), name


def test_what_the_mail_server_says_is_told(
    shop: Runtime, relayed: Callable[[Relay], Runtime], draft: int, customer: str
) -> None:
    def refuse(phase: str, address: str) -> str | None:
        if phase == "rcpt" and address.startswith("gone"):
            return f"550 5.1.1 {address} is unknown here"
        return "451 4.7.1 come again soon" if phase == "rcpt" and address.startswith("later") else None

    with Relay(refuse) as relay:
        runtime = relayed(relay)
        runtime.test_mails.ask(draft, customer, ["gone@shop.example", "later@shop.example", ANNA], "ola")
        runtime.test_mails.work()
        states = {mail.address: mail for mail in runtime.test_mails.listed(draft)}
        assert states[ANNA].state == "sent"
        assert states["gone@shop.example"].state == "failed"
        assert "unknown here" in states["gone@shop.example"].answer
        assert states["later@shop.example"].state == "queued"
        assert runtime.test_mails.waits(draft)
        for _ in range(6):
            with runtime.db.transaction() as session:
                session.execute(
                    update(TestMail).where(TestMail.state == "queued").values(due_at=runtime.clock.now())
                )
            runtime.test_mails.work()
    [later] = [mail for mail in runtime.test_mails.listed(draft) if mail.address.startswith("later")]
    assert later.state == "failed" and "come again soon" in later.answer
    with runtime.db.transaction() as session:
        assert "@" not in " ".join(session.scalars(select(TestMail.answer)))
        assert session.scalar(text("select count(*) from suppressions")) == 0, (
            "a test mail tells nothing of anybody"
        )


def test_a_worker_that_was_killed_leaves_it_to_the_next(shop: Runtime, draft: int, customer: str) -> None:
    shop.test_mails.ask(draft, customer, [ANNA], "ola")
    shop.test_mails._claim()
    assert shop.test_mails.work() == 0, "somebody else has it"
    with shop.db.transaction() as session:
        session.execute(update(TestMail).values(due_at=shop.clock.now()))
    assert shop.test_mails.work() == 1


def test_too_many_within_an_hour_are_refused(shop: Runtime, draft: int, customer: str) -> None:
    ten = [f"a{n}@shop.example" for n in range(10)]
    for _ in range(MOST_AN_HOUR // 10):
        shop.test_mails.ask(draft, customer, ten, "ola")
    with pytest.raises(Refused, match="within the last hour"):
        shop.test_mails.ask(draft, customer, [ANNA], "ola")
    with shop.db.transaction() as session:
        session.execute(update(TestMail).values(asked_at=TestMail.asked_at - timedelta(hours=2)))
    assert shop.test_mails.ask(draft, customer, [ANNA], "ola")


def test_who_must_not_be_mailed_gets_no_test_either(shop: Runtime, draft: int, customer: str) -> None:
    with shop.db.transaction() as session:
        suppress(session, shop.keyring, "bert@shop.example", "complained", "test", shop.clock.now())
    with pytest.raises(Refused, match="suppressed"):
        shop.test_mails.ask(draft, customer, [ANNA, "bert@shop.example"], "ola")
    with pytest.raises(BadInput, match="needs the address"):
        shop.test_mails.ask(draft, customer, [" "], "ola")
    with pytest.raises(NotFound):
        shop.test_mails.ask(draft, "nobody", [ANNA], "ola")
    assert not shop.test_mails.listed(draft)
    shop.test_mails.ask(draft, customer, [ANNA], "ola")
    with shop.db.transaction() as session:
        suppress(session, shop.keyring, ANNA, "bounced", "test", shop.clock.now())
    shop.test_mails.work()
    [mail] = shop.test_mails.listed(draft)
    assert mail.state == "failed" and "suppressed" in mail.answer and ANNA not in mail.answer


def test_a_draft_that_cannot_be_written_says_why(shop: Runtime, draft: int, customer: str) -> None:
    shop.test_mails.ask(draft, customer, [ANNA], "ola")
    with shop.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == draft).values(template="nowhere"))
    shop.test_mails.work()
    [mail] = shop.test_mails.listed(draft)
    assert mail.state == "failed" and "nowhere" in mail.answer


def test_addresses_are_forgotten_after_a_month(shop: Runtime, draft: int, customer: str) -> None:
    shop.test_mails.ask(draft, customer, [ANNA], "ola")
    shop.test_mails.work()
    assert shop.test_mails.forget_old() == 0
    with shop.db.transaction() as session:
        session.execute(update(TestMail).values(asked_at=TestMail.asked_at - timedelta(days=31)))
    assert shop.test_mails.forget_old() == 1
    [mail] = shop.test_mails.listed(draft)
    assert (mail.address, mail.state) == ("", "sent")
    assert shop.test_mails.kept_addresses(draft) == []


def test_an_erasure_takes_along_tests_of_the_persons_mail_and_tests_to_their_address(
    shop: Runtime, draft: int, customer: str
) -> None:
    someone = SHOP.customers[1]
    shop.test_mails.ask(draft, customer, [ANNA], "ola")
    shop.test_mails.ask(draft, SHOP.customers[2].external_id, [someone.email, ANNA], "ola")
    assert shop.test_mails.work() == 3
    assert len(list(shop.settings.captured_mail.rglob("*.eml"))) == 3
    with shop.db.transaction() as session:
        own = session.scalars(select(Customer).where(Customer.external_id == customer)).one()
        email = shop.keyring.decrypt(own.email_cipher or b"", "customers.email")
    assert len(shop.rights.export(email)["test_mails"]) == 1
    assert len(shop.rights.export(someone.email)["test_mails"]) == 1
    for address in (email, someone.email):
        shop.rights.erase(address)
    shop.erasures.finish()
    left = shop.test_mails.listed(draft)
    assert [(mail.address, mail.customer) for mail in left] == [(ANNA, SHOP.customers[2].external_id)]
    assert len(list(shop.settings.captured_mail.rglob("*.eml"))) == 1, "captured mail is erased as well"
    with shop.db.transaction() as session:
        asked = select(AuditEntry.detail).where(AuditEntry.action == "test_mail.asked")
        told = [detail["customer"] for detail in session.scalars(asked.order_by(AuditEntry.id))]
    assert told[0] == own.id and customer not in told, (
        "the log is never changed, so the shop's number is not in it"
    )

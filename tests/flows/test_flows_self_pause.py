"""A campaign that too much comes back from pauses itself, says why, and waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.flows.sending import self_pause
from campaigns.flows.sending.self_pause import Figures, Thresholds, alarm_of
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.provider_requests import sendgrid_event
from tests.flows.flows_provider_mail import SECRETS, SENDGRID, Mail, know_sns, mails
from tests.shop import Command, approved, fill_shop, make_runtime

USUAL = Thresholds(bounce_percent=5.0, complaint_percent=0.3, after_mails=200)


@pytest.mark.parametrize(
    ("figures", "kind", "says"),
    [
        (Figures(199, 199, 199, 199), None, ""),
        (Figures(200, 0, 0, 0), None, ""),
        (Figures(200, 9, 0, 0), None, ""),
        (Figures(200, 10, 0, 0), "bounces", "10 of 200 mails bounced (5 %; the limit is 5 %)"),
        (Figures(300, 0, 1, 0), None, ""),
        (
            Figures(400, 0, 2, 0),
            "complaints",
            "2 of 400 mails were complained of (0.5 %; the limit is 0.3 %)",
        ),
        (Figures(1000, 0, 2, 0), None, ""),
        (
            Figures(200, 0, 0, 12, "5.7.26"),
            "blocked",
            "12 of 200 mails were refused because of the sender, most with 5.7.26 (6 %; the limit is 5 %)",
        ),
        (Figures(200, 20, 20, 12), "blocked", "12 of 200 mails were refused because of the sender (6 %"),
        (Figures(200, 20, 20, 0), "complaints", "20 of 200"),
    ],
)
def test_when_a_campaign_pauses(figures: Figures, kind: str | None, says: str) -> None:
    alarm = alarm_of(figures, USUAL)
    assert (alarm.kind if alarm else None) == kind
    assert says in (alarm.why if alarm else "")


def test_one_person_alone_stops_no_campaign() -> None:
    small = Thresholds(5.0, 0.3, after_mails=1)
    assert alarm_of(Figures(1, 1, 1, 1), small) is None
    assert alarm_of(Figures(2, 2, 0, 0), small) is not None


@pytest.fixture
def told(
    servers: EmbeddedUrls,
    db: Database,
    tmp_path: Path,
    sample: SampleFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Runtime]:
    """Looked at after every batch of four mails, of which ten must be out."""
    monkeypatch.setattr(self_pause, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(self_pause, "_LOOK_AT_ALL_SECONDS", 0.0)
    runtime = make_runtime(
        servers, tmp_path / "data", batch_size=4, pause_after_mails=10, pause_bounce_percent=20.0,
        pause_complaint_percent=15.0, **SECRETS,
    ).start()  # fmt: skip
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    know_sns(runtime)
    yield runtime
    runtime.close()


def relay(runtime: Runtime, refuses: Callable[[int], Answer | None]) -> None:
    """A relay that answers by how many mails it got before this one."""

    class Scripted(FakeTransport):
        taken = 0

        def send_group(self, mails, before_data=lambda _: None):  # type: ignore[no-untyped-def]
            for mail in mails:
                answer = refuses(Scripted.taken)
                Scripted.taken += 1
                yield from FakeTransport({mail.recipient: answer} if answer else {}).send_group(
                    [mail], before_data
                )

    runtime.outlet.close()
    runtime.outlet._make = lambda: Scripted({})


def start(runtime: Runtime, sample: SampleFiles) -> int:
    campaign = approved(runtime, sample)
    runtime.campaigns.send(campaign, "test")
    runtime.sending.plan(campaign)
    return campaign


def send(runtime: Runtime, campaign: int, batches: int = 1000) -> None:
    while batches and runtime.sending.send_batch(campaign).claimed:
        batches -= 1


def out(runtime: Runtime, campaign: int) -> int:
    counts = runtime.campaigns.show(campaign)["counts"]
    return counts.get("sent", 0) + counts.get("failed", 0)


def why(runtime: Runtime, campaign: int) -> str:
    return str(runtime.campaigns.show(campaign)["paused_because"])


def complain(runtime: Runtime, about: Sequence[Mail]) -> None:
    now = runtime.clock.now()
    rows = [
        sendgrid_event("spamreport", mail.message_id, mail.address, now, tailormail=mail.mark)
        for mail in about
    ]
    runtime.provider_hooks.take("sendgrid", *SENDGRID.batch(rows, now))
    runtime.provider_payloads.work()


def test_bounces_pause_a_campaign_while_it_is_sending(told: Runtime, sample: SampleFiles) -> None:
    relay(told, lambda n: Answer(550, "5.1.1 nobody") if n % 4 == 0 else None)
    campaign = start(told, sample)
    send(told, campaign)
    assert told.campaigns.status(campaign) == CampaignStatus.PAUSED
    assert out(told, campaign) == 12, "with the third batch of four, ten mails were out"
    assert why(told, campaign) == "3 of 12 mails bounced (25 %; the limit is 20 %)"
    last = told.campaigns.show(campaign)["history"][-1]
    assert (last["by"], last["figures"]["mails"], last["figures"]["bounced"]) == ("tailormail", 12, 3)
    told.sending.work(0.1)
    assert out(told, campaign) == 12, "it waits for a person"


def test_after_a_person_resumed_it_old_figures_do_not_count(told: Runtime, sample: SampleFiles) -> None:
    relay(told, lambda n: Answer(550, "5.1.1 nobody") if n in (0, 4, 8, 28, 29, 30, 31) else None)
    campaign = start(told, sample)
    send(told, campaign)
    assert why(told, campaign).startswith("3 of 12")
    before = mails(told, campaign)
    told.campaigns.resume(campaign, "somebody")
    assert not told.self_pause.check(campaign)
    send(told, campaign, 2)
    complain(told, before)
    assert told.self_pause.run() == []
    assert told.campaigns.status(campaign) == CampaignStatus.SENDING, "these mails went out before"
    send(told, campaign)
    assert told.campaigns.status(campaign) == CampaignStatus.PAUSED
    assert why(told, campaign) == "4 of 20 mails bounced (20 %; the limit is 20 %)"


def test_complaints_pause_it(told: Runtime, sample: SampleFiles) -> None:
    relay(told, lambda _: None)
    campaign = start(told, sample)
    send(told, campaign, 3)
    complain(told, mails(told, campaign)[:1])
    assert told.campaigns.status(campaign) == CampaignStatus.SENDING
    complain(told, mails(told, campaign)[:2])
    assert why(told, campaign) == "2 of 12 mails were complained of (17 %; the limit is 15 %)"


def test_the_senders_fault_pauses_it_and_names_the_code(told: Runtime, sample: SampleFiles) -> None:
    codes = {0: "5.7.26", 1: "5.7.26", 2: "5.7.1"}
    relay(told, lambda n: Answer(550, f"{codes[n]} no") if n in codes else None)
    campaign = start(told, sample)
    send(told, campaign, 3)
    assert told.self_pause.run() == [campaign]
    assert why(told, campaign) == (
        "3 of 12 mails were refused because of the sender, most with 5.7.26 (25 %; the limit is 20 %)"
    )
    with told.db.transaction() as session:
        assert session.scalar(text("select count(*) from suppressions")) == 0


def test_a_scheduler_finds_it_too(
    told: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told.self_pause, "after_batch", lambda _: False)
    relay(told, lambda n: Answer(550, "5.1.1 nobody") if n < 3 else None)
    campaign = start(told, sample)
    send(told, campaign, 3)
    assert told.self_pause.run() == [campaign]
    assert told.self_pause.run() == []
    assert why(told, campaign)


def test_a_campaign_that_has_ended_is_left_alone(told: Runtime, sample: SampleFiles) -> None:
    relay(told, lambda _: None)
    campaign = start(told, sample)
    send(told, campaign)
    assert told.campaigns.status(campaign) == CampaignStatus.SENT
    complain(told, mails(told, campaign))
    assert not told.self_pause.check(campaign)
    assert told.campaigns.status(campaign) == CampaignStatus.SENT


def test_the_command_line_says_why(told: Runtime, sample: SampleFiles, command: Command) -> None:
    relay(told, lambda n: Answer(550, "5.1.1 nobody") if n < 3 else None)
    campaign = start(told, sample)
    send(told, campaign, 3)
    told.self_pause.run()
    status, shown, _ = command("campaign", "show", campaign)
    assert status == 0
    assert "3 of 12 mails bounced (25 %; the limit is 20 %)" in " ".join(shown.split())


def test_the_counter_of_self_pauses(told: Runtime, sample: SampleFiles) -> None:
    relay(told, lambda n: Answer(550, "5.1.1 nobody") if n < 3 else None)
    send(told, start(told, sample), 3)
    told.self_pause.run()
    assert told.meters.read()[("self_pauses", "bounces")] == 1

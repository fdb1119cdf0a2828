"""Campaigns that try something out, really sent: everybody one arm, each mail its arm's, the holdout nothing."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import text

from campaigns.audience.arms import HOLDOUT, WAITING
from campaigns.compose.links import read_open
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.demo.inbox import read_inbox
from campaigns.flows.customers.why import explain
from campaigns.flows.describing.plans import get_campaign, load_plan
from campaigns.flows.opening.askers import Asker
from campaigns.flows.reports.experiment_waves import expected_shares
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.claims import Claims
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_experiments import age_sends, approved_with, click, draft_with, sends_of
from tests.shop import Command, send_all, send_on

THUNDERBIRD = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")
SUBJECTS = {
    "factor": "subject",
    "holdout": 0.2,
    "arms": [
        {"name": "As written"},
        {"name": "Plain", "value": "Autumn is here"},
        {"name": "By name", "value": {"en": "{first_name}, your autumn", "de": "Ihr Herbst"}},
    ],
}


def subjects_of(runtime: Runtime, campaign_id: int) -> dict[int, str]:
    """The subject of each captured mail, by customer."""
    with runtime.db.transaction() as session:
        ids = [send.customer_id for send in sends_of(runtime, campaign_id)]
        people = load_addressees(session, runtime.keyring, ids)
    by_address = {person.email: number for number, person in people.items()}
    found = {}
    for mail in read_inbox(runtime.settings.captured_mail, campaign_id):
        found[by_address[mail.recipient]] = str(
            message_from_bytes(mail.raw, policy=policy.default)["Subject"]
        )
    return found


def test_each_customer_is_in_one_arm_and_gets_its_subject(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(shop, sample, SUBJECTS)
    send_all(shop, campaign_id)
    sends, subjects = sends_of(shop, campaign_id), subjects_of(shop, campaign_id)
    with shop.db.transaction() as session:
        shares = expected_shares(get_campaign(session, campaign_id))
    assert shares is not None
    sent = [send for send in sends if send.status == "sent"]
    held = [send for send in sends if send.arm == HOLDOUT]
    assert {send.arm for send in sent} == {0, 1, 2} and held
    assert {(send.status, send.reason) for send in held} == {("held_back", "holdout")}
    assert not {send.customer_id for send in held} & set(subjects)
    assert len(subjects) == len(sent)
    for send in sent:
        assert send.arm == shares.arm_of(send.customer_id)
        subject = subjects[send.customer_id]
        assert (subject == "Autumn is here") == (send.arm == 1)
        assert (subject.endswith("your autumn") or subject in ("Your autumn", "Ihr Herbst")) <= (
            send.arm == 2
        )
    by_name = [subjects[send.customer_id] for send in sent if send.arm == 2]
    assert "Ihr Herbst" in by_name or any(line.endswith("our autumn") for line in by_name)


def test_a_worker_that_is_killed_changes_no_arm(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(shop, sample, SUBJECTS)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    before = {send.id: send.arm for send in sends_of(shop, campaign_id)}
    shop.sending.send_batch(campaign_id)
    with shop.db.transaction() as session:  # one dies with sends in hand
        lost = Claims(timedelta(0)).take(session, campaign_id, 3, "gone", shop.clock.now())
    assert lost and {one.arm for one in lost} <= {0, 1, 2}
    shop.recovery.sweep()
    shop.sending.plan(campaign_id)
    send_on(shop, campaign_id)
    after = sends_of(shop, campaign_id)
    assert {send.id: send.arm for send in after} == before
    assert {send.status for send in after} == {"sent", "held_back"}


def test_each_arm_shows_its_own_picture_to_everybody(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(
        shop,
        sample,
        {
            "factor": "slot",
            "arms": [
                {"name": "By the weather"},
                {"name": "Always snow", "value": {"slot": "hero", "only": "snow"}},
            ],
        },
    )
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        plan = load_plan(session, campaign_id)
    own = plan.for_arm(1)
    assert [number for number, _ in own.numbered_slots] == [2, 1] and not own.slots[0].rules
    snow = next(v.picture for v in plan.slots[0].variants if v.name == "snow")
    assert shop.gallery.slots(campaign_id)[2].default.picture == snow
    sends = {send.id: send for send in sends_of(shop, campaign_id)}
    numbers: dict[int, set[int]] = {0: set(), 1: set()}
    hero: dict[int, set[str]] = {0: set(), 1: set()}
    for mail in read_inbox(shop.settings.captured_mail, campaign_id):
        tokens = [url.rpartition("/")[2].rpartition(".")[0] for url in mail.slot_pictures]
        if mail.pixel is None:
            continue  # nobody may know whose these are
        for token in tokens:
            link = read_open(shop.signer, token)
            arm = sends[link.send_id].arm or 0
            numbers[arm].add(link.slot)
            if link.slot != 1:
                hero[arm].add(hashlib.sha256(shop.opening.picture(token, THUNDERBIRD).body).hexdigest())
    neutral = plan.slots[0].default.picture
    assert numbers == {0: {0, 1}, 1: {1, 2}}
    assert hero == {0: {neutral}, 1: {snow}}
    looked_at = next(send for send in sends.values() if send.arm == 1 and send.status == "sent")
    page = shop.viewing.in_browser(shop.signer.sign("view", campaign_id, looked_at.id))
    assert snow in page and neutral not in page


@pytest.mark.parametrize(
    ("factor", "values"),
    [
        ("copy", ["offline", "model"]),
        ("picks", [{"strategy": "best_sellers"}, None]),
        ("time", ["08:00", "18:00"]),
    ],
)
def test_other_factors_are_read_and_planned(
    shop: Runtime, sample: SampleFiles, factor: str, values: list[object]
) -> None:
    arms = [{"name": f"Arm {n}", "value": value} for n, value in enumerate(values)]
    campaign_id = draft_with(shop, sample, {"factor": factor, "arms": arms})
    with shop.db.transaction() as session:
        plan = load_plan(session, campaign_id)
    one, other = plan.for_arm(0), plan.for_arm(1)
    if factor == "copy":
        assert (one.offline, other.offline) == (True, False)
        with pytest.raises(Refused, match="OPENAI"):
            shop.campaigns.approve(campaign_id, "test")
    elif factor == "picks":
        assert (one.best_sellers, other.best_sellers) == (True, False)


def test_best_sellers_are_tried_against_what_suits_each(shop: Runtime, sample: SampleFiles) -> None:
    arms = [{"name": "Best-sellers", "value": {"strategy": "best_sellers"}}, {"name": "Personal"}]
    campaign_id = approved_with(shop, sample, {"factor": "picks", "arms": arms})
    send_all(shop, campaign_id)
    sent = [send for send in sends_of(shop, campaign_id) if send.status == "sent" and send.personal]
    reasons = {
        arm: {pick[1] for send in sent if send.arm == arm for pick in send.picks or []} for arm in (0, 1)
    }
    assert reasons[0] == {"best_seller"} and "because_you_bought" in reasons[1]


@pytest.mark.parametrize(
    ("experiment", "why"),
    [
        ({"factor": "subject", "arms": [{"name": "A"}, {"name": "a", "value": "Hi"}]}, "two arms are called"),
        ({"factor": "subject", "arms": [{"name": "A"}]}, "two arms"),
        ({"factor": "subject", "arms": [{"name": "A"}, {"name": "B"}]}, "same as another"),
        (
            {"factor": "subject", "arms": [{"name": "A"}, {"name": "B", "value": "{price_1} only"}]},
            "first_name",
        ),
        ({"factor": "subject", "arms": [{"name": "A"}, {"name": "B", "value": {"xx": "Hi"}}]}, "language"),
        ({"factor": "time", "arms": [{"name": "A"}, {"name": "B", "value": "8 o'clock"}]}, "08:00"),
        (
            {"factor": "slot", "arms": [{"name": "A"}, {"name": "B", "value": {"slot": "x", "only": "y"}}]},
            "slot",
        ),
        ({"factor": "template", "arms": [{"name": "A"}, {"name": "B", "value": "none-such"}]}, "none-such"),
        ({"factor": "none"}, "holdout"),
        ({"holdout": 0.9}, "0.5"),
    ],
)
def test_what_cannot_work_is_refused_with_the_arm(
    shop: Runtime, sample: SampleFiles, experiment: dict[str, object], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        draft_with(shop, sample, experiment)


def test_the_rest_waits_until_a_person_decides_and_then_gets_the_winner(
    shop: Runtime, sample: SampleFiles
) -> None:
    experiment = {**SUBJECTS, "holdout": 0.1, "test_share": 0.5, "decide": "person"}
    campaign_id = approved_with(shop, sample, experiment)
    send_all(shop, campaign_id)
    waiting = [send for send in sends_of(shop, campaign_id) if send.not_before == WAITING]
    assert waiting and all(send.arm is None and send.status == "planned" for send in waiting)
    assert shop.campaigns.status(campaign_id) == "sending"
    assert campaign_id in shop.experiment_looks.run()
    assert shop.experiments.show(campaign_id)["waiting"] == len(waiting)
    told = shop.experiments.decide(campaign_id, "Plain", "Ada")
    assert told == len(waiting)
    with pytest.raises(Refused, match="Ada has chosen 'Plain'"):
        shop.experiments.decide(campaign_id, 0, "Bo")
    assert ("look_at_experiments", 0) in shop.jobs.hints  # type: ignore[attr-defined]
    shop.experiment_looks.run()
    assert shop.experiment_looks.release(campaign_id) == 0
    send_on(shop, campaign_id)
    by_id = {send.id: send for send in sends_of(shop, campaign_id)}
    assert {(by_id[send.id].arm, by_id[send.id].status) for send in waiting} == {(1, "sent")}
    assert shop.campaigns.status(campaign_id) == "sent"
    with shop.db.transaction() as session:
        actions = session.scalars(
            text("select action from audit_entries where subject = :s"), {"s": f"campaign {campaign_id}"}
        )
        assert "experiment.decided" in set(actions)
    assert shop.experiments.show(campaign_id)["decision"]["by"] == "Ada"


def test_an_arm_that_is_not_there_cannot_be_chosen(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(shop, sample, SUBJECTS)
    with pytest.raises(NotFound, match="As written"):
        shop.experiments.decide(campaign_id, "No such", "Ada")
    with pytest.raises(Refused, match="nothing to decide"):
        shop.experiments.decide(campaign_id, 1, "Ada")


def test_only_people_within_the_window_count(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(shop, sample, {**SUBJECTS, "least_mails": 10, "window_hours": 4})
    send_all(shop, campaign_id)
    shop.experiment_looks.look(campaign_id)
    young = shop.experiments.show(campaign_id)
    assert sum(arm["mature"] for arm in young["arms"]) == 0
    assert "Nothing is known yet" in young["verdict"]["words"]
    age_sends(shop, campaign_id, timedelta(hours=5))
    sent = [send for send in sends_of(shop, campaign_id) if send.arm == 1 and send.status == "sent"]
    person, robot, late = sent[:3]
    assert person.sent_at and robot.sent_at and late.sent_at
    click(shop, person, person.sent_at + timedelta(hours=1))
    click(shop, robot, robot.sent_at + timedelta(hours=1), machine=True)
    click(shop, late, late.sent_at + timedelta(hours=4, minutes=30))
    shop.experiment_looks.look(campaign_id)
    arm = shop.experiments.show(campaign_id)["arms"][1]
    assert (arm["measured"], arm["clicked"]) == (len(sent), 1)
    assert arm["low"] < arm["rate"] < arm["high"]


def test_the_rule_decides_by_itself_once_it_is_sure(shop: Runtime, sample: SampleFiles) -> None:
    rule = {
        **SUBJECTS,
        "holdout": 0,
        "test_share": 0.8,
        "decide": "rule",
        "least_mails": 10,
        "most_loss": 0.2,
    }
    campaign_id = approved_with(shop, sample, rule)
    send_all(shop, campaign_id)
    age_sends(shop, campaign_id, timedelta(hours=5))
    for send in sends_of(shop, campaign_id):
        if send.arm == 2 and send.status == "sent" and send.sent_at:
            click(shop, send, send.sent_at + timedelta(minutes=5))
    shop.experiment_looks.look(campaign_id)
    shown = shop.experiments.show(campaign_id)
    assert shown["decision"]["arm"] == 2 and shown["decision"]["by"] == "scheduler"
    shop.experiment_looks.run()
    send_on(shop, campaign_id)
    assert not [send for send in sends_of(shop, campaign_id) if send.not_before == WAITING]


def test_thompson_gives_later_waves_to_what_does_well_and_starves_nobody(
    shop: Runtime, sample: SampleFiles
) -> None:
    terms = {
        **SUBJECTS, "holdout": 0, "method": "thompson", "waves": 3, "floor": 0.1, "wave_hours": 0, "window_hours": 1,
        "least_mails": 1000,
    }  # fmt: skip
    campaign_id = approved_with(shop, sample, terms)
    send_all(shop, campaign_id)
    for _ in range(2):
        age_sends(shop, campaign_id, timedelta(hours=2))
        for send in sends_of(shop, campaign_id):
            if send.arm == 1 and send.status == "sent" and send.sent_at:
                click(shop, send, send.sent_at + timedelta(minutes=5))
        assert shop.experiment_looks.look(campaign_id)
        send_on(shop, campaign_id)
    waves = shop.experiments.show(campaign_id)["waves"]
    assert [wave["ends"] for wave in waves] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert waves[1]["shares"][1] > 0.5 and min(waves[1]["shares"]) >= 0.1 - 1e-9
    assert waves[1]["basis"]["wins"][1] > 0 and sum(waves[1]["shares"]) == pytest.approx(1)
    assert {send.status for send in sends_of(shop, campaign_id)} == {"sent", "held_back"}
    assert shop.campaigns.status(campaign_id) == "sent"


def test_a_campaign_without_experiment_has_no_arms(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = shop.campaigns.create_from_file(sample.campaign)
    shop.campaigns.approve(campaign_id, "test")
    send_all(shop, campaign_id)
    assert {send.arm for send in sends_of(shop, campaign_id)} == {None}
    with pytest.raises(NotFound, match="tries nothing out"):
        shop.experiments.show(campaign_id)
    assert not shop.experiment_looks.look(campaign_id)


def test_the_size_beforehand(shop: Runtime, sample: SampleFiles) -> None:
    from campaigns.insight.experiment_terms import ExperimentTerms

    campaign_id = draft_with(shop, sample, SUBJECTS)
    helped = shop.experiments.size_help(campaign_id, ExperimentTerms.model_validate(SUBJECTS))
    assert helped.each > 10_000 and helped.enough is False and "assumption" in helped.source
    assert helped.available is not None and helped.available < 40


def test_preflight_tries_each_arm(shop: Runtime, sample: SampleFiles) -> None:
    report = shop.preflight.run(draft_with(shop, sample, SUBJECTS))
    assert any(label.endswith("arm Plain") for label in report.samples)
    assert any(label.endswith("arm As written") for label in report.samples)


def test_who_asks_why_is_told_the_subject_of_their_arm(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved_with(shop, sample, SUBJECTS)
    send_all(shop, campaign_id)
    send = next(one for one in sends_of(shop, campaign_id) if one.arm == 1 and one.status == "sent")
    with shop.db.transaction() as session:
        told = explain(session, campaign_id, send.customer_id, send.id)
    assert told is not None and told.subject == "Autumn is here"


def test_a_forecast_leaves_the_holdout_and_offline_arms_out(worded: Runtime, sample: SampleFiles) -> None:
    arms = [{"name": "Model", "value": "model"}, {"name": "Offline", "value": "offline"}]
    campaign_id = draft_with(worded, sample, {"factor": "copy", "arms": arms, "holdout": 0.2})
    with worded.db.transaction() as session:
        shares = expected_shares(get_campaign(session, campaign_id))
    asked = {
        customer
        for page in worded.copy_forecast._audience.pages(campaign_id)
        for requests in page.values()
        for customer in requests
    }
    assert shares is not None and asked and {shares.arm_of(customer) for customer in asked} == {0}


def test_the_offline_arm_asks_no_model(worded: Runtime, sample: SampleFiles) -> None:
    arms = [{"name": "Model", "value": "model"}, {"name": "Offline", "value": "offline"}]
    campaign_id = approved_with(worded, sample, {"factor": "copy", "arms": arms})
    send_all(worded, campaign_id)
    with worded.db.transaction() as session:
        found = session.execute(
            text(
                "select s.arm, c.writer, count(*) from sends s join copies c on c.id = s.copy_id"
                " where s.campaign_id = :c and s.status = 'sent' group by 1, 2"
            ),
            {"c": campaign_id},
        ).all()
    writers = {(arm, writer) for arm, writer, _ in found}
    assert (1, "offline") in writers and (1, "model") not in writers and (0, "model") in writers


def test_the_command_line_shows_and_decides(shop: Runtime, sample: SampleFiles, command: Command) -> None:
    campaign_id = str(approved_with(shop, sample, {**SUBJECTS, "test_share": 0.5}))
    send_all(shop, int(campaign_id))
    status, out, _ = command("experiment", "show", campaign_id, "--now")
    assert status == 0 and "Nothing is known yet" in out and "By name" in out
    status, out, _ = command("experiment", "show", campaign_id, "--json")
    assert status == 0 and json.loads(out)["waiting"] > 0 and "seed" not in json.loads(out)
    assert command("experiment", "decide", campaign_id, "nobody")[0] == 1
    assert command("experiment", "decide", campaign_id, "plain")[0] == 0
    assert shop.experiments.show(int(campaign_id))["decision"]["by"] == "cli"

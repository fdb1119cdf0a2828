"""Samples of copy: written as what is sent will be, judged by people, and obeyed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.copywriting.fake_server import ScriptedModelServer, says
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.copy.copy_samples import Sample
from campaigns.models import Campaign, CopyCell, CopySpend, Customer, Send, WrittenCopyRow
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command, copy_draft, send_all


def said(runtime: Runtime, campaign_id: int) -> dict[str, str]:
    return {one.key: one.verdict for one in runtime.copy_samples.shown(campaign_id)}


def test_samples_are_of_many_kinds_and_tell_how_they_came_about(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer
) -> None:
    campaign_id = copy_draft(worded, sample)
    shown = worded.copy_samples.write(campaign_id)
    assert len(shown) == 12
    assert {one.told["language"] for one in shown} == {"en", "de", "fr", "es"}
    assert all(one.verdict == "shown" and one.mails > 0 for one in shown)
    for one in shown:
        assert one.copy is not None and one.audit is not None
        assert len(one.titles) == len(one.copy.product_lines) == 4
        assert (one.audit.outcome, one.audit.models) == ("first_pass", ("gpt-5-mini",))
        assert one.audit.told["language"] == one.told["language"]
    with worded.db.transaction() as session:
        spend = session.get_one(CopySpend, campaign_id)
    assert spend.calls == len(server.requests) and spend.first_pass == 12
    assert spend.began_at is None, "the campaign's time begins when it does"


def test_what_is_approved_is_what_is_sent_and_what_is_rejected_goes_offline(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer
) -> None:
    campaign_id = copy_draft(worded, sample, approve_samples=True)
    first, second, *_ = worded.copy_samples.write(campaign_id)
    asked = len(server.requests)
    worded.copy_samples.judge(campaign_id, first.key, "rejected", "Ola")
    worded.copy_samples.approve_all(campaign_id, "Kari")
    worded.campaigns.approve(campaign_id, "test")
    send_all(worded, campaign_id)
    with worded.db.transaction() as session:
        cells = {cell.key: cell for cell in session.scalars(select(CopyCell))}
        sends = session.scalars(select(Send).where(Send.status == "sent")).all()
        words = {row.id: row for row in session.scalars(select(WrittenCopyRow))}
    assert all(cell.state != "waiting" for cell in cells.values())
    sent_with = Counter(words[send.copy_id or 0].content_hash for send in sends)
    assert sent_with[first.key] == 0 and sent_with[second.key] == second.mails
    assert words[cells[second.key].copy_id or 0].content_hash == second.key
    assert cells[first.key].judged_by == "Ola" and cells[second.key].judged_by == "Kari"
    told = [json.dumps(request.body["messages"]) for request in server.requests]
    assert len(told[:asked]) == len(set(told[:asked])) and not set(told[:asked]) & set(told[asked:])
    report = worded.copy_reporting.report(campaign_id)
    assert report.mails == {"offline": first.mails, "written": len(sends) - first.mails}


def test_nobody_approves_a_campaign_whose_samples_nobody_has_judged(
    worded: Runtime, sample: SampleFiles
) -> None:
    campaign_id = copy_draft(worded, sample, approve_samples=True)
    with pytest.raises(Refused, match="asks for samples"):
        worded.campaigns.approve(campaign_id, "test")
    shown = worded.copy_samples.write(campaign_id)
    for one in shown[1:]:
        worded.copy_samples.judge(campaign_id, one.key, "approved", "test")
    with pytest.raises(Refused, match=f"1 of {len(shown)} samples"):
        worded.campaigns.approve(campaign_id, "test")
    worded.copy_samples.judge(campaign_id, shown[0].key, "rejected", "test")
    worded.campaigns.approve(campaign_id, "test")
    assert worded.campaigns.status(campaign_id) == "approved"


def test_writing_again_keeps_what_was_said_and_costs_nothing(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer
) -> None:
    campaign_id = copy_draft(worded, sample)
    shown = worded.copy_samples.write(campaign_id)
    worded.copy_samples.judge(campaign_id, shown[0].key, "approved", "test")
    worded.copy_samples.judge(campaign_id, shown[1].key, "rejected", "test")
    before, calls = said(worded, campaign_id), len(server.requests)
    again = worded.copy_samples.write(campaign_id)
    assert said(worded, campaign_id) == before and len(server.requests) == calls
    assert [one.copy for one in again] == [one.copy for one in shown]
    assert worded.copy_reporting.report(campaign_id).written_here == 12


def test_a_worker_writes_what_was_asked_for_and_one_that_died_is_followed_by_another(
    worded: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = copy_draft(worded, sample)
    flow = worded.copy_samples
    assert not flow.waiting(campaign_id) and flow.work() == 0
    flow.ask(campaign_id)
    flow.ask(campaign_id)
    assert flow.waiting(campaign_id) and ("write_samples", 0) in worded.jobs.hints  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(flow, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            flow.work()
    assert flow.waiting(campaign_id) and flow.work() == 0, "it is another's, as far as anybody knows"
    with worded.db.transaction() as session:
        session.get_one(Campaign, campaign_id).samples_due_at = worded.clock.now()
    assert flow.work() == 1
    assert not flow.waiting(campaign_id) and len(flow.shown(campaign_id)) == 12


def killed(campaign_id: int, beat: Callable[[], None]) -> list[Sample]:
    raise KeyboardInterrupt


def test_samples_that_cannot_be_written_are_asked_for_once(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(worded, sample)
    worded.copy_samples.ask(campaign_id)
    with worded.db.transaction() as session:
        session.get_one(Campaign, campaign_id).template = "no-such-template"
    assert worded.copy_samples.work() == 0
    assert not worded.copy_samples.waiting(campaign_id)


def test_what_the_guard_refused_is_told_with_the_sample(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer
) -> None:
    server._steps[:] = [says(subject="50% off everything")]
    shown = worded.copy_samples.write(copy_draft(worded, sample))
    for one in shown:
        assert one.audit is not None and one.copy is not None
        assert one.audit.outcome == "partly_offline" and one.audit.offline_fields == ("subject",)
        assert {verdict["field"] for verdict in one.audit.verdicts} == {"subject"}
        assert "50%" not in one.copy.subject


def test_a_preview_explains_its_words_and_shows_what_would_be_sent(
    worded: Runtime, sample: SampleFiles
) -> None:
    campaign_id = copy_draft(worded, sample)
    first = worded.copy_samples.write(campaign_id)[0]
    with worded.db.transaction() as session:
        people = list(session.scalars(select(Customer.external_id).order_by(Customer.id)))

    def previewed(customer: str) -> dict[str, Any]:
        told = worded.viewing.preview(campaign_id, customer).explained()["copy"]
        assert isinstance(told, dict)
        return told

    customer, told = next(
        (one, told) for one in people if (told := previewed(one))["parts"][0]["key"] == first.key
    )
    assert (told["outcome"], told["cell"]["sample"], told["cost"]) == ("first_pass", "shown", None)
    assert told["told"]["language"] == first.told["language"] and "name" not in json.dumps(told["told"])
    assert told["tokens"]["input"] > 0 and [part["part"] for part in told["parts"]][:2] == ["head", "line 1"]
    worded.copy_samples.judge(campaign_id, first.key, "rejected", "test")
    assert previewed(customer)["outcome"] == "offline"


def test_once_it_has_begun_nothing_is_judged_any_more(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(worded, sample)
    [first, *_] = worded.copy_samples.write(campaign_id)
    with worded.db.transaction() as session:
        session.get_one(Campaign, campaign_id).status = "sending"
    for act in (
        lambda: worded.copy_samples.judge(campaign_id, first.key, "rejected", "test"),
        lambda: worded.copy_samples.write(campaign_id),
        lambda: worded.copy_samples.ask(campaign_id),
        lambda: worded.copy_samples.approve_all(campaign_id, "test"),
    ):
        with pytest.raises(Refused, match="samples are for before it begins"):
            act()


def test_a_key_may_be_short_but_must_be_clear(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(worded, sample)
    flow = worded.copy_samples
    [first, *_] = flow.write(campaign_id)
    flow.judge(campaign_id, first.key[:10], "approved", "test")
    assert said(worded, campaign_id)[first.key] == "approved"
    with pytest.raises(NotFound):
        flow.judge(campaign_id, "f" * 64, "approved", "test")
    with pytest.raises(NotFound):
        flow.judge(campaign_id, "%_____", "approved", "test")
    with pytest.raises(BadInput, match="at least"):
        flow.judge(campaign_id, "a", "approved", "test")
    with pytest.raises(BadInput, match="approved or rejected"):
        flow.judge(campaign_id, first.key, "shown", "test")


def test_samples_of_the_offline_writer_are_shown_too(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = copy_draft(shop, sample, approve_samples=True)
    shown = shop.copy_samples.write(campaign_id)
    assert len(shown) == 12 and {one.audit.outcome for one in shown if one.audit} == {"offline"}
    assert shop.copy_samples.approve_all(campaign_id, "test") == 12
    assert set(said(shop, campaign_id).values()) == {"approved"}


def test_from_the_command_line(
    worded: Runtime,
    sample: SampleFiles,
    command: Command,
    server: ScriptedModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    campaign_id = copy_draft(worded, sample)
    status, out, _ = command("copy", "samples", campaign_id)
    assert status == 0 and "--write" in out
    status, out, _ = command("copy", "samples", campaign_id, "--write", "--json")
    told = json.loads(out)
    assert status == 0 and len(told) == 12
    assert told[0]["copy"]["subject"] and told[0]["written"]["models"] == ["gpt-5-mini"]
    status, out, err = command(
        "copy", "samples", campaign_id, "--reject", told[0]["key"][:12], "--approve", "all"
    )
    assert status == 0, err
    assert list(said(worded, campaign_id).values()) == ["rejected"] + ["approved"] * 11
    assert "rejected" in out and "first_pass gpt-5-mini" in out

"""Words by a model, apart from sending: few statements, no turn used up for nothing, nobody held up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.copywriting.fake_server import BEHAVIOURS, Reply, ScriptedModelServer, says
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.gate import Ask, Pass
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, let_time_pass, make_runtime

_HONEST = says()


class SlowModel:
    """An honest model that thinks for a while, and does something meanwhile."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, body: dict[str, Any]) -> Reply:
        time.sleep(self.seconds)
        self.meanwhile()
        return _HONEST(body)


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
def further_settings() -> dict[str, object]:
    return {"batch_size": 100, "llm_concurrency": 1}


def planned(runtime: Runtime, sample: SampleFiles, **delivery: object) -> int:
    """A campaign on these terms, with its audience frozen."""
    campaign_id = approved(runtime, sample)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign_id).delivery = dict(delivery)
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    return campaign_id


def by_status(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    with runtime.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    return kept


def paced(runtime: Runtime) -> list[bytes]:
    """The buckets of campaigns that any mail has used."""
    return list(runtime.redis.scan_iter("*campaign:*"))


def test_a_batch_costs_few_statements(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer
) -> None:
    """Once two for each three sends, 102 for these 55 with 40 calls, and 68 when all words were known."""
    campaign_id = planned(worded, sample)
    worded.sending.work()
    before = worded.db.statements
    assert worded.wordsmith.work() == 55
    calls = len(server.requests)
    # A call: the budget asked and told, its answer looked for and kept, its words kept, its cell ended and counted.
    # Every fourth also asks whether the campaign is still to be sent, and whether words were rejected since.
    assert worded.db.statements - before <= 40 + 16 * calls
    worded.sending.work()
    assert worded.campaigns.status(campaign_id) == CampaignStatus.SENT

    let_time_pass(worded)
    again = planned(worded, sample)
    with worded.db.transaction() as session:
        session.execute(
            text("update sends set status = 'picked' where campaign_id = :c and status = 'planned'"),
            {"c": again},
        )
        recount(session, again)
    before = worded.db.statements
    assert worded.wordsmith.work() == 55
    assert len(server.requests) == calls
    assert worded.db.statements - before <= 36
    assert by_status(worded, again)["written"] == 55


def test_no_connection_is_held_while_the_model_thinks(
    worded: Runtime, sample: SampleFiles, model: SlowModel
) -> None:
    planned(worded, sample)
    worded.sending.work()
    held: list[int] = []
    pool: Any = worded.db.engine.pool
    model.meanwhile = lambda: held.append(pool.checkedout())
    assert worded.wordsmith.work() == 55
    assert set(held) == {0}


def test_who_waits_for_words_takes_no_turn(worded: Runtime, sample: SampleFiles) -> None:
    campaign_id = planned(worded, sample, per_second=10)
    for _ in range(6):
        worded.sending.send_batch(campaign_id)
    assert by_status(worded, campaign_id)["picked"] == 55
    assert not paced(worded), "no token was taken for a mail without words"


def test_a_paced_campaign_keeps_its_pace_with_a_slow_model(
    worded: Runtime,
    servers: EmbeddedUrls,
    tmp_path: Path,
    sample: SampleFiles,
    server: ScriptedModelServer,
    model: SlowModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each mail takes one token: with another one for waiting for its words, the pace would be half."""
    model.seconds = 0.02
    campaign_id = planned(worded, sample, per_second=20)
    admit = worded.gate.admit
    granted: list[int] = []

    def counted(asks: Sequence[Ask]) -> list[Pass]:
        passes = admit(asks)
        granted.extend(ask.send_id for ask, one in zip(asks, passes, strict=True) if not one.wait)
        return passes

    monkeypatch.setattr(worded.gate, "admit", counted)
    over = Event()

    # As in a process of its own: a worker has a way out and claims of its own.
    elsewhere = make_runtime(
        servers, tmp_path / "elsewhere", openai_base_url=server.base_url, openai_api_key="k"
    ).start()

    def write() -> None:
        while not over.wait(0.05):
            elsewhere.wordsmith.work()

    writer = Thread(target=write)
    writer.start()
    try:
        began = time.monotonic()
        while worded.campaigns.status(campaign_id) != CampaignStatus.SENT and time.monotonic() < began + 30:
            worded.sending.send_batch(campaign_id)
        took = time.monotonic() - began
    finally:
        over.set()
        writer.join()
        elsewhere.close()
    assert by_status(worded, campaign_id) == {"sent": 55, "held_back": 25}
    assert sorted(granted) == sorted(set(granted))
    assert len(granted) == 55
    assert took > 2


def test_a_campaign_that_cannot_be_read_is_left_alone(worded: Runtime, sample: SampleFiles) -> None:
    broken, sound = planned(worded, sample), planned(worded, sample)
    worded.sending.work()
    with worded.db.transaction() as session:
        session.get_one(Campaign, broken).template = "no-such-template"
    assert worded.wordsmith.work() == 55
    assert by_status(worded, sound)["written"] == 55
    assert by_status(worded, broken)["picked"] == 55
    with worded.db.transaction() as session:
        assert not session.scalar(
            text("select count(*) from sends where claimed_by <> '' and status = 'picked'")
        )


def test_a_wordsmith_that_is_to_end_keeps_what_is_written_and_gives_back_the_rest(
    servers: EmbeddedUrls,
    db: Database,
    tmp_path: Path,
    sample: SampleFiles,
    server: ScriptedModelServer,
    model: SlowModel,
) -> None:
    asked_to_stop = Event()
    runtime = make_runtime(
        servers,
        tmp_path,
        openai_base_url=server.base_url,
        openai_api_key="k",
        batch_size=100,
        llm_concurrency=1,
    )
    runtime.stopping = asked_to_stop.is_set
    runtime.start()
    fill_shop(runtime, sample)
    campaign_id = planned(runtime, sample)
    runtime.sending.work()
    model.meanwhile = asked_to_stop.set
    written = runtime.wordsmith.work()
    assert written > 0
    assert len(server.requests) == 1
    left = by_status(runtime, campaign_id)
    assert left.pop("written") == written
    assert left.pop("held_back") == 25
    assert set(left) <= {"picked", "planned"}
    assert sum(left.values()) == 55 - written
    with runtime.db.transaction() as session:
        assert not session.scalar(
            text("select count(*) from sends where claimed_by <> '' and status = 'picked'")
        )
        assert not session.scalar(text("select count(*) from copy_cells where claimed_by <> ''"))
    runtime.close()


def test_what_is_written_goes_out_while_the_model_is_at_the_rest(
    worded: Runtime, sample: SampleFiles, model: SlowModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.flows.copy.wordsmith._RECORD_SECONDS", 0.0)
    campaign_id = planned(worded, sample)
    worded.sending.work()
    seen: list[int] = []
    model.meanwhile = lambda: seen.append(by_status(worded, campaign_id).get("written", 0))
    worded.wordsmith.work()
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert by_status(worded, campaign_id)["written"] == 55


def test_a_model_that_refuses_is_asked_once_a_cell(
    worded: Runtime, sample: SampleFiles, server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server._steps[:] = [BEHAVIOURS["refusal"]]
    campaign_id = planned(worded, sample)
    with worded.db.transaction() as session:
        session.get_one(Campaign, campaign_id).copy = {"fallback_limit": 100}
    worded.sending.work()
    asked: list[str] = []
    usual = worded.desk.copy_for

    def heard(request: CopyRequest, *more: Any) -> WrittenCopy:
        asked.append(request.cell_key())
        return usual(request, *more)

    monkeypatch.setattr(worded.desk, "copy_for", heard)
    assert worded.wordsmith.work() == 55
    assert len(asked) > 10
    assert len(asked) == len(set(asked))

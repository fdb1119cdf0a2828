"""Batches: what comes back is found by the campaign, whatever is lost on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.copywriting.asking import first_question
from campaigns.copywriting.crew import Crew
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_batches import ScriptedBatches
from campaigns.copywriting.fake_server import Reply, ScriptedModelServer, failure, says
from campaigns.copywriting.model_client import ModelClient
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.terms import CopyTerms
from campaigns.core.clock import SystemClock
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.flows.copy.copy_answers import AnswersInDatabase, forget_answers
from campaigns.flows.copy.copy_batches import CopyBatches
from campaigns.models import Campaign, CampaignStatus
from tests.copywriting.copywriting_samples import a_pick, a_request
from tests.flows.flows_copy_house import CELLS, House


def test_what_a_batch_brings_is_asked_by_nobody_again(house: House, batches: ScriptedBatches) -> None:
    house.flow().run()
    assert house.states() == ["validating", "handed_over"] and house.rows()[0].requests == 5
    (batch,) = batches.batches.values()
    told = batches.requests_of(batch)
    assert {line["url"] for line in told} == {"/v1/chat/completions"} and batch["completion_window"] == "24h"
    assert len({line["custom_id"] for line in told}) == 5
    assert all(line["body"]["store"] is False for line in told)
    house.flow().run()
    assert batches.uploads == 1, "nothing is handed over twice"
    batches.work()
    house.flow().run()
    row = house.rows()[0]
    assert (row.state, row.collected, row.answered, row.failed) == ("completed", True, 5, 0)
    assert house.calls_of_a_run() == 0 and house.server.requests == []
    assert batches.files == {}, "nothing is left at the server"


@pytest.mark.parametrize("status", ["expired", "cancelled", "failed", "completed"])
def test_what_came_until_the_end_is_kept_and_the_rest_is_asked(
    house: House, batches: ScriptedBatches, status: str
) -> None:
    house.flow().run()
    batches.work(status=status, done=2)
    house.flow().run()
    row = house.rows()[0]
    assert (row.state, row.answered, row.failed, row.collected) == (status, 2, 3, True)
    assert house.calls_of_a_run() == 3


def test_lines_in_any_order_twice_of_strangers_and_broken_ones(
    house: House, batches: ScriptedBatches
) -> None:
    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        stranger = {**lines[0], "custom_id": "f" * 64}
        again = {**lines[1], "response": {**lines[1]["response"], "body": {"choices": []}}}
        refused = {**lines[4], "response": {"status_code": 400, "body": {"error": {}}}}
        odd: list[Any] = [None, [], 7, {"custom_id": 5}, {"custom_id": lines[4]["custom_id"], "response": 1}]
        return [refused, *odd, stranger, *lines[:4][::-1], again]

    house.flow().run()
    batches.work(change=change)
    house.flow().run()
    assert (house.rows()[0].answered, house.rows()[0].failed) == (4, 1)
    assert house.calls_of_a_run() == 1


def test_big_campaigns_make_several_files(house: House, batches: ScriptedBatches) -> None:
    house.flow(most=2).run()
    assert [row.requests for row in house.rows()] == [2, 2, 1, 0]
    batches.work()
    house.flow().run()
    assert house.calls_of_a_run() == 0


def test_files_keep_to_their_size(house: House, batches: ScriptedBatches) -> None:
    house.flow(largest=1).run()
    assert [row.requests for row in house.rows()] == [1] * 5 + [0]
    assert sum(len(batches.requests_of(batch)) for batch in batches.batches.values()) == 5


def test_words_and_answers_that_are_there_are_not_asked_for(house: House, batches: ScriptedBatches) -> None:
    first = CELLS["cell 1"]
    CopyDesk(house.writer(), OfflineWriter()).copy_for(first)
    house.flow().run()
    (batch,) = batches.batches.values()
    key = first_question(first, {}).key(house.writer().client.server, "m")
    asked = {line["custom_id"] for line in batches.requests_of(batch)}
    assert len(asked) == 4 and key not in asked


def test_a_server_without_batches_is_asked_when_the_campaign_runs(db: Database) -> None:
    with ScriptedModelServer() as server:
        house = House(db, server)
        house.flow().run()
        house.flow().run()
        assert house.states() == ["lost", "refused"]
        assert "this server has no batches" in house.rows()[1].fault
        assert house.calls_of_a_run() == 5


def test_campaigns_that_begin_soon_or_want_no_batch_are_left_alone(house: House) -> None:
    with house.db.transaction() as session:
        session.get_one(Campaign, house.campaign).scheduled_at = house.clock.now() + timedelta(minutes=30)
    house.flow().run()
    with house.db.transaction() as session:
        campaign = session.get_one(Campaign, house.campaign)
        campaign.scheduled_at = house.clock.now() + timedelta(hours=9)
        campaign.copy = CopyTerms().as_json()
    house.flow().run()
    assert house.rows() == []


def test_a_campaign_that_begins_cancels_its_batch_and_keeps_what_is_done(
    house: House, batches: ScriptedBatches
) -> None:
    house.flow().run()
    with house.db.transaction() as session:
        session.get_one(Campaign, house.campaign).status = CampaignStatus.SENDING.value
    house.flow().run()
    assert house.states()[0] == "cancelling"
    batches.work(status="cancelled", done=1)
    house.flow().run()
    assert house.rows()[0].answered == 1 and house.calls_of_a_run() == 4


class TestKilled:
    """At every point in between: nothing is lost and nothing is made twice."""

    class Killed(BaseException):
        """As a kill ends a process: nothing catches it."""

    def killed_at(self, house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
        """A run that is killed right after the server did `what`."""
        from campaigns.copywriting.model_batches import ModelBatches

        real: Callable[..., Any] = getattr(ModelBatches, what)

        def die(*args: Any) -> Any:
            real(*args)
            raise TestKilled.Killed

        with monkeypatch.context() as patch:
            patch.setattr(ModelBatches, what, die)
            with pytest.raises(TestKilled.Killed):
                house.flow().run()

    @pytest.mark.parametrize(("what", "left"), [("upload", "prepared"), ("create", "uploaded")])
    def test_while_it_is_made(
        self, house: House, batches: ScriptedBatches, monkeypatch: pytest.MonkeyPatch, what: str, left: str
    ) -> None:
        self.killed_at(house, monkeypatch, what)
        assert house.states() == [left]
        house.flow().run()
        assert house.states() == [left, "handed_over"], "somebody may still be at it"
        house.clock.moved = timedelta(minutes=30)
        house.flow().run()
        house.flow().run()
        live = [batch for batch in batches.batches.values() if batch["status"] == "validating"]
        assert [len(batches.requests_of(batch)) for batch in live] == [5]
        batches.work()
        house.flow().run()
        assert house.calls_of_a_run() == 0
        assert len(batches.batches) == 1

    def test_after_the_upload_was_noted(
        self, house: House, batches: ScriptedBatches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "refused_creates", [failure(503, "busy")])
        house.flow().run()
        assert house.states() == ["uploaded"] and batches.batches == {}
        house.clock.moved = timedelta(minutes=30)
        house.flow().run()
        assert len(batches.batches) == 1 and batches.uploads == 1, "the file is there already"

    def test_while_it_is_collected(
        self, house: House, batches: ScriptedBatches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.flow().run()
        batches.work()
        real = AnswersInDatabase.find

        def die(self: CopyBatches, *_: Any, **told: Any) -> bool:
            if told.get("collected"):
                raise TestKilled.Killed
            return True

        with monkeypatch.context() as patch:
            patch.setattr(CopyBatches, "_note", die)
            with pytest.raises(TestKilled.Killed):
                house.flow().run()
        assert AnswersInDatabase.find is real
        house.flow().run()
        spent = house.spent()
        assert spent is not None and spent.calls == 5, "counted once"
        assert house.rows()[0].collected and house.calls_of_a_run() == 0


def test_a_batch_that_the_server_forgot_is_given_up(house: House, batches: ScriptedBatches) -> None:
    house.flow().run()
    batches.batches.clear()
    house.flow().run()
    assert house.states()[0] == "lost" and house.calls_of_a_run() == 5


def test_an_outage_is_waited_out(house: House, batches: ScriptedBatches) -> None:
    flow = house.flow()
    flow.run()
    batches.work()
    gone = ScriptedModelServer(batches=batches)
    with gone:
        pass
    writer = ModelWriter(gone.base_url, "k", "m", timeout=1)
    away = house.flow()
    away._writer = writer
    away.run()
    assert house.states()[0] == "validating"
    flow.run()
    assert house.rows()[0].collected


def test_rescheduled_with_other_cells_only_those_are_handed_over(
    house: House, batches: ScriptedBatches
) -> None:
    house.flow().run()
    house.cells["cell 9"] = a_request(picks=(a_pick(9),))
    with house.db.transaction() as session:
        session.execute(
            text(
                "insert into campaign_transitions (campaign_id, from_status, to_status, at) "
                "values (:c, 'approved', 'scheduled', :at)"
            ),
            {"c": house.campaign, "at": house.clock.now()},
        )
    house.flow().run()
    assert [row.requests for row in house.rows()] == [5, 0, 1, 0]


def test_old_answers_are_forgotten(db: Database) -> None:
    store = AnswersInDatabase(db)
    with ScriptedModelServer() as server:
        writer = ModelWriter(server.base_url, "k", "m", timeout=5, answers=store)
        writer.write(CELLS["cell 1"])
        assert forget_answers(db, SystemClock().now()) == 0
        assert forget_answers(db, SystemClock().now() + timedelta(days=31)) == 1
        writer.write(CELLS["cell 1"])
        assert len(server.requests) == 2


def write_cells(url: str, base_url: str) -> int:
    """Thirty cells, four at once, with the answers kept in the database; returns how many a model wrote."""
    db = Database(url)
    writer = ModelWriter(base_url, "k", "m", timeout=20, most=4, answers=AnswersInDatabase(db))
    cells = {number: a_request(picks=(a_pick(number),)) for number in range(30)}
    written = dict(Crew(CopyDesk(writer, OfflineWriter()), 4).copies_for(cells))
    db.close()
    return sum(one.writer == "model" for one in written.values())


def test_a_process_killed_midway_loses_no_answer_that_was_paid_for(
    db: Database, servers: EmbeddedUrls
) -> None:
    """SIGKILL when some are answered: at most those in flight are asked again."""
    asked: list[str] = []
    first: list[int] = []

    def reply(body: dict[str, Any]) -> Reply:
        asked.append(json.dumps(body["messages"]))
        if len(asked) == 13:
            os.kill(first[0], signal.SIGKILL)
        return says()(body)

    with ScriptedModelServer(reply) as server:
        url = str(servers.database_url)
        told = f"from {__name__} import write_cells; write_cells({url!r}, {server.base_url!r})"
        paths = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen([sys.executable, "-c", told], env={**os.environ, "PYTHONPATH": paths})
        first.append(process.pid)
        assert process.wait(60) == -signal.SIGKILL
        assert 13 <= len(asked) <= 16
        assert write_cells(url, server.base_url) == 30
    assert len(set(asked)) == 30 and len(asked) <= 34, "only what had not arrived is asked again"


def test_questions_of_a_batch_are_those_of_the_ordinary_path() -> None:
    client = ModelClient("http://x/v1", None, "m")
    question = first_question(CELLS["cell 1"], {})
    assert client.body(question, client.ways)["messages"] == list(question.messages)

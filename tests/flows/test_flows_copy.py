"""Copy through the flows: written by cell, kept, reused, and never a reason for a mail not to go out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.demo.inbox import read_inbox
from campaigns.models import CampaignStatus, WrittenCopyRow
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, let_time_pass, make_runtime, send_all, send_on


@pytest.fixture
def by_model(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles, request: pytest.FixtureRequest
) -> Iterator[tuple[Runtime, ScriptedModelServer]]:
    with ScriptedModelServer([request.param]) as server:
        runtime = make_runtime(
            servers, tmp_path / "data", openai_base_url=server.base_url, openai_api_key="k", llm_timeout=1.0
        ).start()
        fill_shop(runtime, sample)
        yield runtime, server
        runtime.close()


@pytest.mark.parametrize("by_model", ["good"], indirect=True)
def test_the_models_copy_is_kept_by_cell_and_reused(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, server = by_model
    campaign_id = approved(runtime, sample)
    send_all(runtime, campaign_id)
    with runtime.db.transaction() as session:
        rows = session.scalars(select(WrittenCopyRow)).all()
    assert {row.writer for row in rows} == {"model"}
    asked = len(server.requests)
    assert asked <= runtime.reporting.report(campaign_id).sent
    let_time_pass(runtime)
    send_all(runtime, approved(runtime, sample))
    assert len(server.requests) == asked, "the same cells again cost no further call"


@pytest.mark.parametrize("by_model", ["server_error", "refusal", "hang"], indirect=True)
def test_the_mail_goes_out_whatever_the_model_does(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, _ = by_model
    campaign_id = approved(runtime, sample)
    send_all(runtime, campaign_id)
    assert runtime.campaigns.status(campaign_id) == CampaignStatus.PAUSED
    assert "cells have no words of the model" in runtime.campaigns.show(campaign_id)["paused_because"]
    runtime.campaigns.resume(campaign_id, "test")
    send_on(runtime, campaign_id)
    report = runtime.reporting.report(campaign_id)
    assert report.failed == 0
    assert report.copy_writers == {"offline": report.sent}
    assert len(list(read_inbox(runtime.settings.captured_mail, campaign_id))) == report.sent == 55


@pytest.mark.parametrize("by_model", ["obeys_injection"], indirect=True)
def test_what_an_injection_made_the_model_write_is_in_no_mail(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, _ = by_model
    campaign_id = approved(runtime, sample)
    send_all(runtime, campaign_id)
    inbox = list(read_inbox(runtime.settings.captured_mail, campaign_id))
    assert len(inbox) == 55
    assert not any("50% off" in mail.html or "evil.example" in mail.html for mail in inbox)
    with runtime.db.transaction() as session:
        states = session.execute(text("select state, count(*) from copy_cells group by 1")).all()
        offline = session.scalars(select(WrittenCopyRow.offline_fields)).all()
    assert {state for state, _ in states} == {"partly_offline"}
    assert ["subject", "intro"] in offline, "only the fields that broke rules are the offline writer's"


@pytest.mark.parametrize("by_model", ["good"], indirect=True)
def test_the_model_is_told_nobodys_name_or_address(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, server = by_model
    send_all(runtime, approved(runtime, sample))
    said = "".join(str(request) for request in server.requests)
    with runtime.db.transaction() as session:
        names = session.scalars(text("select last_name from customers where length(last_name) > 5")).all()
        orders = session.scalars(text("select distinct order_id from order_lines limit 50")).all()
    assert "@example" not in said
    assert not [name for name in names if name in said]
    assert not [order for order in orders if order in said]

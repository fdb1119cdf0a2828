"""Shops with a model that writes, as several modules want them; a module's own fixture of the same name goes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.copywriting.fake_batches import ScriptedBatches
from campaigns.copywriting.fake_server import BEHAVIOURS, Behaviour, ScriptedModelServer
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_copy_house import House
from tests.flows.flows_copy_story import Story, copy_story
from tests.shop import fill_shop, let_time_pass, make_runtime


@pytest.fixture
def model() -> Behaviour:
    """What the model does: it writes what passes."""
    return BEHAVIOURS["good"]


@pytest.fixture
def server(model: Behaviour) -> Iterator[ScriptedModelServer]:
    """A server with that model."""
    with ScriptedModelServer(model) as server:
        yield server


@pytest.fixture
def further_settings() -> dict[str, object]:
    """Settings of `worded` beside those of its model."""
    return {}


@pytest.fixture
def worded(
    servers: EmbeddedUrls,
    db: Database,
    tmp_path: Path,
    sample: SampleFiles,
    server: ScriptedModelServer,
    further_settings: dict[str, object],
) -> Iterator[Runtime]:
    """The sample shop with a model that writes."""
    runtime = make_runtime(
        servers, tmp_path / "data", openai_base_url=server.base_url, openai_api_key="k", **further_settings
    ).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def served(
    servers: EmbeddedUrls, database: Database, sample: SampleFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The same for stories of many campaigns in one module."""
    with copy_story(servers, database, sample, tmp_path_factory.mktemp("story")) as story:
        yield story


@pytest.fixture
def story(served: Story) -> Story:
    """With nothing asked yet, an honest model, and mails of earlier tests long ago."""
    served.server.requests.clear()
    served.model.does = BEHAVIOURS["good"]
    let_time_pass(served.runtime)
    return served


@pytest.fixture
def batches() -> ScriptedBatches:
    """What a server does with batches."""
    return ScriptedBatches()


@pytest.fixture
def house(db: Database, batches: ScriptedBatches) -> Iterator[House]:
    """A campaign whose copy is asked for a day ahead."""
    with ScriptedModelServer(batches=batches) as server:
        yield House(db, server)

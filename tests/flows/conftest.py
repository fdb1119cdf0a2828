"""A Runtime on the test servers, and a small sample shop imported into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import RecordedJobs
from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles, SampleShop
from tests.conftest import SECRET

SHOP = SampleShop(customers=80, today=date(2026, 11, 1))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """The sample shop's files, written once."""
    return SHOP.write(tmp_path_factory.mktemp("sample"))


def make_runtime(servers: EmbeddedUrls, folder: Path, **overrides: object) -> Runtime:
    """A Runtime on the test servers with settings of its own."""
    settings = load_settings(
        {
            "database_url": servers.database_url,
            "redis_url": (servers.redis_url or "").replace("db=0", "db=8"),
            "data_dir": folder,
            "secret_key": SECRET,
            "public_url": "http://mail.test",
            "batch_size": 40,
            **overrides,
        }
    )
    return Runtime(settings, RecordedJobs())


@pytest.fixture
def runtime(servers: EmbeddedUrls, db: Database, tmp_path: Path) -> Iterator[Runtime]:
    """Started, on an empty database, with hints recorded instead of sent."""
    runtime = make_runtime(servers, tmp_path / "data").start()
    runtime.redis.flushdb()
    yield runtime
    runtime.close()


@pytest.fixture
def shop(runtime: Runtime, sample: SampleFiles) -> Runtime:
    """The same with the sample shop imported and a model trained."""
    fill_shop(runtime, sample)
    return runtime


def fill_shop(runtime: Runtime, sample: SampleFiles) -> None:
    """Import the sample and train."""
    for kind in ("customers", "products", "orders", "consents"):
        for result in runtime.importing.run(kind, [getattr(sample, kind)]):
            assert not result.errors
    runtime.training.run()


def approved(runtime: Runtime, sample: SampleFiles) -> int:
    """A campaign of the sample, approved."""
    campaign_id = runtime.campaigns.create_from_file(sample.campaign)
    runtime.campaigns.approve(campaign_id, "test")
    return campaign_id


def send_all(runtime: Runtime, campaign_id: int) -> None:
    """Send a campaign in this process, as a worker would."""
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    while runtime.sending.send_batch(campaign_id).claimed:
        pass

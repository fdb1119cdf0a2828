"""What tests do with the small sample shop: make a Runtime, fill it, approve and send."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import RecordedJobs
from campaigns.core.settings import load_settings
from campaigns.models import Campaign
from campaigns.recommend.interactions import load_interactions
from campaigns.recommend.model import train
from campaigns.recommend.versions import keep_model
from campaigns.runtime import SAMPLE_WEATHER, Runtime
from campaigns.sampleshop.shop import SampleFiles, SampleShop

# How well a model is tuned is told by tests/recommend.
QUICK_TRAINING = {"TAILORMAIL_TRAINING_SECONDS": "1"}
SECRET = "a-secret-for-tests-only-0123456789abcdef"
SHOP = SampleShop(customers=80, today=date(2026, 11, 1))

Command = Callable[..., tuple[int, str, str]]
"""The `command` fixture: arguments to (exit status, stdout, stderr)."""


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
            "training_seconds": 0,
            **overrides,
        }
    )
    runtime = Runtime(settings, RecordedJobs())
    # SpamAssassin takes seconds to load its rules; those who test preflight ask for it.
    runtime.spam_judge = None
    return runtime


def fill_shop(runtime: Runtime, sample: SampleFiles) -> None:
    """Import the sample, and pick by taste."""
    for kind in ("customers", "products", "orders", "consents"):
        for result in runtime.importing.run(kind, [getattr(sample, kind)]):
            assert not result.errors
    pick_by_taste(runtime)


def pick_by_taste(runtime: Runtime) -> None:
    """Put a model into use that was not checked: so few customers would prove nothing, and get best-sellers."""
    with runtime.db.transaction() as session:
        keep_model(session, train(load_interactions(session), runtime.clock.now()), use=True)


def approved(runtime: Runtime, sample: SampleFiles) -> int:
    """A campaign of the sample, approved."""
    campaign_id = runtime.campaigns.create_from_file(sample.campaign)
    runtime.campaigns.approve(campaign_id, "test")
    return campaign_id


def send_all(runtime: Runtime, campaign_id: int) -> None:
    """Send a campaign in this process, as a worker would."""
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    send_on(runtime, campaign_id)


def send_on(runtime: Runtime, campaign_id: int) -> None:
    """Go on with a campaign in this process until nothing is left to do."""
    while runtime.sending.send_batch(campaign_id).claimed or runtime.wordsmith.work():
        pass


def let_time_pass(runtime: Runtime) -> None:
    """What a mail showed lately to no avail is not picked again; what it showed long ago is."""
    with runtime.db.transaction() as session:
        session.execute(text("update sends set sent_at = sent_at - interval '90 days'"))


def sent_under_weather(runtime: Runtime, sample: SampleFiles) -> Runtime:
    """The shop with the sample's first campaign sent, and the sample's weather over its cities."""
    runtime.settings.folder.mkdir(parents=True, exist_ok=True)
    rows = [[latitude, longitude, sky] for (latitude, longitude), sky in SHOP.weather().items()]
    (runtime.settings.folder / SAMPLE_WEATHER).write_text(json.dumps(rows))
    send_all(runtime, approved(runtime, sample))
    return runtime


def record_opens(runtime: Runtime) -> None:
    """Bring what this process has shown into the database, as its own flusher and a worker would in a moment."""
    runtime.serve_log.flush()
    runtime.draining.drain()


def bare_campaign(session: Session) -> int:
    """The number of a campaign of which nothing matters but that it is there."""
    row = Campaign(
        name="Bare", template="t", picks=1, sender="a@b.example", postal_address="x",
        brief={}, segment={}, slots=[],
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def copy_draft(runtime: Runtime, sample: SampleFiles, **terms: object) -> int:
    """A draft with these terms of copy."""
    campaign_id = runtime.campaigns.create_from_file(sample.campaign)
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign_id).copy = dict(terms)
    return campaign_id

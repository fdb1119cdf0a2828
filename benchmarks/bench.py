"""The shop that everything is measured on: embedded servers and sample data in a folder of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path

from sqlalchemy import select

from campaigns.compose.links import SendRef
from campaigns.copywriting.request import CopyRequest
from campaigns.core.embedded import Embedded
from campaigns.core.settings import load_settings
from campaigns.flows.copy.copy_facts import copy_request
from campaigns.flows.describing.plans import CampaignPlan, load_plan
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.letters import LetterFacts
from campaigns.models import ConsentState, Customer
from campaigns.runtime import SAMPLE_WEATHER, Runtime
from campaigns.sampleshop.pictures import campaign_pictures
from campaigns.sampleshop.shop import SampleFiles, SampleShop

# What a developer has set must not change what is measured, nor send sample mail to strangers.
_UNSET = (
    "database_url", "redis_url", "broker_url", "smtp_url", "delivery_path", "dkim_key", "openai_api_key", "openai_base_url", "weather_url",
    "geoip_path", "apple_egress_path",
)  # fmt: skip
_LEAST_IN_BATCH, _MOST_IN_BATCH = 5, 250
_LETTERS = 100
_MOST_REQUESTS = 5000


@dataclass
class Bench:
    """A started Runtime, the sample's files, and what several measurements need."""

    runtime: Runtime
    files: SampleFiles
    batch: int

    def new_campaign(self) -> int:
        """A campaign of the sample whose audience is frozen, ready for its first batch."""
        campaign = self.runtime.campaigns.create_from_file(self.files.campaign)
        self.runtime.campaigns.approve(campaign, "benchmarks")
        self.runtime.campaigns.send(campaign, "benchmarks")
        self.runtime.sending.plan(campaign)
        return campaign

    @cached_property
    def plan(self) -> CampaignPlan:
        """A campaign's plan, for whatever is measured outside of sending."""
        with self.runtime.db.transaction() as session:
            return load_plan(session, self.runtime.campaigns.create_from_file(self.files.campaign))

    @cached_property
    def customers(self) -> dict[int, bool]:
        """All customers, and whether each one granted profiling."""
        with self.runtime.db.transaction() as session:
            ids = session.scalars(select(Customer.id).order_by(Customer.id)).all()
            granted = select(ConsentState.customer_id).where(
                ConsentState.purpose == "profiling", ConsentState.granted
            )
            personal = set(session.scalars(granted))
        return {customer: customer in personal for customer in ids}

    def batches(self) -> Iterator[dict[int, bool]]:
        """Customers batch by batch, round and round."""
        endless = cycle(self.customers.items())
        while True:
            yield dict(islice(endless, self.batch))

    @cached_property
    def requests(self) -> dict[int, CopyRequest]:
        """What the writer would be told about each customer, or some thousand of them."""
        runtime, plan = self.runtime, self.plan
        some = dict(islice(self.customers.items(), _MOST_REQUESTS))
        histories, picks = runtime.picker.pick(some, plan.picks)
        with runtime.db.transaction() as session:
            people = load_addressees(session, runtime.keyring, list(some))
        catalogue, now = runtime.picker.catalogue, runtime.clock.now()
        return {
            customer: copy_request(plan, person, histories[customer], picks[customer], catalogue, now)
            for customer, person in people.items()
        }

    @cached_property
    def letter_facts(self) -> list[LetterFacts]:
        """What some mails are written out from."""
        return self.facts_of(_LETTERS)

    def facts_of(self, mails: int) -> list[LetterFacts]:
        """What so many mails, or as many as there are customers, are written out from."""
        requests = dict(islice(self.requests.items(), mails))
        copies = self.runtime.shelf.copies_for(requests)
        with self.runtime.db.transaction() as session:
            people = load_addressees(session, self.runtime.keyring, list(requests))
        return [
            LetterFacts(
                ref=SendRef(customer, self.plan.id, customer, tracked=customer % 2 == 0),
                addressee=people[customer],
                picks=request.picks,
                copy=copies[customer][1],
                language=request.language,
                consent_since=self.runtime.clock.now().date(),
            )
            for customer, request in requests.items()
        ]


@contextmanager
def bench(customers: int) -> Iterator[Bench]:
    """A bench with a sample shop of that many customers, nothing imported yet; all is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tailormail-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        batch = max(_LEAST_IN_BATCH, min(_MOST_IN_BATCH, customers // 20))
        settings = load_settings({"data_dir": folder / "data", "batch_size": batch})
        settings = settings.model_copy(update=dict.fromkeys(_UNSET))
        with _servers(settings.folder):
            runtime = Runtime(settings)
            try:
                runtime.start()
                yield Bench(runtime, _write_shop(runtime, customers, folder / "shop"), batch)
            finally:
                runtime.close()


@contextmanager
def _servers(folder: Path) -> Iterator[None]:
    """Embedded servers that have ended before their folder is removed; their guardian would be too late."""
    embedded = Embedded(folder)
    embedded.acquire()
    try:
        yield
    finally:
        embedded.release()
        if embedded.redis:
            embedded.redis.stop()
        if embedded.postgres:
            embedded.postgres.stop()


def _write_shop(runtime: Runtime, customers: int, folder: Path) -> SampleFiles:
    shop = SampleShop(customers=customers, today=runtime.clock.now().date())
    files = shop.write(folder, pictures=False)
    for name, body in campaign_pictures().items():
        (files.campaign.parent / name).write_bytes(body)
    weather = [[latitude, longitude, sky] for (latitude, longitude), sky in shop.weather().items()]
    (runtime.settings.folder / SAMPLE_WEATHER).write_text(json.dumps(weather))
    return files

"""The story of the demo, stage by stage, each one timed."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from campaigns.core.errors import Refused, ServiceUnavailable
from campaigns.demo.inbox import InboxMail, read_inbox
from campaigns.demo.recipients import Played, Recipients
from campaigns.demo.summary import Summary
from campaigns.flows.previewing.viewing import Scene
from campaigns.models import CampaignStatus, Customer
from campaigns.runtime import SAMPLE_WEATHER, Runtime
from campaigns.sampleshop.shop import SampleFiles, SampleShop

_BY = "demo"
_WAIT_SECONDS = 120.0
_LATE_ORDERS = 5
_LATE_ORDER_COLUMNS = ("order_id", "customer_id", "sku", "quantity", "unit_price", "ordered_at")

Tell = Callable[[str], None]


class Story:
    """Plays the demo on a started Runtime whose workers and web part run or are about to.

    Args:
        runtime: with jobs that reach the workers.
        customers: how many the sample shop has.
        tell: hears what is being done, a short line each.
        check: raises when a service that the story waits for does not run.
    """

    def __init__(self, runtime: Runtime, customers: int, tell: Tell, check: Callable[[], None]) -> None:
        self._runtime = runtime
        self._check = check
        self._shop = SampleShop(customers=customers, today=runtime.clock.now().date())
        self._tell = tell
        self._folder = runtime.settings.folder / "sample"
        self.stages: dict[str, float] = {}

    def refuse_a_real_shop(self) -> None:
        """The demo writes orders and sends mail, so it keeps away from data that is not the sample's."""
        prefix = self._shop.customers[0].external_id.rstrip("0123456789") if self._shop.customers else ""
        with self._runtime.db.transaction() as session:
            strangers = session.scalar(
                select(func.count()).where(
                    ~Customer.external_id.startswith(prefix), Customer.erased_at.is_(None)
                )
            )
        if strangers:
            raise Refused(
                f"this database has {strangers} customers that are not the sample's; "
                "run the demo with another TAILORMAIL_DATA_DIR or TAILORMAIL_DATABASE_URL"
            )

    @contextmanager
    def stage(self, name: str, telling: str) -> Iterator[None]:
        """Time a part of the story."""
        self._tell(telling)
        start = time.perf_counter()
        yield
        self.stages[name] = round(self.stages.get(name, 0.0) + time.perf_counter() - start, 2)

    def write_shop(self) -> SampleFiles:
        """Generate the shop's files and pictures, and the weather over its customers."""
        with self.stage("shop", "making the sample shop: products, customers, orders, pictures"):
            files = self._shop.write(self._folder)
            weather = [[lat, lon, sky] for (lat, lon), sky in self._shop.weather().items()]
            (self._runtime.settings.folder / SAMPLE_WEATHER).write_text(json.dumps(weather))
        return files

    def play(self, files: SampleFiles) -> Summary:
        """Everything after the shop is there and the services were started."""
        with self.stage("import", "importing customers, products, orders and consents"):
            self._import(files)
        with self.stage("train", "training the recommender in a worker"):
            self._train()
        with self.stage("create", "creating, previewing and approving the campaign"):
            first = self._approved(files.campaign)
        with self.stage("send", f"sending campaign {first} through the workers"):
            self._send(first)
        with self.stage("open", "opening in rain, snow and sun; clicking; unsubscribing two"):
            played, inbox = self._recipients(files, first)
        with self.stage("second campaign", "sending a second campaign, which leaves those two out"):
            self._order_afterwards(inbox)
            second = self._approved(files.second_campaign)
            self._send(second)
        with self.stage("report", "reading the reports"):
            self._wait(lambda: not self._runtime.draining.waiting(), "what was opened was not recorded")
            summary = self._summary(first, second, played, inbox)
        return replace(summary, stages=dict(self.stages))

    def _import(self, files: SampleFiles) -> None:
        self._host_pictures(files)
        for kind in ("customers", "products", "orders", "consents"):
            for result in self._runtime.importing.run(kind, [getattr(files, kind)]):
                if result.errors:
                    raise Refused(f"the sample's own {kind} have errors: {result.errors[0]}")

    def _host_pictures(self, files: SampleFiles) -> None:
        """Serve the drawn pictures from here, and name their URLs in the products' file."""
        bodies = {path.name: path.read_bytes() for path in sorted(files.pictures.glob("*.jpg"))}
        urls = self._runtime.hosting.keep(bodies)
        with files.products.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["image_url"] = urls.get(f"{row['sku']}.jpg", row["image_url"])
        with files.products.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def _train(self) -> None:
        self._runtime.jobs.train()
        # The import hinted at training as well; either run will do.
        self._wait(self._runtime.training.is_current, "the recommender was not trained")

    def _approved(self, path: Path) -> int:
        campaign_id = self._runtime.campaigns.create_from_file(path)
        customer = self._shop.customers[0].external_id
        for weather in ("rain", "snow"):
            preview = self._runtime.viewing.preview(campaign_id, customer, Scene(weather=weather))
            out = self._folder / f"preview-{campaign_id}-{weather}.html"
            out.write_text(preview.letter.rendered.html, encoding="utf-8")
        self._runtime.campaigns.approve(campaign_id, _BY)
        return campaign_id

    def _send(self, campaign_id: int) -> None:
        campaigns = self._runtime.campaigns
        campaigns.send(campaign_id, _BY)
        self._wait(
            lambda: campaigns.status(campaign_id) == CampaignStatus.SENT,
            f"campaign {campaign_id} was not sent; look into the logs folder of the data folder",
        )

    def _recipients(self, files: SampleFiles, campaign_id: int) -> tuple[Played, list[InboxMail]]:
        self._wait(self._web_answers, "the web part does not answer")
        inbox = list(read_inbox(self._runtime.settings.captured_mail, campaign_id))
        homes = {c.email: (c.home.name, c.home.sky) for c in self._shop.customers if c.place_known}
        heroes = {
            kind: hashlib.sha256((files.campaign.parent / f"hero-{kind}.jpg").read_bytes()).hexdigest()
            for kind in ("rain", "snow", "clear", "neutral")
        }
        return Recipients(homes, heroes).play(inbox), inbox

    def _web_answers(self) -> bool:
        try:
            return requests.get(f"{self._runtime.settings.public_url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def _order_afterwards(self, inbox: list[InboxMail]) -> None:
        """A few customers order after the first mail, for the report."""
        ids = {c.email: c.external_id for c in self._shop.customers}
        at = self._runtime.clock.now().isoformat()
        path = self._folder / "late-orders.csv"
        product = self._shop.products[0]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_LATE_ORDER_COLUMNS)
            for number, mail in enumerate(inbox[:_LATE_ORDERS]):
                customer = ids[mail.recipient]
                writer.writerow([f"{mail.message_id}-{number}", customer, product.sku, 1, product.price, at])
        self._runtime.importing.run("orders", [path])

    def _summary(self, first: int, second: int, played: Played, inbox: list[InboxMail]) -> Summary:
        report = self._runtime.reporting.report(first)
        after = self._runtime.reporting.report(second)
        later = list(read_inbox(self._runtime.settings.captured_mail, second))
        shown = self._runtime.campaigns.show(first)
        return Summary(
            campaign_ids=(first, second),
            report=report,
            second_report=after,
            played=played,
            received=[mail.message_id for mail in inbox],
            second_recipients=frozenset(mail.recipient for mail in later),
            seconds_sending=_seconds_between(shown),
            stages={},
        )

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not done():
            self._check()
            if time.monotonic() > deadline:
                raise ServiceUnavailable("demo", otherwise)
            time.sleep(0.1)


def _seconds_between(shown: dict[str, Any]) -> float:
    started, finished = (datetime.fromisoformat(shown[name]) for name in ("started_at", "finished_at"))
    return max((finished - started).total_seconds(), 0.001)

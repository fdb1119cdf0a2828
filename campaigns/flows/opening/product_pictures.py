"""The pictures of products, fetched from the shop while a campaign goes out, so that cards drawn at open show them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable, TailormailError
from campaigns.core.log import get_logger
from campaigns.core.public_http import origin_of
from campaigns.flows.describing.plans import load_plan
from campaigns.flows.opening.hosting import keep_pictures
from campaigns.models import Product, ProductPicture
from campaigns.opentime.drawing.picture_fetch import PictureFetcher
from campaigns.opentime.drawing.pictures import PictureFile

log = get_logger(__name__)

MOST_PRODUCTS = 2000
AT_ONCE = 4
AT_ONCE_FROM_A_HOST = 2
RETRY_AFTER = timedelta(days=1)
LONGEST_SECONDS = 600.0  # what is not fetched by then is fetched with the next campaign

_AT_A_TIME = 64  # pictures in memory before they are stored
_ENOUGH_FAILURES = 3  # in a row: the host is left alone

PICKED = """
    picked as (
      select (pick->>0)::bigint as product_id, count(*) as times
      from (
        select picks from sends where campaign_id = :campaign_id and jsonb_typeof(picks) = 'array' limit 10000
      ) mailed, jsonb_array_elements(mailed.picks) pick
      group by 1)
"""

# Products that can be picked and have a picture elsewhere, most picked first. Ten thousand mails tell well enough
# which those are; before the first is composed, it is the order of the catalogue. Addresses of pictures that are
# stored here already need no fetching.
_WANTED = text(
    f"""
    with {PICKED}
    select p.id, p.image_url from products p
    left join picked on picked.product_id = p.id
    left join product_pictures f on f.product_id = p.id and f.image_url = p.image_url
    where p.image_url ~* '^https?://' and p.price is not null and coalesce(p.stock, 1) > 0
      and (f.product_id is null or (f.sha256 is null and f.fetched_at < :retry_before))
      and not exists (
        select from pictures where sha256 = substring(p.image_url from '/i/([0-9a-f]{{64}})[.]'))
    order by coalesce(picked.times, 0) desc, p.id limit :most
    """
)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What came of one address: a picture, or why there is none."""

    image_url: str
    file: PictureFile | None
    failed: str = ""


class ProductPictures:
    """Fetches and stores pictures of products."""

    def __init__(self, db: Database, clock: Clock, fetcher: PictureFetcher) -> None:
        self._db = db
        self._clock = clock
        self._fetcher = fetcher

    def run(self, campaign_id: int) -> int:
        """Fetch what the cards of this campaign may show and is not stored yet; returns how many were stored.

        A campaign without such cards asks nobody. What fails is tried again after RETRY_AFTER, by the next
        campaign; an address that has changed at once.
        """
        with self._db.transaction() as session:
            if not any(slot.asks_picks for slot in load_plan(session, campaign_id).all_slots):
                return 0
            asked = {
                "campaign_id": campaign_id,
                "retry_before": self._clock.now() - RETRY_AFTER,
                "most": MOST_PRODUCTS,
            }
            wanted: dict[str, list[int]] = {}
            for product_id, image_url in session.execute(_WANTED, asked):
                wanted.setdefault(image_url, []).append(product_id)
        stored = failed = 0
        deadline = time.monotonic() + LONGEST_SECONDS
        silent: dict[str, int] = defaultdict(int)
        urls = list(wanted)
        for start in range(0, len(urls), _AT_A_TIME):
            if time.monotonic() > deadline:
                break
            fetched = self._fetch(urls[start : start + _AT_A_TIME], silent)
            with self._db.transaction() as session:
                _store(session, wanted, fetched, self._clock.now())
            stored += sum(one.file is not None for one in fetched)
            failed += sum(one.file is None for one in fetched)
        log.info("product_pictures_fetched", campaign_id=campaign_id, stored=stored, failed=failed)
        return stored

    def _fetch(self, urls: Sequence[str], silent: dict[str, int]) -> list[_Fetched]:
        """What came of each address; those of hosts that fell silent are left out. `silent` counts failures."""
        lanes = list(_lanes(urls))
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="product-picture") as threads:
            results = threads.map(lambda lane: list(self._fetch_lane(lane, silent)), lanes)
            return [one for lane in results for one in lane]

    def _fetch_lane(self, urls: Sequence[str], silent: dict[str, int]) -> Iterator[_Fetched]:
        for url in urls:
            host = _host_of(url)
            if silent[host] >= _ENOUGH_FAILURES:
                return
            try:
                yield _Fetched(url, self._fetcher.fetch(url))
            except ServiceUnavailable as error:
                silent[host] += 1
                yield _Fetched(url, None, str(error))
            except TailormailError as error:
                yield _Fetched(url, None, str(error))
            else:
                silent[host] = 0


def _lanes(urls: Sequence[str]) -> Iterator[Sequence[str]]:
    """Groups of addresses, each asked for one after the other: so many of one host as it may be asked at once."""
    by_host: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        by_host[_host_of(url)].append(url)
    for of_host in by_host.values():
        for number in range(min(AT_ONCE_FROM_A_HOST, len(of_host))):
            yield of_host[number::AT_ONCE_FROM_A_HOST]


def _host_of(url: str) -> str:
    origin = origin_of(url)
    return origin[0] if origin else ""


def _store(
    session: Session, wanted: Mapping[str, Sequence[int]], fetched: Sequence[_Fetched], now: datetime
) -> None:
    """Keep pictures and failures; `wanted` has the products of each address."""
    keep_pictures(session, {one.file.sha256: one.file for one in fetched if one.file})
    of_product = {product_id: one for one in fetched for product_id in wanted[one.image_url]}
    asked = sorted(of_product)
    # A product that is gone meanwhile has no row to stand on; one that stays must stay until this is stored.
    left = set(
        session.scalars(select(Product.id).where(Product.id.in_(asked)).with_for_update(key_share=True))
    )
    rows = [
        {
            "product_id": product_id,
            "image_url": (one := of_product[product_id]).image_url,
            "sha256": one.file.sha256 if one.file else None,
            "failed": one.failed[:200],
            "fetched_at": now,
        }
        for product_id in asked
        if product_id in left
    ]
    if rows:
        insert = upsert(ProductPicture).values(rows)
        changed = {name: insert.excluded[name] for name in ("image_url", "sha256", "failed", "fetched_at")}
        session.execute(insert.on_conflict_do_update(index_elements=["product_id"], set_=changed))

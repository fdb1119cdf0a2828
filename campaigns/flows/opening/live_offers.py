"""The products that a mail picked, as they are at this moment: price, stock and tags."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.core.patience import Patience
from campaigns.core.remembering import Remembered
from campaigns.models import Picture, Product, ProductPicture, Send
from campaigns.opentime.serving.byte_shelf import ByteShelf
from campaigns.opentime.slots.live_product import LiveProduct

log = get_logger(__name__)

FRESH_SECONDS = 10.0
OLDEST_SECONDS = 30.0
STALE_SECONDS = 24 * 3600.0
_PICKS_KEPT_SECONDS = 7 * 24 * 3600
_MOST_KEPT = 50_000
_AT_A_TIME = 1000

Key = int | str
"""A product by its id or by its SKU."""


class _Seen(NamedTuple):
    """A product as it was at a time of `time.monotonic`; None: there was none."""

    product: LiveProduct | None
    at: float


class LiveOffers:
    """Prices and stock of picks as they are now; safe to use from many threads.

    What is older than FRESH_SECONDS is read again behind the answer; what is older than OLDEST_SECONDS is never
    shown, unless PostgreSQL does not answer: then it may be up to STALE_SECONDS old, and a product of which nobody
    who answers knows is left out. That there is no such product is remembered just as long.
    """

    def __init__(self, db: Database, redis_client: Any) -> None:
        self._db = db
        self._patience = Patience("PostgreSQL")
        self._pick_shelf = ByteShelf(redis_client, "picks", _PICKS_KEPT_SECONDS)
        self._product_shelf = ByteShelf(redis_client, "product", int(STALE_SECONDS))
        self._picks: Remembered[int, tuple[int, ...]] = Remembered(_MOST_KEPT)
        self._products: Remembered[Key, _Seen] = Remembered(_MOST_KEPT)
        self._lock = threading.Lock()
        self._due: set[Key] = set()
        self._refreshing = False

    def remember(self, picks: Mapping[int, Sequence[int]]) -> None:
        """Keep what was picked for sends (ids of products by send), so that an open need not ask for it."""
        self._pick_shelf.put_all({str(send): json.dumps(list(ids)).encode() for send, ids in picks.items()})

    def forget(self, send_ids: Sequence[int]) -> bool:
        """No longer keep what was picked for these sends; False where Redis could not be told."""
        for send_id in send_ids:
            self._picks.pop(send_id, None)
        return self._pick_shelf.remove_all([str(send_id) for send_id in send_ids])

    def warm(self, keys: Sequence[Key]) -> list[LiveProduct]:
        """Have these products ready in Redis for the processes that answer opens; returns those there are.

        Waits for PostgreSQL, so it is not for a request.
        """
        found: list[LiveProduct] = []
        for start in range(0, len(keys), _AT_A_TIME):
            group = keys[start : start + _AT_A_TIME]
            seen = self._keep(group, _read(self._db, group))
            found += [one.product for one in seen.values() if one.product]
        return found

    def picks(self, campaign_id: int, send_id: int) -> tuple[LiveProduct, ...]:
        """The picks of a send in the order of their ranks."""
        return self.products(self._picked(campaign_id, send_id))

    def products(self, ids: Sequence[int]) -> tuple[LiveProduct, ...]:
        """These products in this order, without those that nobody who answers knows."""
        products = self._live(ids)
        return tuple(products[one] for one in ids if one in products)

    def stock(self, skus: Iterable[str]) -> dict[str, int | None]:
        """Pieces that are there now, by SKU, None where nobody counts; unknown products are left out."""
        return {str(sku): product.stock for sku, product in self._live(list(skus)).items()}

    def _picked(self, campaign_id: int, send_id: int) -> tuple[int, ...]:
        known = self._picks.get(send_id)
        if known is None:
            kept = self._pick_shelf.get(str(send_id))
            known = tuple(json.loads(kept)) if kept else self._stored_picks(campaign_id, send_id)
            self._picks[send_id] = known
        return known

    def _stored_picks(self, campaign_id: int, send_id: int) -> tuple[int, ...]:
        def read() -> tuple[int, ...]:
            with self._db.transaction() as session:
                picks = session.scalar(
                    select(Send.picks).where(Send.campaign_id == campaign_id, Send.id == send_id)
                )
            return tuple(int(pick[0]) for pick in picks or ())

        picks = self._patience.ask(read)
        self.remember({send_id: picks})
        return picks

    def _live(self, wanted: Sequence[Key]) -> dict[Key, LiveProduct]:
        now = time.monotonic()
        # A copy of all that is asked for: another thread may empty the memory at any time.
        seen = {key: one for key in wanted if (one := self._products.get(key)) is not None}
        missing = [key for key in wanted if key not in seen or now - seen[key].at > OLDEST_SECONDS]
        if missing:
            seen |= self._from_shelf(missing, seen)
            missing = [key for key in missing if key not in seen or now - seen[key].at > OLDEST_SECONDS]
        if missing:
            seen |= self._from_database(missing)
        self._refresh(key for key, one in seen.items() if FRESH_SECONDS < now - one.at <= OLDEST_SECONDS)
        return {
            key: one.product
            for key, one in seen.items()
            if one.product is not None and now - one.at <= STALE_SECONDS
        }

    def _from_shelf(self, keys: Sequence[Key], seen: Mapping[Key, _Seen]) -> dict[Key, _Seen]:
        """What another process has seen of these since this one looked."""
        found = {}
        for key, raw in zip(keys, self._product_shelf.get_all([_named(key) for key in keys]), strict=True):
            there = _seen_in(raw) if raw else None
            if there is not None and (key not in seen or there.at > seen[key].at):
                found[key] = there
        self._products.keep_all(found)
        return found

    def _from_database(self, keys: Sequence[Key]) -> dict[Key, _Seen]:
        """These as they are now; nothing where PostgreSQL does not answer."""
        try:
            return self._keep(keys, self._patience.ask(lambda: _read(self._db, keys)))
        except (ServiceUnavailable, SQLAlchemyError) as error:
            log.info("live_products_not_read", why=type(error).__name__)
            return {}

    def _keep(self, keys: Sequence[Key], found: Iterable[LiveProduct]) -> dict[Key, _Seen]:
        now, at = time.monotonic(), time.time()
        by_key: dict[Key, LiveProduct] = {}
        for product in found:
            by_key |= {product.product_id: product, product.sku: product}
        # Also what is not there: a rule may name a product for weeks that is no longer sold.
        seen = {key: _Seen(by_key.get(key), now) for key in keys}
        self._products.keep_all(seen)
        self._product_shelf.put_all(
            {
                _named(key): json.dumps({"at": at, "product": one.product.to_json()}).encode()
                for key, one in seen.items()
                if one.product
            }
        )
        return seen

    def _refresh(self, keys: Iterable[Key]) -> None:
        """Read these again behind the answer, in one thread for all requests."""
        due = set(keys)
        if not due:
            return
        with self._lock:
            self._due |= due
            if self._refreshing:
                return
            self._refreshing = True
        try:
            threading.Thread(target=self._read_due, daemon=True, name="live-products").start()
        except RuntimeError:  # no more threads: the next open tries again
            self._refreshing = False

    def _read_due(self) -> None:
        while True:
            with self._lock:
                due = list(self._due)[:_AT_A_TIME]
                self._due.difference_update(due)
                if not due:
                    self._refreshing = False
                    return
            try:
                self._from_database(due)
            except Exception as error:
                log.info("live_products_not_refreshed", why=type(error).__name__)


def _named(key: Key) -> str:
    # A SKU may be a number as well.
    return f"id:{key}" if isinstance(key, int) else f"sku:{key}"


def _seen_in(raw: bytes) -> _Seen | None:
    """What another process kept; None for what nobody can read, as of another version."""
    try:
        kept = json.loads(raw)
        # Where the clocks of two machines differ, it counts as older, never as newer than it is seen from here.
        age = abs(time.time() - kept["at"])
        return _Seen(LiveProduct.from_json(kept["product"]), time.monotonic() - age)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _read(db: Database, keys: Sequence[Key]) -> list[LiveProduct]:
    ids = [key for key in keys if isinstance(key, int)]
    skus = [key for key in keys if isinstance(key, str)]
    with db.transaction() as session:
        found = _products(session, Product.id.in_(ids)) if ids else []
        return found + (_products(session, Product.sku.in_(skus)) if skus else [])


def _products(session: Session, condition: ColumnElement[bool]) -> list[LiveProduct]:
    columns = (
        Product.id, Product.sku, Product.title, Product.price, Product.currency, Product.stock, Product.url,
        Product.tags, Product.image_url, ProductPicture.sha256,
    )  # fmt: skip
    # A picture that was fetched from another address than the product has now may be that of another thing.
    fetched = (ProductPicture.product_id == Product.id) & (ProductPicture.image_url == Product.image_url)
    rows = session.execute(select(*columns).outerjoin(ProductPicture, fetched).where(condition)).all()
    hosted = {row.id: _hosted(row.image_url) for row in rows}
    asked = [sha256 for sha256 in hosted.values() if sha256]
    stored = set(session.scalars(select(Picture.sha256).where(Picture.sha256.in_(asked)))) if asked else set()
    return [
        LiveProduct(
            row.id, row.sku, row.title, row.price, row.currency, row.stock, row.url, frozenset(row.tags),
            hosted[row.id] if hosted[row.id] in stored else row.sha256 or "",
        )
        for row in rows
    ]  # fmt: skip


def _hosted(image_url: str) -> str:
    """The content hash in the address of a picture that this installation may serve itself (`/i/<sha256>.<ext>`)."""
    name = image_url.rpartition("/i/")[2].partition(".")[0]
    return name if len(name) == 64 and name.isalnum() else ""

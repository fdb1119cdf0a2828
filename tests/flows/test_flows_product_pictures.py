"""Pictures of products are fetched from the shop while a campaign goes out, politely, and cards show them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from sqlalchemy import select, text, update

from campaigns.flows.opening import product_pictures
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.flows.opening.product_pictures import ProductPictures
from campaigns.flows.previewing.viewing import Scene
from campaigns.models import Picture, Product, ProductPicture
from campaigns.opentime.drawing.drawings import ProductCard
from campaigns.opentime.drawing.picture_fetch import PictureFetcher
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SHOP
from tests.shop_site import ShopSite, shop_site


class SetClock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def site() -> Iterator[ShopSite]:
    with shop_site() as site:
        yield site


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def pictures(shop: Runtime, site: ShopSite, clock: SetClock) -> ProductPictures:
    """Of a shop whose three products have pictures on the site, and the others none."""
    addresses = [site.show(f"/{number}.png", photo(number)) for number in range(3)]
    with shop.db.transaction() as session:
        session.execute(update(Product).values(image_url=""))
        for sku, address in zip(("JKT-01", "JKT-02", "JKT-03"), addresses, strict=True):
            session.execute(update(Product).where(Product.sku == sku).values(image_url=address))
    return ProductPictures(shop.db, clock, fetcher(site))


def fetcher(*sites: ShopSite) -> PictureFetcher:
    return PictureFetcher("Tailormail", frozenset(("127.0.0.1", site.port) for site in sites))


def photo(number: int, side: int = 60) -> bytes:
    """Differs by number; as hard to compress as a photo can be."""
    out = io.BytesIO()
    noise = os.urandom(3 * side * side)
    Image.frombytes("RGB", (side, side), bytes([number]) + noise[1:]).save(out, "PNG")
    return out.getvalue()


def created(runtime: Runtime, sample: SampleFiles) -> int:
    return runtime.campaigns.create_from_file(sample.campaign)


def known(runtime: Runtime) -> dict[str, tuple[str | None, str]]:
    """By SKU: sha256 and what failed."""
    with runtime.db.transaction() as session:
        rows = session.execute(
            select(Product.sku, ProductPicture.sha256, ProductPicture.failed).join(
                ProductPicture, ProductPicture.product_id == Product.id
            )
        )
        return {sku: (sha256, failed) for sku, sha256, failed in rows}


def change(runtime: Runtime, sku: str, **values: object) -> None:
    with runtime.db.transaction() as session:
        session.execute(update(Product).where(Product.sku == sku).values(**values))


def test_pictures_are_fetched_once_and_live_offers_name_them(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    campaign = created(shop, sample)
    assert pictures.run(campaign) == 3
    found = known(shop)
    assert set(found) == {"JKT-01", "JKT-02", "JKT-03"}
    assert len({sha256 for sha256, _ in found.values()}) == 3
    assert pictures.run(campaign) == 0
    assert site.asked == {"/0.png": 1, "/1.png": 1, "/2.png": 1}
    with shop.db.transaction() as session:
        stored = set(session.scalars(select(Picture.sha256)))
    first, without = LiveOffers(shop.db, shop.redis).products(
        [_id_of(shop, "JKT-01"), _id_of(shop, "HAT-01")]
    )
    assert first.picture == found["JKT-01"][0]
    assert first.picture in stored
    assert without.picture == ""


def test_a_preview_shows_the_picture_in_its_card_and_is_not_called_too_large(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    change_all = update(Product).values(image_url=site.show("/photo.png", photo(9, 500)))
    with shop.db.transaction() as session:
        session.execute(change_all)
    campaign = created(shop, sample)
    assert pictures.run(campaign) == 1, "one address is asked for once, however many products have it"
    assert site.asked == {"/photo.png": 1}
    preview = shop.viewing.preview(campaign, SHOP.customers[0].external_id, Scene(weather="rain"))
    card = preview.shown["offer"].drawing
    assert isinstance(card, ProductCard)
    assert card.picture == known(shop)["JKT-01"][0]
    assert len(preview.letter.rendered.html) > 80_000, "the drawn card is part of the page"
    assert "too-large" not in {finding.code for finding in preview.findings}


def test_a_campaign_without_cards_of_products_asks_nobody(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    assert pictures.run(shop.campaigns.create_from_file(sample.second_campaign)) == 0
    assert not site.asked


def test_what_cannot_be_picked_is_not_fetched(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    change(shop, "JKT-01", stock=0)
    change(shop, "JKT-02", price=None)
    change(shop, "JKT-03", stock=None)  # not counted: plenty
    assert pictures.run(created(shop, sample)) == 1
    assert set(known(shop)) == {"JKT-03"}


def test_a_picture_that_is_served_here_already_is_not_fetched(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    hosted = shop.hosting.keep({"JKT-01": photo(0)})["JKT-01"]
    change(shop, "JKT-01", image_url=hosted)
    assert pictures.run(created(shop, sample)) == 2
    assert set(known(shop)) == {"JKT-02", "JKT-03"}


def test_the_most_picked_come_first(
    shop: Runtime,
    sample: SampleFiles,
    pictures: ProductPictures,
    site: ShopSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(product_pictures, "MOST_PRODUCTS", 1)
    campaign = created(shop, sample)
    with shop.db.transaction() as session:
        third = session.scalars(select(Product.id).where(Product.sku == "JKT-03")).one()
        session.execute(
            text(
                "insert into sends (campaign_id, customer_id, status, picks) "
                "select :campaign, min(id), 'sent', cast(:picks as jsonb) from customers"
            ),
            {"campaign": campaign, "picks": f'[[{third}, "best_seller", 0, ""]]'},
        )
    assert pictures.run(campaign) == 1
    assert set(known(shop)) == {"JKT-03"}


def test_failures_are_told_and_tried_again_a_day_later(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite, clock: SetClock
) -> None:
    campaign = created(shop, sample)
    del site.pages["/1.png"]
    site.show("/2.png", b"<html>")
    assert pictures.run(campaign) == 1
    assert known(shop)["JKT-02"] == (None, "HTTP 404")
    assert "not a whole PNG" in known(shop)["JKT-03"][1]
    site.show("/1.png", photo(1))
    assert pictures.run(campaign) == 0
    assert site.asked["/1.png"] == 1
    clock.time += timedelta(days=1, minutes=1)
    assert pictures.run(campaign) == 1
    assert known(shop)["JKT-02"][1] == ""


def test_a_new_address_is_fetched_anew_and_the_old_picture_is_no_longer_shown(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    campaign = created(shop, sample)
    pictures.run(campaign)
    before = known(shop)["JKT-01"][0]
    change(shop, "JKT-01", image_url=site.show("/other.png", photo(7)))
    assert [p.picture for p in shop.offers.warm(["JKT-01"])] == [""]
    assert pictures.run(campaign) == 1
    after = known(shop)["JKT-01"][0]
    assert after not in (None, before)
    assert [p.picture for p in shop.offers.warm(["JKT-01"])] == [after]


def test_a_shop_is_asked_for_two_pictures_at_once_at_most(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    site.delay = 0.05
    with shop.db.transaction() as session:
        ids = session.scalars(select(Product.id).order_by(Product.id).limit(20)).all()
        for one in ids:
            address = site.show(f"/p{one}.png", photo(1))
            session.execute(update(Product).where(Product.id == one).values(image_url=address))
    assert pictures.run(created(shop, sample)) > 15
    assert site.most_at_once == 2


def test_a_shop_that_does_not_answer_is_left_alone(
    shop: Runtime, sample: SampleFiles, pictures: ProductPictures, site: ShopSite
) -> None:
    with shop.db.transaction() as session:
        session.execute(
            text("update products set image_url = :site || '/away/' || id"), {"site": site.url("")}
        )
    site.pages.clear()
    with shop.db.transaction() as session:
        for one in session.scalars(select(Product.id)):
            site.pages[f"/away/{one}"] = (503, {}, b"")
    assert pictures.run(created(shop, sample)) == 0
    assert sum(site.asked.values()) <= 4, "three failures, and what was under way then"
    assert {failed for _, failed in known(shop).values()} == {"the shop's pictures: HTTP 503"}


def _id_of(runtime: Runtime, sku: str) -> int:
    with runtime.db.transaction() as session:
        return session.scalars(select(Product.id).where(Product.sku == sku)).one()

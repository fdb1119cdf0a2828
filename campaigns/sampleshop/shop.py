"""The sample shop as a whole: made from a seed, written as the files that `tailormail import` reads."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from campaigns.sampleshop.catalogue import CURRENCY, Product, catalogue
from campaigns.sampleshop.consents import ConsentRow, make_consents
from campaigns.sampleshop.orders import OrderLine, make_orders
from campaigns.sampleshop.people import Customer, cities, make_customers
from campaigns.sampleshop.pictures import (
    CAMPAIGN_PICTURES,
    campaign_pictures,
    pictures_fingerprint,
    product_picture,
)

TAG_SEPARATOR = "|"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": (
        "external_id", "email", "first_name", "last_name", "locale", "timezone", "country", "city",
        "latitude", "longitude",
    ),
    "products": (
        "sku", "title", "description", "category", "brand", "price", "currency", "url", "image_url",
        "stock", "tags",
    ),
    "orders": ("order_id", "customer_id", "sku", "quantity", "unit_price", "ordered_at"),
    "consents": ("customer_id", "purpose", "action", "wording", "source", "at"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """Where the shop was written: four CSV files, a folder of pictures (<sku>.jpg), two campaigns (TOML).

    The pictures that a campaign names lie beside its file.
    """

    customers: Path
    products: Path
    orders: Path
    consents: Path
    pictures: Path
    campaign: Path
    second_campaign: Path


class SampleShop:
    """Fjell & Fern with `customers` customers and two years of orders before `today`.

    The same arguments make the same shop, to the byte.

    Raises:
        ValueError: fewer than no customers.
    """

    def __init__(self, seed: int = 7, customers: int = 2000, *, today: date) -> None:
        if customers < 0:
            raise ValueError("a shop has no fewer than 0 customers")
        self.seed = seed
        self.size = customers
        self.today = today

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """The catalogue, category by category."""
        return catalogue()

    @cached_property
    def customers(self) -> list[Customer]:
        """The customers, by external id, with the tastes that no file tells."""
        return make_customers(self.seed, self.size, self.today)

    @cached_property
    def orders(self) -> list[OrderLine]:
        """Order lines, oldest first."""
        return make_orders(self.seed, self.customers, self.products, self.today)

    @cached_property
    def consents(self) -> list[ConsentRow]:
        """The consent ledger, oldest first."""
        return make_consents(self.seed, self.customers, self.today)

    def weather(self) -> dict[tuple[float, float], str]:
        """(latitude, longitude) in degrees of each city -> the condition there, as slot rules name it."""
        return {(city.latitude, city.longitude): city.sky for city in cities()}

    def write(self, folder: Path, *, pictures: bool = True) -> SampleFiles:
        """Write all files into `folder` (made if need be); what is there already is overwritten.

        Pictures drawn by an earlier run of the same code are left as they are; `pictures=False` draws none.
        """
        briefs = folder / "campaigns"
        files = SampleFiles(
            customers=folder / "customers.csv",
            products=folder / "products.csv",
            orders=folder / "orders.csv",
            consents=folder / "consents.csv",
            pictures=folder / "pictures",
            campaign=briefs / "autumn.toml",
            second_campaign=briefs / "frost.toml",
        )
        for made in (files.pictures, briefs):
            made.mkdir(parents=True, exist_ok=True)
        _write_csv(files.customers, COLUMNS["customers"], map(_customer_row, self.customers))
        _write_csv(files.products, COLUMNS["products"], map(_product_row, self.products))
        _write_csv(files.orders, COLUMNS["orders"], map(_order_row, self.orders))
        _write_csv(files.consents, COLUMNS["consents"], map(_consent_row, self.consents))
        for path in (files.campaign, files.second_campaign):
            path.write_bytes(resources.files(__package__).joinpath("briefs", path.name).read_bytes())
        if pictures:
            self._draw(files.pictures, briefs)
        return files

    def _draw(self, pictures: Path, briefs: Path) -> None:
        stamp = pictures / ".drawn"
        fingerprint = pictures_fingerprint()
        wanted = [pictures / product.picture_name for product in self.products]
        wanted += [briefs / name for name in CAMPAIGN_PICTURES]
        drawn = stamp.read_text() if stamp.exists() else ""
        if drawn == fingerprint and all(path.exists() for path in wanted):
            return
        stamp.unlink(missing_ok=True)
        for product in self.products:
            (pictures / product.picture_name).write_bytes(product_picture(product))
        for name, body in campaign_pictures().items():
            (briefs / name).write_bytes(body)
        stamp.write_text(fingerprint)


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _customer_row(customer: Customer) -> tuple[Any, ...]:
    home = customer.home
    place = (home.name, home.latitude, home.longitude) if customer.place_known else ("", "", "")
    return (
        customer.external_id,
        customer.email,
        customer.first_name,
        customer.last_name,
        customer.locale,
        home.timezone,
        home.country,
        *place,
    )


def _product_row(product: Product) -> tuple[Any, ...]:
    return (
        product.sku,
        product.title,
        product.description,
        product.category,
        product.brand,
        product.price,
        CURRENCY,
        product.url,
        product.image_url,
        product.stock,
        TAG_SEPARATOR.join(product.tags),
    )


def _order_row(line: OrderLine) -> tuple[Any, ...]:
    at = line.ordered_at.isoformat()
    return (line.order_id, line.customer_id, line.sku, line.quantity, line.unit_price, at)


def _consent_row(row: ConsentRow) -> tuple[Any, ...]:
    return (row.customer_id, row.purpose, row.action, row.wording, row.source, row.at.isoformat())

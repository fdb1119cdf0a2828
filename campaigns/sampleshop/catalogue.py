"""What Fjell & Fern sells: about 80 products in 8 categories, written by hand in `products/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources

SITE = "https://fjellandfern.example"
CURRENCY = "EUR"
WEATHER_TAGS = ("rain", "snow", "clear", "wind", "cold", "heat")
CONSUMABLE = "consumable"
# The order in which a person walks through the shop; it is also the order of the products file.
CATEGORY_FILES = (
    "jackets", "boots", "hats", "trousers", "base-layers", "packs", "tents-and-sleep", "gloves-and-socks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the shop.

    `shape` and `colours` (main and second, "#rrggbb") say how to draw it; `popularity` is 1 (rare) to 10.
    """

    sku: str
    title: str
    description: str
    category: str
    brand: str
    price: Decimal
    stock: int
    tags: tuple[str, ...]
    shape: str
    colours: tuple[str, str]
    popularity: int

    @property
    def url(self) -> str:
        """The product's page in the shop."""
        return f"{SITE}/p/{self.sku}"

    @property
    def picture_name(self) -> str:
        """The picture's file name in the folder of pictures."""
        return f"{self.sku}.jpg"

    @property
    def image_url(self) -> str:
        """The picture's path, relative to the products file."""
        return f"pictures/{self.picture_name}"

    @property
    def consumable(self) -> bool:
        """Whether people buy it again, as they do socks."""
        return CONSUMABLE in self.tags


@cache
def catalogue() -> tuple[Product, ...]:
    """All products, category by category; always the same ones."""
    return tuple(product for name in CATEGORY_FILES for product in _products_of(name))


def _products_of(name: str) -> Iterator[Product]:
    text = resources.files(__package__).joinpath("products", f"{name}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    for row in data["products"]:
        main, second = row["colours"]
        yield Product(
            sku=row["sku"],
            title=row["title"],
            description=row["description"].strip(),
            category=data["category"],
            brand=row["brand"],
            price=Decimal(row["price"]),
            stock=row["stock"],
            tags=tuple(row["tags"]),
            shape=row["shape"],
            colours=(main, second),
            popularity=row["popularity"],
        )

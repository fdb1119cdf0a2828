"""Small shops for the tests of the recommend stage, and the reader of the retail data."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from campaigns.models.values import ProductFacts
from campaigns.recommend.interactions import CatalogueArrays, Interactions, days_since_epoch
from campaigns.recommend.recommender import History

TODAY = datetime(2025, 3, 1, tzinfo=UTC)
WORLDS = {
    "Camping": ("Ridge Tent", "Lake Tent", "Down Sleeping Bag", "Camp Stove", "Sleeping Mat", "Tarp"),
    "Running": ("Trail Shoes", "Road Shoes", "Running Socks", "Race Vest", "Head Torch", "Soft Flask"),
    "Skiing": ("Touring Skis", "Ski Boots", "Ski Goggles", "Ski Poles", "Climbing Skins", "Ski Gloves"),
}


def product(key: int, title: str = "", category: str = "", stock: int = 5) -> ProductFacts:
    """A product of which only what the recommender reads matters."""
    title = title or f"Thing {key}"
    return ProductFacts(
        key, f"S{key}", title, "", category, "", Decimal(10), "EUR", "https://e.example", "", stock, ()
    )


def outdoor_catalogue() -> dict[int, ProductFacts]:
    """Six products in each of three worlds; ids from 101."""
    titles = [(title, world) for world, names in WORLDS.items() for title in names]
    return {101 + n: product(101 + n, title, world) for n, (title, world) in enumerate(titles)}


def arrays_of(catalogue: Mapping[int, ProductFacts]) -> CatalogueArrays:
    """The arrays that a model is trained on."""
    rows = [catalogue[key] for key in sorted(catalogue)]
    return CatalogueArrays(
        np.array([p.id for p in rows], np.int64),
        [f"{p.title} {p.category} {p.description}" for p in rows],
        [p.category for p in rows],
        np.array([p.stock for p in rows], np.int64),
        np.array([float(p.price) for p in rows]),
    )


def interactions_of(
    catalogue: Mapping[int, ProductFacts], lines: Sequence[tuple[int, int, float]]
) -> Interactions:
    """From (customer, product id, days before TODAY); lines of one customer and day are one order."""
    customers, products, ago = (
        (np.array(column) for column in zip(*lines, strict=True)) if lines else [[]] * 3
    )
    days = days_since_epoch(TODAY) - np.asarray(ago, np.float64)
    return Interactions.from_arrays(
        arrays_of(catalogue),
        np.asarray(customers, np.int64),
        np.asarray(products, np.int64),
        np.asarray(customers, np.int64) * 100_000 + days.astype(np.int64),
        days,
        np.ones(len(lines), np.int64),
    )


def outdoor_lines(customers: int = 120, seed: int = 7) -> list[tuple[int, int, float]]:
    """Each customer belongs to one world, buys four things of it and now and then something else."""
    rng = np.random.default_rng(seed)
    ids = np.arange(101, 119).reshape(3, 6)
    lines = []
    for customer in range(customers):
        own = rng.choice(ids[customer % 3], 4, replace=False)
        bought = [*own, rng.choice(ids.ravel())] if rng.random() < 0.3 else own
        lines += [(customer, int(key), float(rng.uniform(1, 200))) for key in bought]
    return lines


def history(*products: int, customer: int = 1, personal: bool = True, days: float = 10.0) -> History:
    """A customer who bought `products`."""
    return History(customer, np.array(products, np.int64), np.full(len(products), days), personal)


def read_retail(folder: Path) -> Interactions:
    """The retail data straight from its files, one line per (customer, sku, order)."""
    with gzip.open(folder / "products.csv.gz", "rt", encoding="utf-8") as file:
        products = list(csv.DictReader(file))
    position = {row["sku"]: n for n, row in enumerate(products)}
    first_day = datetime(2010, 12, 1, tzinfo=UTC)
    days: dict[str, float] = {}
    lines: dict[tuple[str, str, str], tuple[int, int, int, float, int]] = {}
    with gzip.open(folder / "orders.csv.gz", "rt", encoding="utf-8") as file:
        for order, customer, sku, quantity, _, at in (row for n, row in enumerate(csv.reader(file)) if n):
            if at not in days:
                since = datetime.fromisoformat(at) - first_day
                days[at] = days_since_epoch(first_day) + since / timedelta(days=1)
            lines[customer, sku, order] = (int(customer), position[sku], int(order), days[at], int(quantity))
    customers, sold, orders, moments, quantities = (np.array(c) for c in zip(*lines.values(), strict=True))
    catalogue = CatalogueArrays(
        np.arange(len(products)),
        [f"{row['title']} {row['category']} {row['description']}" for row in products],
        [row["category"] for row in products],
        np.array([int(row["stock"]) for row in products]),
        np.array([float(row["price"]) for row in products]),
    )
    return Interactions.from_arrays(catalogue, customers, sold, orders, moments, quantities)

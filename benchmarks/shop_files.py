"""A shop's import files as arrays, without a database: what training and picking work on."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from campaigns.recommend.interactions import CatalogueArrays, Interactions, days_since_epoch


def read_shop(folder: Path) -> Interactions:
    """`products.csv` and `orders.csv` of a folder (or with .gz), one line per customer, product and order.

    Raises:
        FileNotFoundError: one of them is missing.
    """
    catalogue, position = _catalogue(folder)
    seen: dict[tuple[str, str, str], float] = {}
    with _opened(folder, "orders") as rows:
        for row in rows:
            if row["sku"] in position:
                moment = datetime.fromisoformat(row["ordered_at"])
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                seen[row["customer_id"], row["sku"], row["order_id"]] = days_since_epoch(moment)
    customers, skus, orders = zip(*seen, strict=True)
    return Interactions.from_arrays(
        catalogue,
        _numbered(customers),
        np.array([position[sku] for sku in skus]),
        _numbered(orders),
        np.fromiter(seen.values(), np.float64, len(seen)),
        np.ones(len(seen), np.int64),
    )


def _catalogue(folder: Path) -> tuple[CatalogueArrays, dict[str, int]]:
    with _opened(folder, "products") as rows:
        products = list(rows)
    words = [" ".join(row.get(key) or "" for key in ("title", "category", "description")) for row in products]
    catalogue = CatalogueArrays(
        np.arange(len(products)),
        words,
        [row.get("category") or "" for row in products],
        np.ones(len(products), np.int64),
        np.ones(len(products)),
    )
    return catalogue, {row["sku"]: place for place, row in enumerate(products)}


def _numbered(names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Numbers in the order of the names, where numbers among them go by their value."""
    places = {
        name: place for place, name in enumerate(sorted(set(names), key=lambda name: (len(name), name)))
    }
    return np.array([places[name] for name in names], np.int64)


@contextmanager
def _opened(folder: Path, kind: str) -> Iterator[csv.DictReader[str]]:
    packed = folder / f"{kind}.csv.gz"
    path = packed if packed.is_file() else folder / f"{kind}.csv"
    with path.open("rb") as file, gzip.open(file) if path == packed else nullcontext(file) as plain:
        yield csv.DictReader(io.TextIOWrapper(plain, encoding="utf-8", newline=""))

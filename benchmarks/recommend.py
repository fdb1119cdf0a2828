"""`make bench-recommend`: what training and picking cost, each beside work that no recommender of its kind is spared.

The floor of training is one dense inverse as wide as the catalogue (what EASE needs); that of picking is the bare
product of purchases and weights and the ten best of each row, without trend, rules, reasons and texts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import linalg

from benchmarks.shop_files import read_shop
from campaigns.recommend.baselines import Viewers, by_weights
from campaigns.recommend.evaluation_speed import PICKS, facts_of, histories_of
from campaigns.recommend.evaluation_splits import moment_of
from campaigns.recommend.footprint import PeakMemory
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.metrics import top_lists
from campaigns.recommend.model import RecommenderModel, train
from campaigns.recommend.recommender import Recommender
from campaigns.recommend.sparserows import from_cells, row_blocks
from campaigns.sampleshop.shop import SampleShop

# The data that the project's figures are taken on, where somebody put it beside the checkout.
RETAIL = Path(__file__).resolve().parents[2] / "shared" / "data" / "online-retail"
_BATCH = 250
_REPEATS = 3


def measure(shop: Interactions) -> dict[str, Any]:
    """All figures of one shop, fit for JSON."""
    today = float(shop.day.max()) + 1
    as_of = moment_of(today)
    with PeakMemory() as memory:
        model = train(shop, as_of)
        one = _picks_per_second(model, shop, today, 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fit, inverse = _in_turn(lambda: train(shop, as_of), lambda: _inverse(len(shop.catalogue.ids)))
    picking, bare = _in_turn(lambda: _pick_all(model, shop, today), lambda: _bare(model, shop))
    customers = len(np.unique(shop.customer))
    return {
        "customers": customers,
        "products": len(shop.catalogue.ids),
        "lines": len(shop.day),
        "method": model.meta["method"],
        "fit_seconds": round(fit, 3),
        "fit_times_floor": round(fit / inverse, 2),
        "customers_per_second": {
            "one_process": one,
            f"{cores}_processes": _picks_per_second(model, shop, today, cores),
        },
        "picking_times_floor": round(picking / bare, 2),
        "peak_mb": memory.taken,
        "model_mb": round(model.megabytes, 3),
        "stored_mb": round(len(model.to_bytes()) / 1e6, 3),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _in_turn(work: Callable[[], Any], floor: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds of both, taken in turn: what else the machine does meanwhile slows both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(_REPEATS):
        for seconds, one in zip(taken, (work, floor), strict=True):
            began = time.perf_counter()
            one()
            seconds.append(time.perf_counter() - began)
    return median(taken[0]), median(taken[1])


def _inverse(width: int) -> None:
    square = np.eye(width, dtype=np.float32)
    square += np.float32(0.5) / max(width, 1)
    linalg.inv(square, overwrite_a=True, check_finite=False)


def _pick_all(model: RecommenderModel, shop: Interactions, today: float) -> None:
    """Picks with rules and reasons for everybody, in batches as in a campaign."""
    recommender = Recommender(model, facts_of(shop.catalogue))
    histories = histories_of(shop, today)
    for start in range(0, len(histories), _BATCH):
        recommender.pick_batch(histories[start : start + _BATCH], PICKS)


def _bare(model: RecommenderModel, shop: Interactions) -> None:
    used = model.weights > 0
    rows = np.broadcast_to(np.arange(len(used))[:, None], used.shape)[used]
    weights = from_cells(model.weights[used], model.sources[used], rows, (len(used), len(used)))
    bought = shop.bought()
    rank = by_weights(weights)
    for block in row_blocks(*bought.shape):
        top_lists(rank(Viewers(np.arange(block.start, block.stop), bought[block], False)))


def _picks_per_second(model: RecommenderModel, shop: Interactions, today: float, processes: int) -> float:
    """Customers served a second by so many processes at once, each with a recommender that is warm."""
    context = multiprocessing.get_context("fork")
    start, done = context.Barrier(processes + 1), context.Barrier(processes + 1)

    def serve() -> None:
        recommender = Recommender(model, facts_of(shop.catalogue))
        histories = histories_of(shop, today)
        recommender.pick_batch(histories[:_BATCH], PICKS)
        start.wait()
        for place in range(0, len(histories), _BATCH):
            recommender.pick_batch(histories[place : place + _BATCH], PICKS)
        done.wait()

    workers = [context.Process(target=serve) for _ in range(processes)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return round(processes * len(np.unique(shop.customer)) / seconds, 1)


def _sample(customers: int) -> Interactions:
    with tempfile.TemporaryDirectory(prefix="tm-bench-") as folder:
        SampleShop(customers=customers, today=date(2026, 11, 1)).write(Path(folder), pictures=False)
        return read_shop(Path(folder))


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with products.csv and orders.csv (or .csv.gz)")
    parser.add_argument("--customers", type=int, help="a sample shop of so many customers instead")
    asked = parser.parse_args()
    folder = asked.data or (RETAIL if not asked.customers and (RETAIL / "orders.csv.gz").is_file() else None)
    shop = read_shop(folder) if folder else _sample(asked.customers or 4_000)
    print(json.dumps({"shop": folder.name if folder else "sample"} | measure(shop), indent=2))


if __name__ == "__main__":
    main()

"""Training the recommender and picking for batches of customers."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, measure
from campaigns.flows.shop.training import Training
from campaigns.recommend.interactions import load_interactions
from campaigns.recommend.storage import load_histories


def figures(bench: Bench) -> dict[str, Figure]:
    """Seconds to train on all orders and check the result, and picks a second; afterwards there is an active model."""
    return {"train": _train(bench), "picks": _picks(bench)}


def _train(bench: Bench) -> Figure:
    runtime = bench.runtime
    # Without tuning, which takes as long as it is allowed to.
    training = Training(runtime.db, runtime.clock)

    def work() -> int:
        training.run(anew=True)
        return 1

    def read_only() -> int:
        with runtime.db.transaction() as session:
            load_interactions(session)
        return 1

    return measure(work, "s", floor=read_only, floor_is="reading the same orders")


def _picks(bench: Bench) -> Figure:
    runtime, n = bench.runtime, bench.plan.picks
    batches, read_batches = bench.batches(), bench.batches()

    def work() -> int:
        _, picks = runtime.picker.pick(next(batches), n)
        return sum(map(len, picks.values()))

    def read_only() -> int:
        batch = next(read_batches)
        with runtime.db.transaction() as session:
            load_histories(session, list(batch), list(batch.values()))
        return n * len(batch)

    return measure(work, "picks/s", floor=read_only, floor_is="reading the same customers' orders")

"""`make bench-send`: how fast a campaign goes out, beside the least that any program would have to do.

The floors and the real thing run in turn, on the same machine, into the same sink, by the same number of
processes. A floor fills the same compiled template with ready data, signs with the same key and sends over
one connection each, and records nothing: plainly as Jinja does, or prepared as the engine does. The real thing
is a campaign: Celery workers, picks from a trained model, copy by cell, consent checked three times, every state
on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict

from benchmarks.bench import Bench, bench
from benchmarks.send_floor import WAYS, Floor, mean
from benchmarks.send_real import deployment
from benchmarks.sink import running_sink
from campaigns.core.log import configure_logging

_WARM_MAILS = 400


def measure(customers: int, processes: int, floor_seconds: float) -> dict[str, object]:
    """One size: the floors, real, the floors again; JSON-ready."""
    with ExitStack() as stack:
        shop = stack.enter_context(bench(customers))
        sink = stack.enter_context(running_sink())
        _fill(shop)
        dealt = stack.enter_context(deployment(shop, sink, processes))
        floor = Floor(shop, dealt.dkim_key, sink, processes)
        dealt.warm_up(_WARM_MAILS)
        runs = [(way, floor.run(floor_seconds, way)) for way in WAYS]
        real = dealt.send()
        runs += [(way, floor.run(floor_seconds, way)) for way in WAYS]
        signatures = floor.signatures_per_second()
        sink.stop()
    if real.received != real.sent:
        raise RuntimeError(f"{real.sent} mails are recorded as sent and {real.received} were received")
    floors = {way: mean([run for its, run in runs if its == way]) for way in WAYS}
    return {
        "customers": customers,
        "processes": processes,
        "mail_bytes": real.mail_bytes,
        "html_bytes": floor.html_bytes,
        "floors": {way: asdict(run) for way, run in floors.items()},
        "real": {key: value for key, value in asdict(real).items() if key not in ("mail_bytes", "received")},
        "ratio": {way: round(real.mails_per_second / run.mails_per_second, 3) for way, run in floors.items()},
        "ratio_of_cpu": {
            way: round(run.cpu_seconds_per_1000 / real.cpu_seconds_per_1000["all"], 3)
            for way, run in floors.items()
        },
        "rsa_signatures_per_second_one_core": signatures,
    }


def _fill(shop: Bench) -> None:
    for kind in ("customers", "products", "orders", "consents"):
        shop.runtime.importing.run(kind, [getattr(shop.files, kind)])
    shop.runtime.training.run()


def main() -> None:
    """Measure each size and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--customers", type=int, nargs="+", default=[20_000], help="sizes, one after the other"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=(os.cpu_count() or 1) + 1,
        help="of workers, and of the floors; default: one more than cores, because workers wait for commits",
    )
    parser.add_argument("--floor-seconds", type=float, default=5.0)
    options = parser.parse_args()
    configure_logging("ERROR")
    results = []
    for customers in options.customers:
        sys.stderr.write(f"{customers} customers ...\n")
        results.append(measure(customers, options.processes, options.floor_seconds))
    sys.stdout.write(json.dumps(results if len(results) > 1 else results[0], indent=2) + "\n")


if __name__ == "__main__":
    main()

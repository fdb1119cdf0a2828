"""`make bench-open`: how fast pictures are chosen at open, beside a Flask view that only returns the same bytes.

In turn, several times, on the same machine and the same server: the bare view; the real endpoint with consented
customers, mixed mail clients, 50 cells of weather and 10,000 distinct links, while a worker drains what was
shown into PostgreSQL; and nginx serving the file, where it is installed. Then each at half of the real
endpoint's most, for the times of single requests. At the end every answer must be found in PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from itertools import islice
from statistics import median
from typing import Any

from sqlalchemy import func, select, text

from benchmarks.bench import Bench, bench
from benchmarks.open_load import MOST_CONNECTIONS, Load, Measured, wrk_or_why
from benchmarks.open_sites import Site, celery_running, sites
from campaigns.compose.links import LinkMaker, SendRef
from campaigns.core.log import configure_logging
from campaigns.models import Send, SlotServe
from campaigns.runtime import SAMPLE_WEATHER

_SKIES = ("clear", "cloud", "fog", "drizzle", "rain", "snow", "showers", "thunder")
_CELLS = 50
_PATIENCE_SECONDS = 60.0
_SETTLING_SECONDS = 12.0
_AGENTS = (
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/4.0 (compatible; ms-office; MSOffice rmj)",
)


def measure(links: int, processes: int, seconds: int, rounds: int, servers: list[str]) -> dict[str, Any]:
    """Everything, JSON-ready."""
    with ExitStack() as stack:
        shop = stack.enter_context(bench(links * 2 + 100))
        paths, picture = _prepare(shop, links)
        load = Load(shop.runtime.settings.folder, paths, _AGENTS)
        started = stack.enter_context(sites(shop, processes, picture, servers))
        for site in started.values():
            site.wait(paths[0])
        with celery_running(shop, "feedback", shop.runtime.settings.folder / "drain.log"):
            # Until a worker has said twice that it is up to date, web processes ask PostgreSQL first.
            time.sleep(_SETTLING_SECONDS)
            before = _served(shop)
            fast, answered = _in_turn(started, load, seconds, rounds)
            half = median(one.per_second for one in fast["real"]) / 2
            paced = {
                name: [load.paced(started[name].port, seconds, half) for _ in range(rounds)]
                for name in ("bare", "real")
            }
            answered += sum(one.requests for one in paced["real"])
            recorded = _all_recorded(shop, before, answered)
        memory = started["real"].own_mb()
        state_bytes = _bytes_a_state(shop)
    return {**_report(fast, paced, half, answered, recorded, memory), "redis_bytes_a_customer": state_bytes}


def _in_turn(
    started: dict[str, Site], load: Load, seconds: int, rounds: int
) -> tuple[dict[str, list[Measured]], int]:
    """As fast as each one can, after a warm-up; and how many answers the real one gave in all."""
    answered = load.full(started["real"].port, seconds).requests
    for name, site in started.items():
        if name != "real":
            load.full(site.port, 1)
    fast: dict[str, list[Measured]] = {name: [] for name in started}
    for _ in range(rounds):
        for name, site in started.items():
            fast[name].append(load.full(site.port, seconds))
    return fast, answered + sum(one.requests for one in fast["real"])


def _prepare(shop: Bench, links: int) -> tuple[list[str], bytes]:
    """A sent campaign in 50 cells of weather; the paths of its pictures, and one of these pictures."""
    for kind in ("customers", "products", "orders", "consents"):
        shop.runtime.importing.run(kind, [getattr(shop.files, kind)])
    shop.runtime.training.run()
    campaign = shop.new_campaign()
    cells = [(45.0 + number * 0.5, 5.0 + number * 0.5) for number in range(_CELLS)]
    weather = [[lat, lon, _SKIES[number % len(_SKIES)]] for number, (lat, lon) in enumerate(cells)]
    (shop.runtime.settings.folder / SAMPLE_WEATHER).write_text(json.dumps(weather))
    with shop.runtime.db.transaction() as session:
        session.execute(text("update sends set status = 'sent', sent_at = now() where status = 'planned'"))
        session.execute(
            text("update customers set latitude = 45 + (id % :n) * 0.5, longitude = 5 + (id % :n) * 0.5"),
            {"n": _CELLS},
        )
        wanted = select(Send.id, Send.customer_id).where(Send.campaign_id == campaign, Send.tracked)
        sends = session.execute(wanted.order_by(Send.id).limit(links)).all()
    if len(sends) < links:
        raise RuntimeError(f"{len(sends)} customers grant open_tracking, {links} are wanted")
    # What the scheduler does at once, and a worker when a campaign starts.
    shop.runtime.open_states.catch_up()
    shop.runtime.open_states.warm(campaign)
    shop.runtime.gallery.warm(campaign)
    maker = LinkMaker(shop.runtime.signer, "http://bench.example")
    paths = [
        maker.slot_picture(SendRef(send, campaign, customer, True), 0, "jpg").removeprefix(
            "http://bench.example"
        )
        for send, customer in sends
    ]
    picture = shop.runtime.opening.picture(paths[0][3:].removesuffix(".jpg"), _asker()).body
    return paths, picture


def _asker() -> Any:
    from campaigns.flows.opening.askers import Asker

    return Asker(_AGENTS[0], "127.0.0.1", "81.2.69.160")


def _served(shop: Bench) -> int:
    with shop.runtime.db.transaction() as session:
        return int(session.scalar(select(func.coalesce(func.sum(SlotServe.count), 0))) or 0)


def _all_recorded(shop: Bench, before: int, answered: int) -> int:
    """How many answers PostgreSQL knows of, when it knows of all of them or no more come."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (recorded := _served(shop) - before) < answered and time.monotonic() < deadline:
        time.sleep(0.5)
    return recorded


def _bytes_a_state(shop: Bench) -> int:
    """What the state of one customer who allows opens to be measured takes in Redis."""
    client: Any = shop.runtime.redis
    keys = islice(client.scan_iter(match="tailormail:open:state:*", count=1000), 500)
    return int(median(client.memory_usage(key) for key in keys))


def _report(
    fast: dict[str, list[Measured]],
    paced: dict[str, list[Measured]],
    half: float,
    answered: int,
    recorded: int,
    memory: float,
) -> dict[str, Any]:
    def rate(name: str) -> float:
        return median(one.per_second for one in fast[name])

    every = [one for runs in (*fast.values(), *paced.values()) for one in runs]
    pairs = zip(fast["real"], fast["bare"], strict=True)
    p99 = {name: median(one.p99_us for one in runs) for name, runs in paced.items()}
    return {
        "full_speed": {
            name: {
                "requests_per_second": round(rate(name), 1),
                "p50_us": median(one.p50_us for one in runs),
                "p99_us": median(one.p99_us for one in runs),
                "of_bare": round(rate(name) / rate("bare"), 3),
            }
            for name, runs in fast.items()
        },
        "ratio": round(median(real.per_second / bare.per_second for real, bare in pairs), 3),
        "at_half_of_real": {
            name: {
                "requests_per_second": round(median(one.per_second for one in runs), 1),
                "p50_us": median(one.p50_us for one in runs),
                "p99_us": p99[name],
            }
            for name, runs in paced.items()
        },
        "half_of_real_per_second": round(half, 1),
        "p99_ratio": round(p99["real"] / p99["bare"], 2),
        "answered": answered,
        "recorded": recorded,
        # At the end of a run wrk hangs up on what it has asked and not heard: that was answered as well.
        "unheard_at_most": MOST_CONNECTIONS * (1 + len(fast["real"]) + len(paced["real"])),
        "not_200": sum(one.not_200 for one in every),
        "socket_errors": sum(one.socket_errors for one in every),
        "web_process_own_mb": round(memory, 1),
        "bytes_a_picture": fast["real"][0].bytes // max(1, fast["real"][0].requests),
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=10_000, help="distinct links, each of another customer")
    parser.add_argument("--processes", type=int, default=2, help="of each server")
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", nargs="+", default=["granian"], choices=("granian", "gunicorn"))
    options = parser.parse_args()
    why = wrk_or_why()
    if why:
        parser.error(why)
    configure_logging("ERROR")
    result = measure(options.links, options.processes, options.seconds, options.rounds, options.servers)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    missing = result["answered"] - result["recorded"]
    if missing > 0 or -missing > result["unheard_at_most"] or result["not_200"] or result["socket_errors"]:
        sys.exit("not every answer was a 200 that is on record")


if __name__ == "__main__":
    main()

"""Plays the torture and counts: lost 0, twice 0, uncertain at most one per connection and kill."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text

from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleShop
from tests.torture.stage import CONNECTIONS, WORKERS, Stage

_DONE = frozenset({"sent", "failed", "held_back", "uncertain"})
_SETTLE_SECONDS = 240.0


def torture(
    folder: Path, customers: int, faults: int, seed: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Send one campaign under `faults` random faults; returns the counts.

    Args:
        folder: an empty folder for all data.
        customers: size of the sample shop.
        seed: decides which faults come when.
    """
    stage = Stage(folder, batch_size=max(10, min(100, customers // 40)))
    try:
        campaign_id = _prepare(stage, customers)
        stage.start_all()
        _launch(stage, campaign_id)
        chaos = Chaos(stage, random.Random(seed), tell)
        chaos.play(campaign_id, faults)
        healed = time.monotonic()
        by_status = _wait_until_settled(stage, campaign_id)
        return {
            **_verdict(stage, campaign_id, by_status, chaos),
            "recovery_seconds": round(time.monotonic() - healed, 1),
        }
    finally:
        stage.stop()


class Chaos:
    """Random faults, at random moments, until enough were played."""

    def __init__(self, stage: Stage, rng: random.Random, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._rng = rng
        self._tell = tell
        self.played: Counter[str] = Counter()
        self.killed_connections = 0
        self.deploy_seconds: list[float] = []

    def play(self, campaign_id: int, faults: int) -> None:
        """Play `faults` faults, each while mails are going out, as long as there are any."""
        deadline = time.monotonic() + 40 * faults
        while sum(self.played.values()) < faults and time.monotonic() < deadline:
            if not self._mails_flow(campaign_id):
                return
            time.sleep(self._rng.uniform(0.0, 1.5))
            name = self._rng.choice(list(self._faults()))
            self._tell(f"{sum(self.played.values()) + 1}/{faults} {name}  {self._stage.settled(campaign_id)}")
            self.killed_connections += self._faults()[name]()
            self.played[name] += 1

    def _mails_flow(self, campaign_id: int) -> bool:
        """Wait until mails go out again, so that each fault strikes work; False when all are out."""
        before, deadline = self._stage.received_count(), time.monotonic() + 30
        while self._stage.received_count() == before and time.monotonic() < deadline:
            self._stage.keep_running()
            by_status = self._stage.settled(campaign_id)
            if by_status and not set(by_status) - _DONE:
                return False
            time.sleep(0.1)
        return True

    def _faults(self) -> dict[str, Callable[[], int]]:
        """By name, what to do; each returns how many SMTP connections it broke at most."""
        stage = self._stage

        def kill_worker() -> int:
            stage.kill_worker(self._rng.randrange(WORKERS))
            return CONNECTIONS

        def deploy() -> int:
            self.deploy_seconds.append(stage.deploy(self._rng.randrange(WORKERS)))
            return 0

        def every(act: Callable[[], None], connections: int) -> Callable[[], int]:
            def run() -> int:
                act()
                return connections

            return run

        return {
            "SIGKILL a worker": kill_worker,
            "SIGKILL all workers": every(stage.kill_all_workers, WORKERS * CONNECTIONS),
            "SIGKILL Redis, data lost": every(stage.lose_redis, 0),
            "stop PostgreSQL at once": every(stage.stop_postgres, 0),
            "SIGKILL the sink": every(stage.kill_sink, WORKERS * CONNECTIONS),
            "SIGTERM a worker": deploy,
            "journal cannot be written": every(stage.fill_journal_disk, 0),
            "every task twice": every(stage.double_tasks, 0),
        }


def _runtime(stage: Stage) -> Runtime:
    environment = stage.environment
    return Runtime(
        load_settings(
            {
                "database_url": stage.database_url,
                "redis_url": stage.redis_url,
                "data_dir": environment["TAILORMAIL_DATA_DIR"],
                "secret_key": environment["TAILORMAIL_SECRET_KEY"],
                "public_url": environment["TAILORMAIL_PUBLIC_URL"],
            }
        )
    )


def _prepare(stage: Stage, customers: int) -> int:
    """Import the shop, train, and approve its campaign; returns the campaign's number."""
    files = SampleShop(customers=customers, today=date.today()).write(stage.folder / "shop")
    runtime = _runtime(stage)
    runtime.start(migrate=True)
    try:
        for kind in ("customers", "products", "orders", "consents"):
            runtime.importing.run(kind, [getattr(files, kind)])
        runtime.training.run()
        campaign_id = runtime.campaigns.create_from_file(files.campaign)
        runtime.campaigns.approve(campaign_id, "torture")
        return campaign_id
    finally:
        runtime.close()


def _launch(stage: Stage, campaign_id: int) -> None:
    runtime = _runtime(stage)
    try:
        runtime.campaigns.send(campaign_id, "torture")
    finally:
        runtime.close()


def _wait_until_settled(stage: Stage, campaign_id: int) -> dict[str, int]:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        by_status = stage.settled(campaign_id)
        if by_status and not set(by_status) - _DONE:
            return by_status
        if time.monotonic() > deadline:
            return by_status
        stage.keep_running()
        time.sleep(0.5)


def _verdict(stage: Stage, campaign_id: int, by_status: dict[str, int], chaos: Chaos) -> dict[str, Any]:
    received = Counter(line.split(" ")[1] for line in stage.received.read_text().splitlines())
    runtime = _runtime(stage)
    try:
        uncertain = {row["message_id"] for row in runtime.reporting.reconcile(campaign_id)}
        with runtime.db.transaction() as session:
            unexplained = session.scalar(
                text(
                    "select count(*) from sends where campaign_id = :id and status = 'failed' and reason = ''"
                ),
                {"id": campaign_id},
            )
    finally:
        runtime.close()
    sent = by_status.get("sent", 0)
    certain = sum(1 for message_id in received if message_id not in uncertain)
    return {
        "audience": sum(by_status.values()),
        "by_status": by_status,
        "received": sum(received.values()),
        "twice": sum(n - 1 for n in received.values()),
        "lost": sent - certain,
        "open": sum(n for status, n in by_status.items() if status not in _DONE),
        "uncertain": len(uncertain),
        "uncertain_and_received": len(uncertain & set(received)),
        "uncertain_allowed": chaos.killed_connections,
        "failed_without_reason": unexplained,
        "faults": dict(chaos.played),
        "faults_played": sum(chaos.played.values()),
        "longest_deploy_seconds": round(max(chaos.deploy_seconds, default=0.0), 1),
    }


def faults_of(counts: dict[str, Any]) -> list[str]:
    """Every promise that the counts break, in words; empty when all were kept."""
    checks = [
        (counts["received"] > 0 and counts["audience"] > 0, "nothing was sent at all"),
        (counts["twice"] == 0, "somebody got the mail twice"),
        (counts["lost"] == 0, "a mail counted as sent was not received, or one received is not counted"),
        (counts["open"] == 0, "sends were left open"),
        (
            counts["uncertain"] <= counts["uncertain_allowed"],
            "more is uncertain than connections were killed",
        ),
        (counts["failed_without_reason"] == 0, "a send failed without a reason"),
    ]
    return [what for kept, what in checks if not kept]


def main() -> None:
    """`python -m tests.torture.run`: prints the counts as JSON; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="tm-torture-", ignore_cleanup_errors=True) as folder:
        counts = torture(
            Path(folder), options.customers, options.faults, seed, lambda line: print(line, file=sys.stderr)
        )
    broken = faults_of(counts)
    print(json.dumps({"seed": seed, **counts, "broken": broken}, indent=2))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

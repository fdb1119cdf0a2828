"""Plays the torture and counts: lost 0, doubled 0, uncertain at most one per SMTP connection and kill."""

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

from campaigns.compose.identity import parse_message_id
from campaigns.core.settings import load_settings
from campaigns.flows.sending.counters import counts, recount
from campaigns.models.send import FINAL
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleShop
from tests.torture.chaos import Chaos
from tests.torture.stage import Stage

_SETTLE_SECONDS = 240.0
_LONGEST_DEPLOY_SECONDS = 10.0


def torture(
    folder: Path,
    customers: int,
    faults: int,
    seed: int,
    tell: Callable[[str], None],
    mount: bool = True,
) -> dict[str, Any]:
    """Send one campaign under `faults` random faults; returns the counts.

    Args:
        folder: an empty folder for all data.
        customers: size of the sample shop.
        seed: decides which faults come when.
        mount: whether a small file system may be mounted under the journals, where that is permitted.
    """
    stage = Stage(folder, batch_size=max(10, min(100, customers // 40)), mount=mount)
    try:
        campaign_id, expected = _prepare(stage, customers)
        stage.start_all()
        _launch(stage, campaign_id)
        chaos = Chaos(stage, random.Random(seed), tell)
        chaos.play(campaign_id, faults, expected)
        healed = time.monotonic()
        _wait_until_settled(stage, campaign_id)
        recovery = round(time.monotonic() - healed, 1)
        return {
            "faults_asked": faults,
            "expected": expected,
            **_of_the_sends(stage, campaign_id),
            **_of_the_faults(stage, chaos),
            "recovery_seconds": recovery,
        }
    finally:
        stage.stop()


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


def _prepare(stage: Stage, customers: int) -> tuple[int, int]:
    """Import the shop, train, approve its campaign; returns its number and how many it is to reach."""
    files = SampleShop(customers=customers, today=date.today()).write(stage.folder / "shop")
    runtime = _runtime(stage)
    runtime.start(migrate=True)
    try:
        for kind in ("customers", "products", "orders", "consents"):
            runtime.importing.run(kind, [getattr(files, kind)])
        runtime.training.run()
        campaign_id = runtime.campaigns.create_from_file(files.campaign)
        runtime.campaigns.approve(campaign_id, "torture")
        return campaign_id, int(runtime.campaigns.count(campaign_id)["planned"])
    finally:
        runtime.close()


def _launch(stage: Stage, campaign_id: int) -> None:
    runtime = _runtime(stage)
    try:
        runtime.campaigns.send(campaign_id, "torture")
    finally:
        runtime.close()


def _wait_until_settled(stage: Stage, campaign_id: int) -> None:
    """Until every send has ended, and the campaign with them; or for some minutes."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        by_status = stage.settled(campaign_id)
        if by_status and not set(by_status) - FINAL:
            return
        stage.keep_running()
        time.sleep(0.5)


def _of_the_sends(stage: Stage, campaign_id: int) -> dict[str, Any]:
    """What became of each send, held against what the sink wrote down."""
    runtime = _runtime(stage)
    try:
        with runtime.db.transaction() as session:
            rows = session.execute(
                text("select id, status, reason from sends where campaign_id = :id"), {"id": campaign_id}
            ).all()
            counters_agree = counts(session, campaign_id) == recount(session, campaign_id)
        named = {int(row["send"]) for row in runtime.reconciling.named(campaign_id)}
        ids = [line.split(" ")[1] for line in stage.received.read_text().splitlines()]
        received = Counter(parse_message_id(runtime.signer, identity)[1] for identity in ids)
    finally:
        runtime.close()
    status = {row.id: row.status for row in rows}
    failed = Counter(row.reason for row in rows if row.status == "failed")
    held_back = Counter(row.reason for row in rows if row.status == "held_back")
    return {
        "planned": len(rows) - held_back.total(),
        "by_status": dict(Counter(status.values())),
        "received_once": sum(1 for n in received.values() if n == 1),
        "doubled": sum(n - 1 for n in received.values()),
        "lost": sum(1 for send, s in status.items() if s == "sent" and send not in received),
        "received_and_not_counted": sum(1 for n in received if status.get(n) not in ("sent", "uncertain")),
        "failed": dict(failed),
        "held_back": dict(held_back),
        "left_open": sum(1 for s in status.values() if s not in FINAL),
        "uncertain": sum(1 for s in status.values() if s == "uncertain"),
        "uncertain_named": len(named),
        "uncertain_and_received": sum(1 for send in named if send in received),
        "counters_agree": counters_agree,
    }


def _of_the_faults(stage: Stage, chaos: Chaos) -> dict[str, Any]:
    played = chaos.played
    return {
        "uncertain_allowed": played.killed_connections,
        "faults": dict(sorted(played.faults.items())),
        "faults_played": played.faults.total(),
        "tasks_doubled": played.doubled_tasks,
        "longest_deploy_seconds": round(max((d.seconds for d in played.deploys), default=0.0), 1),
        "held_after_deploys": sum(d.left for d in played.deploys),
        "disk": stage.disk.how,
        "clock": "libfaketime" if stage.clock.library else "left out: libfaketime is not installed",
    }


def faults_of(told: dict[str, Any]) -> list[str]:
    """Every promise that the counts break, in words; empty when all were kept."""
    accounted = told["by_status"].get("sent", 0) + sum(told["failed"].values()) + told["uncertain"]
    checks = [
        (told["received_once"] > 0, "nothing was sent at all"),
        (told["planned"] == told["expected"], "not everybody who should be was planned"),
        (told["doubled"] == 0, "somebody got the mail twice"),
        (told["lost"] == 0, "a mail counted as sent was not received"),
        (told["received_and_not_counted"] == 0, "a mail was received and is not counted as sent"),
        (told["left_open"] == 0, "sends were left open"),
        (accounted == told["planned"], "not everybody planned was sent to, failed or is uncertain"),
        (told["uncertain"] <= told["uncertain_allowed"], "more is uncertain than connections were killed"),
        (told["uncertain_named"] == told["uncertain"], "an uncertain send is not named"),
        ("" not in told["failed"] and "" not in told["held_back"], "a send failed without a reason"),
        (told["counters_agree"], "the counters do not agree with the sends"),
        (told["longest_deploy_seconds"] < _LONGEST_DEPLOY_SECONDS, "a worker took too long to end"),
        (told["held_after_deploys"] == 0, "a worker ended and did not return what it held"),
        (told["faults_played"] >= told["faults_asked"], "the campaign ended before all faults were played"),
    ]
    return [what for kept, what in checks if not kept]


def main() -> None:
    """`python -m tests.torture.run`: prints the counts as JSON; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=66)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--no-mount", action="store_true", help="fill the disk by a limit, as without root")
    parser.add_argument(
        "--keep", type=Path, default=None, help="an empty folder for data and logs, to be kept"
    )
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="tm-torture-", ignore_cleanup_errors=True) as folder:
        told = torture(
            options.keep or Path(folder),
            options.customers,
            options.faults,
            seed,
            lambda line: print(line, file=sys.stderr, flush=True),
            mount=not options.no_mount,
        )
    broken = faults_of(told)
    print(json.dumps({"seed": seed, **told, "broken": broken}, indent=2))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
